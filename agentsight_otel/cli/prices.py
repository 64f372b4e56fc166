"""``agentsight-otel prices``: imports and lists token prices."""

from pathlib import Path

import click

from agentsight_otel.cli import words
from agentsight_otel.cli.target import target, target_options
from agentsight_otel.clickhouse import prices


@click.group("prices")
def prices_group() -> None:
    """Fill and show the table of token prices that the cost of model calls is computed from."""


@prices_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@target_options
def import_command(file: Path, clickhouse_url: str | None, data: Path | None) -> None:
    """Store the prices in FILE: CSV (model, input_price, output_price per million tokens, and optionally valid_from,
    cached_input_price, currency), or LiteLLM's model_prices_and_context_window.json.
    """
    token_prices = prices.read(file)
    with target(clickhouse_url, data) as url:
        click.echo(f"{words.counted(prices.store(url, token_prices), 'price')} stored")


@prices_group.command("list")
@target_options
def list_command(clickhouse_url: str | None, data: Path | None) -> None:
    """Show the stored prices."""
    with target(clickhouse_url, data) as url:
        stored = prices.stored(url)
    for price in stored:
        cached = "" if price.cached_input_price is None else f"  cached {price.cached_input_price:g}"
        click.echo(
            f"{price.model}  from {price.valid_from}  in {price.input_price:g}{cached}  out {price.output_price:g}"
            f"  {price.currency} per million tokens"
        )
    if not stored:
        click.echo("no prices; fill them by: agentsight-otel prices import FILE")
