"""Where the spans go: the exporter that the settings and the standard variables ask for, and delivery to it."""

import os
from pathlib import Path

from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter

from agentsight_otel import self_metrics
from agentsight_otel.config import SettingError, Settings
from agentsight_otel.delivery import DeliveryProcessor
from agentsight_otel.masking import Mask, Privacy, builtin

_LONGEST_ATTEMPT_S = 60.0


def exporter_for(settings: Settings) -> SpanExporter | None:
    """ClickHouse where there is a URL of one, else what OTEL_TRACES_EXPORTER says, else OTLP; None for ``none``.

    Raises:
        SettingError: A standard variable asks for what there is not.
    """
    if settings.clickhouse_url:
        from agentsight_otel.exporters import ClickHouseSpanExporter

        return ClickHouseSpanExporter(settings.clickhouse_url, timeout_s=settings.export_timeout_s)
    kind = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    if kind == "none":
        return None
    if kind == "console":
        return ConsoleSpanExporter()
    if kind != "otlp":
        raise SettingError(f"OTEL_TRACES_EXPORTER: {kind!r}: expected otlp, console or none; or init(span_exporter=…)")
    return _otlp_exporter(settings)


def privacy_for(settings: Settings) -> Privacy:
    """What the settings do to a span before it leaves."""
    return Privacy(settings.capture_content, _masks(settings), settings.ip_policy)


def delivery_for(settings: Settings, exporter: SpanExporter, privacy: Privacy) -> DeliveryProcessor:
    """Delivery to an exporter, within the bounds of the settings."""
    spool = None
    if settings.spool_dir:
        from agentsight_otel import spool as spools

        if not spools.SUPPORTED:
            raise SettingError(f"spool_dir: {settings.spool_dir!r}: this system lacks the file locks that it needs")
        spool = spools.Spool(
            Path(settings.spool_dir), max_bytes=settings.spool_max_bytes, max_file_bytes=settings.max_batch_bytes
        )
    measures = self_metrics.shared()
    delivery = DeliveryProcessor(
        exporter,
        max_queue_spans=settings.max_queue_spans,
        max_queue_bytes=settings.max_queue_bytes,
        max_batch_spans=settings.max_batch_spans,
        max_batch_bytes=settings.max_batch_bytes,
        schedule_delay_s=settings.schedule_delay_s,
        shutdown_timeout_s=settings.shutdown_timeout_s,
        prepare=privacy,
        backlog=spool,
        on_attempt=measures.attempts_of(exporter),
    )
    measures.watch(delivery, exporter)
    if spool is not None and spool.has_files():
        delivery.send_backlog()
    return delivery


def _masks(settings: Settings) -> list[Mask]:
    names = [mask for mask in settings.mask if isinstance(mask, str)]
    others: list[Mask] = [mask for mask in settings.mask if not isinstance(mask, str)]
    return [builtin(names), *others] if names else others


def _otlp_exporter(settings: Settings) -> SpanExporter:
    from agentsight_otel.exporters.otlp_export import OtlpGrpcSpanExporter, OtlpHttpSpanExporter

    kinds = {"grpc": OtlpGrpcSpanExporter, "http/protobuf": OtlpHttpSpanExporter}
    protocol = "http/protobuf"
    if said := _standard("PROTOCOL"):
        name, protocol = said
        if protocol not in kinds:
            raise SettingError(f"{name}: {protocol!r}: expected {' or '.join(kinds)}")
    timeout_s = settings.export_timeout_s
    if "AGENTSIGHT_EXPORT_TIMEOUT_S" not in os.environ and (said := _standard("TIMEOUT")):
        name, value = said
        try:
            timeout_s = min(float(value), _LONGEST_ATTEMPT_S)
        except ValueError:
            raise SettingError(f"{name}: {value!r}: expected a number of seconds") from None
    return kinds[protocol](timeout_s=timeout_s, max_request_bytes=settings.max_batch_bytes)


def _standard(what: str) -> tuple[str, str] | None:
    """A standard OTLP variable that is set, and its value; the one for traces first."""
    for name in (f"OTEL_EXPORTER_OTLP_TRACES_{what}", f"OTEL_EXPORTER_OTLP_{what}"):
        if value := os.environ.get(name, "").strip():
            return name, value
    return None
