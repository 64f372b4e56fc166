"""The command line, as a user runs it: what it prints, what it answers, its exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.schema.files import load
from agentsight_otel.metrics import METRICS

TRANSCRIPTS = Path(__file__).with_name("transcripts.jsonl")


def run(
    *arguments: str, code: int = 0, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTSIGHT", "OTEL"))}
    done = subprocess.run(
        [sys.executable, "-m", "agentsight_otel", *arguments],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=120,
        env={**clean, "COLUMNS": "130", **environment},
        check=False,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def metrics_of(*arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("metrics", *arguments, "--json").stdout)
    return answer


def test_replay_counts_what_the_file_holds_and_again_changes_nothing(schema_url: str) -> None:
    conversations = [json.loads(line) for line in TRANSCRIPTS.read_text().splitlines()]
    roles = Counter(
        message["role"]
        for conversation in conversations
        for message in conversation["messages"]
        if message["role"] == "user" or (message["role"] == "assistant" and message.get("content"))
    )
    calls = sum(len(m.get("tool_calls") or ()) for c in conversations for m in c["messages"])
    engaged = sum(any(m["role"] == "user" for m in c["messages"]) for c in conversations)
    answers = []
    for _ in range(2):
        done = run("replay", str(TRANSCRIPTS), "--escalation-tool", "transfer", AGENTSIGHT_CLICKHOUSE_URL=schema_url)
        assert "spaced plausibly, and spread over the last 7 days" in done.stdout
        answers.append(metrics_of("--clickhouse-url", schema_url, "--last", "4000d"))
    found = answers[0]["metrics"]
    assert found == answers[1]["metrics"]
    assert list(found) == list(METRICS)
    assert found["metric_total_messages"] == [
        {"messages": roles.total(), "user_messages": roles["user"], "agent_messages": roles["assistant"]}
    ]
    assert found["metric_total_conversations"] == [{"conversations": engaged}]
    assert sum(row["calls"] for row in found["metric_tool_usage"]) == calls
    assert found["metric_human_escalation"][0]["escalated"] == 1
    assert found["metric_conversation_feedback"][0]["positive"] == 1
    assert found["metric_unique_interaction"] == [
        {"visits": len(conversations), "engaged": engaged, "rate": engaged / len(conversations)}
    ]


def test_replay_reads_stdin_and_keeps_the_times_of_the_recording(schema_url: str) -> None:
    done = run("replay", "-", "--clickhouse-url", schema_url, stdin=TRANSCRIPTS.read_text())
    assert "sent 4 conversations" in done.stdout
    with clickhouse_client.connect(schema_url) as client:
        rows = client.query(
            "SELECT sender, toString(timestamp) FROM messages_v WHERE conversation_id = 'timed' ORDER BY timestamp"
        ).result_rows
        (tool,) = client.query(
            "SELECT toString(timestamp), duration_s, arguments, result, call_id FROM tool_calls_v"
            " WHERE conversation_id = 'timed'"
        ).result_rows
    assert rows == [("end_user", "2024-02-29 23:59:58.500"), ("agent", "2024-03-01 00:00:03.000")]
    assert tool == ("2024-02-29 23:59:59.000", 2.0, '{"q": 1}', "found", "call_1")


def test_replay_refuses_bad_lines_by_number_and_loads_the_rest(schema_url: str, tmp_path: Path) -> None:
    good = '{"conversation_id": "good", "messages": [{"role": "user", "content": "hi"}]}'
    bad = [
        ("{not json", "line 1: not JSON"),
        ("[1]", "line 2: [1]: expected one JSON object a line"),
        ('{"messages": []}', "line 3: conversation_id: null: expected a non-empty text"),
        ('{"conversation_id": "x", "messages": 7}', "line 4: messages: 7: expected a list"),
        (
            '{"conversation_id": "x", "messages": [{"role": "king"}]}',
            'line 5: messages[0].role: "king": expected one of',
        ),
        (
            '{"conversation_id": "x", "messages": [{"role": "user", "created_at": "soon"}]}',
            'line 6: messages[0].created_at: "soon": expected a time',
        ),
        ('{"conversation_id": "x", "messages": [], "feedback": "great"}', 'line 7: feedback: "great": expected'),
    ]
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join([line for line, _ in bad] + ["", good]) + "\n")
    done = run("replay", str(file), "--clickhouse-url", schema_url, code=5)
    for _, said in bad:
        assert said in done.stderr
    assert "7 lines refused" in done.stderr
    assert "sent 1 conversation, 1 message, 0 tool calls\n" in done.stdout
    file.write_bytes(b"\xff\xfe\n" + good.encode())
    assert "line 1: not UTF-8" in run("replay", str(file), "--clickhouse-url", schema_url, code=5).stderr


def test_errors_are_one_clear_message_and_an_exit_code(kept_url: str, tmp_path: Path) -> None:
    absent = kept_url + "_absent"
    password = clickhouse_url.parse(kept_url).password
    for arguments, code, said in [
        (("metrics", "--clickhouse-url", "nonsense"), 2, "expected http://user:password@host:port/database"),
        (("metrics", "--clickhouse-url", "http://127.0.0.1:1/x"), 3, "no ClickHouse answers at"),
        (("metrics", "--clickhouse-url", kept_url.replace(password, "bad")), 3, "refuses user 'admin'"),
        (("metrics", "--clickhouse-url", absent), 4, "was never applied; run: agentsight-otel schema apply"),
        (("replay", str(TRANSCRIPTS), "--clickhouse-url", absent), 4, "was never applied"),
        (("metrics", "--clickhouse-url", kept_url, "--last", "soon"), 2, "expected a number and m, h, d or w"),
        (("metrics", "--clickhouse-url", kept_url, "--from", "x"), 2, "expected ISO 8601"),
        (("metrics", "--clickhouse-url", kept_url, "--timezone", "Mars"), 2, "expected an IANA name"),
        (
            ("metrics", "--clickhouse-url", kept_url, "--from", "2026-02-01", "--to", "2026-01-01"),
            2,
            "expected from before to",
        ),
        (("metrics", "--data", str(tmp_path / "none")), 2, "there is no embedded ClickHouse"),
        (("schema", "apply", "--clickhouse-url", "http://127.0.0.1:1/x"), 3, "no ClickHouse answers at"),
        (("schema", "status", "--clickhouse-url", absent), 4, "not up to date"),
        (("schema", "apply", "--clickhouse-url", absent, "--raw-retention-days", "-1"), 2, "raw-retention-days"),
    ]:
        done = run(*arguments, code=code)
        assert said in done.stderr, (arguments, done.stderr)
        assert password not in done.stderr


def test_a_newer_schema_is_a_clear_error(schema_url: str) -> None:
    with clickhouse_client.connect(schema_url) as client:
        client.command("INSERT INTO schema_history SELECT 'VERSION', 9, '9', now64(3)")
    for command in (("metrics",), ("schema", "apply"), ("replay", str(TRANSCRIPTS))):
        done = run(*command, "--clickhouse-url", schema_url, code=4)
        assert (
            f"version 9, newer than this agentsight-otel's version {load().version}: upgrade agentsight-otel"
            in done.stderr
        )


def test_schema_commands(empty_url: str) -> None:
    assert f"{len(load().files)} steps" in run("schema", "plan", "--clickhouse-url", empty_url).stdout
    assert f"applied {len(load().files)} steps" in run("schema", "apply", "--clickhouse-url", empty_url).stdout
    assert "up to date" in run("schema", "apply", "--clickhouse-url", empty_url).stdout
    assert "as the schema says" in run("schema", "verify", "--clickhouse-url", empty_url).stdout
    retained = run("schema", "apply", "--clickhouse-url", empty_url, "--raw-retention-days", "30").stdout
    assert "raw_retention_days  (from keep to 30 days)" in retained
    assert "raw retention: 30 days" in run("schema", "status", "--clickhouse-url", empty_url).stdout


def test_metrics_are_filtered_and_shown(schema_url: str) -> None:
    run("replay", str(TRANSCRIPTS), "--clickhouse-url", schema_url, "--service", "svc", "--environment", "prod")
    window = ("--from", "2024-02-01", "--to", "2024-04-01", "--timezone", "Europe/Athens")
    shown = run("metrics", "--clickhouse-url", schema_url, *window, "--device", "mobile").stdout
    for text in ("Conversations", "Response time, average", "Peak hours", "mobile", "device = mobile", "Europe/Athens"):
        assert text in shown
    answer = metrics_of("--clickhouse-url", schema_url, *window, "--service", "svc", "--device", "tablet")
    assert answer["from"] == "2024-01-31T22:00:00.000Z"
    assert answer["filters"]["device"] == ["tablet"]
    assert answer["metrics"]["metric_total_conversations"] == [{"conversations": 0}]
    assert len(answer["metrics"]["metric_daily_overview"]) == 60
    assert list(answer["previous"]) == list(METRICS)


def test_the_embedded_clickhouse_in_the_foreground_is_found_by_the_other_commands(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "agentsight_otel",
            "clickhouse",
            "--data",
            str(tmp_path),
            "--http-port",
            "0",
            "--tcp-port",
            "0",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = server.stdout.readline()
            assert line, printed
            printed += line
        url = next(line.split("=", 1)[1].strip() for line in printed.splitlines() if line.startswith("export"))
        assert "sent" in run("replay", str(TRANSCRIPTS), AGENTSIGHT_DATA=str(tmp_path)).stdout
        schema.check(url)
        reader = re.search(r"http://reader:\S+", printed)
        assert reader is not None and "For whoever only reads" in printed
        with clickhouse_client.connect(reader[0]) as client:
            assert client.query("SELECT count() > 0 FROM conversations_v").result_rows == [(1,)]
        done = run("clickhouse", "--data", str(tmp_path), "--http-port", "0", "--tcp-port", "0", code=1)
        assert "in use by another embedded ClickHouse" in done.stderr
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


def test_the_demo_prints_all_metrics(tmp_path: Path) -> None:
    shown = run("demo", "--data", str(tmp_path)).stdout
    for text in (
        "Conversations", "Messages", "Response time", "Duration", "Individual users", "Human escalation",
        "Positive feedback", "Unique interaction", "Devices", "Sources", "Languages", "Countries", "Tools", "Days",
        "Peak hours",
    ):  # fmt: skip
        assert text in shown
    # What comes next is said as commands that there are, and without a database's name the demo's is found.
    steps = [line.split()[1:] for line in shown.partition("Next:\n")[2].splitlines() if "agentsight-otel " in line]
    assert [step[0] for step in steps] == ["up", "metrics", "clickhouse"]
    assert all(step[step.index("--data") + 1] == str(tmp_path) for step in steps)
    assert "Conversations" in run(*steps[1]).stdout
    assert "--demo" in steps[0] and "--demo" in run("up", "--help").stdout
    found = run("metrics", "--data", str(tmp_path), "--last", "14d", "--json")
    assert "these are the demo's, of agentsight_demo" in found.stderr
    again = json.loads(found.stdout)["metrics"]
    assert all(again.values())
    assert again["metric_human_escalation"][0]["escalated"] > 0
    assert again["metric_unique_interaction"][0]["visits"] > again["metric_unique_interaction"][0]["engaged"] > 0


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_missing_library_is_named_with_the_command_to_run(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from agentsight_otel.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "metrics"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"needs {missing}, which is not installed; run: pip install 'agentsight-otel[clickhouse]'" in done.stderr
