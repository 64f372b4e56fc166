"""Generated conversations, inserted in any order, split and repeated: every view answers what the model does.

It does so whether resolved has all of them, some, those of a while ago, or none.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agentsight_otel.metrics import METRICS
from tests.sql.model import DAY_MS, Ask, Event, Span, answers
from tests.sql.storing import BEHIND, assert_list_agrees, assert_views_agree, empty, insert, resolve

EXAMPLES = int(os.environ.get("AGENTSIGHT_MODEL_EXAMPLES", "12"))

# The ends of summer time in Athens and in New York, a leap day, a year's end.
ANCHORS_MS = [1_774_746_000_000, 1_793_494_800_000, 1_709_164_800_000, 1_798_761_600_000]
GAPS_MS = [
    0,
    0,
    1,
    400,
    999,
    1_001,
    5_000,
    59_000,
    3_600_000,
    DAY_MS - 1,
    DAY_MS,
    DAY_MS + 1,
    3 * DAY_MS,
    40 * DAY_MS,
    366 * DAY_MS,
]
TIMEZONES = ["UTC", "Europe/Athens", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
CUSTOMERS = ["null", " Guest ", "None", "N/A", "nullable"]
TEXTS = ["", "", "a", "B", "é", "it's", "a,b", "100%", "back\\slash", '"quoted"', "unknown"]
TOOLS = ["search", "Search", " Open_Ticket ", "contact_human", "", "ticket", "δοκιμή"]
DIALECTS = ["agentsight", "agentsight01", "openinference", "traceloop"]

comparisons = 0


@pytest.fixture(scope="module", autouse=True)
def _count(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    print(f"\n{comparisons} comparisons of a view with the reference model")


def identity(dialect: str, conversation_id: str, draw: st.DrawFn) -> dict[str, str]:
    pick = lambda values: draw(st.sampled_from(values))  # noqa: E731
    id_key, customer_key = {
        "agentsight": ("gen_ai.conversation.id", "user.id"),
        "agentsight01": ("agentsight.conversation.id", "agentsight.conversation.customer_id"),
        "openinference": ("session.id", "user.id"),
        "traceloop": (
            "traceloop.association.properties.session_id",
            pick(["traceloop.association.properties.user_id", "traceloop.association.properties.customer_id"]),
        ),
    }[dialect]
    attributes = {
        id_key: conversation_id,
        customer_key: pick(TEXTS + CUSTOMERS),
        "agentsight.conversation.device": pick(["", "mobile", "Desktop", "tablet", "É"]),
        "agentsight.conversation.source": pick(TEXTS),
        "agentsight.conversation.language": pick(
            ["", "en-US", "EN", "de_DE", "el", "-US", "zh-Hant-TW", "iw-IL", "IN"]
        ),
        pick(["geo.country.iso_code", "geo.country_iso_code"]): pick(
            ["", "", "gr", "US", "us", "uk", "EL", "Grc", " Greece", "united kingdom", "XK", "Côte d'Ivoire", "ZZ"]
        ),
        pick(["deployment.environment.name", "agentsight.conversation.environment"]): pick(["", "", "staging"]),
    }
    return {key: value for key, value in attributes.items() if value or draw(st.booleans())}


@st.composite
def conversation(draw: st.DrawFn, number: int) -> list[Span]:
    pick = lambda values: draw(st.sampled_from(values))  # noqa: E731
    conversation_id = pick([f"c{number}", f"c{number}", f"συνομιλία-{number}"])
    at_ns = (pick(ANCHORS_MS) + pick(GAPS_MS)) * 1_000_000 + pick([0, 1, 999_999])
    dialect = pick(DIALECTS)
    spans: list[Span] = []
    for index in range(draw(st.integers(1, 9))):
        at_ns += pick(GAPS_MS) * 1_000_000
        kind = pick(["turn", "turn", "turn", "turn", "tool", "tool", "task", "conversation", "button", "attachment",
                     "feedback", "llm", ""])  # fmt: skip
        attributes = identity(dialect if draw(st.integers(0, 4)) else pick(DIALECTS), conversation_id, draw)
        name, events, status = kind or "HTTP GET", [], "Unset"
        if kind:
            attributes["agentsight.span.kind"] = kind
        if kind == "turn":
            event_ns = at_ns
            for _ in range(draw(st.integers(0, 5))):
                event_ns += pick(GAPS_MS[:12]) * 1_000_000 + pick([0, 0, 0, 1_500])
                sender = pick(["end_user", "end_user", "agent", "agent", "system", ""])
                event_name = pick(["agentsight.message"] * 6 + ["exception"])
                events.append(Event(event_ns, event_name, {"agentsight.message.sender": sender} if sender else {}))
            draw(st.randoms(use_true_random=False)).shuffle(events)
        elif kind == "tool":
            status = pick(["Unset", "Ok", "Error", "STATUS_CODE_ERROR"])
            mark = pick(["own", "operation", "openinference", "traceloop"])
            if mark != "own":
                del attributes["agentsight.span.kind"]
            attributes |= {
                "own": {},
                "operation": {"gen_ai.operation.name": "execute_tool"},
                "openinference": {"openinference.span.kind": "TOOL"},
                "traceloop": {"traceloop.span.kind": "tool", "traceloop.entity.name": pick(TOOLS)},
            }[mark]
            attributes[pick(["gen_ai.tool.name", "agentsight.tool.name", "tool.name"])] = pick(TOOLS)
        elif kind == "conversation":
            name = pick(["conversation_started", "conversation_opened", "conversation_ended", "metadata_updated"])
            if name == "conversation_ended":
                attributes["agentsight.conversation.ended"] = pick(["true", "false"])
        elif kind == "attachment":
            attributes["agentsight.attachment.sender"] = pick(["agent", "end_user", ""])
        elif kind == "feedback":
            attributes["agentsight.feedback.sentiment"] = pick(["positive", "neutral", "negative", "meh"])
            attributes["agentsight.feedback.source"] = pick(["", "customer", "platform"])
        if not draw(st.integers(0, 40)):
            attributes["agentsight.conversation.robot"] = pick(["true", "true", "false"])
        spans.append(
            Span(
                trace_id=pick([f"{number + 1:032x}"] * 8 + ["0" * 32, ""]),
                span_id=f"{number * 100 + index + 1:016x}" if draw(st.integers(0, 12)) else pick(["", "0" * 16]),
                name=name,
                start_ns=at_ns,
                duration_ns=pick([0, 1, 999_999, 1_000_000, 1_500_000_000, 90_000_000_000_000, 2**64 - 5]),
                service=pick(["agent", "agent", "gateway", ""]),
                attributes=attributes,
                resource=pick([{}, {"deployment.environment.name": "production"}, {"deployment.environment": "qa"}]),
                events=tuple(events),
                status=status,
            )
        )
    return spans


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Span], list[list[Span]], set[int], list[Ask]]:
    """Spans, the batches they come in, the numbers of those after which all is resolved, and what is asked."""
    spans = [span for number in range(draw(st.integers(1, 6))) for span in draw(conversation(number))]
    chance = draw(st.randoms(use_true_random=False))
    sent = spans + chance.sample(spans, draw(st.integers(0, len(spans))))
    chance.shuffle(sent)
    batches: list[list[Span]] = [[]]
    for span in sent:
        if batches[-1] and chance.random() < 0.3:
            batches.append([])
        batches[-1].append(span)
    resolved_after = draw(st.sampled_from([set(), {len(batches) - 1}, {chance.randrange(len(batches))}]))
    times = [span.start_ms for span in spans] + [e.at_ns // 1_000_000 for span in spans for e in span.events]
    asks = []
    for _ in range(3):
        start = chance.choice(times) + chance.choice([-DAY_MS, -1, 0, 1, -3_600_000])
        length = chance.choice([0, 1, 3_600_000, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 800 * DAY_MS, -DAY_MS])
        asks.append(Ask(start, start + length, chance.choice(TIMEZONES)))
    everything = Ask(min(times) - 1, max(times) + DAY_MS, chance.choice(TIMEZONES))
    asks.append(everything)
    for name, values in chance.sample(
        [
            ("service", ["agent", ""]),
            ("environment", ["production", "unknown"]),
            ("device", ["Mobile", "é"]),
            ("source", ["It's", "back\\slash", "a,b", ""]),
            ("language", ["en-GB", "DE", "he"]),
            ("country", ["grc", "unknown", "UK", "Xk"]),
        ],
        2,
    ):
        asks.append(Ask(everything.start_ms, everything.end_ms, everything.timezone, {name: values}))
    asks.append(Ask(asks[0].start_ms, asks[0].end_ms, "UTC", {"device": ["mobile"], "service": ["agent"]}))
    return spans, batches, resolved_after, asks


@pytest.mark.timeout(1_200)
@pytest.mark.long
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(world=worlds())
def test_every_view_agrees_with_the_model(
    client: Any, world: tuple[list[Span], list[list[Span]], set[int], list[Ask]]
) -> None:
    global comparisons
    spans, batches, resolved_after, asks = world
    empty(client)
    for number, batch in enumerate(batches):
        insert(client, batch)
        if number in resolved_after:
            resolve(client)
    for ask in asks:
        expected = answers(spans, ask)
        comparisons += assert_views_agree(client, expected, ask)
        # One list each time, as to plan its query takes long.
        assert_list_agrees(client, expected, ask, list(BEHIND)[comparisons // len(METRICS) % len(BEHIND)])
