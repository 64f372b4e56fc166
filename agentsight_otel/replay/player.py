"""Sends transcripts to ClickHouse through the SDK."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import agentsight_otel as agentsight
from agentsight_otel._tracing import ids
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.replay.conversation import first_span_offset_ns, play_one
from agentsight_otel.replay.schedule import beginning_ns, spread_ns
from agentsight_otel.replay.transcripts import Transcript

_TOLD_EVERY = 200
_FLUSH_EVERY_SPANS = 20_000
_FLUSH_EVERY_BYTES = 25_165_824
"""Spans, and bytes of texts, after which the queue is flushed: less than half of what it holds, so that inserts are
large and all fit."""
_MAX_BATCH_BYTES = 67_108_864
_FLUSH_TIMEOUT_S = 60.0


class ReplayIncomplete(Exception):
    """ClickHouse did not take all spans; playing again completes them."""


@dataclass(frozen=True)
class Played:
    """What a replay has sent.

    Attributes:
        conversations: The number of conversations.
        messages: The number of messages of users and agents.
        tool_calls: The number of tool calls.
        spread: The number of conversations without any time in the transcript, which were spread over the last days.
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

    Playing the same transcripts again changes no metric: span ids are derived from the conversations' ids, and a
    conversation without times keeps the time that it was given first.

    Args:
        transcripts: The conversations, as ``read`` returns them.
        url: The URL of a database with the schema.
        over_s: The time before now over which conversations without times are spread, in seconds.
        service_name: Resource attribute service.name.
        environment: Resource attribute deployment.environment.name.
        escalation_tools: Tools to add to the table ``escalation_tools``.
        progress: Called with the number of conversations sent and their total.
        flush_timeout_s: How long to wait for ClickHouse to take what was sent, in seconds.

    Raises:
        SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
        ReplayIncomplete: ClickHouse was reached, but did not take all spans.
    """
    schema.check(url)
    seeds = _seeds(transcripts)
    _add_escalation_tools(url, escalation_tools)
    beginnings, spread = _beginnings(transcripts, seeds, url, int(over_s * 1e9))
    order = sorted(range(len(transcripts)), key=lambda number: transcripts[number].service or service_name)
    number = spans = size = 0
    for service, numbers in itertools.groupby(order, lambda number: transcripts[number].service or service_name):
        agentsight.init(
            clickhouse_url=url,
            service_name=service,
            environment=environment,
            set_global=False,
            shutdown_timeout_s=1,
            schedule_delay_s=5,
            max_batch_spans=_FLUSH_EVERY_SPANS,
            max_batch_bytes=_MAX_BATCH_BYTES,
        )
        try:
            for index in numbers:
                play_one(transcripts[index], beginnings[index], seeds[index])
                number += 1
                spans += _spans_of(transcripts[index])
                size += _bytes_of(transcripts[index])
                if spans >= _FLUSH_EVERY_SPANS or size >= _FLUSH_EVERY_BYTES:
                    spans = size = 0
                    _flush(url, flush_timeout_s, number, len(transcripts))
                if progress is not None and (number % _TOLD_EVERY == 0 or number == len(transcripts)):
                    progress(number, len(transcripts))
            _flush(url, flush_timeout_s, number, len(transcripts))
        finally:
            agentsight.shutdown()
    return Played(
        conversations=len({transcript.conversation_id for transcript in transcripts}),
        messages=sum(
            bool(message.text) or (message.role == "user" and not message.files and message.button is None)
            for transcript in transcripts
            for message in transcript.messages
            if message.role in ("user", "assistant")
        ),
        tool_calls=sum(len(message.tool_calls) for transcript in transcripts for message in transcript.messages),
        spread=spread,
    )


def _flush(url: str, timeout_s: float, number: int, total: int) -> None:
    if not agentsight.flush(timeout_s=timeout_s):
        raise ReplayIncomplete(
            f"ClickHouse at {clickhouse_url.parse(url).redacted()} did not take all spans within {timeout_s:g} s, after"
            f" {number} of {total} conversations; replay the same file again to complete them: nothing counts twice"
        )


def _spans_of(transcript: Transcript) -> int:
    """About how many spans a conversation becomes."""
    return 4 + len(transcript.feedback) + sum(2 + len(message.tool_calls) for message in transcript.messages)


def _bytes_of(transcript: Transcript) -> int:
    """About how many bytes of texts that is."""
    return sum(
        len(message.text) + sum(len(str(call.arguments)) + len(str(call.result)) for call in message.tool_calls)
        for message in transcript.messages
    )


def _seeds(transcripts: Sequence[Transcript]) -> list[str]:
    """The seeds of transcripts' span ids: the conversation's id and, for an id that comes again, its count so far."""
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
    """When each conversation begins, ns since 1970, and how many have no time in their transcript."""
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
    """The beginnings of conversations that were played before, found by their first span, whose id is derived."""
    first_spans = {
        (f"{ids.trace_id(transcript.conversation_id):032x}", f"{next(ids.span_ids(seed)):016x}"): number
        for number, (transcript, seed) in wanted.items()
    }
    beginnings: dict[int, int] = {}
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
                    beginnings[number] = at_ns - first_span_offset_ns(wanted[number][0])
    return beginnings
