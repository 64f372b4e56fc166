"""The application's own tracer provider, judged by its abilities, because other SDKs replace it by their own classes.

Logfire's global provider is a proxy that holds one of OpenTelemetry's SDK. Datadog's makes Datadog's spans and takes no
span processors.
"""

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

_DEEPEST = 3


def unwrapped(provider: object) -> Any:
    """The provider of OpenTelemetry's SDK inside a proxy; the provider itself where it is no proxy."""
    sdk_provider = _sdk_in(provider, _DEEPEST)
    return provider if sdk_provider is None else sdk_provider


def is_any(provider: object) -> bool:
    """Whether a tracer provider was set up by somebody, rather than being the API's default one."""
    return not isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider))


def takes_processors(provider: object) -> bool:
    """Whether a provider takes span processors, so that this package can deliver its spans."""
    return callable(getattr(provider, "add_span_processor", None))


def _sdk_in(provider: object, depth: int) -> TracerProvider | None:
    if isinstance(provider, TracerProvider):
        return provider
    if depth:
        for held in (getattr(provider, "__wrapped__", None), *getattr(provider, "__dict__", {}).values()):
            if isinstance(held, trace.TracerProvider) and (sdk_provider := _sdk_in(held, depth - 1)) is not None:
                return sdk_provider
    return None
