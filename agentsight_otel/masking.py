"""What leaves the process: content by kind, and masks over every text. Applied in the background, to every span.

The rules are regular expressions that Python and RE2 read alike: no look-around, no back-references, no count above
1000, ASCII classes. They take linear time: what could begin in many places ends within a bound. What a pattern alone
cannot tell, a checksum decides. ``collector_config/optional/redaction.yaml`` holds the same patterns.
"""

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from agentsight_otel import geo, semconv
from agentsight_otel._guard import say
from agentsight_otel.config import IPPolicy
from agentsight_otel.span_edits import EditedSpan, edited

Mask = Callable[[str, Any], Any]
"""Gets a key and a value of a span; returns what is stored instead, None for nothing."""

WITHHELD = "[withheld: masking failed]"
"""Stands where a mask raised an exception."""


def _card(text: str) -> int:
    digits = [int(character) for character in text if character.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return 0
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return 0 if (sum(digits[-1::-2]) + sum(doubled)) % 10 else len(text)


def _iban(text: str) -> int:
    # The pattern may have taken a word too many: "… 1332 EUR".
    ends = [len(text), *(found.start() for found in re.finditer(r"[ -]", text))]
    return next((end for end in sorted(ends, reverse=True) if _is_iban(text[:end])), 0)


def _is_iban(text: str) -> bool:
    compact = re.sub(r"[ -]", "", text)
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _phone(text: str) -> int:
    return len(text) if 8 <= sum(map(str.isdigit, text)) <= 15 else 0


@dataclass(frozen=True)
class Rule:
    """One thing to look for.

    Attributes:
        name: Of the mask it belongs to; what it finds becomes ``[name]``.
        pattern: In RE2's syntax. Its groups stay: the first before ``[name]``, the second after it.
        check: How much of what was found is what was looked for, in characters; 0 for none. The collector has no
            checks, and takes all.
    """

    name: str
    pattern: str
    check: Callable[[str], int] | None = None


RULES = (
    Rule(
        "secret",
        r"""-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^"-]*(?:-{1,4}[^"-]+)*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?""",
    ),
    Rule(
        "secret",
        r"\b(?:eyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|(?:sk|pk|rk)[-_][A-Za-z0-9_-]{20,}"
        r"|gh[opusr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}"
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}\b|AIza[0-9A-Za-z_-]{35})",
    ),
    Rule("secret", r"(?i)(\b(?:bearer|basic)\s{1,5})[a-z0-9._~+/=-]{16,}"),
    # Six characters at least: null, true and their like stay. The quotes may be those of JSON within JSON.
    Rule(
        "secret",
        r"""(?i)((?:\b|_)(?:passw(?:or)?d|pwd|secret|api[_-]?key|(?:access|auth|refresh)[_-]?token|client[_-]?secret)"""
        r"""\\?["']?\s{0,5}[:=]\s{0,5}\\?["']?)[^\s"'\\,;&]{6,}""",
    ),
    Rule("secret", r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,100}:)[^\s/@]{1,200}(@)"),
    Rule("email", r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"),
    Rule("iban", r"\b[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b", _iban),
    # No issuer's numbers begin with 20: dates do.
    Rule(
        "card",
        r"\b(?:2[2-7]|[3-6][0-9])[0-9]{2}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}\b"
        r"|\b3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}\b",
        _card,
    ),
    Rule(
        "phone",
        r"(?:\+|\b00)[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,5}\)[ .-]?)?[0-9]{2,5}(?:[ .-]?[0-9]{2,5}){1,4}\b"
        r"|\([0-9]{3}\) ?[0-9]{3}[-. ][0-9]{4}\b|\b[0-9]{3}[-.][0-9]{3}[-.][0-9]{4}\b",
        _phone,
    ),
)
"""The built-in rules, applied in this order."""

_NOT_MASKED = frozenset(
    {semconv.CONVERSATION_ID, semconv.TURN_ID, semconv.SPAN_KIND, semconv.GEN_AI_OPERATION_NAME, semconv.CLIENT_ADDRESS}
)


def builtin(names: Iterable[str]) -> Mask:
    """A mask of built-in rules.

    What it finds becomes ``[email]`` and so on. In ``user.id`` the whole value becomes ``[email:1f3a…]``, with a part
    of its SHA-256, so that customers still count one by one. Ids of conversations and turns stay.

    Args:
        names: Of ``config.MASKS``.
    """
    chosen = frozenset(names)
    rules = [(rule, re.compile(rule.pattern, re.ASCII)) for rule in RULES if rule.name in chosen]

    def masked(text: str) -> str:
        for rule, pattern in rules:
            text = pattern.sub(functools.partial(_replaced, rule), text)
        return text

    def mask(key: str, value: Any) -> Any:
        if not isinstance(value, str) or key in _NOT_MASKED or len(value) < 6:
            return value
        after = masked(value)
        if key == semconv.USER_ID and after != value:
            kind = after.partition("[")[2].partition("]")[0]
            return f"[{kind}:{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}]"
        return after

    return mask


def _replaced(rule: Rule, found: "re.Match[str]") -> str:
    whole = found[0]
    end = len(whole) if rule.check is None else rule.check(whole)
    before, after = (*found.groups(), "", "")[:2]
    return f"{before}[{rule.name}]{after}{whole[end:]}" if end else whole


# -- content by kind ------------------------------------------------------------------------------------------------

CONTENT_KEYS: dict[str, tuple[str, ...]] = {
    "messages": (semconv.MESSAGE_CONTENT, semconv.MESSAGE_METADATA),
    "tool_arguments": (semconv.GEN_AI_TOOL_CALL_ARGUMENTS,),
    "tool_results": (semconv.GEN_AI_TOOL_CALL_RESULT,),
    "llm": semconv.LLM_CONTENT_KEYS,
    "attachments": (semconv.ATTACHMENT_FILES,),
    "feedback_comments": (semconv.FEEDBACK_COMMENT,),
    "buttons": (semconv.BUTTON_LABEL, semconv.BUTTON_VALUE),
    "metadata": (semconv.CONVERSATION_METADATA, semconv.METADATA),
}
"""The kinds of content, and the attributes that hold it; ``*``: and whatever begins so."""

_TOOL_ENTITIES = frozenset({"input.value", "output.value", "traceloop.entity.input", "traceloop.entity.output"})


def _matcher(withheld: Iterable[str]) -> Callable[[str], bool]:
    keys = [key for kind in withheld for key in CONTENT_KEYS[kind]]
    exact = frozenset(key for key in keys if not key.endswith("*"))
    prefixes = tuple(key[:-1] for key in keys if key.endswith("*"))
    return lambda key: key in exact or key.startswith(prefixes)


class _Fit(EditedSpan):
    """A span as it may leave; the masks that made it so are not to see it twice."""

    made_by: "Privacy | None" = None


class Privacy:
    """What is done to each span before it leaves; never raises, and on a failure withholds rather than sends.

    Attributes:
        changes: Whether it withholds or masks anything.

    Args:
        captured: The kinds of content that are kept, of ``CONTENT_KEYS``.
        masks: Applied in their order to every value, and to names and status texts.
        ip_policy: Applied to ``client.address`` and its like on spans of other instrumentations.
    """

    def __init__(self, captured: Iterable[str], masks: Iterable[Mask], ip_policy: IPPolicy) -> None:
        withheld = frozenset(CONTENT_KEYS) - frozenset(captured)
        # A tool's arguments and results under other SDKs' names are not told from a model's.
        if withheld & {"tool_arguments", "tool_results"}:
            withheld_keys = _matcher(withheld)
            self._withheld: Callable[[str], bool] | None = lambda key: withheld_keys(key) or key in _TOOL_ENTITIES
        else:
            self._withheld = _matcher(withheld) if withheld else None
        self._masks = tuple(masks)
        self._ip_policy = ip_policy
        self.changes = self._withheld is not None or bool(self._masks)

    def __call__(self, span: ReadableSpan) -> ReadableSpan:
        """The span as it may leave."""
        if isinstance(span, _Fit) and span.made_by is self:
            return span
        try:
            span = self._with_ip_policy(span)
            if not self.changes:
                return span
            fit = _without_nothing(edited(span, self._changed))
        except BaseException as error:
            say("masking", "masking a span failed; it leaves without its contents", error=error)
            fit = _skeleton(span)
        fit.made_by = self
        return fit

    def attributes(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes as they may leave."""
        return _kept({key: self._changed(key, value) for key, value in given.items()})

    def _changed(self, key: str, value: Any) -> Any:
        if self._withheld is not None and self._withheld(key):
            return None
        if isinstance(value, (list, tuple)):
            return tuple(one for one in (self._masked(key, item) for item in value) if one is not None)
        return self._masked(key, value)

    def _masked(self, key: str, value: Any) -> Any:
        for mask in self._masks:
            try:
                value = mask(key, value)
            except BaseException as error:
                say("mask", f"a mask failed on {key}; the value is withheld", error=error)
                return WITHHELD
            if value is None:
                return None
            if not isinstance(value, (str, bool, int, float, bytes)):
                say("mask", f"a mask returned {type(value).__name__} for {key}; the value is withheld")
                return WITHHELD
        return value

    def _with_ip_policy(self, span: ReadableSpan) -> ReadableSpan:
        if self._ip_policy == "full":
            return span
        keys = _ADDRESS_KEYS if span.kind is SpanKind.SERVER else semconv.CLIENT_ADDRESS_KEYS
        attributes: dict[str, Any] = (span.attributes or {}).copy()  # type: ignore[attr-defined]  # a dict, or ours
        found = [key for key in keys if key in attributes]
        if not found:
            return span
        for key in found:
            address = geo.parse_address(str(attributes[key]))
            stored = geo.apply_policy(address, self._ip_policy) if address is not None else ""
            if stored:
                attributes[key] = stored
            else:
                del attributes[key]
        return EditedSpan(span, attributes=attributes)


_ADDRESS_KEYS = (
    *semconv.CLIENT_ADDRESS_KEYS,
    "http.client_ip",
    "net.peer.ip",
    "net.sock.peer.addr",
    "network.peer.address",
)


def _without_nothing(span: EditedSpan) -> _Fit:
    """A span without the values that are None."""
    return _Fit(
        span,
        name=span.name or "[withheld]",
        attributes=_kept(span.attributes),
        events=[
            type(event)(event.name or "[withheld]", _kept(event.attributes), event.timestamp) for event in span.events
        ],
        links=[type(link)(link.context, _kept(link.attributes)) for link in span.links],
    )


def _kept(attributes: Any) -> dict[str, Any]:
    return {key: value for key, value in (attributes or {}).items() if value is not None}


def _skeleton(span: ReadableSpan) -> _Fit:
    known = {
        key: value for key, value in (span.attributes or {}).items() if key in _NOT_MASKED - {semconv.CLIENT_ADDRESS}
    }
    return _Fit(span, name=WITHHELD, attributes={**known, semconv.WITHHELD: True}, events=(), links=())
