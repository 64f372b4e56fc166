"""``agentsight-otel replay``."""

import sys
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import click

from agentsight_otel import replay
from agentsight_otel.cli import words
from agentsight_otel.cli.options import Duration, progress_bar
from agentsight_otel.cli.target import target, target_options
from agentsight_otel.replay import Mapping, MappingError, Reading
from agentsight_otel.replay.formats.registry import NAMES

EXIT_REFUSED = 5
_SHOWN_REFUSALS = 20


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@target_options
@click.option("--format", "format_name", type=click.Choice(NAMES), help="Default: found by looking at each entry.")
@click.option(
    "--map",
    "mapping_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file that says which column is what, of JSON Lines or CSV with one message a row.",
)
@click.option("--agent", multiple=True, help="WhatsApp: the name under which the agent writes; may be repeated.")
@click.option("--over", type=Duration(), default="7d", show_default=True, help="Where to spread conversations.")
@click.option("--service", default="agent", show_default=True, help="service.name of what is sent.")
@click.option("--environment", help="deployment.environment.name of what is sent.")
@click.option("--escalation-tool", multiple=True, help="A tool that hands over to a human; may be repeated.")
def replay_command(
    file: Path,
    clickhouse_url: str | None,
    data: Path | None,
    format_name: str | None,
    mapping_file: Path | None,
    agent: tuple[str, ...],
    over: timedelta,
    service: str,
    environment: str | None,
    escalation_tool: tuple[str, ...],
) -> None:
    """Send recorded conversations through the SDK, with their own times. FILE is JSON, CSV or text; - is stdin."""
    try:
        mapping = Mapping.load(mapping_file) if mapping_file else None
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as lines:
            reading = replay.read(lines, format=format_name, mapping=mapping, agent=agent)
    except MappingError as error:
        raise click.BadParameter(str(error), param_hint="--map") from None
    with target(clickhouse_url, data, create=clickhouse_url is None) as url, progress_bar("sending") as progress:
        stored = replay.store_spans(reading.spans, url)
        played = replay.play(
            reading.transcripts,
            url,
            over_s=over.total_seconds(),
            service_name=service,
            environment=environment,
            escalation_tools=escalation_tool,
            progress=progress,
        )
    if stored:
        click.echo(f"stored {words.counted(stored, 'span')}")
    if reading.transcripts or not stored:
        click.echo(
            f"sent {words.counted(played.conversations, 'conversation')},"
            f" {words.counted(played.messages, 'message')}, {words.counted(played.tool_calls, 'tool call')}"
        )
    if played.spread:
        click.echo(
            f"{words.counted(played.spread, 'conversation has', 'conversations have')} no times of their own: spaced"
            f" plausibly, and spread over the last {_days(over)} (what was sent before stays where it was)"
        )
    _say(reading)


def _days(length: timedelta) -> str:
    days = length.total_seconds() / 86_400
    return "day" if days == 1 else f"{days:g} days"


def _say(reading: Reading) -> None:
    for note in reading.notes:
        click.echo(f"note: {note}", err=True)
    if reading.refusals:
        for refusal in reading.refusals[:_SHOWN_REFUSALS]:
            click.echo(f"{reading.unit} {refusal.line}: {refusal.problem}", err=True)
        more = len(reading.refusals) - _SHOWN_REFUSALS
        refused = words.counted(len(reading.refusals), reading.unit)
        click.echo(f"{refused} refused" + (f", {more} not shown" if more > 0 else ""), err=True)
        raise SystemExit(EXIT_REFUSED)
