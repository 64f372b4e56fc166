"""What ``init()`` set up, for the modules below it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.trace import NoOpTracer, Tracer

from agentsight_otel.config import Settings

if TYPE_CHECKING:
    from agentsight_otel.geo import Geolocator


TRACER_NAME = "agentsight_otel"
"""The instrumentation scope of our spans."""


@dataclass(frozen=True)
class Runtime:
    """The tracer and what goes with it.

    Attributes:
        tracer: Starts every span of ours.
        settings: As loaded by ``init()``.
        geolocator: None without a database.
        enabled: Whether spans go anywhere.
    """

    tracer: Tracer
    settings: Settings
    geolocator: "Geolocator | None" = None
    enabled: bool = True


OFF = Runtime(NoOpTracer(), Settings(), enabled=False)
"""Before ``init()``, after ``shutdown()``, and with OTEL_SDK_DISABLED."""

_current = OFF


def current() -> Runtime:
    """The runtime in use."""
    return _current


def use(runtime: Runtime) -> Runtime:
    """Puts a runtime in use; returns the one before."""
    global _current
    before, _current = _current, runtime
    return before
