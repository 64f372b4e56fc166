"""What ``init()`` set up, for the modules below it."""

import dataclasses
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NoOpTracer, Tracer

from agentsight_otel.config import Settings

if TYPE_CHECKING:
    from agentsight_otel.geo import Geolocator


TRACER_NAME = "agentsight_otel"
"""The instrumentation scope of our spans."""


class Host(enum.Enum):
    """The application's own tracer provider, as far as we have to do with it."""

    NONE = "none"
    """It has none, or ours is it."""
    BESIDE = "beside"
    """Its backend gets none of our spans; its spans inside conversations are delivered by us too."""
    ATTACHED = "attached"
    """Our spans go through it."""


@dataclass(frozen=True)
class Runtime:
    """The tracer and what goes with it.

    Attributes:
        tracer: Starts every span of ours.
        settings: As loaded by ``init()``.
        geolocator: None without a database.
        enabled: Whether spans go anywhere.
        host: The application's own tracer provider.
        deliver: Takes finished spans of the application, and the tool of ours that they ran in; None: nothing does.
        resource: Of our spans.
        fit: Makes attributes fit for the application's processors to see at a span's start; None: they are.
    """

    tracer: Tracer
    settings: Settings
    geolocator: "Geolocator | None" = None
    enabled: bool = True
    host: Host = Host.NONE
    deliver: Callable[[ReadableSpan, str], None] | None = None
    resource: Resource | None = None
    fit: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None


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
