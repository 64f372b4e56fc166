"""Encodes finished spans as OTLP protobuf, by OpenTelemetry's own encoder, and decodes them."""

from collections.abc import Iterable
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as to_request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from agentsight_otel._export.span_edits import EditedSpan, encodable

_REMOTE = 0x200  # SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK


def encode_spans(spans: list[ReadableSpan]) -> bytes:
    """Encodes spans as an ExportTraceServiceRequest; values that protobuf cannot hold are mended."""
    try:
        encoded: bytes = to_request(spans).SerializeToString()
    except Exception:
        encoded = to_request([encodable(span) for span in spans]).SerializeToString()
    return encoded


def decode_spans(data: bytes) -> list[ReadableSpan]:
    """The spans of an ExportTraceServiceRequest.

    Raises:
        google.protobuf.message.DecodeError: The data is not valid.
    """
    request = ExportTraceServiceRequest.FromString(data)
    spans: list[ReadableSpan] = []
    for of_resource in request.resource_spans:
        resource = Resource(_attributes(of_resource.resource.attributes), of_resource.schema_url)
        for of_scope in of_resource.scope_spans:
            scope = InstrumentationScope(
                of_scope.scope.name, of_scope.scope.version, of_scope.schema_url, _attributes(of_scope.scope.attributes)
            )
            spans += [_span(span, resource, scope) for span in of_scope.spans]
    return spans


def _span(span: Any, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    status = StatusCode(span.status.code)
    decoded = ReadableSpan(
        name=span.name,
        context=_context(span.trace_id, span.span_id, span.trace_state),
        parent=_context(span.trace_id, span.parent_span_id, "", bool(span.flags & _REMOTE))
        if span.parent_span_id
        else None,
        resource=resource,
        attributes=_attributes(span.attributes),
        events=[Event(event.name, _attributes(event.attributes), event.time_unix_nano) for event in span.events],
        links=[
            Link(
                _context(link.trace_id, link.span_id, link.trace_state, bool(link.flags & _REMOTE)),
                _attributes(link.attributes),
            )
            for link in span.links
        ],
        kind=_KINDS.get(span.kind, SpanKind.INTERNAL),
        status=Status(status, span.status.message or None) if status is StatusCode.ERROR else Status(status),
        start_time=span.start_time_unix_nano,
        end_time=span.end_time_unix_nano,
        instrumentation_scope=scope,
    )
    return EditedSpan(
        decoded, dropped=(span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count)
    )


_KINDS = {
    trace_pb2.Span.SPAN_KIND_SERVER: SpanKind.SERVER,
    trace_pb2.Span.SPAN_KIND_CLIENT: SpanKind.CLIENT,
    trace_pb2.Span.SPAN_KIND_PRODUCER: SpanKind.PRODUCER,
    trace_pb2.Span.SPAN_KIND_CONSUMER: SpanKind.CONSUMER,
}


def _context(trace_id: bytes, span_id: bytes, state: str, remote: bool = False) -> SpanContext:
    return SpanContext(
        int.from_bytes(trace_id, "big"),
        int.from_bytes(span_id, "big"),
        remote,
        TraceFlags(TraceFlags.SAMPLED),
        TraceState.from_header([state]) if state else TraceState(),
    )


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return tuple(_value(item) for item in value.array_value.values)
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)
