"""Our tracer provider, and its place beside or within the application's own."""

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler

from agentsight_otel import semconv
from agentsight_otel._core.config import SettingError, Settings
from agentsight_otel._core.guard import say
from agentsight_otel._core.otel_private import processor_of
from agentsight_otel._core.version import VERSION
from agentsight_otel._export.delivery import DeliveryProcessor
from agentsight_otel._export.privacy import Privacy
from agentsight_otel._tracing import hosts, runtime
from agentsight_otel._tracing.ids import IdGenerator
from agentsight_otel._tracing.own_spans import OwnSpans
from agentsight_otel._tracing.processors import HostSpanProcessor, IdentityProcessor, Outlet, OwnProcessors, Relay
from agentsight_otel._tracing.runtime import Host, Runtime
from agentsight_otel._tracing.sampling import ConversationKeepingSampler, ConversationSampler

if TYPE_CHECKING:
    from agentsight_otel._core.geo import Geolocator

_MAX_ATTRIBUTES = 1_024
_ours: "weakref.WeakSet[TracerProvider]" = weakref.WeakSet()
_watched: "weakref.WeakSet[TracerProvider]" = weakref.WeakSet()
_joined: "weakref.WeakSet[TracerProvider]" = weakref.WeakSet()
_outlets: "weakref.WeakKeyDictionary[TracerProvider, Outlet]" = weakref.WeakKeyDictionary()


class Pipeline:
    """From the spans that start to the delivery: our tracer provider, and its place beside the application's own.

    Args:
        settings: As loaded by ``init()``.
        resource_attributes: More of them.
        delivery: Takes the finished spans; None: only the application's provider does, or nothing.
        privacy: What is done to spans before processors of the application get them.
        attach_to: The application's provider, that our spans are to go through.
        set_global: Make our provider the global one, if the application has none.

    Raises:
        SettingError: ``attach_to`` is not a provider of OpenTelemetry's SDK.
    """

    def __init__(
        self,
        settings: Settings,
        resource_attributes: Mapping[str, Any],
        delivery: DeliveryProcessor | None,
        privacy: Privacy,
        *,
        attach_to: object = None,
        set_global: bool = True,
    ) -> None:
        if attach_to is not None and not isinstance(attach_to := hosts.unwrapped(attach_to), TracerProvider):
            raise SettingError(
                f"tracer_provider: {type(attach_to).__name__}: expected an opentelemetry.sdk.trace.TracerProvider, or "
                "a proxy of one"
            )
        present = hosts.unwrapped(trace.get_tracer_provider())
        self._settings = settings
        self._privacy = privacy
        self._theirs: Any = attach_to or _the_applications(present)
        self._sampler: ConversationKeepingSampler | None = None
        if attach_to is not None:
            self.host = Host.ATTACHED
        elif self._theirs is not None or runtime.expects_host():
            self.host = Host.BESIDE
        else:
            self.host = Host.NONE
        self._relay = Relay(delivery, outsiders=self.host is not Host.ATTACHED) if delivery is not None else None
        self.provider = self._new_provider(resource_attributes)
        if self._relay is not None:
            if self._theirs is not None and self.host is Host.ATTACHED:
                _outlet_of(self._theirs).relay = self._relay
            if isinstance(present, TracerProvider) and present in _ours:
                # Of an earlier init(); the global one cannot be replaced, and others hold its tracers.
                _outlet_of(present).relay = self._relay
        if self._theirs is not None:
            self._join(self._theirs)
        elif set_global and self.host is Host.NONE and isinstance(present, trace.ProxyTracerProvider):
            trace.set_tracer_provider(self.provider)

    def runtime(self, geolocator: "Geolocator | None") -> Runtime:
        """What the modules below work with."""
        return Runtime(
            self._spans.tracer,
            self._settings,
            geolocator,
            host=self.host,
            deliver=self._relay.deliver if self._relay is not None and self.host is not Host.ATTACHED else None,
            resource=self.provider.resource,
            fit=self._privacy.attributes if self._privacy.changes and self.host is Host.ATTACHED else None,
            spans=self._spans,
        )

    def force_flush(self, timeout_millis: int) -> bool:
        """Sends what was recorded; True if all of it was taken in time."""
        if self._relay is not None:
            return self._relay.force_flush(timeout_millis)
        return self.host is not Host.ATTACHED or self.provider.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Sends the rest and closes the delivery; an application's provider is flushed, and works on without us."""
        if self._theirs is not None and self._sampler is not None and self._theirs.sampler is self._sampler:
            self._theirs.sampler = self._sampler.inner
        if self.host is not Host.ATTACHED:
            self.provider.shutdown()
        elif self._relay is not None:
            self._relay.shutdown()
        else:
            self.provider.force_flush(int(self._settings.shutdown_timeout_s * 1_000))
        for outlet in list(_outlets.values()):
            if outlet.relay is self._relay:
                outlet.relay = None

    def _new_provider(self, resource_attributes: Mapping[str, Any]) -> TracerProvider:
        attributes = dict(resource_attributes)
        if self._settings.service_name:
            attributes[semconv.SERVICE_NAME] = self._settings.service_name
        if self._settings.environment:
            attributes[semconv.DEPLOYMENT_ENVIRONMENT_NAME] = self._settings.environment
        distro = {"telemetry.distro.name": "agentsight-otel", "telemetry.distro.version": VERSION}
        theirs = getattr(self._theirs, "resource", None)
        base = theirs.merge(Resource(distro)) if isinstance(theirs, Resource) else Resource.create(distro)
        sampler, processors = ConversationSampler(self._settings.sample_ratio), self._processors()
        # Messages are events, and a turn loses none of them.
        limits = SpanLimits(max_events=SpanLimits.UNSET, max_span_attributes=_MAX_ATTRIBUTES)
        provider = TracerProvider(
            sampler=sampler,
            resource=base.merge(Resource(attributes)),
            id_generator=IdGenerator(),
            active_span_processor=processors,
            span_limits=limits,
            shutdown_on_exit=False,
        )
        self._spans = OwnSpans(provider, processors, sampler, limits, trace_per_turn=self._settings.trace_per == "turn")
        _ours.add(provider)
        return provider

    def _processors(self) -> OwnProcessors:
        if self.host is not Host.ATTACHED:
            return OwnProcessors(self._relay, self._privacy)
        # Our spans go through the application's processors, but not through its sampler.
        processors = OwnProcessors(None, self._privacy)
        if theirs := processor_of(self._theirs):
            processors.add_span_processor(theirs)
        return processors

    def _join(self, theirs: Any) -> None:
        if not hosts.takes_processors(theirs):
            say(
                "no processors",
                f"the global tracer provider, {type(theirs).__module__}.{type(theirs).__qualname__}, takes no span "
                "processors: what it traces in conversations reaches its own backend only. Give instrumentations of "
                "model clients ours, by init(instrument=True)",
            )
            return
        if self.host is Host.ATTACHED and theirs not in _joined:
            theirs.add_span_processor(IdentityProcessor(attached=True))
            _joined.add(theirs)
        if self.host is Host.BESIDE and theirs not in _watched:
            theirs.add_span_processor(HostSpanProcessor())
            _watched.add(theirs)
        if isinstance(sampler := getattr(theirs, "sampler", None), Sampler):
            # Tracers that the application made before keep its own sampler.
            self._sampler = ConversationKeepingSampler(sampler)
            theirs.sampler = self._sampler

    def for_instrumentations(self) -> TracerProvider | None:
        """Where the spans of instrumentations go that we load: to ours, unless the application's hands them to us."""
        reached = self._theirs is not None and hosts.takes_processors(self._theirs)
        return self.provider if self.host is Host.NONE or not reached else None


def _outlet_of(provider: TracerProvider) -> Outlet:
    """The one processor that hands a provider's spans to whichever pipeline of ours is in use."""
    outlet = _outlets.get(provider)
    if outlet is None:
        outlet = _outlets[provider] = Outlet()
        provider.add_span_processor(outlet)
    return outlet


def _the_applications(present: Any) -> Any:
    return present if hosts.is_any(present) and present not in _ours else None
