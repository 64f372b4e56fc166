"""``agentsight-otel export``."""

import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO, cast

import click

from agentsight_otel._core.private_files import whole_file
from agentsight_otel.cli import words
from agentsight_otel.cli.options import Duration, Id, Instant, filter_options
from agentsight_otel.cli.target import target, target_options
from agentsight_otel.clickhouse import export


@click.command("export")
@click.argument("kind", type=click.Choice(export.KINDS))
@target_options
@click.option("--format", "form", type=click.Choice(export.FORMATS), default="jsonl", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="For its owner only. Default: stdout."
)
@click.option("--conversation", type=Id(), multiple=True, help="Only this one, by its id; may be repeated.")
@click.option("--customer", type=Id(), multiple=True, help="Only those of this one, by its id; may be repeated.")
@click.option("--last", type=Duration(), help="The window's length up to now: 24h, 7d, 4w. Default: all there is.")
@click.option("--from", "start", type=Instant(), help="The window's beginning; UTC unless it says its zone.")
@click.option("--to", "end", type=Instant(), help="Its end, not included.")
@filter_options
def export_command(
    kind: str,
    clickhouse_url: str | None,
    data: Path | None,
    form: str,
    output: Path | None,
    conversation: tuple[str, ...],
    customer: tuple[str, ...],
    last: timedelta | None,
    start: datetime | None,
    end: datetime | None,
    **filters: tuple[str, ...],
) -> None:
    """Write conversations whole, or their messages, tool calls or spans by the row.

    The window is that of the conversations' beginnings; of messages, tool calls and spans their own.
    """
    if last is not None and (start is not None or end is not None):
        raise click.UsageError("--last excludes --from and --to")
    selection = export.Selection(
        conversation,
        customer,
        datetime.now(timezone.utc) - last if last else start,
        end,
        {name: values for name, values in filters.items() if values},
    )
    opened = _opened(output)
    with target(clickhouse_url, data) as url, opened as file:
        number = export.write(url, kind, selection, form, file)
        file.flush()
    click.echo(words.counted(number, "conversation") + (f", written to {output}" if output else ""), err=True)


def _opened(output: Path | None) -> AbstractContextManager[BinaryIO]:
    if output is None:
        return nullcontext(cast(BinaryIO, sys.stdout.buffer))
    if not output.resolve().parent.is_dir():
        raise click.BadParameter(f"{output}: there is no such folder", param_hint="--output")
    if output.exists() and not output.is_file():  # a pipe or a device
        return output.open("wb")
    return whole_file(output.resolve())
