"""The options of commands that work on every node of a ClickHouse cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

import click

from agentsight_otel.cli.target import F
from agentsight_otel.clickhouse.schema.cluster import Cluster, Node


@dataclass(frozen=True)
class ClusterChoice:
    """The cluster that a command was asked to work on.

    Attributes:
        name: The cluster's name.
        node_urls: The URLs of its nodes; empty where they are those that the server knows.
        http_port: The nodes' HTTP port; None for that of the command's URL.
        replicated: Whether its tables replicate their rows.
    """

    name: str
    node_urls: tuple[str, ...]
    http_port: int | None
    replicated: bool

    def known_to(self, url: str) -> Cluster:
        """The cluster of this name that the server of a URL knows."""
        return Cluster(url, self.name, node_urls=self.node_urls, http_port=self.http_port, replicated=self.replicated)


def cluster_options(command: F) -> F:
    """Gives a command ``--cluster`` and what goes with it; it gets a ``ClusterChoice``, None without a cluster."""

    @wraps(command)
    def run(
        *args: Any, cluster: str | None, node: tuple[str, ...], http_port: int | None, replicated: bool, **others: Any
    ) -> Any:
        if cluster is None and (node or http_port or replicated):
            raise click.UsageError("--node, --http-port and --replicated go with --cluster")
        choice = None if cluster is None else ClusterChoice(cluster, node, http_port, replicated)
        return command(*args, cluster=choice, **others)

    decorated: Callable[..., Any] = run
    for option in reversed(
        (
            click.option(
                "--cluster",
                metavar="NAME",
                help="Work on every node of this cluster, as the URL's server has it in its remote_servers; that server"
                " is a query node unless it is one of them.",
            ),
            click.option(
                "--node",
                multiple=True,
                metavar="URL",
                help="With --cluster: a server that stores, by its own URL; give all of them. Without: the cluster's"
                " hosts, with the login and the HTTP port of the URL.",
            ),
            click.option("--http-port", type=click.IntRange(1, 65535), help="With --cluster: of the cluster's hosts."),
            click.option(
                "--replicated",
                is_flag=True,
                help="With --cluster: tables replicate their rows (ClickHouse Keeper, macros {shard} and {replica}).",
            ),
        )
    ):
        decorated = option(decorated)
    return cast(F, decorated)


def prefix_of(node: Node | None) -> str:
    """What lines about a node begin with; nothing where there is but one server."""
    return "" if node is None else f"{node}  "
