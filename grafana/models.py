"""Models: how often they are called, how often they fail, how long they take, what they read, write and cost."""

from agentsight_otel.clickhouse.catalogue import Direction, Unit
from grafana import links
from grafana.board import Dashboard, Section, choice, filters
from grafana.panels import Json, Panel, fields, lines, override, ranking, table, tile
from grafana.sql import STEP_S, call, every_step, text_of, this_and_before

_VIEW = "model_usage"
_NONE = "no model calls in this time range"
_DEFINITION = (
    "Calls of models that started in the window, in conversations that match the filters; a call that two"
    " instrumentations report counts once."
)
_COST = (
    "By the prices in the table model_prices (agentsight-otel prices); not known where one is missing, or where they"
    " are in several currencies."
)
DIMENSIONS = {"Model": "model", "Provider": "provider", "Service": "service", "Environment": "environment"}
"""What model calls can be counted by, as the views of models know it."""
_BY_CHOICE = "By model, or by the provider, service or environment that is chosen at the top."
# Amounts in different currencies are different lines.
_PRICED = "if(currency = '', value, concat(value, ', ', currency)) AS value"
_WHOLE_S = "4294967295"  # a step that every time range lies in
_CONVERSATIONS = [links.conversations("The conversations with model calls", show="models")]
_FAILED = [links.conversations("The conversations in which a model call failed", show="failed_models")]


def _figure(expression: str, unit: Unit = Unit.COUNT) -> str:
    return this_and_before(_VIEW, expression, unit)


def _cost() -> str:
    """A query for the cost and its change; where it is not known, for the reason instead of the change."""
    reason = (
        f"multiIf(count() = 0, '{_NONE}', countIf(currency = '') > 0, 'a price is missing or in several currencies',\n"
        "    uniqExact(currency) > 1, 'prices are in several currencies', '')"
    )
    cost = _figure("if(count() = 0 OR countIf(isNull(cost)) > 0 OR uniqExact(currency) > 1, NULL, sum(cost))")
    return (
        f"SELECT figure, if(reason = '', change, reason) AS change\nFROM (\n{cost}\n) AS costs\n"
        f"CROSS JOIN (SELECT {reason} AS reason FROM {call(_VIEW)}) AS reasons"
    )


def _tiles() -> list[Panel]:
    plain = fields("locale", "–", links=_CONVERSATIONS)
    return [
        tile("Model calls", _DEFINITION, _figure("sum(calls)"), plain, width=4),
        tile(
            "Failed",
            f"The share of the calls that failed. {_DEFINITION}",
            _figure("if(sum(calls) = 0, NULL, sum(errors) / sum(calls))", Unit.RATIO),
            fields("percentunit", "–", ((None, "green"), (0.02, "yellow"), (0.1, "red")), decimals=1, links=_FAILED),
            direction=Direction.UP_IS_BAD,
            width=4,
        ),
        tile(
            "Input tokens", f"Read, cached ones included. {_DEFINITION}", _figure("sum(input_tokens)"), plain, width=4
        ),
        tile(
            "From the cache",
            f"Cached input tokens, as a share of the input. {_DEFINITION}",
            _figure("if(sum(input_tokens) = 0, NULL, sum(cached_input_tokens) / sum(input_tokens))", Unit.RATIO),
            fields("percentunit", "–", decimals=1, links=_CONVERSATIONS),
            direction=Direction.UP_IS_GOOD,
            width=4,
        ),
        tile(
            "Output tokens",
            f"Written, those of reasoning included. {_DEFINITION}",
            _figure("sum(output_tokens)"),
            plain,
            width=4,
        ),
        tile(
            "Cost",
            f"{_COST} {_DEFINITION}",
            _cost(),
            fields("short", "–", decimals=2, links=_CONVERSATIONS),
            direction=Direction.UP_IS_BAD,
            width=4,
        ),
    ]


def _over_time(
    title: str, figure: str, description: str, unit: str, *, counts: bool = False, value: str = "value"
) -> Panel:
    sql = f"SELECT time, {value}, {figure} AS figure\nFROM {_by_choice(STEP_S)}"
    # A step without calls has 0 calls, but no time and no cost.
    sql = every_step(sql, "figure", label="value") if counts else f"{sql}\nORDER BY time, value"
    return lines(
        title,
        f"{description} {_BY_CHOICE} {_DEFINITION}",
        sql,
        fields(unit, _NONE),
        width=12,
        height=8,
        stacked=counts,
        label="value",
        interval="5m",
    )


def _by_choice(step_s: str) -> str:
    """SQL that calls the view of models by the dimension that is chosen at the top."""
    return call("model_usage_by", by=text_of("by"), step_s=step_s)


def _models() -> Panel:
    columns: list[tuple[str, Json]] = [
        ("provider", {"displayName": "Provider", "links": [_of_row("provider")]}),
        ("model", {"displayName": "Model", "links": [_of_row("model")]}),
        ("calls", {"displayName": "Calls", "unit": "locale"}),
        ("errors", {"displayName": "Errors", "unit": "locale", "links": [_of_row("model", show="failed_models")]}),
        ("input_tokens", {"displayName": "Input", "unit": "locale"}),
        ("cached_input_tokens", {"displayName": "Cached", "unit": "locale"}),
        ("output_tokens", {"displayName": "Output", "unit": "locale"}),
        ("reasoning_tokens", {"displayName": "Reasoning", "unit": "locale"}),
        ("average_s", {"displayName": "Average", "unit": "s"}),
        ("p95_s", {"displayName": "95th percentile", "unit": "s"}),
        ("first_token_average_s", {"displayName": "First token", "unit": "s"}),
        ("cost", {"displayName": "Cost", "unit": "short", "decimals": 4}),
        ("currency", {"displayName": "Currency"}),
    ]
    return table(
        "Models",
        f"{_DEFINITION} {_COST}",
        f"SELECT * REPLACE (if(provider = '', 'unknown', provider) AS provider)\nFROM (\n"
        f"  SELECT {', '.join(name for name, _ in columns)} FROM {call(_VIEW)}\n"
        ") ORDER BY calls DESC, provider, model",
        _NONE,
        width=24,
        height=9,
        overrides=[override(name, **properties) for name, properties in columns],
        sort=("Calls", True),
    )


def _of_row(dimension: str, **chosen: str) -> Json:
    """A link to the conversations with calls of a row's model, or of its provider."""
    failed = "failed " if chosen else ""
    title = f"The conversations with {failed}calls of this {dimension}"
    return links.conversations(title, by=dimension, model=links.in_row(dimension), **chosen)


def _most_called() -> Panel:
    return ranking(
        "Most calls",
        f"{_BY_CHOICE} {_DEFINITION}",
        f"SELECT value, calls FROM {_by_choice(_WHOLE_S)} ORDER BY calls DESC, value LIMIT 25",
        fields("locale", _NONE, links=[links.conversations_by_choice("value")]),
        width=8,
        height=8,
    )


def _dearest() -> Panel:
    return table(
        "Conversations with the most tokens",
        "The conversations that started in the window and match the filters, by the tokens that models read and wrote"
        " for them, at any time.",
        "SELECT conversation_id, customer_id, model_calls, input_tokens, output_tokens, cost, currency\n"
        "FROM conversations_v\nWHERE model_calls > 0 AND conversation_key IN (\n"
        f"    SELECT conversation_key FROM {call('conversations_in_window')})\n"
        "ORDER BY input_tokens + output_tokens DESC, conversation_id LIMIT 50",
        _NONE,
        width=16,
        height=8,
        overrides=[
            override("conversation_id", displayName="Conversation", links=[links.conversation()]),
            override("customer_id", displayName="Customer"),
            override("model_calls", displayName="Calls", unit="locale", custom_width=80),
            override("input_tokens", displayName="Input", unit="locale", custom_width=100),
            override("output_tokens", displayName="Output", unit="locale", custom_width=100),
            override("cost", displayName="Cost", unit="short", decimals=4, custom_width=90),
            override("currency", displayName="", custom_width=60),
        ],
    )


def dashboard() -> Dashboard:
    """The dashboard of models."""
    return Dashboard(
        uid=links.MODELS,
        title="Models",
        description="The models that agents call: how often, how long, how many tokens, and what they cost.",
        variables=[*filters(), choice("by", "By", DIMENSIONS)],
        sections=[
            Section("", _tiles()),
            Section(
                "Over time",
                [
                    _over_time("Calls over time", "calls", "Calls.", "locale", counts=True),
                    _over_time("Errors over time", "errors", "Failed calls.", "locale", counts=True),
                    _over_time(
                        "Tokens over time",
                        "input_tokens + output_tokens",
                        "Read and written.",
                        "locale",
                        counts=True,
                    ),
                    _over_time("Cost over time", "cost", _COST, "short", value=_PRICED),
                    _over_time("95th percentile over time", "p95_s", "How long calls took.", "s"),
                    _over_time(
                        "First token over time",
                        "first_token_average_s",
                        "From the call to the first part of the answer, where it is known.",
                        "s",
                    ),
                ],
            ),
            Section("By model", [_models()]),
            Section("By choice and by conversation", [_most_called(), _dearest()]),
        ],
    )
