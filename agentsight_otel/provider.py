"""The tracer provider: our own, and its place beside the application's."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from agentsight_otel import semconv
from agentsight_otel.config import Settings
from agentsight_otel.identity import IdGenerator
from agentsight_otel.processors import ConversationSampler, IdentityProcessor

_MAX_ATTRIBUTES = 1_024


def new_provider(settings: Settings, resource_attributes: Mapping[str, Any]) -> TracerProvider:
    """A provider whose spans meet in their conversation's trace and carry its identity; it delivers nothing yet."""
    attributes: dict[str, Any] = {
        "telemetry.distro.name": "agentsight-otel",
        "telemetry.distro.version": version("agentsight-otel"),
        **resource_attributes,
    }
    if settings.service_name:
        attributes[semconv.SERVICE_NAME] = settings.service_name
    if settings.environment:
        attributes[semconv.DEPLOYMENT_ENVIRONMENT_NAME] = settings.environment
    provider = TracerProvider(
        sampler=ConversationSampler(settings.sample_ratio),
        resource=Resource.create(attributes),
        id_generator=IdGenerator(),
        # Messages are events, and a turn loses none of them.
        span_limits=SpanLimits(max_events=SpanLimits.UNSET, max_span_attributes=_MAX_ATTRIBUTES),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(IdentityProcessor())
    return provider


def join_global(provider: TracerProvider) -> None:
    """Makes a provider the global one; one that is there already stays, and stamps identity on its spans."""
    present = trace.get_tracer_provider()
    if isinstance(present, trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider)
    elif isinstance(present, TracerProvider):
        present.add_span_processor(IdentityProcessor())
