"""Backup, restore and rebuild, by the commands of docs/operations.md."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from tests.collector.conversations import conversation
from tests.sql.model import DAY_MS, Ask, answers
from tests.sql.storing import assert_views_agree, insert
from tests.sql.users import ServerWithUsers, server_with_users

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
START_MS = 1_793_491_200_000  # 2026-11-01
SPANS = [span for number in range(12) for span in conversation(number, (START_MS + number * 5 * DAY_MS) * 1_000_000)]
EVERYTHING = Ask(START_MS - DAY_MS, START_MS + 100 * DAY_MS)


def sql_of_the_page(beginning: str, folder: Path) -> str:
    (found,) = [text for text in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if text.startswith(beginning)]
    return found.replace("/backups", str(folder))


def run(command: str, url: str, expected: int = 0) -> str:
    """A command of the page, against a server."""
    assert f"agentsight-otel {command} --clickhouse-url" in PAGE
    words = [sys.executable, "-m", "agentsight_otel", *command.split(), "--clickhouse-url", url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ServerWithUsers]:
    allowed = f"<backups><allowed_path>{tmp_path}/home/data/backups/</allowed_path></backups>"
    users = {"keeper": ["GRANT ALL ON *.*"]}
    with server_with_users(tmp_path / "home", users, config=allowed) as server:
        yield server


def test_a_backup_is_restored_and_completed(running: ServerWithUsers, tmp_path: Path) -> None:
    url = running.url("keeper", "agentsight")
    schema.apply(url)
    with clickhouse_client.connect(url) as client:
        insert(client, SPANS)
    with clickhouse_client.connect(url, database="default") as client:
        client.command(sql_of_the_page("BACKUP", tmp_path / "home" / "data" / "backups"))
        client.command("DROP DATABASE agentsight SYNC")
        client.command(sql_of_the_page("RESTORE DATABASE", tmp_path / "home" / "data" / "backups"))
    assert "up to date" in run("schema apply", url)
    # As if the backup had caught these spans before their rollups.
    with clickhouse_client.connect(url) as client:
        client.command("TRUNCATE TABLE tool_calls")
        assert "incomplete: tool_calls lacks" in run("schema verify", url, expected=4)
        run("schema rebuild", url)
        assert "as the schema says" in run("schema verify", url)
        assert_views_agree(client, answers(SPANS, EVERYTHING), EVERYTHING)


def test_restored_spans_alone_are_derived_anew(running: ServerWithUsers, tmp_path: Path) -> None:
    url = running.url("keeper", "agentsight")
    schema.apply(url)
    with clickhouse_client.connect(url) as client:
        insert(client, SPANS)
        client.command(f"BACKUP TABLE agentsight.otel_traces TO File('{tmp_path}/home/data/backups/spans-2026-11-29')")
        client.command("DROP DATABASE agentsight SYNC")
    schema.apply(url)
    with clickhouse_client.connect(url) as client:
        client.command(sql_of_the_page("RESTORE TABLE", tmp_path / "home" / "data" / "backups"))
        assert {table.table for table in schema.missing_rows(url)} >= {"conversation_days", "tool_calls"}
        november = datetime(2026, 11, 1, tzinfo=timezone.utc), datetime(2026, 12, 1, tzinfo=timezone.utc)
        schema.rebuild(url, start=november[0], end=november[1])
        days = client.query("SELECT min(day), max(day) FROM conversation_days").result_rows[0]
        assert days == (START_MS // DAY_MS, START_MS // DAY_MS + 25)
        said = run("schema rebuild", url)
        assert "fill     span_facts_mv  (partition" in said
        assert schema.missing_rows(url) == []
        assert_views_agree(client, answers(SPANS, EVERYTHING), EVERYTHING)
        insert(client, SPANS)  # a batch sent again
        received = "SELECT count() FROM otel_traces"
        assert client.query(received).result_rows == [(2 * len(SPANS),)]
        partitions = client.query("SELECT DISTINCT _partition_id FROM otel_traces").result_rows
        optimize = sql_of_the_page("OPTIMIZE", tmp_path)
        for (partition,) in partitions:
            client.command(re.sub(r"PARTITION \d+", f"PARTITION {partition}", optimize))
        assert client.query(received).result_rows == [(len(SPANS),)]
        assert_views_agree(client, answers(SPANS, EVERYTHING), EVERYTHING)


def test_rows_beyond_the_rollups_retention_are_not_missing(schema_url: str) -> None:
    schema.apply(schema_url, rollup_retention_days=1)
    with clickhouse_client.connect(schema_url) as client:
        insert(client, list(conversation(1, 1_500_000_000_000 * 1_000_000)))
        for table in ("conversation_days", "tool_calls", "feedback"):
            client.command(f"OPTIMIZE TABLE {table} FINAL")
        assert [table.table for table in schema.missing_rows(schema_url)] in ([], ["deployments"])


def test_a_time_without_a_zone_is_refused(schema_url: str) -> None:
    with pytest.raises(ValueError, match="expected a time with a time zone"):
        schema.rebuild(schema_url, start=datetime(2026, 11, 1))
