"""``agentsight-otel schema`` with ``--cluster``: every node or none, and what it says of each."""

import secrets
from collections.abc import Iterator

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.clickhouse.schema import cluster as clusters
from agentsight_otel.clickhouse.schema.files import Kind, load, load_query_node, plain_engine
from agentsight_otel.local import EmbeddedClickHouse
from tests.sql.clusters import Cluster, command_with, run
from tests.sql.users import ServerWithUsers, server_with_users


def name_of(server: EmbeddedClickHouse) -> str:
    return f"{server.host}:{server.http_port}"


def of(cluster: Cluster, database: str) -> clusters.Cluster:
    urls = [shard.url(database) for shard in cluster.shards]
    return clusters.Cluster(cluster.query_node.url(database), "agentsight", node_urls=urls)


def databases(cluster: Cluster) -> list[list[str]]:
    """The databases of every server."""
    names = []
    for server in (*cluster.shards, cluster.query_node):
        with clickhouse_client.connect(server.url("default")) as client:
            names.append([row[0] for row in client.query("SELECT name FROM system.databases ORDER BY 1").result_rows])
    return names


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """The name of a database that no server has; what a test makes of it is dropped."""
    name = f"new_{secrets.token_hex(6)}"
    yield name
    for server in (cluster.query_node, *cluster.shards):
        with clickhouse_client.connect(server.url("default")) as client:
            client.command(f"DROP DATABASE IF EXISTS {name} SYNC")


def test_every_node_is_named_with_what_it_is_and_lacks(cluster: Cluster, database: str) -> None:
    command = command_with("--node", cluster.servers, database)
    assert command[:2] == ["schema", "apply"]
    names = [name_of(server) for server in (*cluster.shards, cluster.query_node)]
    steps = [len(load().files), len(load().files), len(load_query_node("agentsight").files)]

    before = databases(cluster)
    planned = run("schema", "plan", *command[2:]).stdout
    assert databases(cluster) == before
    applied = run(*command, "--raw-retention-days", "30", "--content-retention", "7").stdout
    for name, number in zip(names, steps, strict=True):
        assert f"{name}  {number} steps\n" in planned
        assert f"{name}  applied {number + (name in names[:2])} steps\n" in applied
    with clickhouse_client.connect(cluster.query_node.url(database)) as client:
        assert client.query("SELECT content_days FROM retention").result_rows == [(7,), (7,)]

    again = run(*command, "--raw-retention-days", "30").stdout
    assert again.splitlines() == [f"{name}  up to date, nothing to do" for name in names]
    shown = run("schema", "status", *command[2:]).stdout
    verified = run("schema", "verify", *command[2:]).stdout
    for name in names:
        assert f"{name}  database {database}: version {load().version}" in shown
        assert f"{name}  every table and view is as the schema says\n" in verified
    assert shown.count("raw retention: 30 days") == 2

    # What is missing or changed is found on its node, and put right.
    with clickhouse_client.connect(cluster.query_node.url(database)) as client:
        client.command("DROP VIEW metric_source")
        client.command("CREATE OR REPLACE TABLE feedback AS tool_calls")
    with clickhouse_client.connect(cluster.shards[1].url(database)) as client:
        client.command("DROP VIEW metric_language")
    verified = run("schema", "verify", *command[2:], code=4).stdout
    assert f"{name_of(cluster.query_node)}  missing: metric_source\n" in verified
    assert f"{name_of(cluster.query_node)}  different: feedback\n" in verified
    assert f"{name_of(cluster.shards[1])}  missing: metric_language\n" in verified
    assert f"{name_of(cluster.shards[0])}  every table and view is as the schema says\n" in verified
    planned = run("schema", "plan", *command[2:]).stdout
    assert f"{name_of(cluster.shards[1])}  create   metric_language  (missing in the database)\n" in planned
    with clickhouse_client.connect(cluster.query_node.url(database)) as client:
        client.command("DROP TABLE feedback")
    of(cluster, database).apply()
    assert [differences for _, differences in of(cluster, database).verify()] == [[], [], []]


def test_a_node_that_is_down_is_named_and_nothing_is_changed(cluster: Cluster, database: str) -> None:
    before = databases(cluster)
    cluster.shards[1].stop(grace_s=0)
    try:
        said = run(*command_with("--node", cluster.servers, database), code=2).stderr
    finally:
        cluster.shards[1].start()
    assert f"{name_of(cluster.shards[1])}: no ClickHouse answers at" in said
    assert "nothing listens on that port" in said
    assert name_of(cluster.shards[0]) not in said
    assert cluster.shards[1].password not in said
    assert databases(cluster) == before


def test_tables_of_others_on_any_node_are_named_and_nothing_is_changed(cluster: Cluster, database: str) -> None:
    for server, table in ((cluster.shards[1], "conversations"), (cluster.query_node, "otel_traces")):
        with clickhouse_client.connect(server.url("default")) as client:
            client.command(f"CREATE DATABASE {database}")
            client.command(f"CREATE TABLE {database}.{table} (x UInt8) ENGINE = MergeTree ORDER BY x")
    said = run(*command_with("--node", cluster.servers, database), code=2).stderr
    for server in (cluster.shards[1], cluster.query_node):
        assert f"{name_of(server)}: database '{database}' holds 1 object(s) that are not of this schema" in said
    for server, objects in ((cluster.shards[1], "conversations"), (cluster.query_node, "otel_traces")):
        with clickhouse_client.connect(server.url(database)) as client:
            assert client.query("SHOW TABLES").result_rows == [(objects,)]
    assert database not in databases(cluster)[0]


def test_what_ended_in_the_middle_is_completed_by_the_same_command(
    cluster: Cluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = clusters.apply_schema

    def apply_schema(url: str, *arguments: object) -> list[schema.Step]:
        if url != failing.url:
            return real(url, *arguments)  # type: ignore[arg-type]
        steps = 0

        def report(step: schema.Step) -> None:
            nonlocal steps
            steps += 1
            if steps == 12:
                raise schema.SchemaError("the disk is full")

        return real(url, *arguments[:-1], report)  # type: ignore[arg-type]

    monkeypatch.setattr(clusters, "apply_schema", apply_schema)
    for failing in of(cluster, database).nodes[1:]:
        said = rf"{failing}: the disk is full\nComplete before: .*\. The same"
        with pytest.raises(schema.ClusterUnfinished, match=said):
            of(cluster, database).apply()
    monkeypatch.undo()
    assert [bool(steps) for _, steps in of(cluster, database).apply()] == [False, False, True]
    assert [differences for _, differences in of(cluster, database).verify()] == [[], [], []]


def test_addresses_that_are_not_the_shards_are_found(cluster: Cluster, database: str) -> None:
    query_url, first = cluster.query_node.url(database), cluster.shards[0].url(database)
    command = ("schema", "apply", "--clickhouse-url", query_url, "--cluster", "agentsight")
    said = run(*command, "--node", first, code=2).stderr
    assert "has 2 servers that store" in said and "expected --node once for each" in said
    elsewhere = cluster.shards[1].url(f"{database}_2")
    assert f"expected database {database}" in run(*command, "--node", first, "--node", elsewhere, code=2).stderr
    said = run(*command[:-1], "nowhere", code=2).stderr
    assert "has no cluster 'nowhere' in its remote_servers; it has: " in said and "agentsight" in said
    assert "go with --cluster" in run("schema", "plan", "--clickhouse-url", query_url, "--replicated", code=2).stderr
    assert all(database not in names for names in databases(cluster))

    twice = first.replace("127.0.0.1", "localhost")
    said = run(*command, "--node", first, "--node", twice, code=4).stderr
    assert f"{name_of(cluster.query_node)}: " in said and "The same command completes the rest" in said


def test_a_query_node_of_the_printed_script_is_taken_over(cluster: Cluster, database: str) -> None:
    for shard in cluster.shards:
        schema.apply(shard.url(database))
    script = run("schema", "sql", "--query-node", "--cluster", "agentsight", "--database", database).stdout
    with clickhouse_client.connect(cluster.query_node.url("default")) as client:
        client.command(f"CREATE DATABASE {database}")
        for statement in filter(None, script.split(";\n\n")):
            client.command(statement)
    schema.check(cluster.query_node.url(database))
    assert [len(steps) for _, steps in of(cluster, database).apply()][:2] == [0, 0]
    assert [differences for _, differences in of(cluster, database).verify()] == [[], [], []]
    assert [steps for _, steps in of(cluster, database).apply()] == [[], [], []]


ONE = """<remote_servers>
<one><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard></one>
<two><shard><replica><host>127.0.0.1</host><port>9000</port></replica>
<replica><host>127.0.0.2</host><port>9000</port></replica></shard></two>
</remote_servers>"""


@pytest.fixture(scope="module")
def few_rights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWithUsers]:
    """A cluster of one server, which is its own shard."""
    system = "GRANT SELECT ON system.clusters"
    users = {
        "owner": ["GRANT ALL ON few.*", "GRANT CREATE DATABASE ON few.*", system],
        "half": ["GRANT CREATE TABLE, SELECT, INSERT, SHOW ON few.*", system],
    }
    with server_with_users(tmp_path_factory.mktemp("few"), users, config=ONE) as running:
        yield running


def test_hosts_are_those_that_the_server_knows_and_rights_are_checked_first(few_rights: ServerWithUsers) -> None:
    port = str(few_rights.server.http_port)
    command = ("schema", "apply", "--cluster", "one", "--http-port", port, "--clickhouse-url")
    said = run(*command, few_rights.url("half", "few"), code=2).stderr
    lacking = "CREATE DATABASE, DROP TABLE, DROP VIEW, ALTER TABLE, ALTER VIEW"  # who may create tables may views
    assert f"'half' lacks rights in ClickHouse ({lacking})" in said
    assert f"GRANT {lacking} ON few.* TO half" in said
    with clickhouse_client.connect(few_rights.server.url("default")) as client:
        assert client.query("EXISTS DATABASE few").result_rows == [(0,)]
    applied = run(*command, few_rights.url("owner", "few")).stdout
    assert f"127.0.0.1:{port}  applied {len(load().files)} steps" in applied
    assert schema.verify(few_rights.url("owner", "few")) == []


def test_replicas_need_keeper_and_are_not_taken_for_shards(few_rights: ServerWithUsers) -> None:
    url = few_rights.server.url("copies")
    assert "expected --replicated" in run("schema", "plan", "--clickhouse-url", url, "--cluster", "two", code=2).stderr
    command = ("schema", "apply", "--clickhouse-url", url, "--cluster", "one", "--http-port")
    said = run(*command, str(few_rights.server.http_port), "--replicated", code=2).stderr
    assert "--replicated needs the macro {shard} in its configuration" in said
    with clickhouse_client.connect(few_rights.server.url("default")) as client:
        assert client.query("EXISTS DATABASE copies").result_rows == [(0,)]


def test_tables_without_copies_do_not_become_replicated(few_rights: ServerWithUsers) -> None:
    url = few_rights.server.url("alone")
    schema.apply(url)
    command = ("schema", "plan", "--clickhouse-url", url, "--cluster", "one", "--http-port")
    said = run(*command, str(few_rights.server.http_port), "--replicated", code=2).stderr
    assert "has tables that are not replicated: " in said and "Nothing was changed" in said


def test_clickhouse_parses_what_needs_keeper_and_verify_compares_it(cluster: Cluster) -> None:
    script = run("schema", "sql", "--replicated", "--database", "copies").stdout
    tables = [file for file in load().files if file.kind is Kind.TABLE and "ENGINE = Null" not in file.sql]
    assert script.count("MergeTree('/clickhouse/tables/{shard}/copies/") == len(tables)
    for file in load().replicated().files:
        if file.kind is Kind.TABLE and "ENGINE = Null" not in file.sql:
            assert f"('/clickhouse/tables/{{shard}}/copies/{file.name}', '{{replica}}'" in script
    with clickhouse_client.connect(cluster.query_node.url("default")) as client:
        for statement in filter(None, script.split(";\n\n")):
            assert client.command("EXPLAIN AST " + statement)
    for plain, copied in zip(load().files, load().replicated().files, strict=True):
        assert plain.checksum == copied.checksum
        assert [plain_engine(text) for text in copied.statements("copies")] == plain.statements("copies")


def test_every_table_of_a_query_node_names_the_cluster() -> None:
    for file in load_query_node("other").files:
        if file.kind is Kind.DISTRIBUTED:
            assert "Distributed('other', '{database}'" in file.sql
    with pytest.raises(ValueError, match="expected letters, digits"):
        load_query_node("x', 'y")
