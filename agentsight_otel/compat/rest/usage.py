"""Tools and tokens."""

from typing import Any

from agentsight_otel import semconv
from agentsight_otel.compat.exceptions import ValidationError
from agentsight_otel.compat.rest.pages import PageIterator
from agentsight_otel.compat.rest.resource import Resource, missing, refuse

_TOOLS = """SELECT tool AS id, tool AS name, count() AS calls, countIf(error) AS errors,
    max(timestamp) AS last_called_at
FROM tool_calls_v GROUP BY tool"""
_CALLS = f"""SELECT SpanId AS id, ConversationId AS conversation_id, Timestamp AS started_at,
    Environment AS environment,
    SpanAttributes['{semconv.TURN_ID}'] AS turn_id,
    if(SpanAttributes['{semconv.GEN_AI_RESPONSE_MODEL}'] != '', SpanAttributes['{semconv.GEN_AI_RESPONSE_MODEL}'],
        SpanAttributes['{semconv.GEN_AI_REQUEST_MODEL}']) AS model,
    toUInt64OrZero(SpanAttributes['{semconv.GEN_AI_USAGE_INPUT_TOKENS}']) AS prompt_tokens,
    toUInt64OrZero(SpanAttributes['{semconv.GEN_AI_USAGE_OUTPUT_TOKENS}']) AS completion_tokens,
    prompt_tokens + completion_tokens AS total_tokens
FROM otel_traces
WHERE IsCounted AND (AgentKind = '{semconv.KIND_LLM}' OR SpanAttributes['{semconv.GEN_AI_OPERATION_NAME}'] = 'chat')
LIMIT 1 BY TraceId, SpanId"""
_CONDITIONS = {
    "conversation": "conversation_id = {conversation:String}",
    "conversation_id": "conversation_id = {conversation_id:String}",
    "environment": "environment = {environment:String}",
    "model": "model = {model:String}",
    "turn_id": "turn_id = {turn_id:String}",
    "started_at_after": "started_at >= parseDateTime64BestEffort({started_at_after:String}, 9, 'UTC')",
    "started_at_before": "started_at <= parseDateTime64BestEffort({started_at_before:String}, 9, 'UTC')",
}
_ORDERINGS = {
    name: name
    for name in ("started_at", "model", "conversation_id", "prompt_tokens", "completion_tokens", "total_tokens")
} | {"created_at": "started_at"}
_TOOL_ORDERINGS = {name: name for name in ("name", "calls", "errors", "last_called_at")} | {"display_name": "name"}
_GROUPS = {"model": "model", "conversation": "conversation_id", "day": "toString(toDate(started_at, 'UTC'))"}


class Actions(Resource):
    """``client.actions``: the tools that were called."""

    def list(self, **filters: Any) -> PageIterator:
        """Tools, the most used first.

        Args:
            filters: ``name`` or ``display_name`` (the same), ``name__icontains`` or ``search``, and ``ordering``:
                ``name``, ``calls``, ``errors`` or ``last_called_at``; a minus before it orders descending.

        Raises:
            ValidationError: There is no such filter.
        """
        conditions = {
            "name": "name = {name:String}",
            "display_name": "name = {display_name:String}",
            "name__icontains": "positionCaseInsensitiveUTF8(name, {name__icontains:String}) > 0",
            "search": "positionCaseInsensitiveUTF8(name, {search:String}) > 0",
        }
        return self._pages(_TOOLS, conditions, filters, "calls DESC, name", _TOOL_ORDERINGS)

    def get(self, action_id: str) -> dict[str, Any]:
        """One tool, by its name.

        Raises:
            NotFoundError: The tool was never called.
        """
        action: dict[str, Any] | None = self.list(name=action_id).first()
        return missing("action", action_id) if action is None else action

    def logs(self, action_id: str) -> PageIterator:
        """The calls of a tool, the latest first."""
        sql = (
            "SELECT span_id AS id, conversation_id, tool AS action_name, timestamp AS started_at, duration_s * 1000 AS"
            " duration_ms, error, arguments AS tools_used, result AS response FROM tool_calls_v"
        )
        conditions = {"action_name": "action_name = {action_name:String}"}
        return self._pages(sql, conditions, {"action_name": str(action_id)}, "started_at DESC, id")

    def create(self, name: str, *, display_name: str | None = None, description: str | None = None) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: A tool cannot be created: it is listed once it was called.
        """
        refuse("an action without a call")

    def update(self, action_id: Any, **fields: Any) -> dict[str, Any]:
        """Raises:
        MethodNotAllowedError: A tool has no fields to change.
        """
        refuse("a change of an action")


class Usage(Resource):
    """``client.usage``: the tokens of model calls. Prices are kept in ``model_prices``, see ``model_usage``."""

    def list(self, **filters: Any) -> PageIterator:
        """Model calls, latest first.

        Args:
            filters: ``conversation_id``, ``environment``, ``model``, ``turn_id``, ``started_at_after``,
                ``started_at_before``, and ``ordering``: ``started_at``, ``model``, ``conversation_id`` or one of the
                tokens; a minus before it orders descending.

        Raises:
            ValidationError: There is no such filter.
        """
        return self._pages(_CALLS, _CONDITIONS, filters, "started_at DESC, id", _ORDERINGS)

    def summary(self, group_by: str = "model", *, currency: str = "usd", **filters: Any) -> dict[str, Any]:
        """Tokens by model, conversation or day, largest first.

        Returns:
            ``group_by``, ``currency``, and ``results``: each with ``group``, ``calls``, ``prompt_tokens``,
            ``completion_tokens``, ``total_tokens`` and ``cost_usd``, None here.

        Raises:
            ValidationError: The group or a filter is unknown.
        """
        if group_by not in _GROUPS:
            raise ValidationError(f"group_by: {group_by!r}: expected one of {', '.join(_GROUPS)}", status_code=400)
        sql = (
            f"SELECT {_GROUPS[group_by]} AS group, count() AS calls, sum(prompt_tokens) AS prompt_tokens,"
            " sum(completion_tokens) AS completion_tokens, sum(total_tokens) AS total_tokens, NULL AS cost_usd"
        )
        wanted = {name: str(value) for name, value in filters.items() if value is not None}
        if unknown := sorted(wanted.keys() - _CONDITIONS.keys()):
            raise ValidationError(f"filter {', '.join(unknown)}: expected one of {', '.join(sorted(_CONDITIONS))}")
        where = " AND ".join(_CONDITIONS[name] for name in wanted) or "1"
        rows = self._client.rows(
            f"{sql} FROM (SELECT * FROM ({_CALLS}) WHERE {where}) GROUP BY group ORDER BY total_tokens DESC, group",
            **wanted,
        )
        return {"group_by": group_by, "currency": currency, "results": rows}
