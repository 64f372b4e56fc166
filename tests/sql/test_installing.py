"""Applying the schema where others are already: their objects, the collector's own table, few rights, sudden ends."""

import random
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.schema import server
from agentsight_otel.clickhouse.schema.files import Kind, load
from agentsight_otel.clickhouse.schema.history import HISTORY_TABLE
from agentsight_otel.clickhouse.schema.inspection import definitions
from agentsight_otel.clickhouse.schema.lock import LOCK_TABLE
from agentsight_otel.clickhouse.schema.steps import Step
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector.conversations import conversation
from tests.sql.model import DAY_MS, Ask, Span, answers
from tests.sql.storing import assert_views_agree, insert
from tests.sql.users import server_with_users

COLLECTORS_TABLE = """
CREATE TABLE otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested
    (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""

NAMES = [*(file.name for file in load().files), HISTORY_TABLE, LOCK_TABLE]


@pytest.fixture
def shared(clickhouse_server: EmbeddedClickHouse, empty_url: str) -> Iterator[Any]:
    """A client in a database that is there before the schema."""
    with clickhouse_client.connect(empty_url, database="default") as client:
        client.command(f"CREATE DATABASE {clickhouse_url.parse(empty_url).database}")
    with clickhouse_client.connect(empty_url) as client:
        yield client


def contents(client: Any) -> dict[str, Any]:
    """All that a database holds, by name."""
    rows = client.query(
        "SELECT name, create_table_query, engine FROM system.tables WHERE database = currentDatabase()"
    ).result_rows
    return {name: (query, client.query(f"SELECT * FROM `{name}`").result_rows) for name, query, _ in rows}


def foreign(client: Any, name: str, kind: str) -> None:
    """An object of somebody else under one of our names; our own columns where there are some."""
    columns = "id UInt64, note String"
    if kind == "look-alike" and name == "feedback":
        columns += ", day Int32, conversation_key UInt64, given_at DateTime64(3), trace_id String, span_id String"
    if kind == "view":
        client.command(f"CREATE VIEW {name} AS SELECT 42 AS theirs")
    elif kind == "materialized view":
        client.command(f"CREATE MATERIALIZED VIEW {name} ENGINE = MergeTree ORDER BY one AS SELECT 1 AS one")
    else:
        client.command(f"CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY id")
        client.command(f"INSERT INTO {name} (id, note) VALUES (1, 'precious')")


@pytest.mark.parametrize("seed", range(6))
def test_objects_of_others_are_listed_and_nothing_is_changed(shared: Any, empty_url: str, seed: int) -> None:
    chance = random.Random(seed)
    for name in chance.sample(NAMES, chance.randint(1, 12)):
        foreign(shared, name, chance.choice(["table", "view", "materialized view", "look-alike"]))
    before = contents(shared)
    for attempt in (schema.plan, schema.apply):
        with pytest.raises(schema.SchemaClash, match="Nothing was changed") as refused:
            attempt(empty_url)
        listed = re.findall(r"^  (\w+) +\S", str(refused.value), re.MULTILINE)
        assert listed == sorted(name for name in before if not name.startswith(".inner"))
    assert contents(shared) == before


def test_an_object_that_others_put_in_the_place_of_ours_is_theirs(schema_url: str) -> None:
    with clickhouse_client.connect(schema_url) as client:
        client.command("DROP VIEW metric_source")
        foreign(client, "metric_source", "table")
        with pytest.raises(schema.SchemaClash, match=r"metric_source  MergeTree table, 1 row\(s\)"):
            schema.apply(schema_url)
        assert client.query("SELECT note FROM metric_source").result_rows == [("precious",)]


def test_an_object_created_by_others_while_we_apply_is_left_alone(shared: Any, empty_url: str) -> None:
    def meanwhile(step: Step) -> None:
        if step.entry == "conversations_v":
            foreign(shared, "conversations_v", "table")

    with pytest.raises(Exception, match="already exists"):
        schema.apply(empty_url, report=meanwhile)
    with pytest.raises(schema.SchemaClash, match="conversations_v"):
        schema.apply(empty_url)
    assert shared.query("SELECT note FROM conversations_v").result_rows == [("precious",)]
    shared.command("DROP TABLE conversations_v")
    schema.apply(empty_url)
    assert schema.verify(empty_url) == []


def some_spans(count: int = 4) -> list[Span]:
    return [span for number in range(count) for span in conversation(number, number * DAY_MS * 1_000_000)]


def test_the_collectors_own_table_is_taken_over(shared: Any, empty_url: str) -> None:
    """Old spans count, writers go on, a run that was cut short is completed, and verify knows what is ours."""
    shared.command(COLLECTORS_TABLE)
    before, meanwhile, after = (some_spans()[part::3] for part in range(3))
    insert(shared, before)
    assert [step.action for step in schema.plan(empty_url) if step.entry == "otel_traces"] == ["adopt"]
    said: list[Step] = []

    def report(step: Step) -> None:
        said.append(step)
        if step.entry == "tool_calls_mv" and step.action == "create" and len(said) < 500:
            insert(shared, meanwhile)
            said.extend([step] * 500)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        schema.apply(empty_url, report=report)
    schema.apply(empty_url, report=said.append)
    fills = [step.reason for step in said if step.action == "fill" and step.entry == "span_facts_mv"]
    assert fills[0] == "partition 19700101, 1 of 4"
    assert len(fills) == 4
    insert(shared, after)
    ask = Ask(0, 20 * DAY_MS)
    assert_views_agree(shared, answers(some_spans(), ask), ask)
    assert schema.verify(empty_url) == []
    assert schema.apply(empty_url) == []
    shared.command("ALTER TABLE otel_traces MODIFY COLUMN Source String ALIAS 'x'")
    assert [difference.object_name for difference in schema.verify(empty_url)] == ["otel_traces"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("SpanAttributes Map(LowCardinality(String), String)", "SpanAttributes String"), "SpanAttributes is String"),
        (("    StatusCode LowCardinality(String) CODEC(ZSTD(1)),\n", ""), "it has no column StatusCode"),
        (("    StatusMessage", "    Source String,\n    StatusMessage"), "it has a column Source of its own"),
        (("ENGINE = MergeTree\nPARTITION BY toDate(Timestamp)\nORDER BY (ServiceName, SpanName, toDateTime(Timestamp))",
          "ENGINE = Null"), "a Null table cannot be read back by partition"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_taken_over_is_refused_with_the_way_out(
    shared: Any, empty_url: str, change: tuple[str, str], said: str
) -> None:
    text = COLLECTORS_TABLE.replace(*change)
    assert text != COLLECTORS_TABLE
    shared.command(text)
    before = contents(shared)
    with pytest.raises(schema.SchemaClash, match=said) as refused:
        schema.apply(empty_url)
    assert "RENAME TABLE" in str(refused.value)
    assert contents(shared) == before


def test_a_server_that_is_too_old_is_refused_before_anything_is_changed(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MINIMUM", (99, 3))
    for attempt in (schema.plan, schema.apply):
        with pytest.raises(schema.ClickHouseTooOld, match=r"the schema needs 99\.3 or newer"):
            attempt(empty_url)
    with clickhouse_client.connect(empty_url, database="default") as client:
        database = clickhouse_url.parse(empty_url).database
        assert client.query(f"EXISTS DATABASE {database}").result_rows == [(0,)]


class Killed(BaseException):
    """The process's end."""


def test_a_run_that_ends_at_any_statement_is_completed_by_the_next(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement once, before and after the server has done it: what is built equals what is built at once."""
    schema.apply(empty_url + "_fresh")
    left = 0

    def connect(url: str, **options: Any) -> Any:
        client = real(url, **options)
        command = client.command

        def counted(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            is_dead = left < 0 and LOCK_TABLE not in arguments[0]  # its end would free the lock
            if is_dead or (left == 0 and before):
                raise Killed
            result = command(*arguments, **more)
            if left == 0:
                raise Killed
            return result

        client.command = counted
        return client

    real = clickhouse_client.connect
    database = clickhouse_url.parse(empty_url).database
    with clickhouse_client.connect(empty_url, database="default") as watching:
        expected = definitions(watching, f"{database}_fresh")
        monkeypatch.setattr(clickhouse_client, "connect", connect)
        # Each run goes some statements further than the one before, and remembers nothing of what it did.
        ends, reached, before = 0, 0, False
        while True:
            reached += random.Random(ends).randint(5, 20)
            left, before = reached, not before
            try:
                schema.apply(empty_url)
                break
            except Killed:
                ends += 1
        assert ends > 5
        monkeypatch.undo()
        assert definitions(watching, database) == expected
        assert schema.verify(empty_url) == []
        assert schema.status(empty_url).up_to_date
        watching.command(f"DROP DATABASE {database}_fresh SYNC")


def test_rights_on_the_database_are_enough_and_a_missing_one_is_named(tmp_path: Path) -> None:
    """Also where reading the system tables needs a grant, as hosted services have it."""
    database = f"few_{secrets.token_hex(4)}"
    users = {
        "owner": [f"GRANT ALL ON {database}.*"],
        "analyst": [f"GRANT SELECT ON {database}.*"],
        "viewer": [f"GRANT SELECT ON {database}.metric_source"],
        "writer": [
            f"GRANT INSERT, SELECT ON {database}.otel_traces",
            f"GRANT SELECT ON {database}.span_facts",
            f"GRANT SELECT ON {database}.foreign_span_facts",
            f"GRANT SELECT ON {database}.conversation_changes",
        ],
        "outsider": [],
    }
    with server_with_users(tmp_path, users) as running:
        with clickhouse_client.connect(running.server.url("default")) as client:
            client.command(f"CREATE DATABASE {database}")
        schema.apply(running.url("owner", database), raw_retention_days=30)
        assert schema.verify(running.url("owner", database)) == []
        with clickhouse_client.connect(running.url("owner", database)) as client:
            assert client.query("SHOW TABLES LIKE 'agentsight_verify%'").result_rows == []
        with clickhouse_client.connect(running.url("writer", database)) as client:
            insert(client, some_spans(2))
        schema.check(running.url("analyst", database))
        with pytest.raises(
            schema.SchemaForbidden, match=rf"'viewer' lacks .* GRANT SELECT ON {database}\.\* TO viewer"
        ):
            schema.check(running.url("viewer", database))
        with pytest.raises(schema.SchemaForbidden, match=r"'outsider' lacks .* GRANT CREATE DATABASE ON new\.\* TO"):
            schema.apply(running.url("outsider", "new"))


def test_kinds_are_told_apart() -> None:
    assert {file.kind for file in load().files} == {Kind.TABLE, Kind.VIEW, Kind.MATERIALIZED_VIEW}
