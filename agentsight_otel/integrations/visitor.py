"""Device, language and address of a web request's sender. Headers may be hostile: they are bounded and checked."""

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._core import baggage, geo
from agentsight_otel._core.config import SettingError
from agentsight_otel._core.guard import guard, say
from agentsight_otel._tracing import context, runtime, surroundings
from agentsight_otel._tracing.surroundings import Surroundings

_MAX_HEADER = 2_048
_MAX_USER_AGENT = 512
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,7}")
_FOR = re.compile(r"""(?:^|;)\s*for\s*=\s*("[^"]*"|[^;\s]+)""", re.IGNORECASE)
_DESKTOPS = ("Windows", "Mac OS X", "Linux", "Chrome OS", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD", "NetBSD")
_ROBOTS = ("Bytespider", "HeadlessChrome", "PhantomJS", "curl", "Wget")
"""User-agent families of robots that ua-parser does not classify as spiders."""

Identify = str | Callable[[Any], str | Mapping[str, Any] | None] | None
"""The name of a header; or a function of the request that returns an id, arguments of ``conversation()``, or None."""


@dataclass(frozen=True)
class Request:
    """A request, as the middlewares read it.

    Attributes:
        raw: The ASGI scope or the WSGI environ.
        header: Returns all values of a header in order, by its lower-case name.
        peer: The address that the connection came from; '' where there is none.
    """

    raw: Any
    header: Callable[[str], list[str]]
    peer: str


class ConversationMiddleware:
    """Handles each request in its conversation, including streamed responses.

    The device is read from the User-Agent (``pip install 'agentsight-otel[web]'``), the language from Accept-Language,
    the address from the connection or the proxies. Fields that the application itself sets have priority. A
    conversation that a robot opens, by its User-Agent, is marked as a robot's and counts in no metric; but not where
    ``source`` is other than web, since the requests of WhatsApp or Slack come from programs. Emits no span.

    Args:
        app: The application.
        conversation_id: The name of a header with the conversation's id; or a callable of the ASGI scope or WSGI
            environ that returns the id, or a mapping of the arguments of ``conversation()``, which have priority over
            the headers, or None for a request that is no chat. Default: the application makes the conversation current
            itself, and the fields read from the request are added to it.
        source: web, whatsapp, …
        trusted_proxies: The number of your own proxies before the application, each of which adds the address that
            called it. With 0, the address is the peer's, and forwarding headers are ignored.
        forwarded_header: The header that the proxies add it to: ``x-forwarded-for``, or ``forwarded`` (RFC 7239).
        accept_baggage: Whether to use the conversation in the caller's W3C baggage where ``conversation_id`` finds
            none. Only behind a gateway that removes the header from requests from outside.

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

    def _surroundings_of(self, request: Request) -> Surroundings | None:
        """The surroundings in which a request is handled; None to handle it without any. Never raises."""
        with guard("reading a request"):
            ours = runtime.current()
            if not ours.enabled:
                return None
            fields = self._identified(request)
            if fields is None:
                return None
            visitor = self._attributes(request)
            if not fields and self._accept_baggage:
                fields = baggage.read(request.header("baggage"), ours.settings.propagate)
            if not fields:
                return surroundings.of_request(None, visitor)
            with surroundings.of_request(None, visitor):
                conversation = context.describe(ours, **fields)
            return surroundings.of_request(conversation, visitor)
        return None

    def _identified(self, request: Request) -> Mapping[str, Any] | None:
        if self._conversation_id is None:
            return {}
        if isinstance(self._conversation_id, str):
            values = request.header(self._conversation_id.lower())
            return {"conversation_id": values[0][:_MAX_HEADER]} if values and values[0].strip() else {}
        identity = self._conversation_id(request.raw)
        return identity if identity is None or isinstance(identity, Mapping) else {"conversation_id": identity}

    def _attributes(self, request: Request) -> context.Attributes:
        attributes: context.Attributes = {}
        address = client_address(
            request.peer, request.header(self._header) if self._trusted_proxies else (), self._trusted_proxies
        )
        ours = runtime.current()
        if address:
            attributes.update(geo.attributes_of(address, ours.settings.ip_policy, ours.geolocator))
        user_agent = "".join(request.header("user-agent")[:1])
        source = (self._source or "").strip().lower()
        read = {
            semconv.CONVERSATION_DEVICE: device(user_agent),
            semconv.CONVERSATION_LANGUAGE: language(",".join(request.header("accept-language"))),
            semconv.CONVERSATION_SOURCE: source,
        }
        attributes.update({key: value for key, value in read.items() if value})
        if source in ("", "web") and is_robot(user_agent):
            attributes[semconv.CONVERSATION_ROBOT] = True
        return attributes


def client_address(peer: str, forwarded: Iterable[str], trusted_proxies: int) -> str:
    """The address of the client behind a number of trusted proxies; '' where there is no valid one.

    Addresses are counted from the right, because a client can forge those further left.

    Args:
        peer: The address that the connection came from.
        forwarded: The values of X-Forwarded-For or Forwarded, in order.
        trusted_proxies: The number of proxies of your own.
    """
    hops = ",".join(forwarded)[-_MAX_HEADER:].split(",") if trusted_proxies else []
    chain = [hop for hop in (hop.strip() for hop in hops) if hop] + [peer]
    return _address(chain[-min(trusted_proxies + 1, len(chain))])


def language(accept_language: str) -> str:
    """The preferred language of an Accept-Language header, as a BCP-47 tag; '' for none."""
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
    """desktop, tablet or mobile, by a User-Agent header; '' for robots, programs and unknown devices."""
    return _device(user_agent[:_MAX_USER_AGENT]) if user_agent.strip() else ""


def is_robot(user_agent: str) -> bool:
    """Whether a User-Agent header is that of a crawler, a monitor, a headless browser, or a program such as curl."""
    return _is_robot(user_agent[:_MAX_USER_AGENT])


@functools.lru_cache(maxsize=1_024)
def _is_robot(user_agent: str) -> bool:
    if "+http" in user_agent:  # the link by which crawlers name their owner
        return True
    agent = _parsed(user_agent)
    if agent is None:
        return False
    return (agent.device is not None and agent.device.family == "Spider") or (
        agent.user_agent is not None and agent.user_agent.family in _ROBOTS
    )


def _parsed(user_agent: str) -> Any:
    try:
        from ua_parser import parse
    except ImportError:
        say("ua-parser", "devices and robots of web requests stay unknown: pip install 'agentsight-otel[web]'")
        return None
    return parse(user_agent)


@functools.lru_cache(maxsize=1_024)
def _device(user_agent: str) -> str:
    agent = _parsed(user_agent)
    if agent is None:
        return ""
    system = agent.os.family if agent.os else ""
    model = agent.device.family if agent.device else ""
    brand = (agent.device.brand or "") if agent.device else ""
    if model == "Spider":
        return ""
    if system == "Android":
        # By convention, browsers on Android send "Mobile" only from phones.
        return "mobile" if "Mobile" in user_agent and "Tablet" not in brand else "tablet"
    if model == "iPad" or "Tablet" in model or "Tablet" in brand or "Kindle" in model:
        return "tablet"
    if system in ("iOS", "KaiOS", "Windows Phone", "BlackBerry OS") or "Smartphone" in model:
        return "mobile"
    return "desktop" if system in _DESKTOPS else ""


def _address(hop: str) -> str:
    """A hop of X-Forwarded-For or Forwarded, without port and brackets; '' unless it is an IP address."""
    text = hop.strip()
    if match := _FOR.search(text):
        text = match[1].strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return ""
