"""Model calls by model, provider, service and environment, and what they cost."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sql.model import Span
from tests.sql.storing import empty, insert

HOUR_MS = 3_600_000
NOW_MS = 1_793_674_800_000
"""3 o'clock in the morning, so that the first calls are of another day."""
WINDOW = (
    f"from={NOW_MS - 24 * HOUR_MS}, to={NOW_MS}, timezone='UTC',"
    " service={}, environment=[], device=[], source=[], language=[], country=[]"
)
EVERYTHING_S = 4_294_967_295


def call(number: int, conversation: str, service: str, environment: str, provider: str, model: str) -> Span:
    """A call in the hour of its number, of 1,000,000 tokens read and half as many written."""
    return Span(
        trace_id=conversation.ljust(32, "0"),
        span_id=f"{number:016x}",
        name="chat",
        start_ns=(NOW_MS - number * HOUR_MS) * 1_000_000,
        duration_ns=number * 1_000_000_000,
        service=service,
        resource={"deployment.environment.name": environment} if environment else {},
        status="Error" if number == 1 else "Unset",
        attributes={
            "gen_ai.conversation.id": conversation,
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": "1000000",
            "gen_ai.usage.output_tokens": "500000",
        },
    )


@pytest.fixture(scope="module")
def filled(client: Any) -> Iterator[Any]:
    calls = [
        call(1, "a", "billing", "production", "openai", "gpt"),
        call(2, "a", "shop", "production", "anthropic", "claude"),
        # A conversation is its first service's, whichever makes the call; and so is it filtered.
        call(3, "a", "shop", "production", "openai", "gpt"),
        call(4, "b", "support", "", "", ""),
        call(5, "b", "support", "", "openai", "gpt"),
    ]
    insert(client, [*calls, *calls[:2]])
    yield client
    empty(client)


@pytest.fixture
def prices(filled: Any) -> Iterator[Any]:
    """Stores prices: of the model, input and output, and the currency."""

    def store(*rows: tuple[str, float, float, str]) -> None:
        filled.insert("model_prices", rows, column_names=["model", "input_price", "output_price", "currency"])

    yield store
    filled.command("TRUNCATE TABLE model_prices")


def used(
    client: Any, by: str, columns: str = "value, calls, errors", step_s: int = EVERYTHING_S, service: Any = ()
) -> Any:
    view = f"model_usage_by({WINDOW.format(list(service))}, by='{by}', step_s={step_s})"
    return client.query(f"SELECT {columns} FROM {view} ORDER BY value").result_rows


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("model", [("claude", 1, 0), ("gpt", 3, 1), ("unknown", 1, 0)]),
        ("provider", [("anthropic", 1, 0), ("openai", 3, 1), ("unknown", 1, 0)]),
        ("service", [("shop", 3, 1), ("support", 2, 0)]),
        ("environment", [("production", 3, 1), ("unknown", 2, 0)]),
        ("no dimension", [("claude", 1, 0), ("gpt", 3, 1), ("unknown", 1, 0)]),
    ],
)
def test_calls_are_counted_by_what_is_chosen(filled: Any, by: str, expected: list[Any]) -> None:
    assert used(filled, by) == expected
    usage = f"model_usage({WINDOW.format([])})"
    assert filled.query(f"SELECT sum(calls), sum(errors) FROM {usage}").result_rows == [(5, 1)]


def test_calls_are_filtered_and_put_into_steps(filled: Any) -> None:
    assert used(filled, "service", service=["support"]) == [("support", 2, 0)]
    assert used(filled, "model", service=["support"]) == [("gpt", 1, 0), ("unknown", 1, 0)]
    steps = used(filled, "service", "toUnixTimestamp(time), calls, p95_s", 3_600, ["shop"])
    assert sorted(steps) == [(NOW_MS // 1000 - n * 3_600, 1, float(n)) for n in (3, 2, 1)]


def test_a_percentile_is_that_of_all_calls_of_a_name(filled: Any) -> None:
    # Of 1, 2 and 3 s, whatever the models.
    assert used(filled, "service", "value, p95_s, average_s", service=["shop"]) == [("shop", pytest.approx(2.9), 2.0)]


def test_a_cost_is_known_where_every_price_is_and_all_are_in_one_currency(filled: Any, prices: Any) -> None:
    def costs(by: str) -> dict[str, tuple[float | None, str]]:
        return {value: (cost, currency) for value, cost, currency in used(filled, by, "value, cost, currency")}

    assert costs("model") == {"claude": (None, ""), "gpt": (None, ""), "unknown": (None, "")}
    prices(("gpt", 2.0, 4.0, "USD"))
    assert costs("model") == {"claude": (None, ""), "gpt": (12.0, "USD"), "unknown": (None, "")}
    assert costs("service") == {"shop": (None, ""), "support": (None, "")}
    prices(("claude", 1.0, 1.0, "EUR"), ("*", 1.0, 2.0, "USD"))
    assert costs("model") == {"claude": (1.5, "EUR"), "gpt": (12.0, "USD"), "unknown": (2.0, "USD")}
    assert costs("service") == {"shop": (None, ""), "support": (6.0, "USD")}
    prices(("claude", 1.0, 1.0, "USD"))
    assert costs("service") == {"shop": (9.5, "USD"), "support": (6.0, "USD")}


def test_no_view_adds_up_currencies(filled: Any, prices: Any) -> None:
    prices(("gpt", 2.0, 4.0, "USD"), ("claude", 1.0, 1.0, "EUR"), ("*", 1.0, 2.0, "USD"))
    window = WINDOW.format([])
    usage = filled.query(f"SELECT model, cost, currency FROM model_usage({window}) ORDER BY model").result_rows
    assert usage == [("claude", 1.5, "EUR"), ("gpt", 12.0, "USD"), ("unknown", 2.0, "USD")]
    conversations = filled.query("SELECT conversation_id, cost, currency FROM conversations_v ORDER BY 1").result_rows
    assert conversations == [("a", None, ""), ("b", 6.0, "USD")]
    # A model whose price changes from one currency to another, from one day to the next.
    filled.command(
        "INSERT INTO model_prices (model, valid_from, input_price, output_price, currency)"
        f" VALUES ('gpt', toDate(fromUnixTimestamp64Milli({NOW_MS}, 'UTC'), 'UTC'), 1, 1, 'CHF')"
    )

    def gpt(view: str) -> Any:
        return filled.query(f"SELECT cost, currency FROM {view} WHERE model = 'gpt' ORDER BY currency").result_rows

    assert gpt(f"model_usage({window})") == [(None, "")]
    assert gpt(f"model_usage_over_time({window}, step_s=86400)") == [(3.0, "CHF"), (4.0, "USD")]
