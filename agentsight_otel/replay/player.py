"""Plays transcripts through the SDK: the same calls that an agent makes, at the times of the recording."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import agentsight_otel as agentsight
from agentsight_otel import clickhouse_client, clickhouse_url, clock, identity, schema
from agentsight_otel.replay.schedule import beginning_ns, feedback_offset_ns, offsets_ns, spread_ns
from agentsight_otel.replay.transcripts import Message, Transcript
from agentsight_otel.spans import ToolSpan

_FLUSH_EVERY = 200
_FLUSH_TIMEOUT_S = 60.0


class ReplayIncomplete(Exception):
    """ClickHouse did not take all spans; playing again completes them."""


@dataclass(frozen=True)
class Played:
    """What was sent.

    Attributes:
        conversations: Their number.
        messages: Of users and agents.
        tool_calls: Their number.
        spread: Conversations without any time in the transcript, spread over the last days.
    """

    conversations: int
    messages: int
    tool_calls: int
    spread: int


def play(
    transcripts: Sequence[Transcript],
    url: str,
    *,
    over_s: float = 7 * 86_400,
    service_name: str = "agent",
    environment: str | None = None,
    escalation_tools: Sequence[str] = (),
    progress: Callable[[int, int], object] | None = None,
    flush_timeout_s: float = _FLUSH_TIMEOUT_S,
) -> Played:
    """Sends conversations to ClickHouse through the SDK.

    Playing the same again changes no metric: span ids are derived from the conversations' ids, and a conversation
    without times stays where it was put the first time.

    Args:
        transcripts: As ``read`` gives them.
        url: Of a database with the schema.
        over_s: The time before now over which conversations without times are spread, in seconds.
        service_name: Resource attribute service.name.
        environment: Resource attribute deployment.environment.name.
        escalation_tools: Tools to add to the table ``escalation_tools``.
        progress: Called with the number of conversations sent and their total.
        flush_timeout_s: How long to wait for ClickHouse to take what was sent, in seconds.

    Raises:
        SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        ReplayIncomplete: It was reached, but did not take all.
    """
    schema.check(url)
    seeds = _seeds(transcripts)
    _add_escalation_tools(url, escalation_tools)
    beginnings, spread = _beginnings(transcripts, seeds, url, int(over_s * 1e9))
    agentsight.init(
        clickhouse_url=url,
        service_name=service_name,
        environment=environment,
        set_global=False,
        shutdown_timeout_s=1,
        schedule_delay_s=0.2,
    )
    try:
        for number, (transcript, seed, start) in enumerate(zip(transcripts, seeds, beginnings, strict=True), 1):
            with identity.derived_ids(seed):
                _play_one(transcript, start)
            if number % _FLUSH_EVERY == 0 or number == len(transcripts):
                if not agentsight.flush(timeout_s=flush_timeout_s):
                    raise ReplayIncomplete(
                        f"ClickHouse at {clickhouse_url.parse(url).redacted()} did not take all spans within"
                        f" {flush_timeout_s:g} s, after {number} of {len(transcripts)} conversations;"
                        " replay the same file again to complete them: nothing counts twice"
                    )
                if progress is not None:
                    progress(number, len(transcripts))
    finally:
        agentsight.shutdown()
    return Played(
        conversations=len({transcript.conversation_id for transcript in transcripts}),
        messages=sum(
            message.role == "user" or (message.role == "assistant" and bool(message.text))
            for transcript in transcripts
            for message in transcript.messages
        ),
        tool_calls=sum(len(message.tool_calls) for transcript in transcripts for message in transcript.messages),
        spread=spread,
    )


def _seeds(transcripts: Sequence[Transcript]) -> list[str]:
    """What a transcript's span ids are derived from: its id and, should the id come again, how often it has."""
    seen: Counter[str] = Counter()
    seeds = []
    for transcript in transcripts:
        seeds.append(f"replay\x00{transcript.conversation_id}\x00{seen[transcript.conversation_id]}")
        seen[transcript.conversation_id] += 1
    return seeds


def _add_escalation_tools(url: str, tools: Sequence[str]) -> None:
    if tools:
        with clickhouse_client.connect(url) as client:
            present = {row[0] for row in client.query("SELECT tool FROM escalation_tools").result_rows}
            missing = sorted({tool.strip() for tool in tools if tool.strip()} - present)
            if missing:
                client.insert("escalation_tools", [[tool] for tool in missing], column_names=["tool"])


def _beginnings(
    transcripts: Sequence[Transcript], seeds: Sequence[str], url: str, over_ns: int
) -> tuple[list[int], int]:
    """When each conversation begins, and how many do not say so themselves."""
    untimed = [number for number, transcript in enumerate(transcripts) if beginning_ns(transcript) is None]
    placed = dict(
        zip(untimed, spread_ns([transcripts[number] for number in untimed], time.time_ns(), over_ns), strict=True)
    )
    placed.update(_placed_before(url, {number: (transcripts[number], seeds[number]) for number in untimed}))
    beginnings = []
    for number, transcript in enumerate(transcripts):
        stated = beginning_ns(transcript)
        beginnings.append(placed[number] if stated is None else stated)
    return beginnings, len(untimed)


def _placed_before(url: str, wanted: dict[int, tuple[Transcript, str]]) -> dict[int, int]:
    """The beginnings of those that were played before: their first span has the first derived id."""
    first_spans = {
        (f"{identity.trace_id(transcript.conversation_id):032x}", f"{next(identity.span_ids(seed)):016x}"): number
        for number, (transcript, seed) in wanted.items()
    }
    found: dict[int, int] = {}
    spans = iter(first_spans)
    with clickhouse_client.connect(url) as client:
        while some := list(itertools.islice(spans, 1_000)):
            conversations = [wanted[first_spans[span]][0].conversation_id for span in some]
            rows = client.query(
                "SELECT TraceId, SpanId, toUnixTimestamp64Nano(min(Timestamp)) FROM otel_traces"
                " WHERE ConversationId IN {conversations:Array(String)} AND SpanId IN {spans:Array(String)}"
                " GROUP BY TraceId, SpanId",
                parameters={"conversations": conversations, "spans": [span for _, span in some]},
            ).result_rows
            for trace, span, at_ns in rows:
                if (number := first_spans.get((trace, span))) is not None:
                    found[number] = at_ns - _first_span_offset_ns(wanted[number][0])
    return found


def _first_span_offset_ns(transcript: Transcript) -> int:
    """Where the first span is, after the conversation's beginning: at the visit, or the first user message."""
    if _greeted(transcript):
        return 0
    roles = [message.role for message in transcript.messages]
    return offsets_ns(transcript)[roles.index("user")]


def _greeted(transcript: Transcript) -> bool:
    """Whether the user was not the first to speak."""
    spoken = [message.role for message in transcript.messages if message.role in ("user", "assistant")]
    return "user" not in spoken or spoken[0] != "user"


class _SetClock:
    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


def _play_one(transcript: Transcript, start_ns: int) -> None:
    now = _SetClock(start_ns)
    offsets = offsets_ns(transcript)
    users = [offset for offset, message in zip(offsets, transcript.messages, strict=True) if message.role == "user"]
    description: dict[str, Any] = {**transcript.description, "metadata": transcript.metadata}
    description["customer_ip_address"] = description.pop("ip", None)
    with clock.use_clock(now), agentsight.conversation(transcript.conversation_id):
        if _greeted(transcript):
            agentsight.initialize_conversation(transcript.conversation_id, **description)
        if users:
            now.now_ns = start_ns + users[0]
            agentsight.get_or_create_conversation(transcript.conversation_id, **description)
        timed = list(zip(transcript.messages, (start_ns + offset for offset in offsets), strict=True))
        for turn in _turns(timed):
            _play_turn(turn, now)
        for index, feedback in enumerate(transcript.feedback):
            after_ns = start_ns + feedback_offset_ns(offsets, index)
            now.now_ns = after_ns if feedback.at_ns is None else feedback.at_ns
            agentsight.feedback(feedback.sentiment, comment=feedback.comment, source=feedback.source)
        if transcript.ended:
            now.now_ns = start_ns + max(offsets, default=0)
            agentsight.end_conversation()


_Timed = tuple[Message, int]


def _turns(messages: list[_Timed]) -> list[list[_Timed]]:
    """Turns: one or more user messages in a row, and all up to the next user message."""
    turns: list[list[_Timed]] = []
    before = ""
    for message, at_ns in messages:
        if message.role in ("system", "developer"):
            continue
        if not turns or (message.role == "user" and before != "user"):
            turns.append([])
        turns[-1].append((message, at_ns))
        before = message.role
    return turns


def _play_turn(turn: list[_Timed], now: _SetClock) -> None:
    now.now_ns = turn[0][1]
    with agentsight.turn() as current:
        calls: list[tuple[str, str, ToolSpan]] = []
        for message, at_ns in turn:
            now.now_ns = at_ns
            if message.role == "user":
                current.user_message(message.text)
            elif message.role == "tool":
                _answer(calls, message)
            else:
                if message.text:
                    current.agent_message(message.text)
                for call in message.tool_calls:
                    span = ToolSpan(call.name, arguments=call.arguments, call_id=call.id or None)
                    calls.append((call.id, call.name, span))
        now.now_ns = max(at_ns for _, at_ns in turn)
        for _, _, span in calls:
            span.finish()


def _answer(calls: list[tuple[str, str, ToolSpan]], message: Message) -> None:
    """Ends the call that a tool's message answers: by its id, else its name, else the oldest open one."""
    position = next(
        (index for index, call in enumerate(calls) if message.answers and message.answers in call[:2]),
        0 if calls else None,
    )
    if position is not None:
        span = calls.pop(position)[2]
        span.result(message.text)
        span.finish()
