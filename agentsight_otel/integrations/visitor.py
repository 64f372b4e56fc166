"""What a web request tells of who sent it: device, language, address. Headers are hostile: bounded and checked."""

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentsight_otel import baggage, context, geo, runtime, semconv
from agentsight_otel._guard import guard, say
from agentsight_otel.config import SettingError
from agentsight_otel.context import Scope
from agentsight_otel.spans import ConversationScope

_MAX_HEADER = 2_048
_MAX_USER_AGENT = 512
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,7}")
_FOR = re.compile(r"""(?:^|;)\s*for\s*=\s*("[^"]*"|[^;\s]+)""", re.IGNORECASE)
_DESKTOPS = ("Windows", "Mac OS X", "Linux", "Chrome OS", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD", "NetBSD")

Identify = str | Callable[[Any], str | Mapping[str, Any] | None] | None
"""A header's name, or a callable of the request that returns an id, the arguments of ``conversation()``, or None."""


@dataclass(frozen=True)
class Request:
    """What the middlewares read of a request.

    Attributes:
        raw: What the server handed over: an ASGI scope or a WSGI environ.
        header: All values of a header, by its lower-case name, in order.
        peer: The address that the connection came from; '' where there is none.
    """

    raw: Any
    header: Callable[[str], list[str]]
    peer: str


class ConversationMiddleware:
    """Handles each request in its conversation, streamed answers included.

    The device comes from the User-Agent (``pip install 'agentsight-otel[web]'``), the language from Accept-Language,
    the address from the connection or the proxies. What the application itself says of a conversation wins. Emits no
    span.

    Args:
        app: The application.
        conversation_id: The name of a header with the conversation's id; or a callable of the ASGI scope or WSGI
            environ that returns the id, or a mapping of the arguments of ``conversation()`` which then win over the
            headers, or None for a request that is no chat. Default: the application makes the conversation current
            itself, and it takes what the request tells.
        source: web, whatsapp, …
        trusted_proxies: How many proxies of your own stand before the application, each of which adds the address that
            it was called from. 0: the address is the peer's, and forwarding headers are not believed.
        forwarded_header: The header they add it to: ``x-forwarded-for``, or ``forwarded`` (RFC 7239).
        accept_baggage: Believe the conversation that the caller says by W3C baggage, where ``conversation_id`` finds
            none. Only behind a gateway that removes the header from what comes from outside.

    Raises:
        SettingError: A value is wrong.
    """

    def __init__(
        self,
        app: Any,
        *,
        conversation_id: Identify = None,
        source: str | None = None,
        trusted_proxies: int = 0,
        forwarded_header: str = "x-forwarded-for",
        accept_baggage: bool = False,
    ) -> None:
        if isinstance(trusted_proxies, bool) or not isinstance(trusted_proxies, int) or trusted_proxies < 0:
            raise SettingError(f"trusted_proxies: {trusted_proxies!r}: expected a whole number, 0 or more")
        if str(forwarded_header).lower() not in ("x-forwarded-for", "forwarded"):
            raise SettingError(f"forwarded_header: {forwarded_header!r}: expected x-forwarded-for or forwarded")
        if conversation_id is not None and not isinstance(conversation_id, str) and not callable(conversation_id):
            raise SettingError(f"conversation_id: {conversation_id!r}: expected a header's name or a callable")
        self.app = app
        self._conversation_id = conversation_id
        self._source = source
        self._trusted_proxies = trusted_proxies
        self._accept_baggage = accept_baggage
        self._header = str(forwarded_header).lower()

    def _scope_of(self, request: Request) -> Scope | None:
        """The context to handle a request in; None to handle it as if we were not there. Never raises."""
        with guard("reading a request"):
            ours = runtime.current()
            if not ours.enabled:
                return None
            given = self._identified(request)
            if given is None:
                return None
            token = context.attach(context.with_visitor(self._attributes(request)))
            try:
                if not given and self._accept_baggage:
                    given = baggage.read(request.header("baggage"), ours.settings.propagate)
                if not given:
                    return Scope(context.current_context())
                return ConversationScope(context.describe(ours, **given))
            finally:
                context.detach(token)
        return None

    def _identified(self, request: Request) -> Mapping[str, Any] | None:
        if self._conversation_id is None:
            return {}
        if isinstance(self._conversation_id, str):
            values = request.header(self._conversation_id.lower())
            return {"conversation_id": values[0][:_MAX_HEADER]} if values and values[0].strip() else {}
        found = self._conversation_id(request.raw)
        return {"conversation_id": found} if isinstance(found, str) else found

    def _attributes(self, request: Request) -> context.Attributes:
        attributes: context.Attributes = {}
        address = client_address(
            request.peer, request.header(self._header) if self._trusted_proxies else (), self._trusted_proxies
        )
        ours = runtime.current()
        if address:
            attributes.update(geo.attributes_of(address, ours.settings.ip_policy, ours.geolocator))
        read = {
            semconv.CONVERSATION_DEVICE: device("".join(request.header("user-agent")[:1])),
            semconv.CONVERSATION_LANGUAGE: language(",".join(request.header("accept-language"))),
            semconv.CONVERSATION_SOURCE: (self._source or "").strip().lower(),
        }
        attributes.update({key: value for key, value in read.items() if value})
        return attributes


def client_address(peer: str, forwarded: Iterable[str], trusted_proxies: int) -> str:
    """The address of the client behind so many trusted proxies; '' where there is no valid one.

    Counted from the right: what stands further left may be a lie of the client.

    Args:
        peer: The address that the connection came from.
        forwarded: The values of X-Forwarded-For or Forwarded, in order.
        trusted_proxies: The number of proxies of your own.
    """
    hops = ",".join(forwarded)[-_MAX_HEADER:].split(",") if trusted_proxies else []
    chain = [hop for hop in (hop.strip() for hop in hops) if hop] + [peer]
    return _address(chain[-min(trusted_proxies + 1, len(chain))])


def language(accept_language: str) -> str:
    """The language most wanted by an Accept-Language header, as a BCP-47 tag; '' for none."""
    best, best_quality = "", 0.0
    for part in accept_language[:_MAX_HEADER].split(","):
        tag, _, parameters = part.strip().partition(";")
        quality = 1.0
        if parameters.strip():
            name, _, value = parameters.strip().partition("=")
            try:
                quality = float(value) if name.strip().lower() == "q" else 0.0
            except ValueError:
                quality = 0.0
        if best_quality < quality <= 1 and _LANGUAGE.fullmatch(tag.strip()):
            best, best_quality = tag.strip(), quality
    return best


def device(user_agent: str) -> str:
    """desktop, tablet or mobile by a User-Agent header; '' for robots, programs and what is not known."""
    return _device(user_agent[:_MAX_USER_AGENT]) if user_agent.strip() else ""


@functools.lru_cache(maxsize=1_024)
def _device(user_agent: str) -> str:
    try:
        from ua_parser import parse
    except ImportError:
        say("ua-parser", "devices of web requests stay unknown: pip install 'agentsight-otel[web]'")
        return ""
    found = parse(user_agent)
    system = found.os.family if found.os else ""
    model = found.device.family if found.device else ""
    brand = (found.device.brand or "") if found.device else ""
    if model == "Spider":
        return ""
    if system == "Android":
        # What browsers promise: Mobile stands in the header of phones only.
        return "mobile" if "Mobile" in user_agent and "Tablet" not in brand else "tablet"
    if model == "iPad" or "Tablet" in model or "Tablet" in brand or "Kindle" in model:
        return "tablet"
    if system in ("iOS", "KaiOS", "Windows Phone", "BlackBerry OS") or "Smartphone" in model:
        return "mobile"
    return "desktop" if system in _DESKTOPS else ""


def _address(hop: str) -> str:
    """A hop of X-Forwarded-For or Forwarded, without port and brackets; '' unless it is an IP address."""
    text = hop.strip()
    if found := _FOR.search(text):
        text = found[1].strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return ""
