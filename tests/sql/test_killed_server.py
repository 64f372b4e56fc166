"""A server that is killed while the schema is applied: at any statement, before it has it, amid it, or after it."""

import contextlib
import itertools
import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.schema.inspection import definitions
from agentsight_otel.local import EmbeddedClickHouse

MOMENTS = ("before", "amid", "after")
# One kill in so many statements, each in a database of its own. With 1 at every statement, which takes ten minutes.
STEP = int(os.environ.get("AGENTSIGHT_KILL_STEP", "60"))
SETTINGS = {"settings": "name, value", "escalation_tools": "tool", "no_customers": "value"}


class Kill:
    """Kills a server at one of the statements that are sent to it.

    Attributes:
        is_due: Whether that many statements have been sent.
    """

    def __init__(self, server: EmbeddedClickHouse, statement: int, moment: str) -> None:
        self.is_due = False
        self._server, self._left, self._moment = server, statement, moment

    def end_server(self) -> None:
        if self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGKILL)

    def around(self, command: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left:
                return command(*arguments, **more)
            self.is_due = True
            if self._moment == "before":
                self.end_server()
            elif self._moment == "amid":
                threading.Timer(random.random() * 0.02, self.end_server).start()
            result = command(*arguments, **more)
            self.end_server()
            return result

        return counted


def contents(client: Any) -> dict[str, list[Any]]:
    return {
        table: sorted(client.query(f"SELECT DISTINCT {columns} FROM {table}").result_rows)
        for table, columns in SETTINGS.items()
    }


def test_a_server_killed_while_the_schema_is_applied_has_all_of_it_after_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, kill = clickhouse_client.connect, None

    def connect(url: str, **options: Any) -> Any:
        client = real(url, **options)
        if kill is not None:
            client.command = kill.around(client.command)
        return client

    monkeypatch.setattr(clickhouse_client, "connect", connect)
    with EmbeddedClickHouse(tmp_path) as server:
        schema.apply(server.url("fresh"))
        with real(server.url("fresh")) as client:
            expected = definitions(client, "fresh"), contents(client)
            client.command("DROP DATABASE fresh SYNC")
        for number in itertools.count():
            kill = Kill(server, 1 + number * STEP, MOMENTS[number % 3])
            with contextlib.suppress(Exception):  # of a lost connection, whichever way it shows
                schema.apply(server.url("killed"))
            if not kill.is_due:
                break
            kill = None
            server.restart()
            schema.apply(server.url("killed"))
            with real(server.url("killed")) as client:
                assert (definitions(client, "killed"), contents(client)) == expected, number
                client.command("DROP DATABASE killed SYNC")
            assert number < 1_000
        assert number > 100 / STEP
