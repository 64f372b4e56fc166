"""``agentsight-otel escalation-tools``."""

from pathlib import Path

import click

from agentsight_otel.cli.target import target, target_options
from agentsight_otel.clickhouse import client, escalation


@click.group("escalation-tools")
def escalation_group() -> None:
    """List and change the tools that count as a hand-over to a person."""


@escalation_group.command("list")
@target_options
def list_command(clickhouse_url: str | None, data: Path | None) -> None:
    """Print the tools that count; names that suggest a hand-over and do not count are said on stderr."""
    with target(clickhouse_url, data) as url, client.connect(url) as connected:
        tools, suspects = escalation.listed(connected), escalation.suspects(connected)
    for tool in tools:
        click.echo(tool)
    if not tools:
        click.echo("no tool counts as a hand-over: no conversation counts as escalated", err=True)
    for tool in suspects:
        click.echo(f"{tool!r} sounds like a hand-over and does not count: escalation-tools add {tool!r}", err=True)


@escalation_group.command("add")
@click.argument("tools", nargs=-1, required=True, metavar="TOOL…")
@target_options
def add_command(tools: tuple[str, ...], clickhouse_url: str | None, data: Path | None) -> None:
    """Have tools count; the figures of all time follow at once."""
    with target(clickhouse_url, data) as url, client.connect(url) as connected:
        for tool in tools:
            new = escalation.add(connected, tool)
            click.echo(f"{tool.strip()}: counts now" if new else f"{tool.strip()}: counted already")


@escalation_group.command("remove")
@click.argument("tools", nargs=-1, required=True, metavar="TOOL…")
@target_options
def remove_command(tools: tuple[str, ...], clickhouse_url: str | None, data: Path | None) -> None:
    """Have tools count no longer; the figures of all time follow at once."""
    with target(clickhouse_url, data) as url, client.connect(url) as connected:
        for tool in tools:
            was = escalation.remove(connected, tool)
            click.echo(f"{tool.strip()}: counts no longer" if was else f"{tool.strip()}: did not count")
