"""init, flush and shutdown."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace.export import SpanExporter

from agentsight_otel import exits, former, runtime, semconv, spans
from agentsight_otel._guard import guard, say
from agentsight_otel.config import Settings
from agentsight_otel.delivery import DeliveryProcessor
from agentsight_otel.destination import delivery_for, exporter_for, privacy_for
from agentsight_otel.geo import Geolocator
from agentsight_otel.integrations import genai
from agentsight_otel.provider import Pipeline
from agentsight_otel.runtime import Host

# Reentrant: a signal handler that shuts down may interrupt any of them.
_lock = threading.RLock()
_starting = threading.RLock()
_stopping = threading.RLock()
_asked = False
_before_shutdown: list[Callable[[], object]] = []
_pipeline: Pipeline | None = None
_delivery: DeliveryProcessor | None = None


def _new_locks_in_child() -> None:
    global _lock, _starting, _stopping
    _lock, _starting, _stopping = threading.RLock(), threading.RLock(), threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_locks_in_child)


def init(
    api_key: object = None,
    *,
    service_name: str | None = None,
    environment: str | None = None,
    clickhouse_url: str | None = None,
    span_exporter: SpanExporter | None = None,
    geoip_database: str | None = None,
    ip_policy: str | None = None,
    trace_per: str | None = None,
    sample_ratio: float | None = None,
    resource_attributes: Mapping[str, str | bool | int | float] | None = None,
    tracer_provider: trace.TracerProvider | None = None,
    set_global: bool = True,
    instrument: bool | None = None,
    propagate: bool | Iterable[str] | None = None,
    **more_settings: Any,
) -> bool:
    """Starts recording. Call it once, when the process starts.

    Spans go to ``span_exporter`` if given; else straight to ClickHouse if there is a ``clickhouse_url``; else by OTLP
    as the standard OTEL_* variables say (http/protobuf to localhost:4318 unless told otherwise).

    Args:
        api_key: Of the AgentSight 0.1 SDK; not used.
        service_name: Resource attribute service.name. Default: AGENTSIGHT_SERVICE_NAME, OTEL_SERVICE_NAME.
        environment: The deployment, production for example. Default: AGENTSIGHT_ENVIRONMENT.
        clickhouse_url: ``http://user:password@host:port/database``. Default: AGENTSIGHT_CLICKHOUSE_URL.
        span_exporter: Any OpenTelemetry span exporter.
        geoip_database: A MaxMind .mmdb file. Default: AGENTSIGHT_GEOIP_DB, else no geolocation.
        ip_policy: full, truncate or drop. Default: AGENTSIGHT_IP_POLICY, else truncate.
        trace_per: conversation or turn. Default: AGENTSIGHT_TRACE_PER, else conversation.
        sample_ratio: Share of the conversations recorded, 0 to 1. Default: AGENTSIGHT_SAMPLE_RATIO, else 1.
        resource_attributes: More of them.
        tracer_provider: The application's own, an OpenTelemetry SDK one, to attach to: our spans go through its
            processors to its backend, as ``capture_content`` and ``mask`` leave them, and need no exporter of their
            own; one that is given gets the conversations too. Its sampler does not decide about ours. Without it we
            run beside a global provider that is there already: its backend gets none of our spans, ours gets its
            spans inside conversations as well.
        set_global: Make our tracer provider OpenTelemetry's global one if the application has none, so that other
            instrumentations' spans join the conversations.
        instrument: Load the GenAI instrumentations that are installed, one for each library. Default:
            AGENTSIGHT_INSTRUMENT, else not.
        propagate: Tell other services of the conversation by W3C baggage, on every call that an instrumentation
            propagates: True, or a list of the names of the arguments of ``conversation()``. True leaves out whatever
            tells of the person. Default: AGENTSIGHT_PROPAGATE, else nothing.
        more_settings: Any other field of ``agentsight_otel.config.Settings``, or argument of the AgentSight 0.1 SDK.

    Returns:
        Whether spans are recorded.

    Raises:
        SettingError: A setting's value is wrong; the message names the setting, the value and what was expected.
        TypeError: There is no such setting.
    """
    global _pipeline, _delivery, _asked
    given = {
        "service_name": service_name,
        "environment": environment,
        "clickhouse_url": clickhouse_url,
        "geoip_database": geoip_database,
        "ip_policy": ip_policy,
        "trace_per": trace_per,
        "sample_ratio": sample_ratio,
        "instrument": instrument,
        "propagate": propagate,
        **former.settings_from(api_key, more_settings),
    }
    unknown = sorted(set(given) - set(Settings.__dataclass_fields__))
    if unknown:
        raise TypeError(
            f"init() has no setting {unknown[0]!r}; expected one of {', '.join(Settings.__dataclass_fields__)}"
        )
    settings = Settings.load(**given)
    with _lock:
        if _pipeline is not None:
            say("init twice", "init() was called again; the first call stays in force until shutdown()")
            return True
        if settings.disabled:
            _asked = True
            return False
        exporter = span_exporter
        if exporter is None and (tracer_provider is None or settings.clickhouse_url):
            exporter = exporter_for(settings)
        geolocator = None
        if settings.geoip_database:
            geolocator = Geolocator(settings.geoip_database)
        privacy = privacy_for(settings)
        delivery = None
        if exporter is not None:
            delivery = delivery_for(settings, exporter, privacy)
        _pipeline = Pipeline(
            settings, resource_attributes or {}, delivery, privacy, attach_to=tracer_provider, set_global=set_global
        )
        _delivery = delivery
        runtime.use(_pipeline.runtime(geolocator))
        if settings.instrument:
            genai.instrument(_pipeline.provider if _pipeline.host is Host.NONE else None)
        exits.watch(shutdown, lambda: flush(timeout_s=settings.shutdown_timeout_s), sigterm=settings.handle_sigterm)
        _asked = True
        return True


def ensure_started() -> None:
    """Starts recording as the environment says, once, unless ``init()`` was called before. Never raises."""
    global _asked
    if _asked:
        return
    with _starting:
        if not _asked:
            with guard("starting as the environment says"):
                init()
            _asked = True


def before_shutdown(action: Callable[[], object]) -> None:
    """Has something done at the beginning of every shutdown, while spans are still recorded."""
    _before_shutdown.append(action)


def flush(timeout_ms: float = 30_000, *, timeout_s: float | None = None) -> bool:
    """Sends what was recorded so far.

    Args:
        timeout_ms: How long to wait for the backend, in milliseconds.
        timeout_s: The same in seconds.

    Returns:
        True if the backend took all of it in time; never raises.
    """
    with guard("flushing"):
        spans.settle()
        pipeline = _pipeline
        return pipeline is None or pipeline.force_flush(int(timeout_ms if timeout_s is None else timeout_s * 1_000))
    return False


def shutdown() -> bool:
    """Ends open turns as incomplete (reason shutdown), sends the rest and stops recording; ``init()`` may follow.

    Takes at most about ``shutdown_timeout_s`` seconds. Runs at exit by itself. Never raises.

    Returns:
        True if nothing recorded since ``init()`` was lost.
    """
    global _pipeline, _delivery
    with _stopping, guard("shutting down"):  # whoever comes second waits for the first
        for action in _before_shutdown:
            with guard("preparing to shut down"):
                action()
        with _lock:
            pipeline, delivery = _pipeline, _delivery
            _pipeline = _delivery = None
            if pipeline is None:
                return True
            spans.finish_open_turns(semconv.REASON_SHUTDOWN)
            runtime.use(runtime.OFF)
        pipeline.shutdown()
        exits.unwatch()
        return delivery is None or delivery.dropped == 0
    return False


def is_enabled() -> bool:
    """Whether spans are recorded: after ``init()``, before ``shutdown()``, and not with OTEL_SDK_DISABLED."""
    return runtime.current().enabled
