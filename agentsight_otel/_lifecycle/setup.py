"""init, flush and shutdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace.export import SpanExporter

from agentsight_otel import semconv
from agentsight_otel._core.clock import steady_s
from agentsight_otel._core.config import Settings, without_aliases
from agentsight_otel._core.geo import Geolocator
from agentsight_otel._core.guard import did_you_mean, guard, say
from agentsight_otel._lifecycle import exits, instrumentors
from agentsight_otel._lifecycle.destination import begin, delivery_for, exporter_for, privacy_for
from agentsight_otel._lifecycle.state import Started, state
from agentsight_otel._recording import attachment_store, deadlines, pools, turns, web_requests
from agentsight_otel._tracing import runtime, uncaptured
from agentsight_otel._tracing.duplicates import TOOL_CALLS
from agentsight_otel._tracing.provider import Pipeline

_LONGEST_FLUSH_MS = 31_536_000_000  # a year


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
    instrument: bool | Sequence[str] | None = None,
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
        resource_attributes: More resource attributes, added to each span's resource.
        tracer_provider: The application's own, an OpenTelemetry SDK one, to attach to: our spans go through its
            processors to its backend, as ``capture_content`` and ``mask`` leave them, and need no exporter of their
            own; one that is given gets the conversations too. Its sampler does not decide about ours. Without it we
            run beside a global provider that is there already: its backend gets none of our spans, ours gets its
            spans inside conversations as well.
        set_global: Make our tracer provider OpenTelemetry's global one if the application has none, so that other
            instrumentations' spans join the conversations.
        instrument: Load the GenAI instrumentations that are installed, one for each library; or those of the libraries
            that a list names. Default:
            AGENTSIGHT_INSTRUMENT, else not.
        propagate: Tell other services of the conversation by W3C baggage, on every call that an instrumentation
            propagates: True, or a list of the names of the arguments of ``conversation()``. True leaves out whatever
            tells of the person. Default: AGENTSIGHT_PROPAGATE, else nothing.
        more_settings: Any other field of ``agentsight_otel.Settings``, or argument of the AgentSight 0.1 SDK.

    Returns:
        Whether spans are recorded.

    Raises:
        SettingError: A setting's value is wrong; the message names the setting, the value and what was expected.
        TypeError: There is no such setting.
    """
    arguments = {
        "service_name": service_name,
        "environment": environment,
        "clickhouse_url": clickhouse_url,
        "geoip_database": geoip_database,
        "ip_policy": ip_policy,
        "trace_per": trace_per,
        "sample_ratio": sample_ratio,
        "instrument": instrument,
        "propagate": propagate,
        **without_aliases(api_key, more_settings),
    }
    names = list(Settings.__dataclass_fields__)
    if unknown := sorted(set(arguments) - set(names)):
        meant = did_you_mean(unknown[0], names)
        raise TypeError(f"init() has no setting {unknown[0]!r}{meant}; expected one of {', '.join(names)}")
    settings = Settings.load(**arguments)
    with state.lock:
        if state.started is not None or state.is_starting:
            say("init twice", "init() was called again; the first call stays in force until shutdown()")
            return True
        if not settings.disabled:
            state.is_starting = True
            try:
                state.started = _start(
                    settings, span_exporter, resource_attributes or {}, tracer_provider, set_global=set_global
                )
            finally:
                state.is_starting = False
        state.asked = True
        return state.started is not None


def _start(
    settings: Settings,
    exporter: SpanExporter | None,
    resource_attributes: Mapping[str, str | bool | int | float],
    tracer_provider: trace.TracerProvider | None,
    *,
    set_global: bool,
) -> Started:
    """Sets up everything, or nothing: the steps that may fail come before those that start something."""
    if exporter is None and (tracer_provider is None or settings.clickhouse_url):
        exporter = exporter_for(settings)
    geolocator = Geolocator(settings.geoip_database) if settings.geoip_database else None
    privacy = privacy_for(settings)
    delivery = delivery_for(settings, exporter, privacy) if exporter is not None else None
    pipeline = Pipeline(
        settings, resource_attributes, delivery, privacy, attach_to=tracer_provider, set_global=set_global
    )
    runtime.use(pipeline.runtime(geolocator))
    pools.watch()
    web_requests.watch()
    if settings.attachments_url:
        attachment_store.load(settings.attachments_url)
    if delivery is not None and exporter is not None:
        begin(delivery, exporter)
    if settings.instrument:
        only = None if isinstance(settings.instrument, bool) else settings.instrument
        uncaptured.say_what_records_no_content(instrumentors.instrument(pipeline.for_instrumentations(), only=only))
    timeout_s = settings.shutdown_timeout_s
    watch = exits.watch(shutdown, lambda: flush(timeout_s=timeout_s), sigterm=settings.handle_sigterm)
    return Started(pipeline, delivery, watch)


def ensure_started() -> None:
    """Starts recording as the environment says, once, unless ``init()`` was called before. Never raises."""
    if state.asked:
        return
    with state.starting:
        if not state.asked:
            with guard("starting as the environment says"):
                init()
            state.asked = True


def before_shutdown(action: Callable[[], object]) -> None:
    """Registers an action that runs at the beginning of every shutdown, while spans are still recorded."""
    state.before_shutdown.append(action)


def flush(timeout_ms: float = 30_000, *, timeout_s: float | None = None) -> bool:
    """Sends what was recorded so far.

    Args:
        timeout_ms: How long to wait for the backend, in milliseconds.
        timeout_s: How long to wait, in seconds; has priority over ``timeout_ms``.

    Returns:
        True if the backend took all of it in time; never raises.
    """
    with guard("flushing"):
        deadlines.settle()
        started = state.started
        wait_ms = timeout_ms if timeout_s is None else timeout_s * 1_000
        # A timeout that is no number waits for nothing; an endless one as long as clocks go.
        bounded_ms = int(min(max(wait_ms, 0.0), _LONGEST_FLUSH_MS)) if wait_ms == wait_ms else 0
        begun_s = steady_s()
        flushed = started is None or started.pipeline.force_flush(bounded_ms)
        left_s = max(bounded_ms / 1_000 - (steady_s() - begun_s), 0.0)
        return attachment_store.drain(left_s) and flushed
    return False


def shutdown() -> bool:
    """Ends open turns as incomplete (reason shutdown), sends the rest and stops recording; ``init()`` may follow.

    Takes at most about ``shutdown_timeout_s`` seconds. Runs at exit by itself. Never raises.

    Returns:
        True if nothing recorded since ``init()`` was lost.
    """
    with state.stopping, guard("shutting down"):
        for action in state.before_shutdown:
            with guard("preparing to shut down"):
                action()
        stored = True
        with guard("storing attachments"):
            stored = attachment_store.drain(runtime.current().settings.shutdown_timeout_s)
            if not stored:
                say("attachments left", "some attachments are not stored yet; those that are not by the exit are lost")
        with state.lock:
            started, state.started = state.started, None
            if started is None:
                return True
            turns.finish_open_turns(semconv.REASON_SHUTDOWN)
            TOOL_CALLS.forget()
            runtime.use(runtime.OFF)
        started.pipeline.shutdown()
        exits.unwatch(started.watch)
        return stored and (started.delivery is None or started.delivery.dropped == 0)
    return False


def is_enabled() -> bool:
    """Whether spans are recorded: after ``init()``, before ``shutdown()``, and not with OTEL_SDK_DISABLED."""
    return runtime.current().enabled
