"""``agentsight-otel clickhouse`` and ``agentsight-otel schema``."""

import shutil
import signal
import threading
from datetime import datetime
from pathlib import Path

import click

from agentsight_otel.cli import words
from agentsight_otel.cli.clusters import ClusterChoice, cluster_options, prefix_of
from agentsight_otel.cli.options import Instant
from agentsight_otel.cli.target import F, data_option, target, target_options
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.erasure import set_rules
from agentsight_otel.clickhouse.schema.cluster import Node
from agentsight_otel.clickhouse.url import DEFAULT_DATABASE
from agentsight_otel.local import EmbeddedClickHouse, LocalClickHouseError, default_data_folder

_NOTHING = "up to date, nothing to do"
_STATE_WIDTH, _TIME_WIDTH = 9, 20


def _retention_options(command: F) -> F:
    for name, what in (("rollup", "the metrics' own tables"), ("raw", "spans")):
        command = click.option(
            f"--{name}-retention-days",
            type=click.IntRange(0, 36_500),
            envvar=f"AGENTSIGHT_{name.upper()}_RETENTION_DAYS",
            help=f"Days that {what} are kept; 0 = for good. Left as it is unless given.",
        )(command)
    return command


@click.command("clickhouse")
@data_option
@click.option("--http-port", type=click.IntRange(0, 65535), default=8123, show_default=True, help="0 = any free one.")
@click.option("--tcp-port", type=click.IntRange(0, 65535), default=9000, show_default=True, help="0 = any free one.")
def clickhouse_command(data: Path | None, http_port: int, tcp_port: int) -> None:
    """Run the embedded ClickHouse in the foreground, on this machine only, until Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with EmbeddedClickHouse(data or default_data_folder(), http_port=http_port, tcp_port=tcp_port) as server:
        click.echo(f"ClickHouse is ready; data in {server.home}")
        click.echo(f"  HTTP      {server.host}:{server.http_port}   (http://{server.host}:{server.http_port}/play)")
        click.echo(f"  TCP       {server.host}:{server.tcp_port}")
        click.echo(f"  user      {server.user}")
        click.echo(f"  password  {server.password}   (kept in {server.home / 'password'})")
        click.echo(f"\nexport AGENTSIGHT_CLICKHOUSE_URL={server.url()}\n")
        click.echo(f"For whoever only reads (Grafana, notebooks):\n  {server.reader_url()}\n")
        click.echo("Ctrl-C stops it.")
        while not stop.wait(0.5):
            if not server.alive():
                raise LocalClickHouseError(f"ClickHouse ended unexpectedly; see {server.home / 'stderr.log'}")
    click.echo("stopped")


@click.group("schema")
def schema_group() -> None:
    """Plan, apply, show and verify the ClickHouse schema."""


@schema_group.command("plan")
@target_options
@cluster_options
@_retention_options
def plan_command(
    clickhouse_url: str | None,
    data: Path | None,
    cluster: ClusterChoice | None,
    raw_retention_days: int | None,
    rollup_retention_days: int | None,
) -> None:
    """Show what apply would do, without doing it."""
    planned: list[tuple[Node | None, list[schema.Step]]]
    days = (raw_retention_days, rollup_retention_days)
    with target(clickhouse_url, data) as url:
        if cluster is None:
            planned = [(None, schema.plan(url, raw_retention_days=days[0], rollup_retention_days=days[1]))]
        else:
            planned = [*cluster.known_to(url).plan(*days)]
    for node, steps in planned:
        for step in steps:
            _say_step(node, step)
        click.echo(prefix_of(node) + (words.counted(len(steps), "step") if steps else _NOTHING))


@schema_group.command("apply")
@target_options
@cluster_options
@_retention_options
@click.option(
    "--content-retention",
    multiple=True,
    metavar="[ENVIRONMENT=]DAYS",
    help="Texts are removed after so many days, figures stay; 0 keeps. By `erase --clean-up`, every night.",
)
@click.option(
    "--environment-retention",
    multiple=True,
    metavar="ENVIRONMENT=DAYS",
    help="Conversations of this environment are removed after so many days; 0 keeps. By `erase --clean-up`.",
)
def apply_command(
    clickhouse_url: str | None,
    data: Path | None,
    cluster: ClusterChoice | None,
    raw_retention_days: int | None,
    rollup_retention_days: int | None,
    content_retention: tuple[str, ...],
    environment_retention: tuple[str, ...],
) -> None:
    """Bring the database to this version's schema; creates the database where there is none.

    With --cluster, on every node of it: all are checked before anything is changed on any, and what was cut short is
    completed by the same command.
    """
    content = _days_by_environment("--content-retention", content_retention, all_of_them=True)
    whole = _days_by_environment("--environment-retention", environment_retention, all_of_them=False)
    applied: list[tuple[Node | None, list[schema.Step]]]
    with target(clickhouse_url, data) as url:
        if cluster is None:
            steps = schema.apply(
                url,
                raw_retention_days=raw_retention_days,
                rollup_retention_days=rollup_retention_days,
                report=lambda step: _say_step(None, step),
            )
            applied = [(None, steps)]
        else:
            applied = [*cluster.known_to(url).apply(raw_retention_days, rollup_retention_days, _say_step)]
        for node, _ in applied:
            if node is None or not node.is_query_node:
                set_rules(node.url if node else url, whole, content)
    for node, steps in applied:
        click.echo(prefix_of(node) + (f"applied {words.counted(len(steps), 'step')}" if steps else _NOTHING))


def _say_step(node: Node | None, step: schema.Step) -> None:
    click.echo(f"{prefix_of(node)}{step.action:8} {step.entry}  ({step.reason})")


def _days_by_environment(option: str, values: tuple[str, ...], *, all_of_them: bool) -> dict[str, int]:
    days_of = {}
    for value in values:
        environment, _, days = value.rpartition("=")
        if not days.strip().isdecimal() or not (environment or all_of_them):
            raise click.BadParameter(
                f"{value!r}: expected {'30, or ' if all_of_them else ''}staging=30", param_hint=option
            )
        days_of[environment.strip()] = int(days)
    return days_of


@schema_group.command("sql")
@click.option("--database", default=DEFAULT_DATABASE, show_default=True, help="Its name.")
@click.option("--query-node", is_flag=True, help="For a server that reads the shards of a cluster (docs/cluster.md).")
@click.option("--cluster", default="agentsight", show_default=True, help="With --query-node: the cluster's name there.")
@click.option("--replicated", is_flag=True, help="Tables replicate their rows; for a replica of a shard.")
def sql_command(database: str, query_node: bool, cluster: str, replicated: bool) -> None:
    """Print the schema as one SQL script, for servers that are not reached from here."""
    try:
        script = schema.script(database, query_node=query_node, cluster=cluster, replicated=replicated)
        click.echo(script, nl=False)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@schema_group.command("status")
@target_options
@cluster_options
def status_command(clickhouse_url: str | None, data: Path | None, cluster: ClusterChoice | None) -> None:
    """Show what was applied, and when; exit code 4 unless it is up to date."""
    states: list[tuple[Node | None, schema.Status]]
    with target(clickhouse_url, data) as url:
        states = [(None, schema.status(url))] if cluster is None else [*cluster.known_to(url).status()]
    for node, status in states:
        _show_status(node, status)
    behind = [prefix_of(node) for node, status in states if not status.up_to_date]
    for prefix in behind:
        click.echo(f"{prefix}not up to date; run: agentsight-otel schema apply", err=True)
    if behind:
        raise SystemExit(4)


def _show_status(node: Node | None, status: schema.Status) -> None:
    prefix = prefix_of(node)
    name_width = max((len(file.name) for file in status.files), default=0)
    is_wide = shutil.get_terminal_size().columns >= len(prefix) + _STATE_WIDTH + name_width + _TIME_WIDTH
    for file in status.files:
        when = f"{file.applied_at:%Y-%m-%d %H:%M:%S}" if file.applied_at else "-"
        # On a narrow terminal in two lines: in one they would be broken in the middle.
        between = " " * (name_width - len(file.name) + 1) if is_wide else f"\n{' ' * _STATE_WIDTH}"
        click.echo(f"{prefix}{file.state:8} {file.name}{between}{when}")
    versions = f"version {status.installed_version or '-'}, code: {status.code_version}"
    click.echo(f"{prefix}database {status.database}: {versions}")
    if node is None or not node.is_query_node:
        for name, days in (("raw", status.raw_retention_days), ("rollup", status.rollup_retention_days)):
            click.echo(f"{prefix}{name} retention: {f'{days} days' if days else 'keep'}")


@schema_group.command("rebuild")
@target_options
@click.option("--from", "start", type=Instant(), help="Only spans that began then or later.")
@click.option("--to", "end", type=Instant(), help="Only spans that began before.")
def rebuild_command(
    clickhouse_url: str | None, data: Path | None, start: datetime | None, end: datetime | None
) -> None:
    """Derive from the raw spans what metrics need, by partition, while writers go on; safe to repeat."""
    with target(clickhouse_url, data) as url:
        partitions = schema.rebuild(url, start=start, end=end, report=lambda step: _say_step(None, step))
    click.echo(f"derived everything from {words.counted(partitions, 'partition')}")


@schema_group.command("verify")
@target_options
@cluster_options
@click.option("--definitions-only", is_flag=True, help="Do not read the spans to see whether all is derived from them.")
def verify_command(
    clickhouse_url: str | None, data: Path | None, cluster: ClusterChoice | None, definitions_only: bool
) -> None:
    """Compare every table and view with a schema built fresh, and what is derived with the spans; exit code 4."""
    compared: list[tuple[Node | None, list[schema.Difference]]]
    lacking = []
    with target(clickhouse_url, data) as url:
        compared = [(None, schema.verify(url))] if cluster is None else [*cluster.known_to(url).verify()]
        for node, _ in compared:
            if not (definitions_only or (node and node.is_query_node)):
                lacking += [(node, table) for table in schema.missing_rows(node.url if node else url)]
    for node, differences in compared:
        prefix = prefix_of(node)
        for difference in differences:
            click.echo(f"{prefix}{difference.problem}: {difference.object_name}")
            click.echo(f"  expected: {difference.expected}")
            if difference.found:
                click.echo(f"  found:    {difference.found}")
    for node, table in lacking:
        what = f"{table.table} lacks {table.missing} of {table.derived} rows that the spans give"
        click.echo(f"{prefix_of(node)}incomplete: {what}")
    if lacking:
        click.echo("run: agentsight-otel schema rebuild", err=True)
    for node, differences in compared:
        if not differences and node not in [lacks for lacks, _ in lacking]:
            click.echo(f"{prefix_of(node)}every table and view is as the schema says")
    if lacking or any(differences for _, differences in compared):
        raise SystemExit(4)
