"""Where the spans go: the exporter that the settings and the standard variables ask for, and delivery to it."""

from pathlib import Path

from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter

from agentsight_otel._core import standard_config
from agentsight_otel._core.config import SettingError, Settings
from agentsight_otel._export import self_metrics
from agentsight_otel._export.delivery import DeliveryProcessor
from agentsight_otel._export.masking import Mask, builtin
from agentsight_otel._export.privacy import Privacy


def exporter_for(settings: Settings) -> SpanExporter | None:
    """ClickHouse where there is a URL of one, else what OTEL_TRACES_EXPORTER says, else OTLP; None for ``none``.

    Raises:
        SettingError: A standard variable asks for what there is not.
    """
    if settings.clickhouse_url:
        from agentsight_otel._export.clickhouse import ClickHouseSpanExporter

        return ClickHouseSpanExporter(settings.clickhouse_url, timeout_s=settings.export_timeout_s)
    kind = standard_config.exporter_kind()
    if kind == "none":
        return None
    if kind == "console":
        return ConsoleSpanExporter()
    return _otlp_exporter(settings)


def privacy_for(settings: Settings) -> Privacy:
    """What the settings do to a span before it leaves."""
    return Privacy(settings.capture_content, _masks(settings), settings.ip_policy, settings.max_value_bytes)


def delivery_for(settings: Settings, exporter: SpanExporter, privacy: Privacy) -> DeliveryProcessor:
    """Delivery to an exporter, within the bounds of the settings."""
    spool = None
    if settings.spool_dir:
        from agentsight_otel._export import spool as spools

        if not spools.SUPPORTED:
            raise SettingError(f"spool_dir: {settings.spool_dir!r}: this system lacks the file locks that it needs")
        spool = spools.Spool(
            Path(settings.spool_dir), max_bytes=settings.spool_max_bytes, max_file_bytes=settings.max_batch_bytes
        )
    return DeliveryProcessor(
        exporter,
        max_queue_spans=settings.max_queue_spans,
        max_queue_bytes=settings.max_queue_bytes,
        max_batch_spans=settings.max_batch_spans,
        max_batch_bytes=settings.max_batch_bytes,
        schedule_delay_s=settings.schedule_delay_s,
        shutdown_timeout_s=settings.shutdown_timeout_s,
        prepare=privacy,
        born_fit=not privacy.changes,
        backlog=spool,
        on_attempt=self_metrics.shared().attempts_of(exporter),
    )


def begin(delivery: DeliveryProcessor, exporter: SpanExporter) -> None:
    """Reports a delivery in the self-metrics, and has it deliver what an earlier process left behind."""
    self_metrics.shared().watch(delivery, exporter)
    delivery.send_backlog()


def _masks(settings: Settings) -> list[Mask]:
    names = [mask for mask in settings.mask if isinstance(mask, str)]
    others: list[Mask] = [mask for mask in settings.mask if not isinstance(mask, str)]
    return [builtin(names), *others] if names else others


def _otlp_exporter(settings: Settings) -> SpanExporter:
    from agentsight_otel._export.otlp import OtlpGrpcSpanExporter, OtlpHttpSpanExporter

    kind = OtlpGrpcSpanExporter if standard_config.protocol() == "grpc" else OtlpHttpSpanExporter
    timeout_s = standard_config.timeout_s(
        settings.export_timeout_s, is_argument="export_timeout_s" in settings.from_arguments
    )
    return kind(timeout_s=timeout_s, max_request_bytes=settings.max_batch_bytes)
