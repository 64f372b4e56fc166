"""Turns filters of conversations into SQL over ``resolved_conversations``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from agentsight_otel import semconv
from agentsight_otel._core import clock, ip_policy
from agentsight_otel._core.guard import say
from agentsight_otel._core.setting_types import environment_name
from agentsight_otel._core.values import to_json
from agentsight_otel._tracing import runtime
from agentsight_otel.compat.tracking.arguments import plain


@dataclass(frozen=True)
class Filter:
    """A filter of conversations.

    Attributes:
        condition: An SQL condition with one parameter, ``{value:Type}``.
        parse: Turns the caller's value into the parameter's; raises a ValueError that says what was expected.
    """

    condition: str
    parse: Callable[[Any], Any]


def where(wanted: dict[str, Any], metadata: object) -> tuple[list[str], dict[str, Any]]:
    """The SQL conditions of filters, and their query parameters.

    Args:
        wanted: The filters' values by name; None for no filter.
        metadata: Metadata to match: ``key:value``, several separated by commas, or a mapping; None for no filter.

    Raises:
        ValueError: A filter is unknown, or its value is not allowed.
    """
    conditions, parameters = [], {}
    for name, value in wanted.items():
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
    for number, (keys_down, text) in enumerate(_members(metadata)):
        path = [f"metadata_{number}_{depth}" for depth in range(len(keys_down))]
        parameters.update(zip(path, keys_down, strict=True))
        parameters[f"metadata_{number}"] = text
        keys = ", ".join(f"{{{name}:String}}" for name in path)
        conditions.append(_METADATA.format(keys=keys, value=f"{{metadata_{number}:String}}"))
    return conditions, parameters


def _members(metadata: object) -> list[tuple[list[str], str]]:
    """The members to match: the keys down to each, and its value as text."""
    if not metadata:
        return []
    if isinstance(metadata, Mapping):
        return [
            ([str(key), *deeper], text)
            for key, value in metadata.items()
            for deeper, text in (_members(value) if isinstance(value, Mapping) and value else [([], _written(value))])
        ]
    pairs = [pair.partition(":") for pair in metadata.split(",")] if isinstance(metadata, str) else []
    if not pairs or not all(colon and key.strip() for key, colon, _ in pairs):
        raise ValueError(f"metadata: {metadata!r}: expected key:value, several separated by commas, or a mapping")
    return [(key.strip().split("."), text.strip()) for key, _, text in pairs]


def _written(value: object) -> str:
    """A value as ClickHouse gives a member of JSON: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else to_json(value, 65_536)


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


def _environment(value: Any) -> str:
    return environment_name(str(value))


def _tickets(value: Any) -> bool:
    if wanted := _truth(value):
        say("tickets", "include_tickets: there are no tickets here, so no conversation has one")
    return wanted


def order_by(ordering: Any, columns: Mapping[str, str] | None = None, *, last: str = "conversation_id") -> str:
    """The ORDER BY of an ordering: names separated by commas; a minus before a name orders descending.

    Args:
        ordering: As the caller gives it.
        columns: The names, with their columns. Default: those of conversations.
        last: What decides between equals.

    Raises:
        ValueError: There is no ordering by that name.
    """
    columns = ORDERINGS if columns is None else columns
    terms = []
    for term in str(ordering or "-started_at").split(","):
        name = term.strip().lstrip("-")
        if name not in columns:
            raise ValueError(f"ordering: {term!r}: expected one of {', '.join(columns)}, with or without - before it")
        terms.append(columns[name] + (" DESC" if term.strip().startswith("-") else ""))
    return ", ".join([*terms, last])


def _address(value: Any) -> list[str]:
    address = ip_policy.parse_address(str(value))
    if address is None:
        raise ValueError("an IP address")
    policy = runtime.current().settings.ip_policy
    if policy == "drop":
        say("address filter", "customer_ip_address: with ip_policy=drop no address is stored, so none is found")
    elif policy == "truncate":
        say(
            "address filter",
            "customer_ip_address: addresses are stored truncated (ip_policy), so all of"
            f" {ip_policy.apply_policy(address, 'truncate')}/{24 if address.version == 4 else 48} are found",
        )
    return sorted({str(value), ip_policy.apply_policy(address, "full"), ip_policy.apply_policy(address, "truncate")})


_IN_TRACES = "conversation_id IN (SELECT ConversationId FROM otel_traces WHERE IsCounted AND "
_IN_FEEDBACK = "conversation_id IN (SELECT conversation_id FROM feedback_v"
_METADATA = (
    "conversation_id IN (SELECT ConversationId FROM otel_traces"
    f" WHERE IsCounted AND SpanAttributes['{semconv.CONVERSATION_METADATA}'] != '' GROUP BY ConversationId"
    f" HAVING (argMax(SpanAttributes['{semconv.CONVERSATION_METADATA}'], Timestamp) AS json) != '' AND {{value}} ="
    " if(JSONType(json, {keys}) = 'String', JSONExtractString(json, {keys}), JSONExtractRaw(json, {keys})))"
)

_LAST_METADATA = (
    "conversation_id IN (SELECT ConversationId FROM otel_traces"
    f" WHERE IsCounted AND SpanAttributes['{semconv.CONVERSATION_METADATA}'] != '' GROUP BY ConversationId"
    f" HAVING (argMax(SpanAttributes['{semconv.CONVERSATION_METADATA}'], Timestamp) AS json) != '' AND {{condition}})"
)
_SAID = (
    f"{_IN_TRACES}arrayExists((event, attributes) -> event = '{semconv.EVENT_MESSAGE}' AND"
    f" positionCaseInsensitiveUTF8(attributes['{semconv.MESSAGE_CONTENT}'], {{value:String}}) > 0,"
    " Events.Name, Events.Attributes))"
)

ORDERINGS = {
    "started_at": "begun_at",
    "created_at": "begun_at",
    "ended_at": "ended_at",
    "updated_at": "ended_at",
    "name": "name",
    "customer_id": "customer_id",
    "conversation_id": "conversation_id",
}
"""The names that conversations can be ordered by, with their columns."""

FILTERS = {
    "conversation_id": Filter("conversation_key = sipHash64({value:String})", _text),
    "customer_id": Filter("customer_id = {value:String}", _text),
    "customer_id__icontains": Filter("positionCaseInsensitiveUTF8(customer_id, {value:String}) > 0", _text),
    "customer_ip_address": Filter(_IN_TRACES + "ClientAddress IN {value:Array(String)})", _address),
    "device": Filter("device = lowerUTF8({value:String})", _text),
    "source": Filter("source = lowerUTF8({value:String})", _text),
    "language": Filter("language = lower(extract({value:String}, '^[^-_]*'))", _text),
    "environment": Filter("environment = {value:String}", _environment),
    "env": Filter("environment = {value:String}", _environment),
    "name": Filter("positionCaseInsensitiveUTF8(name, {value:String}) > 0", _text),
    "has_messages": Filter("(messages > 0) = {value:Bool}", _truth),
    "has_action": Filter("(conversation_key IN (SELECT conversation_key FROM tool_calls)) = {value:Bool}", _truth),
    "include_tickets": Filter("NOT {value:Bool}", _tickets),
    "metadata_key": Filter(
        _LAST_METADATA.format(condition="arrayExists(key -> key = {value:String}, JSONExtractKeys(json))"), _text
    ),
    "metadata_value": Filter(
        _LAST_METADATA.format(
            condition="arrayExists(pair -> pair.2 IN ({value:String}, toJSONString({value:String})),"
            " JSONExtractKeysAndValuesRaw(json))"
        ),
        _text,
    ),
    "search": Filter(
        "(positionCaseInsensitiveUTF8(concat(conversation_id, '\\n', customer_id, '\\n', name), {value:String}) > 0 OR "
        + _SAID
        + ")",
        _text,
    ),
    "is_marked": Filter("marked = {value:Bool}", _truth),
    "started_at_after": Filter("begun_at >= {value:DateTime64(3, 'UTC')}", _time),
    "started_at_before": Filter("begun_at <= {value:DateTime64(3, 'UTC')}", _time),
    "action_name": Filter(
        "conversation_key IN (SELECT conversation_key FROM tool_calls"
        " WHERE tool_key = lowerUTF8(trimBoth({value:String})) AND tool = {value:String})",
        _text,
    ),
    "message_contains": Filter(_SAID, _text),
    "has_feedback": Filter(f"({_IN_FEEDBACK})) = {{value:Bool}}", _truth),
    "feedback_sentiment": Filter(_IN_FEEDBACK + " WHERE sentiment = {value:String})", _one_of(*semconv.SENTIMENTS)),
    "feedback_source": Filter(_IN_FEEDBACK + " WHERE source = {value:String})", _one_of(*semconv.FEEDBACK_SOURCES)),
}
"""The filters by name, apart from ``metadata`` and ``include_deleted``."""
