"""``agentsight-otel clickhouse`` and ``agentsight-otel schema``."""

import signal
import threading
from pathlib import Path

import click

from agentsight_otel import schema
from agentsight_otel.cli.target import F, data_option, target, target_options
from agentsight_otel.local import EmbeddedClickHouse, LocalClickHouseError, default_data_folder


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
@_retention_options
def plan_command(
    clickhouse_url: str | None, data: Path | None, raw_retention_days: int | None, rollup_retention_days: int | None
) -> None:
    """Show what apply would do, without doing it."""
    with target(clickhouse_url, data) as url:
        steps = schema.plan(url, raw_retention_days=raw_retention_days, rollup_retention_days=rollup_retention_days)
    for step in steps:
        click.echo(f"{step.action:8} {step.entry}  ({step.reason})")
    click.echo(f"{len(steps)} step(s)" if steps else "up to date, nothing to do")


@schema_group.command("apply")
@target_options
@_retention_options
def apply_command(
    clickhouse_url: str | None, data: Path | None, raw_retention_days: int | None, rollup_retention_days: int | None
) -> None:
    """Bring the database to this version's schema; creates the database where there is none."""
    with target(clickhouse_url, data) as url:
        steps = schema.apply(
            url,
            raw_retention_days=raw_retention_days,
            rollup_retention_days=rollup_retention_days,
            report=lambda step: click.echo(f"{step.action:8} {step.entry}  ({step.reason})"),
        )
    click.echo(f"applied {len(steps)} step(s)" if steps else "up to date, nothing to do")


@schema_group.command("status")
@target_options
def status_command(clickhouse_url: str | None, data: Path | None) -> None:
    """Show what was applied, and when; exit code 4 unless it is up to date."""
    with target(clickhouse_url, data) as url:
        status = schema.status(url)
    for file in status.files:
        when = f"{file.applied_at:%Y-%m-%d %H:%M:%S}" if file.applied_at else "-"
        click.echo(f"{file.state:8} {file.name:45} {when}")
    click.echo(f"database {status.database}: version {status.installed_version or '-'}, code: {status.code_version}")
    for name, days in (("raw", status.raw_retention_days), ("rollup", status.rollup_retention_days)):
        click.echo(f"{name} retention: {f'{days} days' if days else 'keep'}")
    if not status.up_to_date:
        click.echo("not up to date; run: agentsight-otel schema apply", err=True)
        raise SystemExit(4)


@schema_group.command("verify")
@target_options
def verify_command(clickhouse_url: str | None, data: Path | None) -> None:
    """Compare every table and view with a schema built fresh; exit code 4 where they differ."""
    with target(clickhouse_url, data) as url:
        differences = schema.verify(url)
    for difference in differences:
        click.echo(f"{difference.problem}: {difference.object_name}")
        click.echo(f"  expected: {difference.expected}")
        if difference.found:
            click.echo(f"  found:    {difference.found}")
    if differences:
        raise SystemExit(4)
    click.echo("every table and view is as the schema says")
