"""Applying the schema: repeated, from two processes, interrupted, edited, newer, migrated, with retention."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import bundled, schema
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.schema.files import load
from agentsight_otel.clickhouse.schema.inspection import definitions
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector.conversations import conversation
from tests.sql.model import DAY_MS, Ask, Span, answers
from tests.sql.storing import assert_views_agree, insert

VERSION = load().version
NEXT = VERSION + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the schema that a test may change."""
    return Path(shutil.copytree(bundled.folder("clickhouse_schema"), tmp_path / "schema"))


def test_applying_twice_does_nothing_the_second_time(empty_url: str) -> None:
    assert schema.plan(empty_url) == schema.apply(empty_url) != []
    assert schema.plan(empty_url) == schema.apply(empty_url) == []
    schema.check(empty_url)
    assert schema.verify(empty_url) == []
    assert schema.status(empty_url).up_to_date


@pytest.mark.parametrize("database", ["agentsight", "p"])
def test_a_database_may_be_called_like_attributes_or_like_the_names_within_queries(
    clickhouse_server: EmbeddedClickHouse, database: str
) -> None:
    url = clickhouse_server.url(database)
    schema.apply(url)
    try:
        assert schema.verify(url) == []
    finally:
        with clickhouse_client.connect(url, database="default") as client:
            client.command(f"DROP DATABASE {database} SYNC")


def test_planning_changes_nothing(empty_url: str) -> None:
    schema.plan(empty_url)
    assert schema.plan(empty_url) != []
    with pytest.raises(schema.SchemaNotApplied, match="was never applied; run: agentsight-otel schema apply"):
        schema.check(empty_url)
    with pytest.raises(schema.SchemaNotApplied):
        schema.verify(empty_url)


def test_two_processes_at_once_build_one_schema(empty_url: str) -> None:
    code = f"from agentsight_otel import schema; schema.apply({empty_url!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr.decode()
    assert schema.verify(empty_url) == []
    with clickhouse_client.connect(empty_url) as client:
        assert client.query("SELECT count() FROM escalation_tools").result_rows == [(4,)]
        assert client.query("EXISTS TABLE schema_lock").result_rows == [(0,)]


def test_an_interrupted_run_is_completed_by_the_next(empty_url: str) -> None:
    class Interrupted(Exception):
        pass

    seen = []

    def interrupt(step: schema.Step) -> None:
        seen.append(step)
        if len(seen) == 10:
            raise Interrupted

    with pytest.raises(Interrupted):
        schema.apply(empty_url, report=interrupt)
    with pytest.raises(schema.SchemaNotApplied, match="is unfinished"):
        schema.check(empty_url)
    assert schema.apply(empty_url)[0].entry == seen[-1].entry
    assert schema.verify(empty_url) == []


def test_spans_that_come_before_a_materialized_view_count(empty_url: str) -> None:
    """A collector that waits for its table inserts as soon as that is there, long before the schema is complete."""
    sent = [span for number in range(40) for span in conversation(number, number * DAY_MS * 1_000_000)]
    batches = [sent[0::3], sent[1::3], sent[2::3]]

    def insert_between(step: schema.Step) -> None:
        if step.entry.endswith("_mv"):
            with clickhouse_client.connect(empty_url) as client:
                insert(client, batches.pop() if batches else ())

    schema.apply(empty_url, report=insert_between)
    assert not batches
    ask = Ask(0, 50 * DAY_MS)
    with clickhouse_client.connect(empty_url) as client:
        assert_views_agree(client, answers(sent, ask), ask)
        assert client.query("SELECT sum(spans) FROM ingest_minutes").result_rows == [(0,)], "arrived a second time"


def test_a_missing_object_is_created_again(schema_url: str) -> None:
    with clickhouse_client.connect(schema_url) as client:
        client.command("DROP VIEW metric_source")
    assert [difference.problem for difference in schema.verify(schema_url)] == ["missing"]
    assert [step.reason for step in schema.apply(schema_url)] == ["missing in the database"]
    assert schema.verify(schema_url) == []


def test_a_changed_object_is_found(schema_url: str) -> None:
    with clickhouse_client.connect(schema_url) as client:
        client.command("ALTER TABLE feedback ADD COLUMN extra String")
    (difference,) = schema.verify(schema_url)
    assert (difference.object_name, difference.problem) == ("feedback", "different")
    assert "extra" in difference.found


def test_an_edited_applied_file_is_an_error_that_names_it(empty_url: str, folder: Path) -> None:
    schema.apply(empty_url, folder=folder)
    file = folder / "metrics" / "metric_source.sql"
    file.write_text(file.read_text() + "-- edited\n")
    with pytest.raises(schema.SchemaEdited, match="metric_source: edited after being applied"):
        schema.apply(empty_url, folder=folder)
    assert not schema.status(empty_url, folder=folder).up_to_date


def test_a_newer_schema_is_refused_and_left_alone(empty_url: str, folder: Path) -> None:
    (folder / "VERSION").write_text(f"{NEXT + 5}\n")
    schema.apply(empty_url, folder=folder)
    for refuse in (schema.apply, schema.plan, schema.check):
        with pytest.raises(
            schema.SchemaNewer, match=f"version {NEXT + 5}, newer than this agentsight-otel's version {VERSION}"
        ):
            refuse(empty_url)


def replace_in(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def feedback(number: int, **attributes: str) -> Span:
    at_ns = (1_790_000_000 + number) * 1_000_000_000
    own = {
        "gen_ai.conversation.id": "c1",
        "agentsight.span.kind": "feedback",
        "agentsight.feedback.sentiment": "positive",
    }
    return Span("a" * 32, f"{number:016x}", "feedback", at_ns, attributes=own | attributes)


def test_a_migrated_schema_with_data_in_it_equals_one_built_fresh(empty_url: str, folder: Path) -> None:
    """The migration says what happens to tables; views of both kinds get there by their files alone."""
    schema.apply(empty_url)
    rollups, migration = folder / "rollups", folder / "migrations" / f"{NEXT:04}_stars.sql"
    replace_in(rollups / "feedback.sql", "    `sentiment`", "    `stars` UInt8 COMMENT 'Given',\n    `sentiment`")
    replace_in(
        rollups / "feedback_mv.sql",
        "AS sentiment\n",
        "AS sentiment,\n    toUInt8OrZero({attribute('stars')}) AS stars\n",
    )
    replace_in(rollups / "feedback_mv.sql", "-- Fills feedback", "-- Fills feedback, with stars,")
    replace_in(folder / "macros.sql", "MACRO tool_key(name) AS\n", "MACRO tool_key(name) AS\n/* as said */ ")
    replace_in(folder / "views" / "feedback_v.sql", "'Free text'", "'What people wrote'")
    migration.parent.mkdir(exist_ok=True)
    migration.write_text(
        "-- Feedback may have stars.\n"
        "ALTER TABLE {database}.feedback ADD COLUMN IF NOT EXISTS `stars` UInt8 COMMENT 'Given' AFTER `span_id`;\n"
    )
    (folder / "VERSION").write_text(f"{NEXT}\n")
    with clickhouse_client.connect(empty_url) as client:
        insert(client, [feedback(1, stars="5")])

    with pytest.raises(
        schema.SchemaNotApplied, match=f"is of version {VERSION}, this agentsight-otel needs version {NEXT}"
    ):
        schema.check(empty_url, folder=folder)
    steps = schema.apply(empty_url, folder=folder)
    assert [step.entry for step in steps if step.action == "migrate"] == [f"migrations/{migration.stem}"]
    assert schema.apply(empty_url, folder=folder) == []
    assert schema.verify(empty_url, folder=folder) == []

    fresh = empty_url + "_fresh"
    schema.apply(fresh, folder=folder)
    with clickhouse_client.connect(empty_url) as client:
        insert(client, [feedback(2, stars="4"), feedback(3)])
        assert client.query("SELECT stars FROM feedback ORDER BY given_at").result_rows == [(0,), (4,), (0,)]
        assert client.query("SELECT count() FROM escalation_tools").result_rows == [(4,)]
        database = clickhouse_url.parse(empty_url).database
        try:
            assert definitions(client, database) == definitions(client, f"{database}_fresh")
        finally:
            client.command(f"DROP DATABASE {database}_fresh SYNC")


def test_rows_that_people_removed_from_a_settings_table_do_not_come_back(empty_url: str, folder: Path) -> None:
    schema.apply(empty_url)
    with clickhouse_client.connect(empty_url) as client:
        client.command("DELETE FROM escalation_tools WHERE tool = 'ticket'")
        (folder / "VERSION").write_text(f"{NEXT}\n")
        schema.apply(empty_url, folder=folder)
        assert client.query("SELECT count() FROM escalation_tools").result_rows == [(3,)]


def test_retention_is_a_setting_that_can_be_changed_and_taken_back(schema_url: str) -> None:
    def ttls() -> dict[str, bool]:
        with clickhouse_client.connect(schema_url) as client:
            rows = client.query(
                "SELECT name, create_table_query LIKE '% TTL %' FROM system.tables"
                " WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name NOT LIKE 'schema%'"
                " AND name NOT IN ('ingest_minutes', 'touched', 'touched_traces')"  # which have one of their own
            ).result_rows
        return {name: bool(ttl) for name, ttl in rows}

    assert not any(ttls().values())
    schema.apply(schema_url, raw_retention_days=30)
    assert [name for name, ttl in ttls().items() if ttl] == ["otel_traces"]
    schema.apply(schema_url, rollup_retention_days=400)
    assert {name for name, ttl in ttls().items() if ttl} == {
        "otel_traces",
        "conversations",
        "conversation_days",
        "resolved",
        "tool_calls",
        "feedback",
        "model_calls",
        "derived_days",
        "derived_conversations",
        "foreign_spans",
        "trace_claims",
        "conversation_traces",
        "trace_owners",
    }
    assert schema.status(schema_url).raw_retention_days == 30
    assert schema.verify(schema_url) == []
    schema.apply(schema_url, raw_retention_days=0, rollup_retention_days=0)
    assert not any(ttls().values())
    assert schema.verify(schema_url) == []


@pytest.mark.parametrize("days", [-1, 36_501])
def test_a_wrong_retention_is_refused(schema_url: str, days: int) -> None:
    with pytest.raises(ValueError, match=f"raw_retention_days: {days}: expected a number of days from 0"):
        schema.apply(schema_url, raw_retention_days=days)


def test_a_lock_of_a_process_that_died_is_taken_over(clickhouse_server: EmbeddedClickHouse, schema_url: str) -> None:
    from agentsight_otel.clickhouse.schema.lock import schema_lock

    database = clickhouse_url.parse(schema_url).database
    with clickhouse_client.connect(schema_url) as client, schema_lock(client, database):
        with (
            pytest.raises(schema.SchemaLocked, match=r"is being applied by .* pid"),
            schema_lock(client, database, wait_s=0.3),
        ):
            pass
        with schema_lock(client, database, stale_after_s=-1):
            pass
