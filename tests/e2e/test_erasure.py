"""After an erasure nothing of a person is found in any table and column, and all else is as if they never were."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agentsight_otel import metrics, replay
from agentsight_otel._export import content
from agentsight_otel.cli.database import schema_group
from agentsight_otel.cli.erase import erase_command
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.erasure import Eraser, Retention
from agentsight_otel.local import EmbeddedClickHouse
from tests.sql.users import server_with_users

START = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(days=40)
WINDOW = metrics.Window(START - timedelta(days=1), START + timedelta(days=10))
PERSON = ("ann-4711", "ann@example.org", "my knee hurts", "ann's chat")
PORTION = 60


def conversation(number: int) -> dict[str, Any]:
    of_ann = number % 6 == 0
    at = START + timedelta(hours=number)
    customer, mail, said, name = PERSON if of_ann else (f"u{number % 5}", "x@y.z", "hello", "chat")
    return {
        "conversation_id": f"{customer}-{number}",
        "customer_id": customer,
        "name": name,
        "device": "mobile" if number % 2 else "desktop",
        "country": "GR" if of_ann else "DE",
        "metadata": {"mail": mail},
        "messages": [
            {"role": "user", "content": f"{said}, write to {mail}", "created_at": at.isoformat()},
            {
                "role": "assistant",
                "tool_calls": [{"id": "1", "name": "open_ticket", "arguments": {"mail": mail}}],
                "created_at": (at + timedelta(seconds=1)).isoformat(),
            },
            {
                "role": "tool",
                "tool_call_id": "1",
                "content": mail,
                "created_at": (at + timedelta(seconds=2)).isoformat(),
            },
            {"role": "assistant", "content": f"Noted: {said}", "created_at": (at + timedelta(seconds=3)).isoformat()},
        ],
        "feedback": {"sentiment": "negative", "comment": said, "created_at": (at + timedelta(minutes=1)).isoformat()},
    }


def fill(url: str, *, without_ann: bool = False, only: range = range(PORTION)) -> None:
    found = [conversation(number) for number in only]
    lines = [json.dumps(each) for each in found if not (without_ann and each["customer_id"] == PERSON[0])]
    replay.play(replay.read(lines).transcripts, url)


def parts_with(url: str, text: str) -> int:
    """Rows of any table that hold a text, read by way of the parts themselves."""
    with clickhouse_client.connect(url) as client:
        tables = client.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        ).result_rows
        found = 0
        for (table,) in tables:
            found += client.raw_query(f"SELECT *, _part FROM `{table}`", fmt="JSONEachRow").count(text.encode())
        return found


@pytest.fixture
def url(clickhouse_server: EmbeddedClickHouse, request: pytest.FixtureRequest) -> str:
    url = clickhouse_server.url(f"erasing_{abs(hash(request.node.name)) % 10**8}")
    schema.apply(url)
    fill(url)
    return url


def test_a_person_is_erased_from_everywhere_and_everything_else_stays(
    url: str, clickhouse_server: EmbeddedClickHouse
) -> None:
    never = clickhouse_server.url("never_had_ann")
    schema.apply(never)
    fill(never, without_ann=True)
    with clickhouse_client.connect(url) as client:
        # A span without a conversation of its own in one of Ann's traces, and one of hers outside any conversation.
        client.command(
            "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanAttributes)"
            " SELECT now64(9), any(TraceId), 'aaaaaaaaaaaaaaaa', 'POST /chat', map('url.query', 'ann@example.org')"
            " FROM otel_traces WHERE ConversationId = 'ann-4711-0'"
        )
        client.command(
            "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanAttributes) VALUES (now64(9),"
            " 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'bbbbbbbbbbbbbbbb', 'login', map('user.id', 'ann-4711'))"
        )
    with Eraser(url, erased_by="a test") as eraser:
        assert all(parts_with(url, text) for text in PERSON)
        assert {finding.table for finding in eraser.verify(PERSON)} >= {"otel_traces"}
        plan = eraser.plan(customers=[PERSON[0]])
        assert len(plan.conversations) == PORTION // 6 and plan.rows["otel_traces"] > PORTION // 6
        erased = eraser.erase(plan)
        assert erased.left == {}
        # More, where the background has written rows of its own since the plan.
        assert all(erased.removed[table] >= rows for table, rows in plan.rows.items())
        assert eraser.verify(PERSON) == []
        assert eraser.plan(customers=[PERSON[0]]).conversations == ()
    assert [parts_with(url, text) for text in PERSON] == [0] * len(PERSON)
    assert metrics.fetch(url, WINDOW).metrics == metrics.fetch(never, WINDOW).metrics
    with clickhouse_client.connect(url) as client:
        rows = client.query("SELECT subject, subject_hash, erased_by, conversations, removed FROM erasures").result_rows
        assert [(row[0], row[2], row[3]) for row in rows] == [("customer", "a test", PORTION // 6)]
        assert len(rows[0][1]) == 64 and rows[0][4] == erased.removed
        commands = client.query("SELECT command FROM system.mutations WHERE database = currentDatabase()").result_rows
        assert commands and not any(text in str(commands) for text in PERSON)


def test_what_a_queue_delivers_late_counts_nowhere_and_is_removed_at_night(url: str) -> None:
    with Eraser(url) as eraser:
        eraser.erase(eraser.plan(customers=[PERSON[0]]))
        before = metrics.fetch(url, WINDOW).metrics
        fill(url, only=range(1))  # Ann's first conversation again
        assert parts_with(url, PERSON[0]) > 0
        assert metrics.fetch(url, WINDOW).metrics == before
        with clickhouse_client.connect(url) as client:
            for view in ("messages_v", "tool_calls_v"):
                late = f"SELECT count() FROM {view} WHERE conversation_id LIKE 'ann%'"
                assert client.query(late).result_rows == [(0,)], view
        cleaned = eraser.clean_up()
        assert cleaned.conversations == 1 and cleaned.left == {}
        assert eraser.clean_up().conversations == 0
    assert parts_with(url, PERSON[0]) == 0
    assert metrics.fetch(url, WINDOW).metrics == before


def test_a_conversation_that_comes_late_is_removed_at_night(url: str) -> None:
    with Eraser(url) as eraser:
        eraser.erase(eraser.plan(conversations=["u1-1"]))
        fill(url, only=range(1, 2))
        assert eraser.clean_up().conversations == 1
        assert eraser.plan(conversations=["u1-1"]).rows == {}


def test_the_command_asks_says_and_proves(url: str) -> None:
    def run(*options: str, answer: str = "") -> tuple[int, str]:
        done = CliRunner().invoke(erase_command, ["--clickhouse-url", url, *options], input=answer)
        return done.exit_code, done.output

    code, said = run("--conversation", "ann-4711-6", "--dry-run")
    assert code == 0 and "1 conversation\nthere are:" in said and "rows in otel_traces" in said
    assert run("--conversation", "ann-4711-6", answer="n\n")[0] == 1
    code, said = run("--conversation", "ann-4711-6", "--verify")
    assert code == 6 and "otel_traces.ConversationId" in said
    code, said = run("--conversation", "ann-4711-6", "--yes")
    assert code == 0 and "removed:" in said and "left: nothing" in said
    assert run("--conversation", "ann-4711-6", "--verify") == (0, "nothing was found\n")
    code, said = run("--clean-up")
    assert code == 0 and said.startswith("removed of what arrived late: nothing\n")
    assert run()[0] == 2
    for option in ("--customer", "--conversation"):
        code, said = run(option, "", "--yes")
        assert code == 2 and "expected an id" in said
    with Eraser(url) as eraser, pytest.raises(ValueError, match="customers: '': expected an id"):
        eraser.plan(customers=["ann", ""])


def test_texts_go_after_their_time_and_figures_stay(url: str) -> None:
    before = metrics.fetch(url, WINDOW).metrics
    with clickhouse_client.connect(url) as client:  # as messages of other SDKs are kept
        kept = "Array(Tuple(at_ms Int64, by_agent Bool, content String))"
        client.command(
            f"CREATE TABLE kept (conversation_key UInt64, messages {kept}) ENGINE = MergeTree ORDER BY tuple()"
        )
        client.command("INSERT INTO kept SELECT conversation_key, [(7, true, 'my knee hurts')] FROM conversations_v")
        rows = client.query("SELECT count() FROM otel_traces").result_rows
    assert parts_with(url, "my knee hurts") and parts_with(url, "hello")
    done = CliRunner().invoke(schema_group, ["apply", "--clickhouse-url", url, "--content-retention", "1"])
    assert done.exit_code == 0, done.output
    with Retention(url, content.ALL, content.NO_TEXT_OF_EVENTS) as retention:
        assert retention.enforce().spans > PORTION
        assert retention.enforce().spans == 0
    for text in ("my knee hurts", "hello", "Noted:", "ann@example.org", "ann's chat"):
        assert parts_with(url, text) == 0, text
    assert parts_with(url, "ann-4711") > 0
    with clickhouse_client.connect(url) as client:
        found = client.query("SELECT DISTINCT toString(messages) FROM kept").result_rows
        assert found == [("[(7,true,'')]",)]
        assert client.query("SELECT count() FROM otel_traces").result_rows == rows
        assert client.query("EXISTS otel_traces_without_texts").result_rows == [(0,)]
    assert metrics.fetch(url, WINDOW).metrics == before


def test_each_environment_is_kept_as_long_as_it_is_said(clickhouse_server: EmbeddedClickHouse) -> None:
    url = clickhouse_server.url("environments")
    schema.apply(url)
    for environment, numbers in (("production", range(5)), ("staging", range(5, 12))):
        lines = [json.dumps(conversation(number)) for number in numbers]
        replay.play(replay.read(lines).transcripts, url, environment=environment)
    options = [
        "apply",
        "--clickhouse-url",
        url,
        "--environment-retention",
        "staging=7",
        "--content-retention",
        "staging=3",
    ]
    assert CliRunner().invoke(schema_group, options).exit_code == 0
    with Retention(url, ()) as retention:
        assert retention.enforce().conversations == 7
    with clickhouse_client.connect(url) as client:
        assert client.query("SELECT DISTINCT environment, count() FROM conversations_v GROUP BY 1").result_rows == [
            ("production", 5)
        ]
        assert client.query("SELECT count() FROM otel_traces WHERE Environment = 'staging'").result_rows == [(0,)]
    for wrong in ("staging", "=", "7"):
        assert CliRunner().invoke(schema_group, [*options[:3], "--environment-retention", wrong]).exit_code == 2


def test_the_grants_that_the_documentation_names_are_enough(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "erasure.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| (erases|cleans up) \| (.+) \|$", text, re.MULTILINE)
    users = {user.replace(" ", "_"): re.findall(r"`(GRANT [^`]+)`", grants) for user, grants in named}
    assert {user: len(grants) for user, grants in users.items()} == {"erases": 3, "cleans_up": 3}
    owner = "GRANT ALL ON agentsight.*"
    with server_with_users(tmp_path, {"owner": [owner, "GRANT CREATE DATABASE ON agentsight.*"], **users}) as running:
        url = running.url("owner", "agentsight")
        schema.apply(url)
        fill(url)
        with Eraser(running.url("erases", "agentsight")) as eraser:
            assert eraser.erase(eraser.plan(customers=[PERSON[0]])).left == {}
        fill(url, only=range(1))  # Ann's first conversation again
        options = ["apply", "--clickhouse-url", url, "--content-retention", "1"]
        assert CliRunner().invoke(schema_group, options).exit_code == 0
        done = CliRunner().invoke(
            erase_command, ["--clickhouse-url", running.url("cleans_up", "agentsight"), "--clean-up"]
        )
        assert done.exit_code == 0, done.output
        assert [parts_with(url, text) for text in (*PERSON, "hello")] == [0] * 5
