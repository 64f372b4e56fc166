"""What ``init()`` set up, for the modules below it."""

import dataclasses
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NoOpTracer, Tracer

from agentsight_otel import semconv
from agentsight_otel._core.config import Settings
from agentsight_otel._core.limits import MAX_NAME_BYTES
from agentsight_otel._core.timeline import Timeline
from agentsight_otel._core.values import bounded, to_object, to_text

if TYPE_CHECKING:
    from agentsight_otel._core.geo import Geolocator
    from agentsight_otel._tracing.own_spans import OwnSpans


TRACER_NAME = semconv.SCOPE_NAME
"""The instrumentation scope of our spans."""


class Host(enum.Enum):
    """The application's own tracer provider, as far as we have to do with it."""

    NONE = "none"
    """The application has no provider of its own, or ours is the global one."""
    BESIDE = "beside"
    """Its backend gets none of our spans; its spans inside conversations are delivered by us too."""
    ATTACHED = "attached"
    """Our spans go through it."""


@dataclass(frozen=True)
class Runtime:
    """The tracer and what goes with it.

    Attributes:
        tracer: Starts spans as OpenTelemetry's API does.
        spans: Starts every span of ours; None where nothing is recorded.
        settings: As loaded by ``init()``.
        geolocator: None without a database.
        enabled: Whether spans go anywhere.
        host: The application's own tracer provider.
        deliver: Takes finished spans of the application, and the tool of ours that they ran in; None: nothing does.
        resource: Of our spans.
        fit: Makes attributes fit for the application's processors to see at a span's start; None: they are.
        timeline: Keeps the order of messages.
    """

    tracer: Tracer
    settings: Settings
    geolocator: "Geolocator | None" = None
    enabled: bool = True
    host: Host = Host.NONE
    deliver: Callable[[ReadableSpan, str], None] | None = None
    resource: Resource | None = None
    fit: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    timeline: Timeline = field(default_factory=Timeline)
    spans: "OwnSpans | None" = None

    def text(self, value: object) -> str:
        """A text as it is, '' for None, anything else as JSON; bounded by the settings."""
        return to_text(value, self.settings.recorded_bytes, self.settings.cut_mark)

    def name(self, text: str) -> str:
        """A name of a span, a tool, a task or an agent, bounded in length."""
        return bounded(text, self.settings.recorded(MAX_NAME_BYTES), self.settings.cut_mark)

    def object(self, value: object) -> str:
        """A JSON object of metadata, whatever was given; '' for None; bounded by the settings."""
        return to_object(value, self.settings.recorded_bytes, self.settings.cut_mark)


OFF = Runtime(NoOpTracer(), Settings(), enabled=False)
"""Before ``init()``, after ``shutdown()``, and with OTEL_SDK_DISABLED."""

_current = OFF
_expects_host = False


def current() -> Runtime:
    """The runtime in use."""
    return _current


def use(runtime: Runtime) -> Runtime:
    """Puts a runtime in use; returns the one before."""
    global _current
    before, _current = _current, runtime
    return before


def expect_host() -> None:
    """The application has a tracer provider of its own, though it may not be the global one."""
    global _expects_host
    _expects_host = True
    if _current.enabled and _current.host is Host.NONE:
        use(dataclasses.replace(_current, host=Host.BESIDE))


def expects_host() -> bool:
    """Whether ``expect_host`` was told."""
    return _expects_host
