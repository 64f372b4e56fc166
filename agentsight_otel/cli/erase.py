"""``agentsight-otel erase``."""

import getpass
from collections.abc import Mapping
from pathlib import Path

import click

from agentsight_otel._export import content
from agentsight_otel.cli import words
from agentsight_otel.cli.options import Id
from agentsight_otel.cli.target import target, target_options
from agentsight_otel.clickhouse.erasure import Eraser, Retention

EXIT_LEFT = 6


@click.command("erase")
@target_options
@click.option("--conversation", type=Id(), multiple=True, help="A conversation, by its id; may be repeated.")
@click.option(
    "--customer", type=Id(), multiple=True, help="All conversations of a customer, by its id; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Say what there is, and erase nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--verify", is_flag=True, help="Erase nothing: look for the ids in every column of every table.")
@click.option("--text", multiple=True, help="With --verify: look for this, too, an address for example.")
@click.option(
    "--clean-up",
    is_flag=True,
    help="Erase what arrived late of what was erased before, and what is past its retention; for every night.",
)
@click.option("--by", default=None, help="Who asked for it, for the table erasures. Default: the login name.")
@click.option("--shard", multiple=True, help="The ClickHouse URL of a shard, of a cluster; give each of them.")
def erase_command(
    clickhouse_url: str | None,
    data: Path | None,
    conversation: tuple[str, ...],
    customer: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    verify: bool,
    text: tuple[str, ...],
    clean_up: bool,
    by: str | None,
    shard: tuple[str, ...],
) -> None:
    """Erase conversations, alone or all of a customer, from every table; and show that they are gone."""
    if not (conversation or customer or clean_up or (verify and text)):
        raise click.UsageError("expected --conversation, --customer, --clean-up, or --verify --text")
    if clean_up and (conversation or customer or verify):
        raise click.UsageError("--clean-up goes alone")
    complete = True
    for address in shard or (clickhouse_url,):
        with target(address, data) as url, Eraser(url, erased_by=by or _login()) as eraser:
            if verify:
                complete &= _verify(eraser, (*conversation, *customer, *text))
            elif clean_up:
                erased = eraser.clean_up()
                _say("removed of what arrived late", erased.removed)
                complete &= not erased.left
                with Retention(url, content.ALL, content.NO_TEXT_OF_EVENTS) as retention:
                    enforced = retention.enforce()
                click.echo(
                    f"past their time: {words.counted(enforced.conversations, 'conversation')} removed,"
                    f" {words.counted(enforced.spans, 'span')} without texts now"
                )
            else:
                complete &= _erase(eraser, conversation, customer, dry_run=dry_run, yes=yes)
    if not complete:
        raise SystemExit(EXIT_LEFT)


def _erase(
    eraser: Eraser, conversations: tuple[str, ...], customers: tuple[str, ...], *, dry_run: bool, yes: bool
) -> bool:
    plan = eraser.plan(conversations, customers)
    click.echo(words.counted(len(plan.conversations), "conversation"))
    _say("there are", plan.rows)
    if dry_run:
        return True
    if not yes:
        click.confirm("erase them for good?", abort=True)
    erased = eraser.erase(plan)
    _say("removed", erased.removed)
    _say("left", erased.left)
    return not erased.left


def _verify(eraser: Eraser, texts: tuple[str, ...]) -> bool:
    findings = eraser.verify(texts)
    for finding in findings:
        click.echo(f"{finding.table}.{finding.column}: {words.counted(finding.rows, 'row')}")
    click.echo("nothing was found" if not findings else f"found in {words.counted(len(findings), 'column')}")
    return not findings


def _say(what: str, rows: Mapping[str, int]) -> None:
    by_table = ", ".join(f"{words.counted(number, 'row')} in {table}" for table, number in sorted(rows.items()))
    click.echo(f"{what}: {by_table or 'nothing'}")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user's id has no name
        return ""
