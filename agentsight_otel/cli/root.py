"""The group of commands, and the exit codes of errors."""

import logging
import sys

import click
from rich.console import Console

from agentsight_otel._core.config import SettingError
from agentsight_otel._core.version import VERSION
from agentsight_otel.cli.database import clickhouse_command, schema_group
from agentsight_otel.cli.doctor import doctor_command
from agentsight_otel.cli.erase import erase_command
from agentsight_otel.cli.escalation import escalation_group
from agentsight_otel.cli.export import export_command
from agentsight_otel.cli.files import files_group
from agentsight_otel.cli.missing import message_of
from agentsight_otel.cli.prices import prices_group
from agentsight_otel.cli.replay import replay_command
from agentsight_otel.cli.report import demo_command, metrics_command
from agentsight_otel.cli.up import up_command
from agentsight_otel.clickhouse.client import ClickHouseConnectionError
from agentsight_otel.clickhouse.schema import ClusterNotReady, SchemaClash, SchemaError
from agentsight_otel.local import LocalClickHouseError
from agentsight_otel.replay import ReplayIncomplete

EXIT_OTHER = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_SCHEMA = 4

_EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (ClickHouseConnectionError, EXIT_UNREACHABLE),
    (ReplayIncomplete, EXIT_UNREACHABLE),
    (SchemaClash, EXIT_USAGE),
    (ClusterNotReady, EXIT_USAGE),
    (SchemaError, EXIT_SCHEMA),
    (LocalClickHouseError, EXIT_OTHER),
    (SettingError, EXIT_USAGE),
    (ValueError, EXIT_USAGE),
    (OSError, EXIT_OTHER),
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 2 wrong usage, or a cluster of which not every node is ready, 3 ClickHouse cannot be reached or"
    " refuses the login, 4 the schema is not what this version needs, 5 some input lines were refused, 6 something is"
    " left, 7 the doctor found a problem, 1 anything else.",
)
@click.version_option(VERSION)
def cli() -> None:
    """Conversations of AI agents as OpenTelemetry traces, 15 dashboard metrics in ClickHouse."""


for command in (
    *(up_command, clickhouse_command, schema_group, demo_command, metrics_command, replay_command),
    *(export_command, erase_command),
    *(doctor_command, escalation_group, files_group, prices_group),
):
    cli.add_command(command)


def main() -> None:
    """Runs a command; an error becomes one message on stderr and an exit code."""
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    try:
        cli.main(prog_name="agentsight-otel")
    except ModuleNotFoundError as error:
        message = message_of(error, next((word for word in sys.argv[1:] if not word.startswith("-")), None))
        if message is None:
            raise
        Console(stderr=True).print(f"Error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_OTHER)
    except Exception as error:
        code = next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), None)
        if code is None:
            from clickhouse_connect.driver.exceptions import ClickHouseError

            if not isinstance(error, ClickHouseError):
                raise
            code = EXIT_OTHER
        Console(stderr=True).print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(code)
