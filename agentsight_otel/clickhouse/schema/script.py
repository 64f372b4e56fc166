"""The schema as one SQL script, for servers where it is applied by other tools."""

from pathlib import Path

from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.schema.files import load, load_query_node


def script(
    database: str,
    *,
    query_node: bool = False,
    cluster: str = "agentsight",
    replicated: bool = False,
    folder: Path | None = None,
) -> str:
    """Every statement of the schema, macros replaced, for ``clickhouse-client --multiquery``.

    Args:
        database: The database's plain name.
        query_node: Whether the script is for a server that stores nothing and reads the shards of a cluster: it then
            has Distributed tables in place of all tables, and the views.
        cluster: The cluster's name in the configuration of a query node.
        replicated: Whether tables get engines that replicate their rows, for a server with ClickHouse Keeper.
        folder: The folder of a schema. Default: the one that ships with this package.

    Raises:
        ValueError: The name of the database or the cluster is not plain.
    """
    if not clickhouse_url.is_plain(database):
        raise ValueError(f"database {database!r}: expected letters, digits and underscores only")
    schema = load_query_node(cluster, folder) if query_node else load(folder)
    if replicated:
        schema = schema.replicated()
    statements = []
    for file in schema.files:
        statements += file.statements(database) + file.first_rows(database)
    return "".join(f"{statement};\n\n" for statement in statements)
