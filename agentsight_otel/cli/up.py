"""``agentsight-otel up``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentsight_otel import replay
from agentsight_otel.cli.target import data_option
from agentsight_otel.clickhouse_url import DEFAULT_DATABASE
from agentsight_otel.local import default_data_folder, demo

if TYPE_CHECKING:
    from agentsight_otel.local.up import Running, UpSettings

_PORT = click.IntRange(0, 65535)


@click.command("up")
@data_option
@click.option("--demo", "with_demo", is_flag=True, help="Show the demo's conversations, in a database of their own.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the page; others need --token.")
@click.option("--port", type=_PORT, default=8686, show_default=True, help="Of the page; 0 = any free one.")
@click.option("--grpc-port", type=_PORT, default=4317, show_default=True, help="Of OTLP over gRPC, on 127.0.0.1.")
@click.option("--http-port", type=_PORT, default=4318, show_default=True, help="Of OTLP over HTTP, on 127.0.0.1.")
@click.option(
    "--token", envvar="AGENTSIGHT_PAGE_TOKEN", help="Who opens the page must know it; also AGENTSIGHT_PAGE_TOKEN."
)
def up_command(data: Path | None, with_demo: bool, token: str | None, **given: Any) -> None:
    """Run it all on this machine until Ctrl-C: ClickHouse, OTLP in, and the dashboard page."""
    # Not for the other commands: its servers take longer to import than most of these run.
    from agentsight_otel.local.up import UpSettings, up

    if token is not None and not token.strip():
        raise click.BadParameter("expected at least one character", param_hint="--token")
    settings = UpSettings(
        home=(data or default_data_folder()).expanduser().resolve(),
        database=demo.DATABASE if with_demo else DEFAULT_DATABASE,
        token=token,
        label="demo" if with_demo else "",
        **given,
    )

    def ready(running: "Running") -> None:
        _say(running, settings)
        if with_demo:
            played = replay.play(demo.transcripts(), running.clickhouse_url, **demo.PLAYED_AS)
            click.echo(f"The demo's {played.conversations} conversations are there.")

    up(settings, ready)
    click.echo("stopped")


def _say(running: "Running", settings: "UpSettings") -> None:
    click.echo(f"The dashboard: {running.page_url}" + ("  (asks for the token)" if settings.token else ""))
    click.echo(f"Data in {settings.home}, database {settings.database}")
    if running.collector is None:
        click.echo(
            "OTLP is taken by the small receiver (a collector is used where OTELCOL names one, or one is on the PATH)"
        )
    else:
        click.echo(f"OTLP is taken by {running.collector}")
    click.echo(f"Listening at 127.0.0.1:{running.grpc_port} (gRPC) and :{running.http_port} (HTTP). For your agent:\n")
    click.echo("\n".join(f"  {line}" for line in running.lines))
    click.echo("\nCtrl-C stops it all.")
