"""What people read of the commands: formats, widths, what to do next, the doctor's sentences."""

import csv
import io
import json
import re
import signal
import socket
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from agentsight_otel import replay
from agentsight_otel.cli import words
from agentsight_otel.cli.report_formats import CSV_COLUMNS, as_csv
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.catalogue import CATALOGUE, Unit
from agentsight_otel.clickhouse.metrics import Report
from agentsight_otel.clickhouse.window import Window
from tests.e2e.test_cli import TRANSCRIPTS, run


@pytest.fixture(scope="module")
def filled_url(kept_url: str) -> str:
    with TRANSCRIPTS.open() as lines:
        replay.play(replay.read(lines).transcripts, kept_url)
    return kept_url


def test_the_metrics_come_as_json_csv_and_markdown(filled_url: str) -> None:
    given = ("metrics", "--clickhouse-url", filled_url, "--from", "2020-01-01", "--to", "2027-01-01")
    report = json.loads(run(*given, "--format", "json").stdout)["metrics"]
    rows = list(csv.DictReader(io.StringIO(run(*given, "--format", "csv").stdout)))
    assert {row["metric"] for row in rows} == {view for view, found in report.items() if found}
    devices = {row["group"]: int(row["value"]) for row in rows if row["metric"] == "metric_device_usage"}
    assert devices == {row["device"]: row["conversations"] for row in report["metric_device_usage"]}
    (messages,) = (row for row in rows if row["figure"] == "messages" and row["metric"] == "metric_total_messages")
    assert int(messages["value"]) == report["metric_total_messages"][0]["messages"] > 0
    markdown = run(*given, "--format", "markdown").stdout
    assert f"| Messages: messages | {words.count(int(messages['value']))} |" in markdown
    for metric in CATALOGUE:
        assert metric.title in markdown


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\0=", "\u00a0=", "\u200b=", "＝"])
def test_no_name_in_csv_becomes_a_formula_in_a_spreadsheet(begin: str) -> None:
    rows: dict[str, list[dict[str, Any]]] = {metric.view: [] for metric in CATALOGUE}
    figures = {"calls": 1, "errors": 0, "average_s": -1.0, "p95_s": 1.0}
    rows["metric_tool_usage"] = [{"tool": f"{begin}1+1", **figures}, {"tool": "search-1", **figures}]
    moment = datetime(2026, 11, 1, tzinfo=timezone.utc)
    report = Report(Window(moment, moment + timedelta(days=1)), rows, {})
    groups = {row["group"] for row in csv.DictReader(io.StringIO(as_csv(report), newline=""))}
    assert groups == {f"'{begin}1+1".replace("\0", ""), "search-1"}


def test_the_metrics_are_shown_again_and_again_until_they_are_stopped(filled_url: str) -> None:
    given = ["metrics", "--clickhouse-url", filled_url, "--format", "csv", "--watch", "1"]
    watching = subprocess.Popen([sys.executable, "-m", "agentsight_otel", *given], stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    header = ",".join(CSV_COLUMNS)
    seen = 0
    for line in watching.stdout:
        seen += line.strip() == header
        if seen == 2:
            break
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=60)
    assert watching.returncode == 0


def test_watching_can_be_stopped_amid_a_query(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        command = [sys.executable, "-m", "agentsight_otel", "metrics", "--clickhouse-url", url, "--watch"]
        watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        silent.accept()[0].recv(1)  # the first question, which is never answered
        watching.send_signal(signal.SIGINT)
        assert watching.communicate(timeout=60) == ("", "")
    assert watching.returncode == 0


@pytest.mark.parametrize("columns", [60, 80])
def test_no_table_is_broken_by_a_narrow_terminal(filled_url: str, columns: int) -> None:
    shown = run("metrics", "--clickhouse-url", filled_url, "--last", "4000d", COLUMNS=str(columns)).stdout
    lines = shown.splitlines()
    assert max(map(cell_len, lines)) <= columns
    assert "…" not in shown
    opened = [line for line in lines if "╭" in line]
    assert len(opened) == len([line for line in lines if "╰" in line]) >= 6
    assert re.search(r"Mon +[·▁▃▅▇█ ]+│", shown), "the heat map is on one line for each day"


@pytest.mark.parametrize("columns", [60, 80])
def test_the_state_of_the_schema_fits_a_narrow_terminal(kept_url: str, columns: int) -> None:
    lines = run("schema", "status", "--clickhouse-url", kept_url, COLUMNS=str(columns)).stdout.splitlines()
    assert max(map(len, lines[:-3])) <= columns
    times = [line for line in lines if re.search(r"\d\d:\d\d:\d\d$", line)]
    assert len(times) == len([line for line in lines if line.startswith("applied")]) > 50


def test_one_thing_is_not_several() -> None:
    assert [words.counted(number, "step") for number in (0, 1, 2, 1000)] == [
        "0 steps",
        "1 step",
        "2 steps",
        "1,000 steps",
    ]
    assert words.change(0.81, 0.79, Unit.RATIO) == "+2.0 points"
    assert words.change(81, 79, Unit.COUNT) == "+3 %"
    assert (words.change(5, 0), words.change(5, None), words.change(0, 0)) == ("new", "–", "±0")


def test_help_has_a_short_form_and_completion_is_what_the_readme_says() -> None:
    assert "Show the 15 metrics" in run("-h").stdout
    assert "--watch" in run("metrics", "-h").stdout
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert 'eval "$(_AGENTSIGHT_OTEL_COMPLETE=bash_source agentsight-otel)"' in readme
    script = run(_AGENTSIGHT_OTEL_COMPLETE="bash_source").stdout
    assert "complete" in script and "agentsight-otel" in script


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/x", "nothing listens on that port"),
        ("http://no-such-host.invalid:8123/x", "its host's name has no address"),
        ("https://127.0.0.1:PORT/x", "what answers there speaks no TLS"),
    ],
)
def test_what_cannot_be_reached_is_said_in_our_words_alone(kept_url: str, url: str, said: str) -> None:
    port = clickhouse_url.parse(kept_url).port
    done = run("metrics", "--clickhouse-url", url.replace("PORT", str(port)), code=3)
    assert done.stderr.strip().endswith(said + (": http:// instead of https://?" if "TLS" in said else ""))
    assert "HTTPConnectionPool" not in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_tools_that_hand_over_are_listed_and_changed(schema_url: str) -> None:
    def tools(*arguments: str) -> str:
        return run("escalation-tools", *arguments, "--clickhouse-url", schema_url).stdout

    before = tools("list").split()
    assert "open_ticket" in before
    assert tools("add", " Call_A_Person ", "open_ticket") == "Call_A_Person: counts now\nopen_ticket: counted already\n"
    assert tools("remove", "CALL_A_PERSON", "never") == "CALL_A_PERSON: counts no longer\nnever: did not count\n"
    assert tools("list").split() == before
    with clickhouse_client.connect(schema_url) as client:
        client.command("""INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanAttributes) VALUES
            (now(), repeat('a', 32), repeat('b', 16), 'tool', map('gen_ai.conversation.id', 'c',
            'agentsight.span.kind', 'tool', 'gen_ai.tool.name', 'escalate_to_human'))""")
    said = run("escalation-tools", "list", "--clickhouse-url", schema_url).stderr
    assert "'escalate_to_human' sounds like a hand-over and does not count" in said


def test_the_files_of_the_package_can_be_copied_out(tmp_path: Path) -> None:
    assert "grafana" in run("files", "list").stdout
    done = run("files", "export", str(tmp_path / "out"))
    assert re.search(r"\d+ files in ", done.stdout)
    for name in (
        "grafana/dashboards/agentsight-overview.json",
        "grafana/provisioning/alerting/agentsight.yaml",
        "clickhouse_schema/metrics/metric_source.sql",
        "collector_config/gateway.yaml",
    ):
        assert (tmp_path / "out" / name).is_file(), name
    assert not list((tmp_path / "out").rglob("*.py"))
    assert "--force" in run("files", "export", str(tmp_path / "out"), code=2).stderr
    run("files", "export", str(tmp_path / "out"), "--force")
