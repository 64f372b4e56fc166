"""``agentsight-otel metrics``, ``replay`` and ``demo``."""

import json
import re
import sys
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import Progress

from agentsight_otel import metrics, replay, terminal
from agentsight_otel.cli.target import F, data_option, target, target_options
from agentsight_otel.clickhouse_url import DEFAULT_DATABASE
from agentsight_otel.clock import parse_iso8601
from agentsight_otel.local import demo

EXIT_REFUSED_LINES = 5
_DURATION = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SHOWN_REFUSALS = 20


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = _DURATION.fullmatch(str(value).strip())
        if not match or not 0 < int(match[1]) <= 100_000:
            self.fail(f"{value!r}: expected a number and m, h, d or w, for example 7d", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


class _Instant(click.ParamType[datetime]):
    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return parse_iso8601(str(value))
        except ValueError:
            self.fail(f"{value!r}: expected ISO 8601, for example 2026-11-01 or 2026-11-01T12:30:00", param, ctx)


def _filter_options(command: F) -> F:
    for name in reversed(metrics.FILTERS):
        command = click.option(f"--{name}", multiple=True, help=f"Only this {name}; may be repeated.")(command)
    return command


@click.command("metrics")
@target_options
@click.option("--database", default=DEFAULT_DATABASE, help="Of the embedded ClickHouse.", show_default=True)
@click.option("--last", type=_Duration(), help="The window's length up to now: 24h, 7d, 4w. Default: 7d.")
@click.option("--from", "start", type=_Instant(), help="The window's beginning, in --timezone unless it says another.")
@click.option("--to", "end", type=_Instant(), help="Its end, not included; default: now.")
@click.option("--timezone", "timezone_name", default="UTC", show_default=True, help="IANA name, for days and hours.")
@_filter_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def metrics_command(
    clickhouse_url: str | None,
    data: Path | None,
    database: str,
    last: timedelta | None,
    start: datetime | None,
    end: datetime | None,
    timezone_name: str,
    as_json: bool,
    **filters: tuple[str, ...],
) -> None:
    """Show the 15 metrics of a window, each with its change against the period before."""
    if last is not None and (start is not None or end is not None):
        raise click.UsageError("--last excludes --from and --to")
    if end is not None and start is None:
        raise click.UsageError("--to needs --from")
    metrics.check_timezone(timezone_name)
    zone = ZoneInfo(timezone_name)
    until = datetime.now(timezone.utc) if end is None else _in_zone(end, zone)
    since = until - (last or timedelta(days=7)) if start is None else _in_zone(start, zone)
    window = metrics.Window(since, until, timezone_name, {name: values for name, values in filters.items() if values})
    with target(clickhouse_url, data, database=database) as url:
        report = metrics.fetch(url, window)
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        terminal.show(report, Console())


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(timezone.utc)


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@target_options
@click.option("--over", type=_Duration(), default="7d", show_default=True, help="Where to spread conversations.")
@click.option("--service", default="agent", show_default=True, help="service.name of what is sent.")
@click.option("--environment", help="deployment.environment.name of what is sent.")
@click.option("--escalation-tool", multiple=True, help="A tool that hands over to a human; may be repeated.")
def replay_command(
    file: Path,
    clickhouse_url: str | None,
    data: Path | None,
    over: timedelta,
    service: str,
    environment: str | None,
    escalation_tool: tuple[str, ...],
) -> None:
    """Send recorded conversations through the SDK, with their own times. FILE is JSON Lines; - is stdin."""
    if str(file) == "-":
        reading = replay.read(sys.stdin.buffer)
    else:
        with file.open("rb") as lines:
            reading = replay.read(lines)
    with target(clickhouse_url, data, create=clickhouse_url is None) as url, _progress("sending") as progress:
        played = replay.play(
            reading.transcripts,
            url,
            over_s=over.total_seconds(),
            service_name=service,
            environment=environment,
            escalation_tools=escalation_tool,
            progress=progress,
        )
    click.echo(f"sent {played.conversations} conversations, {played.messages} messages, {played.tool_calls} tool calls")
    if played.spread:
        click.echo(
            f"{played.spread} conversations have no times of their own: spaced plausibly, and spread over the last"
            f" {over.total_seconds() / 86_400:g} days (those sent before stay where they were)"
        )
    if reading.refusals:
        for refusal in reading.refusals[:_SHOWN_REFUSALS]:
            click.echo(f"line {refusal.line}: {refusal.problem}", err=True)
        more = len(reading.refusals) - _SHOWN_REFUSALS
        click.echo(f"{len(reading.refusals)} line(s) refused" + (f", {more} not shown" if more > 0 else ""), err=True)
        raise SystemExit(EXIT_REFUSED_LINES)


@click.command("demo")
@data_option
@click.option("--timezone", "timezone_name", default="UTC", show_default=True, help="IANA name, for days and hours.")
def demo_command(data: Path | None, timezone_name: str) -> None:
    """Fill an embedded ClickHouse with realistic conversations and show their metrics."""
    metrics.check_timezone(timezone_name)
    console = Console()
    console.print("[bold]1[/] starting ClickHouse and applying the schema")
    with target(None, data, create=True, database=demo.DATABASE) as url:
        console.print("[bold]2[/] sending conversations of the last 28 days through the SDK")
        now = datetime.now(timezone.utc)
        with _progress("sending") as progress:
            played = replay.play(
                demo.transcripts(),
                url,
                progress=progress,
                **demo.PLAYED_AS,
            )
        console.print(
            f"  {played.conversations} conversations, {played.messages} messages, {played.tool_calls} tool calls"
        )
        console.print("[bold]3[/] the metrics of the last 14 days, beside the 14 days before")
        end = max(now, datetime.now(timezone.utc))
        terminal.show(metrics.fetch(url, metrics.Window(end - timedelta(days=14), end, timezone_name)), console)
    again = f" --data {data}" if data else ""
    console.print(
        f"\nAgain, for another window:  agentsight-otel metrics{again} --database {demo.DATABASE} --last 7d\n"
        f"ClickHouse in the foreground:  agentsight-otel clickhouse{again}",
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def _progress(doing: str) -> Any:
    with Progress(console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(job, completed=done, total=total)
