"""The database that a command works on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.local import EmbeddedClickHouse, default_data_folder

F = TypeVar("F", bound=Callable[..., Any])

url_option = click.option(
    "--clickhouse-url",
    envvar="AGENTSIGHT_CLICKHOUSE_URL",
    metavar="URL",
    help=f"{clickhouse_url.EXPECTED}; also AGENTSIGHT_CLICKHOUSE_URL. Without it, the embedded ClickHouse.",
)
data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder of the embedded ClickHouse; also AGENTSIGHT_DATA.",
)


def target_options(command: F) -> F:
    """Gives a command ``--clickhouse-url`` and ``--data``."""
    return url_option(data_option(command))


@contextmanager
def target(
    url: str | None, data: Path | None, *, create: bool = False, database: str = clickhouse_url.DEFAULT_DATABASE
) -> Iterator[str]:
    """The URL of the database to work on.

    It is the passed URL; without one, that of the embedded ClickHouse that runs on the data folder, or that is started
    there for as long as the command takes.

    Args:
        url: The value of ``--clickhouse-url``; None where it is not set.
        data: The value of ``--data``; None where it is not set.
        create: Whether to start an embedded ClickHouse on a folder that has none yet, and apply the schema there.
        database: The database in the embedded ClickHouse.
    """
    if url is not None:
        clickhouse_url.parse(url)
        yield url
        return
    home = data or default_data_folder()
    running = EmbeddedClickHouse.running(home)
    if running is not None:
        if create:
            schema.apply(running.url(database))
        yield running.url(database)
        return
    if not create and not (home / "password").exists():
        raise click.UsageError(
            f"there is no embedded ClickHouse in {home}; give --clickhouse-url (or AGENTSIGHT_CLICKHOUSE_URL), or"
            " --data, or begin with: agentsight-otel demo"
        )
    with EmbeddedClickHouse(home) as server:
        if create:
            schema.apply(server.url(database))
        yield server.url(database)
