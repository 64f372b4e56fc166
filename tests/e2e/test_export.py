"""What is taken out is whole: replayed elsewhere, it gives the same metrics; one customer's is theirs alone."""

import io
import json
import os
import random
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet
import pytest
from click.testing import CliRunner

from agentsight_otel import metrics, replay
from agentsight_otel.cli.export import export_command
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import export, schema
from agentsight_otel.clickhouse.erasure import Eraser
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.replay.transcripts import Button, Feedback, Lifetime, Message, ToolCall

CONVERSATIONS = int(os.environ.get("AGENTSIGHT_EXPORT_CONVERSATIONS", "150"))
TAKEN_OVER = 8
"""Of so many conversations one is taken over by a second customer."""
START = datetime(2026, 10, 1, tzinfo=timezone.utc)
WINDOW = metrics.Window(START - timedelta(days=5), START + timedelta(days=40), "Europe/Athens")
COUNTRIES = ("GR", "DE", "US", "")


def conversation(number: int) -> replay.Transcript:
    """A conversation with every field that there is, some of them missing, the same for the same number."""
    any_of = random.Random(number)
    start = START + timedelta(
        minutes=37 * (number % 1_000), milliseconds=any_of.randrange(1_000), seconds=number // 1_000
    )
    now_ns = begun_ns = round(start.timestamp() * 1_000) * 1_000_000
    description = {
        "customer_id": any_of.choice(["u1", "u2", "u3", f"u{number}", ""]),
        "device": any_of.choice(["mobile", "desktop", "fridge", ""]),
        "source": any_of.choice(["web", "whatsapp", ""]),
        "language": any_of.choice(["en-GB", "el", ""]),
        "country": any_of.choice(COUNTRIES),
        "environment": any_of.choice(["production", "staging", ""]),
        "ip": any_of.choice(["203.0.113.7", ""]),
        "name": f"Chat, {number}",
    }
    messages: list[Message] = []

    def later(most_ms: int) -> int:
        nonlocal now_ns
        now_ns += any_of.randrange(1, most_ms) * 1_000_000
        return now_ns

    def any_metadata() -> dict[str, Any] | None:
        return any_of.choice([None, {"n": any_of.randrange(9), "nested": {"a": [1, "é"]}}])

    for turn in range(any_of.choice([0, 1, 2, 3, 4, 4])):  # 0: a visit that never engaged
        messages.append(Message("user", f"question {turn}\n\"'", at_ns=later(600_000), metadata=any_metadata()))
        if any_of.random() < 0.2:
            files = ({"name": "7.png", "type": "image/png", "size": 4_711}, {"name": "é.pdf"})[: any_of.randrange(1, 3)]
            messages.append(Message("user", "", at_ns=later(9_000), metadata=any_metadata(), files=files))
        if any_of.random() < 0.6:
            failed = any_of.random() < 0.3
            call = ToolCall(
                any_of.choice([f"c{turn}", ""]),
                any_of.choice(["find", "open_ticket", "pay"]),
                {"n": turn},
                later(9_000),
                any_of.randrange(1, 9_000) * 1_000_000,
                done=True,
                result=None if failed else "done",
                error=any_of.choice(["no such order", ""]) if failed else None,
                error_type=any_of.choice(["KeyError", "TimeoutError"]) if failed else "",
                metadata=any_metadata(),
            )
            messages.append(Message("assistant", "", (call,), at_ns=now_ns))
            now_ns += call.duration_ns or 0
        if any_of.random() < 0.9:
            messages.append(Message("assistant", f"answer {turn}", at_ns=later(60_000), metadata=any_metadata()))
        if any_of.random() < 0.2:
            button = Button("rate", any_of.choice(["Good", ""]), any_of.choice(["1", ""]))
            messages.append(Message("user", "", at_ns=later(60_000), metadata=any_metadata(), button=button))
    ratings = tuple(
        Feedback(
            any_of.choice(["positive", "neutral", "negative"]),
            comment=any_of.choice(["ok", None]),
            source=any_of.choice(["customer", "platform"]),
            at_ns=now_ns + (1 + index) * 3_600 * 10**9,
            metadata=any_metadata(),
        )
        for index in range(any_of.choice([0, 0, 1, 2]))
    )
    return replay.Transcript(
        f"conversation {number} é",
        tuple(messages),
        {name: value for name, value in description.items() if value},
        {"number": number, "nested": {"a": [1, "b"]}},
        ratings,
        begun_ns,
        ended=any_of.random() < 0.3,
        lifetime=Lifetime(marked=any_of.random() < 0.2, deleted=any_of.random() < 0.1),
    )


def taken_over(number: int) -> replay.Transcript:
    """The rest of a conversation, in which it names another customer."""
    before = conversation(number)
    last_ns = max([before.at_ns or 0, *(each.at_ns or 0 for each in before.messages)])
    asked = Message("user", "may I ask, too?", at_ns=last_ns + 20_000_000_000)
    return replay.Transcript(before.conversation_id, (asked,), {"customer_id": "second"}, at_ns=asked.at_ns)


def figures(url: str) -> dict[str, Any]:
    return metrics.fetch(url, WINDOW).metrics


def stored(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored of conversations, without the ids of spans and the service."""
    views = {
        "conversations_v": "conversation_id, environment, device, source, language, country, customer_id, name, marked,"
        " deleted, started_at, ended_at",
        "messages_v": "conversation_id, timestamp, sender, content, metadata",
        "tool_calls_v": "conversation_id, timestamp, tool, duration_s, error, error_type, call_id, arguments, result",
        "feedback_v": "conversation_id, timestamp, sentiment, source, comment, metadata",
        "otel_traces WHERE AgentKind IN ('tool', 'button', 'attachment')": "ConversationId, Timestamp, AgentKind,"
        " StatusMessage, arraySort(mapFilter((name, text) -> text != '' AND match(name,"
        " '^(agentsight[.](button|attachment|metadata)|gen_ai[.]tool|error)'), SpanAttributes)"
        "::Array(Tuple(String, String)))",
    }
    with clickhouse_client.connect(url) as client:
        return {
            view: client.query(f"SELECT DISTINCT {columns} FROM {view} ORDER BY ALL").result_rows
            for view, columns in views.items()
        }


def taken_out(url: str, kind: str, form: str, selection: export.Selection | None = None) -> bytes:
    file = io.BytesIO()
    export.write(url, kind, selection or export.Selection(), form, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def url(clickhouse_server: EmbeddedClickHouse) -> Iterator[str]:
    url = clickhouse_server.url("exported")
    schema.apply(url)
    played = [conversation(number) for number in range(CONVERSATIONS)]
    others = [taken_over(number) for number in range(0, CONVERSATIONS, TAKEN_OVER)]
    replay.play([*played[::2], *others], url, service_name="first", escalation_tools=["open_ticket"])
    replay.play(played[1::2], url, service_name="second")
    yield url


@pytest.mark.parametrize(
    ("kind", "form"), [("conversations", "jsonl"), ("conversations", "parquet"), ("spans", "jsonl")]
)
def test_what_is_exported_and_replayed_gives_the_same_metrics(
    url: str, clickhouse_server: EmbeddedClickHouse, kind: str, form: str
) -> None:
    other = clickhouse_server.url(f"replayed_{kind}_{form}")
    schema.apply(other)
    for _ in range(2):  # and again changes nothing
        reading = replay.read(io.BytesIO(taken_out(url, kind, form)))
        assert reading.refusals == ()
        replay.store_spans(reading.spans, other)
        replay.play(reading.transcripts, other)
    assert figures(other) == figures(url)
    expected = stored(url)
    assert {view: len(rows) for view, rows in expected.items() if not rows} == {}
    for view, rows in stored(other).items():
        assert rows == expected[view], view


def test_every_row_of_every_kind_and_form_is_there(url: str) -> None:
    with clickhouse_client.connect(url) as client:
        counted = {
            "conversations": client.query("SELECT count() FROM conversations_v").first_row[0],
            "messages": client.query("SELECT count() FROM messages_v").first_row[0],
            "tool_calls": client.query("SELECT count() FROM tool_calls_v").first_row[0],
            "spans": client.query("SELECT count() FROM otel_traces").first_row[0],
        }
    for kind in export.KINDS:
        lines = taken_out(url, kind, "jsonl").splitlines()
        assert len({json.dumps(json.loads(line), sort_keys=True) for line in lines}) == counted[kind] == len(lines)
        table = pyarrow.parquet.read_table(io.BytesIO(taken_out(url, kind, "parquet")))
        assert table.num_rows == counted[kind]
        assert taken_out(url, kind, "csv").count(b"\n") > counted[kind]


def test_one_customers_export_is_all_of_theirs_and_of_nobody_else(url: str) -> None:
    chosen = export.Selection(customers=("u2",))
    rows = [json.loads(line) for line in taken_out(url, "conversations", "jsonl", chosen).splitlines()]
    theirs = [each for each in map(conversation, range(CONVERSATIONS)) if each.description.get("customer_id") == "u2"]
    assert {row["conversation_id"] for row in rows} == {each.conversation_id for each in theirs}
    assert {row["customer_id"] for row in rows} <= {"u2", "second"}
    assert rows[0]["metadata"]["nested"] == {"a": [1, "b"]}
    with Eraser(url) as eraser:
        planned = eraser.plan(customers=["u2"])
    assert set(planned.conversations) == {row["conversation_id"] for row in rows}
    assert len(taken_out(url, "spans", "jsonl", chosen).splitlines()) == planned.rows["otel_traces"]


def test_a_window_and_filters_choose(url: str) -> None:
    chosen = export.Selection(start=START, end=START + timedelta(days=2), filters={"device": ["MOBILE"]})
    rows = [json.loads(line) for line in taken_out(url, "conversations", "jsonl", chosen).splitlines()]
    assert rows and {row["device"] for row in rows} == {"mobile"}
    assert all(str(row["opened_at"] or row["started_at"]) < "2026-10-03" for row in rows)
    messages = [json.loads(line) for line in taken_out(url, "messages", "jsonl", chosen).splitlines()]
    assert messages and all("2026-10-01" <= row["timestamp"] < "2026-10-03" for row in messages)
    assert taken_out(url, "messages", "jsonl", export.Selection(conversations=("nobody",))) == b""


def test_what_there_is_not_is_an_error_that_says_so(url: str) -> None:
    for kind, form, said in (
        ("secrets", "jsonl", "expected one of conversations"),
        ("spans", "xml", "expected one of jsonl"),
    ):
        with pytest.raises(ValueError, match=said):
            taken_out(url, kind, form)
    with pytest.raises(ValueError, match="filter 'colour'"):
        export.Selection(filters={"colour": ["red"]})


def test_the_command_writes_to_a_file_and_says_how_many(url: str, tmp_path: Path) -> None:
    file = tmp_path / "u2.csv"
    options = ["messages", "--clickhouse-url", url, "--customer", "u2", "--format", "csv", "-o", str(file)]
    done = CliRunner().invoke(export_command, options)
    assert done.exit_code == 0 and f"conversations, written to {file}" in done.stderr
    assert file.read_text().startswith('"conversation_id","timestamp","sender","content"')


@pytest.mark.parametrize("wrong", [("--customer", ""), ("--conversation", " "), ("-o", "no/such/folder.jsonl")])
def test_an_empty_id_and_a_folder_that_is_not_there_are_errors(wrong: tuple[str, str]) -> None:
    done = CliRunner().invoke(export_command, ["messages", *wrong])
    assert done.exit_code == 2 and "Invalid value" in done.stderr


def test_an_export_that_ends_early_leaves_the_file_of_before(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.jsonl"
    options = ["conversations", "--clickhouse-url", url, "-o", str(file)]
    assert CliRunner().invoke(export_command, options).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    assert content

    def cut(url: str, kind: str, selection: export.Selection, form: str, output: BinaryIO) -> int:
        output.write(b"{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "write", cut)
    assert CliRunner().invoke(export_command, options).exit_code != 0
    assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


def test_a_pipe_can_be_written_to(url: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as threads:
        read = threads.submit(pipe.read_bytes)
        options = ["conversations", "--clickhouse-url", url, "-o", str(pipe)]
        assert CliRunner().invoke(export_command, options).exit_code == 0
        assert read.result(30)


@pytest.mark.parametrize("form", export.FORMATS)
def test_rows_and_conversations_of_every_form_are_read_again(url: str, form: str) -> None:
    for kind in ("conversations", "messages", "tool_calls"):
        chosen = export.Selection(customers=("u2",))
        lines = io.BytesIO(taken_out(url, kind, "jsonl", chosen))
        expected = sorted((one.conversation_id, len(one.messages)) for one in replay.read(lines).transcripts)
        reading = replay.read(io.BytesIO(taken_out(url, kind, form, chosen)))
        assert reading.refusals == () and expected
        assert sorted((one.conversation_id, len(one.messages)) for one in reading.transcripts) == expected


def test_what_happens_within_a_millisecond_is_exported_in_its_order(schema_url: str) -> None:
    """The view has messages in milliseconds; what came before one within the same millisecond came first."""
    at = "2026-10-01 10:00:00.123"
    with clickhouse_client.connect(schema_url) as client:
        for span_id, name, ns, kind, event in [
            ("00000000000000a1", "execute_tool find", "100000", "tool", ""),
            ("00000000000000a0", "invoke_agent", "200000", "turn", "agentsight.message"),
            ("00000000000000a2", "button ok", "300000", "button", ""),
        ]:
            client.command(
                "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, SpanAttributes,"
                " `Events.Timestamp`, `Events.Name`, `Events.Attributes`) VALUES ({at:String}, {trace:String},"
                " {id:String}, {name:String}, 's', map('gen_ai.conversation.id', 'c', 'agentsight.span.kind',"
                " {kind:String}, 'gen_ai.tool.name', if({kind:String} = 'tool', 'find', '')), [{at:String}],"
                " [{event:String}],"
                " [map('agentsight.message.sender', 'end_user', 'agentsight.message.content', 'Hi')])",
                parameters={
                    "at": at + ns,
                    "trace": "0" * 31 + "1",
                    "id": span_id,
                    "name": name,
                    "kind": kind,
                    "event": event,
                },
            )
    (document,) = map(json.loads, taken_out(schema_url, "conversations", "jsonl").splitlines())
    kinds = ("tool_calls", "content", "button")
    assert [next(key for key in kinds if key in entry) for entry in document["messages"]] == list(kinds)
