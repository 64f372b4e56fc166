"""``agentsight-otel metrics`` and ``demo``."""

import json
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from agentsight_otel import replay
from agentsight_otel.cli import report_formats, terminal, words
from agentsight_otel.cli.options import Duration, Instant, filter_options, progress_bar
from agentsight_otel.cli.target import data_option, target, target_options
from agentsight_otel.clickhouse import client, metrics
from agentsight_otel.clickhouse import url as addresses
from agentsight_otel.clickhouse.url import DEFAULT_DATABASE
from agentsight_otel.clickhouse.window import Window, check_timezone
from agentsight_otel.local import demo


@click.command("metrics")
@target_options
@click.option(
    "--database",
    help=f"Of the embedded ClickHouse. Default: {DEFAULT_DATABASE}, or the demo's where there is no other.",
)
@click.option("--last", type=Duration(), help="The window's length up to now: 24h, 7d, 4w. Default: 7d.")
@click.option("--from", "start", type=Instant(), help="The window's beginning, in --timezone unless it says another.")
@click.option("--to", "end", type=Instant(), help="Its end, not included; default: now.")
@click.option("--timezone", "timezone_name", default="UTC", show_default=True, help="IANA name, for days and hours.")
@filter_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
    help="csv has a row for each figure.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--watch",
    type=click.IntRange(1, 86_400),
    is_flag=False,
    flag_value=5,
    metavar="SECONDS",
    help="Shows them again every so many seconds (5 unless given) until Ctrl-C.",
)
def metrics_command(
    clickhouse_url: str | None,
    data: Path | None,
    database: str | None,
    last: timedelta | None,
    start: datetime | None,
    end: datetime | None,
    timezone_name: str,
    form: str,
    as_json: bool,
    watch: int | None,
    **filters: tuple[str, ...],
) -> None:
    """Show the 15 metrics of a window, each with its change against the period before."""
    if last is not None and (start is not None or end is not None):
        raise click.UsageError("--last excludes --from and --to")
    if end is not None and start is None:
        raise click.UsageError("--to needs --from")
    check_timezone(timezone_name)
    zone = ZoneInfo(timezone_name)
    chosen = {name: values for name, values in filters.items() if values}

    def window() -> Window:
        until = datetime.now(timezone.utc) if end is None else _in_zone(end, zone)
        since = until - (last or timedelta(days=7)) if start is None else _in_zone(start, zone)
        return Window(since, until, timezone_name, chosen)

    with target(clickhouse_url, data, database=database or DEFAULT_DATABASE) as url:
        if clickhouse_url is None and database is None:
            url = _filled(url)
        console = Console()
        if watch is None:
            _show(metrics.fetch(url, window()), "json" if as_json else form, console)
            return
        with suppress(KeyboardInterrupt):  # it ends the watching, also amid a query
            while True:
                report = metrics.fetch(url, window())
                if console.is_terminal:
                    console.clear()
                _show(report, "json" if as_json else form, console)
                time.sleep(watch)


def _show(report: metrics.Report, form: str, console: Console) -> None:
    if form == "table":
        terminal.show(report, console)
    elif form == "json":
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        click.echo(report_formats.as_csv(report) if form == "csv" else report_formats.as_markdown(report), nl=False)


def _filled(url: str) -> str:
    """The URL of the demo's database where the embedded ClickHouse has no other one; else the URL itself."""
    with client.connect(url, database="default") as connected:
        names = {row[0] for row in connected.query("SELECT name FROM system.databases").result_rows}
    if DEFAULT_DATABASE in names or demo.DATABASE not in names:
        return url
    click.echo(f"No database {DEFAULT_DATABASE} is here yet: these are the demo's, of {demo.DATABASE}.", err=True)
    return str(replace(addresses.parse(url), database=demo.DATABASE))


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(timezone.utc)


@click.command("demo")
@data_option
@click.option("--timezone", "timezone_name", default="UTC", show_default=True, help="IANA name, for days and hours.")
def demo_command(data: Path | None, timezone_name: str) -> None:
    """Fill an embedded ClickHouse with realistic conversations and show their metrics."""
    check_timezone(timezone_name)
    console = Console()
    console.print("[bold]1[/] starting ClickHouse and applying the schema")
    with target(None, data, create=True, database=demo.DATABASE) as url:
        console.print("[bold]2[/] sending conversations of the last 28 days through the SDK")
        now = datetime.now(timezone.utc)
        with progress_bar("sending") as progress:
            played = replay.play(
                demo.transcripts(),
                url,
                progress=progress,
                **demo.PLAYED_AS,
            )
        console.print(
            f"  {words.counted(played.conversations, 'conversation')}, {words.counted(played.messages, 'message')},"
            f" {words.counted(played.tool_calls, 'tool call')}"
        )
        console.print("[bold]3[/] the metrics of the last 14 days, beside the 14 days before")
        end = max(now, datetime.now(timezone.utc))
        terminal.show(metrics.fetch(url, Window(end - timedelta(days=14), end, timezone_name)), console)
    again = f" --data {data}" if data else ""
    console.print(
        "\nNext:\n"
        f"  agentsight-otel up --demo{again}\n      the same as a page, with every conversation\n"
        f"  agentsight-otel metrics{again} --database {demo.DATABASE} --last 7d\n      another window\n"
        f"  agentsight-otel clickhouse{again}\n      ClickHouse in the foreground, for your own SQL on database"
        f" {demo.DATABASE}",
        highlight=False,
        soft_wrap=True,
    )
