"""Filters of conversations to SQL over ``resolved_conversations``."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from agentsight_otel import clock, geo, semconv
from agentsight_otel.tracking.arguments import plain


@dataclass(frozen=True)
class Filter:
    """What a filter asks of a conversation.

    Attributes:
        condition: SQL with one parameter, ``{value:Type}``.
        parse: From what the caller gave to the parameter's value; raises a ValueError that says what was expected.
    """

    condition: str
    parse: Callable[[Any], Any]


def where(given: dict[str, Any], metadata: str | None) -> tuple[list[str], dict[str, Any]]:
    """Conditions, and their parameters.

    Args:
        given: Filters by name; None is no filter.
        metadata: As for ``fetch_conversations``.

    Raises:
        ValueError: A filter is unknown, or its value is none that it can have.
    """
    conditions, parameters = [], {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in FILTERS:
            raise ValueError(f"filter {name!r}: expected one of {', '.join(FILTERS)}, metadata, include_deleted")
        chosen = FILTERS[name]
        try:
            parameters[name] = chosen.parse(plain(value))
        except ValueError as error:
            raise ValueError(f"{name}: {value!r}: expected {error}") from None
        conditions.append(chosen.condition.replace("{value:", f"{{{name}:"))
    for number, pair in enumerate(metadata.split(",") if metadata else ()):
        key, colon, wanted = pair.partition(":")
        if not colon or not key.strip():
            raise ValueError(f"metadata: {metadata!r}: expected key:value, several separated by commas")
        path = [f"metadata_{number}_{depth}" for depth in range(key.count(".") + 1)]
        parameters.update(zip(path, key.strip().split("."), strict=True))
        parameters[f"metadata_{number}"] = wanted.strip()
        keys = ", ".join(f"{{{name}:String}}" for name in path)
        conditions.append(_METADATA.format(keys=keys, value=f"{{metadata_{number}:String}}"))
    return conditions, parameters


def _text(value: Any) -> str:
    return str(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ValueError("True or False")


def _one_of(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return str(value)

    return parse


def _time(value: Any) -> str:
    try:
        moment = value if isinstance(value, datetime) else clock.parse_iso8601(str(value))
    except ValueError:
        raise ValueError("a time in ISO 8601") from None
    moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1_000:03}"


def _address(value: Any) -> list[str]:
    address = geo.parse_address(str(value))
    if address is None:
        raise ValueError("an IP address")
    return sorted({str(value), geo.apply_policy(address, "full"), geo.apply_policy(address, "truncate")})


_IN_TRACES = "conversation_id IN (SELECT ConversationId FROM otel_traces WHERE IsCounted AND "
_IN_FEEDBACK = "conversation_id IN (SELECT conversation_id FROM feedback_v"
_METADATA = (
    "conversation_id IN (SELECT ConversationId FROM otel_traces"
    f" WHERE IsCounted AND SpanAttributes['{semconv.CONVERSATION_METADATA}'] != '' GROUP BY ConversationId"
    f" HAVING (argMax(SpanAttributes['{semconv.CONVERSATION_METADATA}'], Timestamp) AS json) != '' AND {{value}} ="
    " if(JSONType(json, {keys}) = 'String', JSONExtractString(json, {keys}), JSONExtractRaw(json, {keys})))"
)

FILTERS = {
    "conversation_id": Filter("conversation_key = sipHash64({value:String})", _text),
    "customer_id": Filter("customer_id = {value:String}", _text),
    "customer_id__icontains": Filter("positionCaseInsensitiveUTF8(customer_id, {value:String}) > 0", _text),
    "customer_ip_address": Filter(_IN_TRACES + "ClientAddress IN {value:Array(String)})", _address),
    "device": Filter("device = lowerUTF8({value:String})", _text),
    "source": Filter("source = lowerUTF8({value:String})", _text),
    "language": Filter("language = lower(extract({value:String}, '^[^-_]*'))", _text),
    "environment": Filter("environment = {value:String}", _text),
    "name": Filter("positionCaseInsensitiveUTF8(name, {value:String}) > 0", _text),
    "has_messages": Filter("has_messages = {value:Bool}", _truth),
    "is_marked": Filter("marked = {value:Bool}", _truth),
    "started_at_after": Filter("begun_at >= {value:DateTime64(3, 'UTC')}", _time),
    "started_at_before": Filter("begun_at <= {value:DateTime64(3, 'UTC')}", _time),
    "action_name": Filter(
        "conversation_key IN (SELECT conversation_key FROM tool_calls"
        " WHERE tool_key = lowerUTF8(trimBoth({value:String})) AND tool = {value:String})",
        _text,
    ),
    "message_contains": Filter(
        f"{_IN_TRACES}arrayExists((event, attributes) -> event = '{semconv.EVENT_MESSAGE}' AND"
        f" positionCaseInsensitiveUTF8(attributes['{semconv.MESSAGE_CONTENT}'], {{value:String}}) > 0,"
        " Events.Name, Events.Attributes))",
        _text,
    ),
    "has_feedback": Filter(f"({_IN_FEEDBACK})) = {{value:Bool}}", _truth),
    "feedback_sentiment": Filter(_IN_FEEDBACK + " WHERE sentiment = {value:String})", _one_of(*semconv.SENTIMENTS)),
    "feedback_source": Filter(_IN_FEEDBACK + " WHERE source = {value:String})", _one_of(*semconv.FEEDBACK_SOURCES)),
}
"""By name; ``metadata`` and ``include_deleted`` besides."""
