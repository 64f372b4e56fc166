"""Clusters of real ClickHouse servers, set up by the files and the commands of docs/cluster.md."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local import EmbeddedClickHouse

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"

Servers = Mapping[str, EmbeddedClickHouse]
"""Servers by the names that they have on the page."""


@dataclass
class Cluster:
    database: str
    shards: list[EmbeddedClickHouse]
    query_node: EmbeddedClickHouse

    @property
    def servers(self) -> Servers:
        return {"query-1": self.query_node, **{f"shard-{number}": shard for number, shard in enumerate(self.shards, 1)}}

    def on_each_shard(self, sql: str) -> list[list[tuple[Any, ...]]]:
        rows = []
        for shard in self.shards:
            with clickhouse_client.connect(shard.url(self.database)) as client:
                rows.append([tuple(row) for row in client.query(sql).result_rows])
        return rows


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def configure(query_node: EmbeddedClickHouse, remote_servers: str, servers: Servers) -> None:
    """Gives a query node, which has not started, the page's config.d and users.d files, with servers' own addresses.

    Args:
        query_node: The server to configure.
        remote_servers: The page's file with the list of shards.
        servers: The shards.
    """
    for name, shard in servers.items():
        secret = f"secret-{name.removeprefix('shard-')}"
        named = f"<host>{name}</host><port>9000</port><user>cluster</user><password>{secret}</password>"
        assert named in remote_servers
        remote_servers = remote_servers.replace(
            named,
            f"<host>{shard.host}</host><port>{shard.tcp_port}</port><user>{shard.user}</user>"
            f"<password>{shard.password}</password>",
        )
    assert "<host>shard" not in remote_servers
    for folder, text in (("config.d", remote_servers), ("users.d", blocks("xml")[1])):
        (query_node.home / folder).mkdir(parents=True, exist_ok=True)
        (query_node.home / folder / "cluster.xml").write_text(text)


def command_with(option: str, servers: Servers, database: str) -> list[str]:
    """The arguments of the page's first command with an option, with servers' own addresses and a database's name."""
    commands = (line for block in blocks("bash") for line in block.replace("\\\n", " ").splitlines())
    command = next(line for line in commands if line.startswith("agentsight-otel") and option in line)
    for name, server in servers.items():
        command = command.replace(f"http://admin:password@{name}:8123/agentsight", server.url(database))
    assert "http://admin:password@" not in command
    return shlex.split(command)[1:]


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs ``agentsight-otel`` and checks its exit code."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AGENTSIGHT", "OTEL"))}
    done = subprocess.run(
        [sys.executable, "-m", "agentsight_otel", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=clean,
        check=False,
    )
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    assert "Traceback" not in done.stderr
    return done
