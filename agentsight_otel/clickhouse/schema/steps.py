"""The steps by which a schema is applied to a database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from agentsight_otel.clickhouse.schema.adoption import SPANS, adopting, unfit, way_out
from agentsight_otel.clickhouse.schema.errors import SchemaClash, SchemaEdited, SchemaNewer, SchemaOnShards
from agentsight_otel.clickhouse.schema.files import Kind, SchemaFile, SchemaFolder
from agentsight_otel.clickhouse.schema.filling import await_running_inserts, fill, filling_view, is_filled
from agentsight_otel.clickhouse.schema.history import (
    ADOPTED,
    ADOPTING,
    CREATING,
    Entry,
    History,
    edited_files,
    installed_version,
    newest_version,
)
from agentsight_otel.clickhouse.schema.presence import Present, clashes, present, refuse_clashes
from agentsight_otel.clickhouse.schema.retention import set_retention


@dataclass(frozen=True)
class Step:
    """One step of applying a schema.

    Attributes:
        entry: The name of the object, the migration or the retention setting.
        action: ``create``, ``adopt``, ``replace``, ``migrate``, ``fill`` or ``set``.
        reason: Why the step is taken, or how far it is, for people.
    """

    entry: str
    action: str
    reason: str


Report = Callable[[Step], object]
Action = tuple[Step, Callable[[], None]]


class Applying:
    """Applies a schema to one database.

    Args:
        client: A clickhouse-connect client that may stand in any database.
        database: The database's plain name.
        schema: The schema to apply.
        retention: The retention settings to change, in days by name.
        report: Called with each part of a long step.
    """

    def __init__(
        self, client: Any, database: str, schema: SchemaFolder, retention: dict[str, int], report: Report
    ) -> None:
        self._client = client
        self._database = database
        self._schema = schema
        self._retention = retention
        self._report = report
        self._history = History(client, database, of_query_node=schema.is_query_node)
        self._to_fill: list[SchemaFile] = []
        self._created: dict[str, str] = {}

    def steps(self) -> list[Action]:
        """The steps to take, each with the function that takes it; changes nothing itself.

        Raises:
            SchemaOnShards, SchemaNewer, SchemaEdited, SchemaClash: The schema must not be applied to this database.
        """
        # Objects before history: a process that applies at the same time records an object before it creates it.
        existing = present(self._client, self._database)
        entries = self._history.read()
        if not self._schema.is_query_node and SPANS in existing and existing[SPANS].engine == "Distributed":
            # On a query node, materialised views would make every insert fail.
            raise SchemaOnShards(
                f"database {self._database!r} reads the shards of a cluster: apply the schema to all of it by --cluster"
                " and the cluster's name (docs/cluster.md)"
            )
        refuse_newer(self._database, self._schema, entries)
        edited = edited_files(entries, self._schema)
        if edited and not self._schema.is_query_node:
            raise SchemaEdited(
                f"{', '.join(edited)}: edited after being applied to database {self._database!r} as version"
                f" {self._schema.version}. Restore the file, or raise VERSION and say in a migration how tables get"
                " there"
            )
        adopted = self._refuse_foreign(entries, existing)
        self._choose_engines(existing)
        return [
            *self._migration_steps(entries),
            *self._object_steps(entries, existing, adopted),
            *self._retention_steps(entries),
        ]

    @contextmanager
    def announced(self, steps: Sequence[Action]) -> Iterator[None]:
        """Does the steps within the block: a run that is cut short must know later what is its own."""
        self._history.record(
            {step.entry: CREATING for step, _ in steps if step.action == "create"}, self._schema.version
        )
        try:
            yield
        except BaseException:
            with suppress(Exception):  # what is not remembered is done again
                self._remember_created()
            raise
        self._remember_created()

    def _remember_created(self) -> None:
        self._history.record(self._created, self._schema.version)

    def fill(self) -> None:
        """Fills the tables of the materialised views that the steps created from the older rows, and records them."""
        files = self._schema.files
        filling = {
            file.name: file for file in (filling_view(view, files) for view in self._to_fill if is_filled(view, files))
        }
        if filling:
            await_running_inserts(self._client, self._report_filling(SPANS))
        for view in filling.values():
            fill(self._client, self._database, view, self._report_filling(view.name))
        self._created |= {view.name: view.checksum for view in self._to_fill}

    def _report_filling(self, name: str) -> Callable[[str], object]:
        return lambda progress: self._report(Step(name, "fill", progress))

    def _refuse_foreign(self, entries: dict[str, Entry], existing: dict[str, Present]) -> bool:
        """Whether ``otel_traces`` is to be taken over; raises SchemaClash where any other object is foreign."""
        of_query_node = self._schema.is_query_node
        foreign = clashes(
            self._client, self._database, self._schema.files, entries, existing, of_query_node=of_query_node
        )
        spans = next(file for file in self._schema.files if file.name == SPANS)
        adopted = False
        if SPANS in foreign and not of_query_node:
            reasons = unfit(self._client, self._database, existing[SPANS], spans)
            if reasons:
                foreign[SPANS] += f"; it cannot be taken over: {'; '.join(reasons)}. {way_out(self._database)}"
            else:
                adopted = True
                del foreign[SPANS]
        refuse_clashes(self._database, foreign)
        return adopted

    def _choose_engines(self, existing: dict[str, Present]) -> None:
        """Keeps to engines that replicate where the schema's tables have them; raises SchemaClash where they cannot."""
        engines = {
            file.name: existing[file.name].engine
            for file in self._schema.files
            if file.kind is Kind.TABLE and file.name in existing and existing[file.name].engine.endswith("MergeTree")
        }
        plain = [name for name, engine in engines.items() if not engine.startswith("Replicated")]
        if self._schema.is_replicated and plain:
            raise SchemaClash(
                f"database {self._database!r} has tables that are not replicated: {', '.join(plain)}. Nothing was"
                " changed. Apply the schema to an empty database, and copy the spans into it (docs/cluster.md)"
            )
        if any(name != SPANS and name not in plain for name in engines):
            self._schema = self._schema.replicated()

    def _migration_steps(self, entries: dict[str, Entry]) -> Iterator[Action]:
        installed = installed_version(entries)
        if installed is None:
            return
        for version, file in self._schema.migrations:
            if installed < version <= self._schema.version and entries.get(file.name) is None:
                step = Step(file.name, "migrate", f"version {version - 1} to {version}")
                yield step, self._run(file, file.statements(self._database))

    def _object_steps(self, entries: dict[str, Entry], existing: dict[str, Present], adopted: bool) -> Iterator[Action]:
        for file in self._schema.files:
            entry = entries.get(file.name)
            if file.name == SPANS and (adopted or (entry is not None and entry.value == ADOPTING)):
                rows = existing[SPANS].rows
                yield Step(SPANS, "adopt", f"there with {rows} row(s); add what the views need"), self._adopt(file)
            elif entry is None:
                yield Step(file.name, "create", "new"), self._create(file, is_new=file.name not in existing)
            elif file.name not in existing:
                yield Step(file.name, "create", "missing in the database"), self._create(file, is_new=True)
            elif entry.value == CREATING:
                yield Step(file.name, "create", "not finished"), self._create(file, is_new=False)
            elif entry.version < self._schema.version:
                step = Step(file.name, "replace", f"version {entry.version} to {self._schema.version}")
                yield step, self._replace(file)
            elif self._schema.is_query_node and entry.value != file.checksum:
                yield Step(file.name, "replace", "changed"), self._replace(file)

    def _retention_steps(self, entries: dict[str, Entry]) -> Iterator[Action]:
        for setting, days in self._retention.items():
            before = int(entries[setting].value) if setting in entries else 0
            if days != before:
                yield Step(setting, "set", f"from {_days(before)} to {_days(days)}"), self._set(setting, days)

    def _create(self, file: SchemaFile, *, is_new: bool) -> Callable[[], None]:
        def run() -> None:
            statements = file.first_statements if is_new else file.statements
            for statement in statements(self._database):
                self._client.command(statement)
            for statement in self._first_rows(file):
                self._client.command(statement)
            if file.name == SPANS:
                self._created[ADOPTED] = "0"
            if file.kind is Kind.MATERIALIZED_VIEW:
                self._to_fill.append(file)
            else:
                self._created[file.name] = file.checksum

        return run

    def _first_rows(self, file: SchemaFile) -> list[str]:
        """The statements that insert a table's first rows; none where another replica has rows in it."""
        rows = file.first_rows(self._database)
        if file.is_replicated and rows:
            table = f"{self._database}.{file.name}"
            self._client.command(f"SYSTEM SYNC REPLICA {table}")
            if self._client.query(f"SELECT count() FROM {table}").result_rows[0][0]:
                return []
        return rows

    def _adopt(self, file: SchemaFile) -> Callable[[], None]:
        def run() -> None:
            self._record(file.name, ADOPTING)
            for statement in adopting(self._client, self._database, file):
                self._client.command(statement)
            self._record(ADOPTED, "1")
            self._record(file.name, file.checksum)

        return run

    def _replace(self, file: SchemaFile) -> Callable[[], None]:
        if file.kind is Kind.TABLE:
            return self._run(file, [])  # the migrations have changed the table already
        if file.kind is Kind.MATERIALIZED_VIEW:
            return self._run(file, file.new_query(self._database))
        return self._run(file, file.statements(self._database))

    def _run(self, file: SchemaFile, statements: list[str]) -> Callable[[], None]:
        def run() -> None:
            for statement in statements:
                self._client.command(statement)
            self._record(file.name, file.checksum)

        return run

    def _set(self, setting: str, days: int) -> Callable[[], None]:
        def run() -> None:
            set_retention(self._client, self._database, setting, days)
            self._record(setting, str(days))

        return run

    def _record(self, entry: str, value: str) -> None:
        self._history.record({entry: value}, self._schema.version)


def refuse_newer(database: str, schema: SchemaFolder, entries: dict[str, Entry]) -> None:
    """Raises where the database's schema is of a newer version.

    Raises:
        SchemaNewer: The database's schema is of a newer version.
    """
    newest = newest_version(entries)
    if newest > schema.version:
        raise SchemaNewer(
            f"the schema of database {database!r} is of version {newest}, newer than this agentsight-otel's"
            f" version {schema.version}: upgrade agentsight-otel"
        )


def _days(days: int) -> str:
    return f"{days} days" if days else "keep"
