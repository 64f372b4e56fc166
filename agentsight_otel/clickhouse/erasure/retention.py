"""Retention by environment: how long conversations and their texts are kept, and removing older ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.erasure.eraser import Eraser, Plan
from agentsight_otel.clickhouse.erasure.tables import Column
from agentsight_otel.clickhouse.export.selection import instant
from agentsight_otel.clickhouse.schema.files import plain_engine

MAX_DAYS = 36_500

_AT_ONCE = 1_000
_BESIDE = "otel_traces_without_texts"

_COLUMNS = (
    *("Timestamp", "TraceId", "SpanId", "ParentSpanId", "TraceState", "SpanName", "SpanKind", "ServiceName"),
    *("ResourceAttributes", "ScopeName", "ScopeVersion", "SpanAttributes", "Duration", "StatusCode", "StatusMessage"),
    *("Events.Timestamp", "Events.Name", "Events.Attributes"),
    *("Links.TraceId", "Links.SpanId", "Links.TraceState", "Links.Attributes"),
)
_KEPT = "foreign_spans"
_NAMES = ("last_name",)
_TEXTS = ("input_text", "output_text")
_IS_TEXT = "(key IN {keys:Array(String)} OR arrayExists(prefix -> startsWith(key, prefix), {prefixes:Array(String)}))"
# All attributes of models' events are texts, except those that are known not to be.
_IS_TEXT_OF_EVENT = (
    "if({of_models:Bool} AND startsWith(name, 'gen_ai.'), NOT (key IN {no_keys:Array(String)}"
    f" OR arrayExists(prefix -> startsWith(key, prefix), {{no_prefixes:Array(String)}})), {_IS_TEXT})"
)
_HAS_TEXT = (
    f"(StatusMessage != '' OR arrayExists(key -> {_IS_TEXT}, mapKeys(SpanAttributes)) OR arrayExists((name, attributes)"
    f" -> arrayExists(key -> {_IS_TEXT_OF_EVENT}, mapKeys(attributes)), Events.Name, Events.Attributes))"
)


@dataclass(frozen=True)
class Rule:
    """How long the conversations of an environment are kept.

    Attributes:
        environment: The environment; '' for all that have no rule of their own.
        days: Days after which conversations are removed; 0 keeps them.
        content_days: Days after which their texts are removed; 0 keeps them.
    """

    environment: str
    days: int
    content_days: int


@dataclass(frozen=True)
class Enforced:
    """What was removed.

    Attributes:
        conversations: The number of conversations removed.
        spans: The number of spans whose texts were removed.
    """

    conversations: int
    spans: int


def set_rules(url: str, days: Mapping[str, int], content_days: Mapping[str, int]) -> None:
    """Sets how long conversations and texts of environments are kept; environments that are not named stay.

    Args:
        url: The URL of a database with the schema.
        days: Days for which conversations are kept, by environment ('' for all others); 0 keeps them.
        content_days: Days for which texts are kept, by environment; 0 keeps them.

    Raises:
        ValueError: A value is not a number of days from 0 to 36,500.
    """
    for value in (*days.values(), *content_days.values()):
        if not 0 <= value <= MAX_DAYS:
            raise ValueError(f"retention: {value}: expected a number of days from 0 (keep) to {MAX_DAYS}")
    schema.check(url)
    with clickhouse_client.connect(url) as client:
        rules = {rule.environment: rule for rule in _rules(client)}
        rows = []
        for environment in dict.fromkeys((*days, *content_days)):
            before = rules.get(environment, Rule(environment, 0, 0))
            kept = (days.get(environment, before.days), content_days.get(environment, before.content_days))
            rows.append([environment, *kept])
        if rows:
            client.insert("retention", rows, column_names=["environment", "days", "content_days"])


def _rules(client: Any) -> list[Rule]:
    rows = client.query("SELECT environment, days, content_days FROM retention FINAL ORDER BY environment").result_rows
    return [Rule(*row) for row in rows]


class Retention:
    """Enforces the rules of the table ``retention``.

    Args:
        url: The URL of a database with the schema, on a server that stores it.
        content: The keys of attributes that are texts; one that ends with * stands for all with that beginning.
        no_content: The keys that are no texts in events of models, where all others are; None: ``content`` counts.

    Raises:
        ValueError: The server is a query node, which stores nothing.
        SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """

    def __init__(self, url: str, content: Iterable[str], no_content: Iterable[str] | None = None) -> None:
        self._eraser = Eraser(url)
        self._client = self._eraser.client
        keys, no_keys = list(content), list(no_content or ())
        self._text = {
            "keys": [key for key in keys if not key.endswith("*")],
            "prefixes": [key[:-1] for key in keys if key.endswith("*")],
            "of_models": no_content is not None,
            "no_keys": [key for key in no_keys if not key.endswith("*")],
            "no_prefixes": [key[:-1] for key in no_keys if key.endswith("*")],
        }

    def close(self) -> None:
        """Closes the connection."""
        self._eraser.close()

    def __enter__(self) -> "Retention":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def enforce(self) -> Enforced:
        """Removes conversations and texts that are older than the rules allow."""
        rules = _rules(self._client)
        stated = [rule.environment for rule in rules if rule.environment]
        conversations = spans = 0
        for rule in rules:
            if rule.days:
                conversations += self._remove_conversations(rule, stated)
            if rule.content_days:
                spans += self._remove_texts(rule, stated)
                self._remove_kept(rule, stated)
                self._remove_derived(rule, stated)
        return Enforced(conversations, spans)

    def _remove_conversations(self, rule: Rule, stated: Sequence[str]) -> int:
        where, parameters = _of(rule.environment, stated, "environment")
        rows = self._client.query(
            "SELECT conversation_id FROM conversations_v WHERE"
            f" ifNull(ended_at, first_seen_at) < now() - toIntervalDay({rule.days}) AND {where}",
            parameters=parameters,
        ).result_rows
        conversation_ids = tuple(row[0] for row in rows)
        if conversation_ids:
            self._eraser.remove(Plan(conversation_ids, (), {}))
        return len(conversation_ids)

    def _remove_texts(self, rule: Rule, stated: Sequence[str]) -> int:
        """Adds copies of the spans without their texts, then removes the originals.

        The columns cannot be changed in place, because the primary key depends on them. The copies are attached as
        whole parts, which trigger no materialised view: everything that is derived from the spans stays.
        """
        where, parameters = _of(rule.environment, stated, "if(Environment = '', 'unknown', Environment)")
        parameters |= self._text
        parameters["before"] = instant(datetime.now(timezone.utc) - timedelta(days=rule.content_days))
        old = f"Timestamp < {{before:DateTime64(3, 'UTC')}} AND {where}"
        number = self._client.query(
            f"SELECT count() FROM otel_traces WHERE {old} AND {_HAS_TEXT}", parameters=parameters
        ).result_rows[0][0]
        if not number:
            return 0
        without = {
            "SpanAttributes": f"mapFilter((key, value) -> NOT {_IS_TEXT}, SpanAttributes)",
            "StatusMessage": "''",
            "Events.Attributes": "arrayMap((name, attributes) -> mapFilter((key, value) -> NOT"
            f" {_IS_TEXT_OF_EVENT}, attributes), Events.Name, Events.Attributes)",
        }
        columns = ", ".join(f"`{name}`" for name in _COLUMNS)
        values = ", ".join(without.get(name, f"`{name}`") for name in _COLUMNS)
        self._client.command(f"DROP TABLE IF EXISTS {_BESIDE} SYNC")
        # Not replicated, even where otel_traces is: two tables cannot replicate by one path.
        engine = self._client.query(
            "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'otel_traces'"
        ).first_row[0]
        self._client.command(f"CREATE TABLE {_BESIDE} AS otel_traces ENGINE = {plain_engine(engine)}")
        try:
            self._client.command(
                f"INSERT INTO {_BESIDE} ({columns}) SELECT {values} FROM otel_traces WHERE {old} AND {_HAS_TEXT}",
                parameters=parameters,
            )
            partitions = self._client.query(f"SELECT DISTINCT _partition_id FROM {_BESIDE}").result_rows
            for (partition,) in partitions:
                self._client.command(f"ALTER TABLE otel_traces ATTACH PARTITION ID '{partition}' FROM {_BESIDE}")
        finally:
            self._client.command(f"DROP TABLE IF EXISTS {_BESIDE} SYNC")
        self._client.command(
            f"ALTER TABLE otel_traces DELETE WHERE {old} AND {_HAS_TEXT} AND (TraceId, SpanId) IN"
            f" (SELECT TraceId, SpanId FROM otel_traces WHERE {old} AND NOT {_HAS_TEXT})",
            parameters=parameters,
            settings={"mutations_sync": 2},
        )
        return int(number)

    def _remove_kept(self, rule: Rule, stated: Sequence[str]) -> None:
        """Removes texts of other SDKs' spans from the table from which messages are derived."""
        where, parameters = _of(rule.environment, stated, "if(environment = '', 'unknown', environment)")
        parameters["before"] = instant(datetime.now(timezone.utc) - timedelta(days=rule.content_days))
        kept = next(table for table in self._eraser.tables if table.name == _KEPT)
        emptied = [change for column in kept.columns if (change := _emptied(column))]
        self._client.command(
            f"ALTER TABLE {_KEPT} UPDATE {', '.join(f'`{name}` = {value}' for name, value, _ in emptied)}"
            f" WHERE start_us < toUnixTimestamp64Micro({{before:DateTime64(3, 'UTC')}}) AND {where}"
            f" AND ({' OR '.join(holds for _, _, holds in emptied)})",
            parameters=parameters,
            settings={"mutations_sync": 2},
        )

    def _remove_derived(self, rule: Rule, stated: Sequence[str]) -> None:
        """Removes titles of conversations, and derived messages, from their own tables."""
        where, parameters = _of(rule.environment, stated, "environment")
        keys = self._client.query(
            "SELECT DISTINCT conversation_key FROM conversations_v WHERE"
            f" ifNull(ended_at, first_seen_at) < now() - toIntervalDay({rule.content_days}) AND {where}",
            parameters=parameters,
        ).result_rows
        for table in self._eraser.tables:
            emptied = [change for column in table.columns if column.is_stored and (change := _emptied(column))]
            if emptied and any(column.name == "conversation_key" for column in table.columns):
                assignments = ", ".join(f"`{name}` = {value}" for name, value, _ in emptied)
                anything = " OR ".join(holds for _, _, holds in emptied)
                for first in range(0, len(keys), _AT_ONCE):
                    self._client.command(
                        f"ALTER TABLE `{table.name}` UPDATE {assignments}"
                        f" WHERE conversation_key IN {{old_keys:Array(UInt64)}} AND ({anything})",
                        parameters={"old_keys": [row[0] for row in keys[first : first + _AT_ONCE]]},
                        settings={"mutations_sync": 2},
                    )


def _emptied(column: Column) -> tuple[str, str, str] | None:
    """For a column with texts: its name, SQL of its value without them, and SQL for whether it has any; else None."""
    if column.name in (*_NAMES, *_TEXTS):
        return column.name, "''", f"`{column.name}` != ''"
    members = re.match(r"Array\(Tuple\((.*)\)\)$", column.type)
    names = re.findall(r"(?:^|, )`?(\w+)`? ", members[1]) if members else []
    if "content" not in names:
        return None
    values = ", ".join("''" if name == "content" else f"one.{name}" for name in names)
    return (
        column.name,
        f"CAST(arrayMap(one -> tuple({values}), `{column.name}`), '{column.type}')",
        f"arrayExists(one -> one.content != '', `{column.name}`)",
    )


def _of(environment: str, stated: Sequence[str], column: str) -> tuple[str, dict[str, Any]]:
    if environment:
        return f"{column} = {{environment:String}}", {"environment": environment}
    return f"{column} NOT IN {{stated:Array(String)}}", {"stated": list(stated)}
