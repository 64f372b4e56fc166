"""``agentsight-otel up``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentsight_otel import replay
from agentsight_otel.cli.target import data_option
from agentsight_otel.clickhouse.url import DEFAULT_DATABASE
from agentsight_otel.local import default_data_folder, demo
from agentsight_otel.local.server_config import USER

if TYPE_CHECKING:
    from agentsight_otel.local.up import Running, UpSettings

_PORT = click.IntRange(0, 65535)


@click.command("up")
@data_option
@click.option("--demo", "with_demo", is_flag=True, help="Show the demo's conversations, in a database of their own.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the page; others need --token.")
@click.option("--port", type=_PORT, default=8686, show_default=True, help="Of the page; 0 = any free one.")
@click.option("--grpc-port", type=_PORT, default=4317, show_default=True, help="Of OTLP over gRPC.")
@click.option("--http-port", type=_PORT, default=4318, show_default=True, help="Of OTLP over HTTP.")
@click.option(
    "--otlp-host",
    default="127.0.0.1",
    show_default=True,
    help="Address of OTLP; whoever can reach another one can send: OTLP has no login here.",
)
@click.option(
    "--token", envvar="AGENTSIGHT_PAGE_TOKEN", help="Who opens the page must know it; also AGENTSIGHT_PAGE_TOKEN."
)
@click.option(
    "--allow-origin", "origins", multiple=True, help="A web page's origin that may send to the small receiver."
)
def up_command(data: Path | None, with_demo: bool, token: str | None, origins: tuple[str, ...], **options: Any) -> None:
    """Run it all on this machine until Ctrl-C: ClickHouse, OTLP in, and the dashboard page."""
    # Imported only here: importing its servers takes longer than most other commands run.
    from agentsight_otel.local.up import UpSettings, up

    if token is not None and not token.strip():
        raise click.BadParameter("expected at least one character", param_hint="--token")
    settings = UpSettings(
        home=(data or default_data_folder()).expanduser().resolve(),
        database=demo.DATABASE if with_demo else DEFAULT_DATABASE,
        token=token,
        origins=origins,
        label="demo" if with_demo else "",
        **options,
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
    if settings.token is None:
        click.echo("  (the token in it is this start's; other users of this machine do not have it)")
    click.echo(f"Data in {settings.home}, database {settings.database}")
    if running.collector is None:
        click.echo(
            "OTLP is taken by the small receiver (a collector is used where OTELCOL names one, or one is on the PATH)"
        )
    else:
        click.echo(f"OTLP is taken by {running.collector}")
        if settings.origins:
            click.echo(
                f"--allow-origin is ignored: it is for the small receiver, and OTLP is taken by {running.collector},"
                " whose configuration says which web pages may send (receivers.otlp.protocols.http.cors)",
                err=True,
            )
    click.echo(f"Listening at {settings.otlp_host}:{running.grpc_port} (gRPC) and :{running.http_port} (HTTP).")
    click.echo("For your agent:\n")
    click.echo("\n".join(f"  {line}" for line in running.lines))
    click.echo(f"\nSQL, to read (Grafana, notebooks): {running.reader_url}")
    click.echo(f"The password of {USER}, who may write, is in {settings.home / 'password'}")
    click.echo("\nCtrl-C stops it all.")
