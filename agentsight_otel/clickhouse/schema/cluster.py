"""Applies the schema to a ClickHouse cluster: to each shard, and to the query node that reads them.

The nodes are asked one by one, over HTTP: ``ON CLUSTER`` would need ClickHouse Keeper, and would begin although a node
is down. All are checked before anything is changed on any.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.client import ClickHouseConnectionError
from agentsight_otel.clickhouse.schema.applier import apply_schema, connected, database_exists, plan_schema
from agentsight_otel.clickhouse.schema.errors import ClusterNotReady, ClusterUnfinished, SchemaError
from agentsight_otel.clickhouse.schema.files import SchemaFolder, load, load_query_node
from agentsight_otel.clickhouse.schema.history import COMPLETE, HISTORY_TABLE
from agentsight_otel.clickhouse.schema.inspection import (
    Difference,
    Status,
    status_of_schema,
    verify_schema,
)
from agentsight_otel.clickhouse.schema.retention import wanted_retention
from agentsight_otel.clickhouse.schema.rights import refuse_lacking_rights
from agentsight_otel.clickhouse.schema.steps import Step

T = TypeVar("T")


@dataclass(frozen=True)
class Node:
    """A server of a cluster.

    Attributes:
        url: The ClickHouse URL of the schema's database there.
        is_query_node: Whether it stores nothing, and reads the shards.
    """

    url: str
    is_query_node: bool = False

    def __str__(self) -> str:
        """Its host and HTTP port."""
        address = clickhouse_url.parse(self.url)
        return f"{address.host}:{address.port}"


@dataclass(frozen=True)
class _Member:
    host: str
    port: int
    shard: int
    is_asked: bool


class Cluster:
    """A cluster of ClickHouse servers, as the server of a URL knows it.

    Args:
        url: The URL of the schema's database on a server that has the cluster in its ``remote_servers``: on a query
            node, or on a shard.
        name: The cluster's name there.
        node_urls: The URL of each shard (of each replica of each). Default: the hosts of ``system.clusters``, with
            user, password, database and scheme of ``url``.
        http_port: The HTTP port of those hosts. Default: that of ``url``.
        replicated: Whether tables get engines that replicate their rows.
        folder: The folder of a schema. Default: the one that ships with this package.

    Attributes:
        nodes: The servers that store, then the query node, which is the server of ``url`` unless it stores.

    Raises:
        ClusterNotReady: There is no such cluster, or ``node_urls`` are not one for each of its servers.
        ClickHouseConnectionError: The server of ``url`` cannot be reached, or refuses the login.
        ValueError: A URL is not valid.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        node_urls: Sequence[str] = (),
        http_port: int | None = None,
        replicated: bool = False,
        folder: Path | None = None,
    ) -> None:
        self._url = url
        self._name = name
        stored = load(folder)
        self._stored = stored.replicated() if replicated else stored
        self._of_query_node = load_query_node(name, folder)
        members = self._members()
        if len({member.shard for member in members}) < len(members) and not replicated:
            raise ClusterNotReady(f"cluster {name!r} has several replicas of a shard: expected --replicated")
        self.nodes = self._found(members, node_urls, http_port)

    def plan(
        self, raw_retention_days: int | None = None, rollup_retention_days: int | None = None
    ) -> list[tuple[Node, list[Step]]]:
        """The steps that ``apply`` with the same arguments would take on each node; changes nothing.

        Raises:
            ClusterNotReady: A node is down, or cannot be set up; the message names each and says why.
            ValueError: A retention is not a number of days from 0 to 36,500.
        """
        retention = wanted_retention(raw_retention_days, rollup_retention_days)

        def planned(node: Node) -> list[Step]:
            steps = plan_schema(node.url, self._schema_of(node), {} if node.is_query_node else retention)
            if steps:
                with connected(node.url) as (client, database):
                    user, is_there = clickhouse_url.parse(node.url).username, database_exists(client, database)
                    refuse_lacking_rights(client, user, database, is_there=is_there)
                    if self._schema_of(node).is_replicated:
                        _refuse_without_keeper(client)
            return steps

        return self._each(planned, "Nothing was changed")

    def apply(
        self,
        raw_retention_days: int | None = None,
        rollup_retention_days: int | None = None,
        report: Callable[[Node, Step], object] = lambda node, step: None,
    ) -> list[tuple[Node, list[Step]]]:
        """Brings every node to this version of the schema: first those that store, then the query node.

        Args:
            raw_retention_days: As of ``schema.apply``, on each node that stores.
            rollup_retention_days: As of ``schema.apply``, on each node that stores.
            report: Called with each step before it is taken.

        Returns:
            The nodes with the steps done on each.

        Raises:
            ClusterNotReady: As ``plan``; nothing was changed.
            ClusterUnfinished: A node failed later; the same call completes what was begun.
            ValueError: A retention is not a number of days from 0 to 36,500.
        """
        self.plan(raw_retention_days, rollup_retention_days)
        retention = wanted_retention(raw_retention_days, rollup_retention_days)
        done: list[tuple[Node, list[Step]]] = []
        for node in self.nodes:

            def report_step(step: Step, node: Node = node) -> None:
                report(node, step)

            try:
                own = {} if node.is_query_node else retention
                done.append((node, apply_schema(node.url, self._schema_of(node), own, report_step)))
                if node.is_query_node:
                    self._refuse_incomplete(node)
            except _errors() as error:
                before = ", ".join(str(other) for other, _ in done) or "none"
                raise ClusterUnfinished(
                    f"{node}: {error}\nComplete before: {before}. The same command completes the rest"
                ) from error
        return done

    def status(self) -> list[tuple[Node, Status]]:
        """The state of the schema on each node.

        Raises:
            ClusterNotReady: A node cannot be reached.
        """
        return self._each(lambda node: status_of_schema(node.url, self._schema_of(node)))

    def verify(self) -> list[tuple[Node, list[Difference]]]:
        """The differences of each node's objects from a schema built fresh there.

        Raises:
            ClusterNotReady: A node cannot be reached, has no schema, or cannot read every shard.
        """

        def verified(node: Node) -> list[Difference]:
            differences = verify_schema(node.url, self._schema_of(node))
            if node.is_query_node:
                self._refuse_incomplete(node)
            return differences

        return self._each(verified)

    def _schema_of(self, node: Node) -> SchemaFolder:
        return self._of_query_node if node.is_query_node else self._stored

    def _each(self, ask: Callable[[Node], T], consequence: str = "") -> list[tuple[Node, T]]:
        answers: list[tuple[Node, T]] = []
        problems = []
        for node in self.nodes:
            try:
                answers.append((node, ask(node)))
            except _errors() as error:
                problems.append(f"  {node}: {error}")
        if problems:
            lines = "\n".join((*problems, *filter(None, (consequence,))))
            raise ClusterNotReady(f"cluster {self._name!r}, {len(problems)} of {len(self.nodes)} nodes:\n{lines}")
        return answers

    def _members(self) -> list[_Member]:
        with connected(self._url) as (client, _):
            rows = client.query(
                "SELECT host_name, port, shard_num, is_local FROM system.clusters WHERE cluster = {name:String}"
                " ORDER BY shard_num, replica_num",
                parameters={"name": self._name},
            ).result_rows
            if not rows:
                names = client.query("SELECT DISTINCT cluster FROM system.clusters ORDER BY cluster").result_rows
                raise ClusterNotReady(
                    f"{Node(self._url)} has no cluster {self._name!r} in its remote_servers; it has:"
                    f" {', '.join(row[0] for row in names) or 'none'}"
                )
        return [_Member(host, port, shard, bool(is_local)) for host, port, shard, is_local in rows]

    def _found(self, members: list[_Member], node_urls: Sequence[str], http_port: int | None) -> list[Node]:
        asked = clickhouse_url.parse(self._url)
        if node_urls:
            addresses = [clickhouse_url.parse(url) for url in node_urls]
            if len({(address.host, address.port) for address in addresses}) != len(members):
                listed = ", ".join(f"{member.host}:{member.port}" for member in members)
                raise ClusterNotReady(
                    f"cluster {self._name!r} has {len(members)} servers that store ({listed}): expected --node once for"
                    " each"
                )
            for address in addresses:
                if address.database != asked.database:
                    raise ClusterNotReady(
                        f"{address.redacted()}: expected database {asked.database}: it has one name on all nodes"
                    )
        else:
            port = http_port or asked.port
            addresses = [
                asked if member.is_asked else replace(asked, host=member.host, port=port) for member in members
            ]
        nodes = [Node(str(address)) for address in addresses]
        stores = any(member.is_asked for member in members) or str(Node(self._url)) in map(str, nodes)
        return nodes if stores else [*nodes, Node(self._url, is_query_node=True)]

    def _refuse_incomplete(self, node: Node) -> None:
        """Raises ClusterNotReady where a query node does not read this version's schema on every shard."""
        with connected(node.url) as (client, database):
            rows = client.query(
                f"SELECT _shard_num, max(version) FROM {database}.{HISTORY_TABLE} WHERE entry = '{COMPLETE}'"
                " GROUP BY _shard_num"
            ).result_rows
            versions = dict(rows)
            shards = client.query(
                "SELECT shard_num, min(concat(host_name, ':', toString(port))) FROM system.clusters"
                " WHERE cluster = {name:String} GROUP BY shard_num ORDER BY shard_num",
                parameters={"name": self._name},
            ).result_rows
        lacking = [f"{number} ({host})" for number, host in shards if versions.get(number) != self._stored.version]
        if lacking:
            raise ClusterNotReady(
                f"through cluster {self._name!r} it does not find version {self._stored.version} of the schema on shard"
                f" {', '.join(lacking)}: are these the servers that were asked over HTTP?"
            )


def _refuse_without_keeper(client: Any) -> None:
    """Raises ClusterNotReady where a server cannot have tables that replicate."""
    for what, sql in (
        ("macro {shard}", "SELECT getMacro('shard')"),
        ("macro {replica}", "SELECT getMacro('replica')"),
        ("ClickHouse Keeper", "SELECT count() FROM system.zookeeper WHERE path = '/'"),
    ):
        try:
            client.query(sql)
        except _errors() as error:
            reason = str(error).splitlines()[0][:200]
            raise ClusterNotReady(f"--replicated needs the {what} in its configuration: {reason}") from error


def _errors() -> tuple[type[Exception], ...]:
    """The errors that belong to one node."""
    clickhouse_client.load()
    from clickhouse_connect.driver.exceptions import ClickHouseError

    return (SchemaError, ClickHouseConnectionError, ClickHouseError)
