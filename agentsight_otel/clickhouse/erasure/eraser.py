"""The eraser: finds the data of conversations and customers, removes it, and verifies that it is gone."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.erasure.tables import Table, tables
from agentsight_otel.clickhouse.export import belonging

_AT_ONCE = 1_000
_PASSES = 5
_PAUSE_S = 0.5
_LOOKS = 60
_TOMBSTONES = "excluded_conversations"
_ERASED, _ERASED_TRACE = "erased", "erased_trace"


@dataclass(frozen=True)
class Plan:
    """What is to be erased.

    Attributes:
        conversations: The ids of the conversations, those of the customers included.
        customers: The ids of the customers to erase.
        rows: The number of their rows at present, by table.
        asked: The conversations that were named by their own id.
        traces: Traces of which the spans that name no conversation are erased too.
    """

    conversations: tuple[str, ...]
    customers: tuple[str, ...]
    rows: dict[str, int]
    asked: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Erased:
    """What was erased.

    Attributes:
        conversations: The number of conversations.
        removed: The number of rows removed, by table.
        left: The number of rows that are still there, by table: none, unless they are still being written.
    """

    conversations: int
    removed: dict[str, int]
    left: dict[str, int]


@dataclass(frozen=True)
class Finding:
    """A column that still holds one of the searched texts."""

    table: str
    column: str
    rows: int


@dataclass
class _Keys:
    keys: list[int] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    trace_keys: list[int] = field(default_factory=list)
    customers: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)
    """Keys of traces that contain spans of other conversations too."""

    def parameters(self) -> dict[str, Any]:
        return {
            "keys": self.keys,
            "traces": self.traces,
            "trace_keys": self.trace_keys,
            "customers": self.customers,
        }


class Eraser:
    """Erases single conversations, or all of a customer, from every table, raw and derived.

    The data is rewritten without the rows, which are not only hidden. ClickHouse keeps the old files for some minutes
    (``old_parts_lifetime``, 8 minutes by default). The statements contain no ids, so that ClickHouse's logs have none.
    Spans that a queue delivers afterwards are left out of every view, and removed by ``clean_up``.

    Args:
        url: The URL of a database with the schema, on a server that stores it; on a cluster, of each shard in turn.
        erased_by: Who requested it, for the table ``erasures``.

    Attributes:
        client: The connection.
        tables: The tables of the database that hold rows.

    Raises:
        ValueError: The server is a query node, which stores nothing.
        SchemaNotApplied, SchemaNewer: The database does not have this version's schema.
        ClickHouseConnectionError: ClickHouse cannot be reached, or refuses the login.
    """

    def __init__(self, url: str, *, erased_by: str = "") -> None:
        schema.check(url)
        self._by = erased_by
        self.client: Any = clickhouse_client.connect(url)
        self.tables = tables(self.client)
        if any(table.is_distributed for table in self.tables):
            self.close()
            raise ValueError("a query node stores nothing: expected the address of a shard; erase on each of them")
        self._has_tombstones = bool(
            self.client.query(
                "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
                parameters={"name": _TOMBSTONES},
            ).result_rows[0][0]
        )

    def close(self) -> None:
        """Closes the connection."""
        self.client.close()

    def __enter__(self) -> "Eraser":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def plan(self, conversations: Iterable[str] = (), customers: Iterable[str] = ()) -> Plan:
        """Finds the data of conversations and customers; changes nothing.

        Args:
            conversations: Ids of conversations.
            customers: Ids of customers; a conversation that ever named one belongs to that customer.

        Raises:
            ValueError: An id is empty, which would mean everything that has none.
        """
        given_ids, named = tuple(dict.fromkeys(conversations)), tuple(dict.fromkeys(customers))
        for name, asked in (("conversations", given_ids), ("customers", named)):
            if "" in asked:
                raise ValueError(f"{name}: '': expected an id")
        ids = dict.fromkeys(given_ids)
        if named:
            for sql in belonging.OF_CUSTOMERS:
                ids |= dict.fromkeys(
                    row[0] for row in self.client.query(sql, parameters={"customers": list(named)}).result_rows
                )
        conversation_ids = tuple(ids)
        plan = Plan(conversation_ids, named, {}, given_ids)
        return replace(plan, rows=self._count(plan))

    def erase(self, plan: Plan) -> Erased:
        """Erases the planned data, also rows that have arrived since, and records the erasure.

        Args:
            plan: The plan that ``plan`` returned.
        """
        if self._has_tombstones and plan.conversations:  # first, so that spans that arrive meanwhile do not count
            for keys in self._batches(Plan(plan.conversations, (), {})):
                self._bury(keys.keys, _ERASED)
                self._bury(sorted(set(keys.trace_keys) - set(keys.shared)), _ERASED_TRACE)
        erased = self.remove(plan)
        self._record(plan, erased)
        return erased

    def remove(self, plan: Plan) -> Erased:
        """Removes the planned data without recording it, and without excluding spans that arrive later.

        Args:
            plan: The plan that ``plan`` returned.
        """
        removed = dict(plan.rows)
        left: dict[str, int] = {}
        shared = sorted({key for keys in self._batches(plan) for key in keys.shared})
        for attempt in range(_PASSES):
            if attempt:
                self._await_refreshes()
            left = self._count(plan)
            if not left and attempt:
                break
            for name, number in left.items():
                removed[name] = max(removed.get(name, 0), number)
            if left:
                self._remove(plan)
        else:
            left = self._count(plan)
        if shared:
            left |= self._derive_anew(shared)
        return Erased(len(plan.conversations), removed, left)

    def clean_up(self) -> Erased:
        """Erases data of erased conversations and customers that has arrived since; to be run every night.

        Returns:
            What was erased. Of customers, only conversations that began before the customer was erased.
        """
        late: dict[str, None] = {}
        traces: tuple[str, ...] = ()
        if self._has_tombstones:
            buried = f"(SELECT conversation_key FROM {_TOMBSTONES} WHERE reason = {{reason:String}})"
            late |= dict.fromkeys(
                row[0]
                for row in self.client.query(
                    f"SELECT DISTINCT ConversationId FROM otel_traces WHERE sipHash64(ConversationId) IN {buried}",
                    parameters={"reason": _ERASED},
                ).result_rows
            )
            traces = tuple(
                row[0]
                for row in self.client.query(
                    "SELECT DISTINCT TraceId FROM otel_traces WHERE ConversationId = ''"
                    f" AND sipHash64(TraceId) IN {buried}",
                    parameters={"reason": _ERASED_TRACE},
                ).result_rows
            )
        late |= dict.fromkeys(
            row[0]
            for row in self.client.query(
                "SELECT conversation_id FROM conversations_v AS stored INNER JOIN"
                " (SELECT subject_hash, max(erased_at) AS erased_at FROM erasures WHERE subject = 'customer'"
                " GROUP BY subject_hash) AS erased"
                " ON lower(hex(SHA256(stored.customer_id))) = toString(erased.subject_hash)"
                " WHERE customer_id != '' AND ifNull(first_seen_at, ended_at) < erased.erased_at"
            ).result_rows
        )
        if not late and not traces:
            return Erased(0, {}, {})
        plan = Plan(tuple(late), (), {}, traces=traces)
        return self.erase(replace(plan, rows=self._count(plan)))

    def verify(self, texts: Iterable[str]) -> list[Finding]:
        """Searches every column of every table for texts; an empty list shows that they are gone.

        Args:
            texts: Ids, addresses or words of the erased conversations.
        """
        sought = [text for text in texts if text]
        findings = []
        for table in self.tables if sought else ():
            columns = [column for column in table.columns if column.is_stored and _may_hold_text(column.type)]
            if not columns:
                continue
            counts = ", ".join(
                f"countIf(multiSearchAny(toString(`{column.name}`), {{texts:Array(String)}}))" for column in columns
            )
            row = self.client.query(f"SELECT {counts} FROM `{table.name}`", parameters={"texts": sought}).first_row
            findings += [
                Finding(table.name, column.name, number) for column, number in zip(columns, row, strict=True) if number
            ]
        return findings

    def _keys_of(self, conversations: Sequence[str], customers: Sequence[str]) -> _Keys:
        row = self.client.query(
            "SELECT arrayMap(id -> sipHash64(id), {ids:Array(String)}),"
            " arrayMap(id -> sipHash64(id), {customers:Array(String)}),"
            " arrayMap(id -> lower(hex(substring(SHA256(id), 1, 16))), {ids:Array(String)})",
            parameters={"ids": list(conversations), "customers": list(customers)},
        ).first_row
        keys = _Keys(list(row[0]), list(row[2]), customers=list(row[1]))
        # Spans that name no conversation belong to that of their trace's earliest span with one.
        for trace, is_theirs, is_shared, trace_key in self.client.query(
            f"SELECT TraceId, has({{keys:Array(UInt64)}}, sipHash64({belonging.OWNER})),"
            " countIf(NOT has({keys:Array(UInt64)}, sipHash64(ConversationId))) > 0, sipHash64(TraceId)"
            " FROM otel_traces WHERE TraceId != '' AND ConversationId != '' AND TraceId IN"
            " (SELECT TraceId FROM otel_traces WHERE sipHash64(ConversationId) IN {keys:Array(UInt64)})"
            " GROUP BY TraceId",
            parameters={"keys": keys.keys},
        ).result_rows:
            if is_theirs:
                keys.traces.append(trace)
            if is_shared:
                keys.shared.append(trace_key)
        return self._with_trace_keys(keys)

    def _with_trace_keys(self, keys: _Keys) -> _Keys:
        hashed = self.client.query(
            "SELECT arrayMap(id -> sipHash64(id), {traces:Array(String)})", parameters={"traces": keys.traces}
        )
        keys.trace_keys = list(hashed.result_rows[0][0])
        return keys

    def _batches(self, plan: Plan) -> Iterable[_Keys]:
        for first in range(0, len(plan.conversations), _AT_ONCE):
            yield self._keys_of(plan.conversations[first : first + _AT_ONCE], ())
        if plan.customers:
            yield self._keys_of((), plan.customers)
        for first in range(0, len(plan.traces), _AT_ONCE):
            yield self._with_trace_keys(_Keys(traces=list(plan.traces[first : first + _AT_ONCE])))

    def _count(self, plan: Plan) -> dict[str, int]:
        counted: dict[str, int] = {}
        for keys in self._batches(plan):
            for table, condition in self._concerned():
                sql = f"SELECT count() FROM `{table.name}` WHERE {condition}"
                if number := self.client.query(sql, parameters=keys.parameters()).first_row[0]:
                    counted[table.name] = counted.get(table.name, 0) + number
        return counted

    def _remove(self, plan: Plan) -> None:
        for keys in self._batches(plan):
            for table, condition in self._concerned():
                self.client.command(
                    f"ALTER TABLE `{table.name}` DELETE WHERE {condition}",
                    parameters=keys.parameters(),
                    settings={"mutations_sync": 2},
                )

    def _concerned(self) -> list[tuple[Table, str]]:
        """Each table with the condition for its rows; the spans last, because the others are found by them."""
        ordered = sorted(self.tables, key=lambda table: table.name == "otel_traces")
        return [(table, condition) for table in ordered if (condition := table.condition())]

    def _derive_anew(self, traces: Sequence[int]) -> dict[str, int]:
        """Derives other conversations in shared traces anew, without the erased spans.

        Returns:
            Tables that may still hold what was derived before, because the background derives nothing; empty if none.
        """
        self.client.command(
            "INSERT INTO touched_traces SELECT now64(3), arrayJoin({traces:Array(UInt64)})",
            parameters={"traces": list(traces)},
        )
        since_ms = self.client.query("SELECT toUnixTimestamp64Milli(now64(3))").first_row[0]
        latest_run = "SELECT max(version) FROM derived_conversations WHERE conversation_key = 0"
        for _ in range(_LOOKS):
            if self.client.query(latest_run).first_row[0] > since_ms:
                break
            time.sleep(_PAUSE_S)
        else:
            return {"derived_conversations": len(traces)}
        others = (
            "conversation_key IN (SELECT conversation_key FROM trace_claims WHERE trace_key IN {traces:Array(UInt64)})"
        )
        self.client.command(
            f"ALTER TABLE derived_conversations DELETE WHERE {others} AND (conversation_key, version) NOT IN"
            " (SELECT conversation_key, max(version) FROM derived_conversations GROUP BY conversation_key)",
            parameters={"traces": list(traces)},
            settings={"mutations_sync": 2},
        )
        return {}

    def _await_refreshes(self) -> None:
        """Waits for refreshes of views that run now: they may still write rows that they read before."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        sql = "SELECT count() FROM system.view_refreshes WHERE database = currentDatabase() AND status = 'Running'"
        with suppress(ClickHouseError):  # no right to look, or a server that has no such views
            for _ in range(_LOOKS):
                if not self.client.query(sql).result_rows[0][0]:
                    return
                time.sleep(_PAUSE_S)

    def _bury(self, keys: Sequence[int], reason: str) -> None:
        if keys:
            rows = [[key, reason] for key in keys]
            self.client.insert(_TOMBSTONES, rows, column_names=["conversation_key", "reason"])

    def _record(self, plan: Plan, erased: Erased) -> None:
        subjects = [("customer", name) for name in plan.customers] or [("conversation", name) for name in plan.asked]
        subjects += [("conversation", name) for name in plan.asked] if plan.customers else []
        rows = [
            [
                kind,
                hashlib.sha256(name.encode("utf-8", "replace")).hexdigest(),
                self._by,
                erased.conversations,
                erased.removed,
            ]
            for kind, name in subjects
        ]
        if rows:
            columns = ["subject", "subject_hash", "erased_by", "conversations", "removed"]
            self.client.insert("erasures", rows, column_names=columns)


def _may_hold_text(kind: str) -> bool:
    return (
        any(part in kind for part in ("String", "JSON", "Dynamic", "Variant", "Enum"))
        and "AggregateFunction(uniq" not in kind
    )
