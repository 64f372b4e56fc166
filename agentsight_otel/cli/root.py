"""The group of commands, and what errors become."""

import logging
import sys

import click
from rich.console import Console

from agentsight_otel.cli.database import clickhouse_command, schema_group
from agentsight_otel.cli.report import demo_command, metrics_command, replay_command
from agentsight_otel.cli.up import up_command
from agentsight_otel.clickhouse_client import ClickHouseConnectionError
from agentsight_otel.config import SettingError
from agentsight_otel.local import LocalClickHouseError
from agentsight_otel.replay import ReplayIncomplete
from agentsight_otel.schema import SchemaError

EXIT_OTHER = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_SCHEMA = 4

_EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (ClickHouseConnectionError, EXIT_UNREACHABLE),
    (ReplayIncomplete, EXIT_UNREACHABLE),
    (SchemaError, EXIT_SCHEMA),
    (LocalClickHouseError, EXIT_OTHER),
    (SettingError, EXIT_USAGE),
    (ValueError, EXIT_USAGE),
)


@click.group(
    epilog="Exit codes: 2 wrong usage, 3 ClickHouse cannot be reached or refuses the login, 4 the schema is not what"
    " this version needs, 5 some input lines were refused, 1 anything else."
)
@click.version_option(package_name="agentsight-otel")
def cli() -> None:
    """Conversations of AI agents as OpenTelemetry traces, 15 dashboard metrics in ClickHouse."""


for command in (up_command, clickhouse_command, schema_group, demo_command, metrics_command, replay_command):
    cli.add_command(command)


def main() -> None:
    """Runs a command; what goes wrong becomes one clear message on stderr and an exit code."""
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    try:
        cli.main(prog_name="agentsight-otel")
    except Exception as error:
        code = next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), None)
        if code is None:
            from clickhouse_connect.driver.exceptions import ClickHouseError

            if not isinstance(error, ClickHouseError):
                raise
            code = EXIT_OTHER
        Console(stderr=True).print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(code)
