"""What leaves the process: content by kind, masks over everything, then cuts. In the background, on every span."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status
from opentelemetry.trace.span import TraceState

from agentsight_otel import semconv
from agentsight_otel._core import ip_policy
from agentsight_otel._core.config import IPPolicy
from agentsight_otel._core.guard import say
from agentsight_otel._core.limits import MAX_FIELD_CHARACTERS, MAX_NAME_BYTES, MAX_STATUS_BYTES
from agentsight_otel._core.otel_private import LeanSpan
from agentsight_otel._core.values import recut
from agentsight_otel._export.content import SPAN_STATUS, Withheld
from agentsight_otel._export.masking import NOT_MASKED, BuiltinMasks, Mask
from agentsight_otel._export.span_edits import EditedSpan

WITHHELD = "[withheld: masking failed]"
"""Stands where a mask raised an exception."""

_NAMELESS = "[withheld]"
_MOST_SCOPES = 256
_LONGEST_REPEATED = 64
_LONGEST_REPEATED_KEY = 256
_MOST_REPEATED = 2_048
_OF_PROCESS = ("service.", "deployment.", "telemetry.")
"""What a resource says of the service, and is counted by: a callable that knows only its own keys does not see it."""


_FIELDS = frozenset(semconv.CONVERSATION_FIELDS.values()) - {semconv.CONVERSATION_METADATA}
_NAMES = frozenset(
    {semconv.GEN_AI_TOOL_NAME, semconv.ENTITY_NAME, semconv.GEN_AI_AGENT_NAME, semconv.GEN_AI_OPERATION_NAME}
)


class _Fit(EditedSpan):
    """A span as it may leave; the masks that made it so are not to see it twice."""

    made_by: "Privacy | None" = None


class Privacy:
    """What is done to each span before it leaves; never raises, and on a failure withholds rather than sends.

    Masks come first, then texts are cut: what was recorded is longer than what is sent, so that a mask sees where
    something ends.

    Attributes:
        changes: Whether it withholds or masks anything.

    Args:
        captured: The kinds of content that are kept, of ``content.KEYS``.
        masks: Applied in their order to every value, and to names and status texts.
        ip_policy: Applied to ``client.address`` and its like on spans of other instrumentations.
        max_value_bytes: To which the texts that we recorded are cut after that.
    """

    def __init__(
        self, captured: Iterable[str], masks: Iterable[Mask], ip_policy: IPPolicy, max_value_bytes: int = 262_144
    ) -> None:
        self._withheld = Withheld(captured)
        self._masks = tuple(masks)
        self._names = [mask for mask in self._masks if isinstance(mask, BuiltinMasks)]
        self._ip_policy = ip_policy
        self._max_value_bytes = max_value_bytes
        self._resource: tuple[Resource, Resource] | None = None
        self._scopes: dict[int, tuple[InstrumentationScope, InstrumentationScope]] = {}
        self.changes = self._withheld.any or bool(self._masks)
        # What our own masks make of a text is always the same.
        self._longest_repeated = _LONGEST_REPEATED if self._names == list(self._masks) else -1
        self._repeated = functools.lru_cache(_MOST_REPEATED)(self._attribute)
        self._repeated_name = functools.lru_cache(_MOST_REPEATED)(self._masked_name)

    def __call__(self, span: ReadableSpan) -> ReadableSpan:
        """The span as it may leave."""
        if isinstance(span, _Fit) and span.made_by is self:
            return span
        try:
            lean = type(span) is LeanSpan and span.is_lean  # ours, with the policy applied
            attributes = None if lean else self._with_ip_policy(span)
            if not self.changes:
                return span if attributes is None else EditedSpan(span, attributes=attributes)
            fit = self._fit(span, span.attributes or {} if attributes is None else attributes)
        except BaseException as error:
            say("masking", "masking a span failed; it leaves without its contents", error=error)
            fit = _skeleton(span)
        fit.made_by = self
        return fit

    def attributes(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of ours as they may leave."""
        return self._attributes(given, self._withheld.of_span, True)

    def _fit(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> _Fit:
        scope, status, withheld = span.instrumentation_scope, span.status, self._withheld
        ours = scope is not None and scope.name == semconv.SCOPE_NAME
        if status.description:
            said = None if SPAN_STATUS in withheld else self._value(SPAN_STATUS, status.description)
            status = Status(status.status_code, recut(said, MAX_STATUS_BYTES) if isinstance(said, str) else None)
        name = self._name("span.name", span.name)
        return _Fit(
            span,
            name=recut(name, MAX_NAME_BYTES) if ours else name,
            context=self._context(span.context),
            parent=span.parent,
            attributes=self._attributes(attributes, withheld.of_span, ours),
            events=[
                Event(
                    self._name("event.name", event.name),
                    self._attributes(event.attributes, withheld.of_event(event.name), ours),
                    event.timestamp,
                )
                for event in span.events
            ],
            links=[
                Link(
                    self._context(link.context),  # type: ignore[arg-type]
                    self._attributes(link.attributes, withheld.of_span, ours),
                )
                for link in span.links
            ],
            status=status,
            resource=self._of_process(span.resource),
            scope=self._of_scope(scope),
        )

    def _attributes(self, given: Any, withheld: Callable[[str], bool] | None, ours: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in (given or {}).items():
            if withheld is not None and withheld(key):
                continue
            if type(value) is str and len(value) <= self._longest_repeated and len(key) <= _LONGEST_REPEATED_KEY:
                key, value = self._repeated(key, value, ours)  # most of the identity, and what spans are called by
            else:
                key, value = self._attribute(key, value, ours)
            if value is not None:
                kept[key] = value
        return kept

    def _attribute(self, key: str, value: Any, ours: bool) -> tuple[str, Any]:
        """An attribute as it may leave; with None if it may not."""
        after = self._value(key, value)
        if type(after) is str and (ours or key in semconv.IDENTITY_KEYS):
            if key in _FIELDS:
                after = after if len(after) <= MAX_FIELD_CHARACTERS else after[:MAX_FIELD_CHARACTERS].strip()
            else:
                after = recut(after, MAX_NAME_BYTES if key in _NAMES else self._max_value_bytes)
        for mask in self._names:
            key = mask.name(key)
        return key, after

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return tuple(one for one in (self._masked(key, item) for item in value) if one is not None)
        if isinstance(value, Mapping):
            return {name: one for name, item in value.items() if (one := self._value(key, item)) is not None}
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

    def _name(self, key: str, name: str) -> str:
        return (self._repeated_name if len(name) <= self._longest_repeated else self._masked_name)(key, name)

    def _masked_name(self, key: str, name: str) -> str:
        return str(self._masked(key, name) or _NAMELESS)

    def _context(self, context: SpanContext | None) -> SpanContext | None:
        """With a trace state without what masks find."""
        if context is None or not context.trace_state or not self._masks:
            return context
        entries = [(key, self._masked("tracestate", value)) for key, value in context.trace_state.items()]
        state = TraceState([(key, str(value)) for key, value in entries if value is not None])
        return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, state)

    def _of_process(self, resource: Resource) -> Resource:
        """Of the one resource that nearly all spans have."""
        known = self._resource
        if known is None or known[0] is not resource:
            attributes = resource.attributes
            masked = self._attributes(attributes, lambda key: key.startswith(_OF_PROCESS), False)
            for key, value in attributes.items():
                if key.startswith(_OF_PROCESS):
                    masked[key] = functools.reduce(lambda found, mask: mask(key, found), self._names, value)
            known = self._resource = resource, Resource(masked, resource.schema_url)
        return known[1]

    def _of_scope(self, scope: InstrumentationScope | None) -> InstrumentationScope | None:
        if scope is None or not self._masks:
            return scope
        known = self._scopes.get(id(scope))
        if known is None or known[0] is not scope:
            masked = InstrumentationScope(
                self._name("scope.name", scope.name),
                None if scope.version is None else self._name("scope.version", scope.version),
                scope.schema_url,
                self._attributes(scope.attributes, None, False),
            )
            if len(self._scopes) >= _MOST_SCOPES:
                self._scopes.clear()
            known = self._scopes[id(scope)] = scope, masked
        return known[1]

    def _with_ip_policy(self, span: ReadableSpan) -> dict[str, Any] | None:
        """The attributes, where the policy changes any of them."""
        if self._ip_policy == "full":
            return None
        keys = _ADDRESS_KEYS if span.kind is SpanKind.SERVER else semconv.CLIENT_ADDRESS_KEYS
        given = span.attributes or {}
        found = [key for key in keys if key in given]
        if not found:
            return None
        attributes = dict(given)
        for key in found:
            address = ip_policy.parse_address(str(attributes[key]))
            stored = ip_policy.apply_policy(address, self._ip_policy) if address is not None else ""
            if stored:
                attributes[key] = stored
            else:
                del attributes[key]
        return attributes


_ADDRESS_KEYS = (
    *semconv.CLIENT_ADDRESS_KEYS,
    "http.client_ip",
    "net.peer.ip",
    "net.sock.peer.addr",
    "network.peer.address",
)


def _skeleton(span: ReadableSpan) -> _Fit:
    known = {
        key: value for key, value in (span.attributes or {}).items() if key in NOT_MASKED - {semconv.CLIENT_ADDRESS}
    }
    return _Fit(span, name=WITHHELD, attributes={**known, semconv.WITHHELD: True}, events=(), links=(), status=Status())
