"""The stored spans."""

import builtins
from typing import Any

from agentsight_otel.compat.exceptions import ValidationError
from agentsight_otel.compat.rest.pages import PageIterator
from agentsight_otel.compat.rest.resource import Resource, missing

_SQL = """SELECT ConversationId AS conversation_id, TraceId AS trace_id, SpanId AS span_id,
    ParentSpanId AS parent_span_id, SpanName AS name, if(IsToolCall AND AgentKind = '', 'tool', AgentKind) AS kind,
    Timestamp AS started_at, DurationNs AS duration_ns, if(IsError, 'error', 'ok') AS status,
    StatusMessage AS status_message, ServiceName AS service, Environment AS environment, SpanAttributes AS attributes,
    ResourceAttributes AS resource, Events.Timestamp AS times, Events.Name AS names, Events.Attributes AS details
FROM otel_traces WHERE IsCounted LIMIT 1 BY TraceId, SpanId"""
_CONDITIONS = {
    "conversation": "conversation_id = {conversation:String}",
    "conversation_id": "conversation_id = {conversation_id:String}",
    "environment": "environment = {environment:String}",
    "kind": "kind = {kind:String}",
    "name": "name = {name:String}",
    "parent_span_id": "parent_span_id = {parent_span_id:String}",
    "span_id": "span_id = {span_id:String}",
    "trace_id": "trace_id = {trace_id:String}",
    "status": "status = {status:String}",
    "started_at_after": "started_at >= parseDateTime64BestEffort({started_at_after:String}, 9, 'UTC')",
    "started_at_before": "started_at <= parseDateTime64BestEffort({started_at_before:String}, 9, 'UTC')",
}
_ORDERINGS = {name: name for name in ("started_at", "name", "kind", "status")} | {"duration_ms": "duration_ns"}
_MAX_SPANS = 5_000


class Spans(Resource):
    """The stored spans, as ``client.spans``."""

    def list(self, **filters: Any) -> PageIterator:
        """The matching spans, latest first.

        Args:
            filters: ``conversation_id``, ``environment``, ``kind``, ``name``, ``parent_span_id``, ``span_id``,
                ``trace_id``, ``status`` (ok or error), ``started_at_after``, ``started_at_before``, and ``ordering``:
                ``started_at``, ``duration_ms``, ``name``, ``kind`` or ``status``; a minus before it orders descending.

        Raises:
            ValidationError: There is no such filter.
        """
        return self._pages(_SQL, _CONDITIONS, filters, "started_at DESC, span_id", _ORDERINGS)

    def get(self, span: str, *, payload: bool = False) -> dict[str, Any]:
        """One span.

        Args:
            span: The span's ``id``, which is its span id.
            payload: Whether its resource attributes are included.

        Raises:
            NotFoundError: No span has that id.
        """
        rows = self._client.rows(f"SELECT * FROM ({_SQL}) WHERE span_id = {{id:String}}", id=str(span))
        if not rows:
            missing("span", span)
        return self._row(rows[0]) | ({"payload": {"resource": rows[0]["resource"]}} if payload else {})

    def trace(self, trace_id: str) -> dict[str, Any]:
        """A trace as a tree.

        Returns:
            ``trace_id``, ``span_count``, ``truncated`` and ``roots``, each with ``children``.

        Raises:
            ValidationError: The id is empty.
        """
        if not trace_id:
            raise ValidationError("trace(): expected a trace id", status_code=400)
        rows = self._client.rows(
            f"SELECT * FROM ({_SQL}) WHERE trace_id = {{id:String}} ORDER BY started_at, span_id"
            f" LIMIT {_MAX_SPANS + 1}",
            id=trace_id,
        )
        nodes = {row["span_id"]: {**self._row(row), "children": []} for row in rows[:_MAX_SPANS]}
        roots: builtins.list[dict[str, Any]] = []
        for node in nodes.values():
            parent = nodes.get(node["parent_span_id"])
            (roots if parent is None else parent["children"]).append(node)
        return {"trace_id": trace_id, "span_count": len(nodes), "truncated": len(rows) > _MAX_SPANS, "roots": roots}

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        kept = {key: row[key] for key in row if key not in ("times", "names", "details", "resource", "duration_ns")}
        return {
            "id": row["span_id"],
            **kept,
            "duration_ms": row["duration_ns"] / 1e6,
            "events": [
                {"timestamp": at, "name": name, "attributes": attributes}
                for at, name, attributes in zip(row["times"], row["names"], row["details"], strict=True)
            ],
        }
