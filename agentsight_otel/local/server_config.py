"""The embedded server's configuration files."""

import hashlib
import re
import uuid
from pathlib import Path
from xml.sax.saxutils import escape

from agentsight_otel.local.private_files import write_private

__all__ = ["READER", "USER", "name_engines", "write", "write_private"]

USER = "admin"
"""The user who creates databases and writes; the password is in the data folder's file ``password``."""

READER = "reader"
"""The user who only reads; the password is in the data folder's file ``reader-password``."""

# chdb-core sets these to 2, 1 and 0; with 0 threads, Distributed and Buffer tables never flush.
_POOL_SIZES = {
    "background_pool_size": 4,
    "background_schedule_pool_size": 16,
    "background_common_pool_size": 4,
    "background_move_pool_size": 2,
    "background_fetches_pool_size": 2,
    "background_buffer_flush_schedule_pool_size": 4,
    "background_distributed_schedule_pool_size": 4,
    "background_message_broker_schedule_pool_size": 2,
}

# All rights, one by one. There are none for files, other addresses, programs, dictionaries, functions and users.
_RIGHTS_OF_USER = (
    "SHOW, SELECT, INSERT, ALTER TABLE, ALTER VIEW, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP DATABASE,"
    " DROP TABLE, DROP VIEW, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK",
    "SYSTEM FLUSH LOGS, SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM VIEWS, SYSTEM DROP CACHE, SYSTEM FLUSH DISTRIBUTED",
)
_ENGINES = (
    "MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree",
    "VersionedCollapsingMergeTree", "CoalescingMergeTree", "Memory", "Null", "Set", "Join", "Merge", "Buffer",
    "Distributed", "View", "MaterializedView",
)  # fmt: skip
_SYSTEM_TABLES_TO_READ = (
    "columns", "databases", "data_skipping_indices", "disks", "functions", "metrics", "mutations", "one", "parts",
    "processes", "query_log", "settings", "tables", "view_refreshes",
)  # fmt: skip


def write(
    home: Path, *, host: str, http_port: int, tcp_port: int, password: str, reader_password: str | None = None
) -> None:
    """Writes config.xml, users.xml and the system database's metadata into the server's home folder.

    Args:
        home: The data folder.
        host: The address to listen on.
        http_port: The port of the HTTP interface; 0 lets the system choose.
        tcp_port: The port of the native interface; 0 lets the system choose.
        password: The password of ``USER``.
        reader_password: The password of ``READER``; None for no such user.
    """
    pools = "".join(f"<{name}>{size}</{name}>" for name, size in _POOL_SIZES.items())
    inside = escape(str(home / "data"))
    write_private(
        home / "config.xml",
        f"""<clickhouse>
<listen_host>{escape(host)}</listen_host><http_port>{http_port}</http_port><tcp_port>{tcp_port}</tcp_port>
<users_config>users.xml</users_config>
<log-level>warning</log-level>
<logger><log>{escape(str(home))}/clickhouse.log</log><size>50M</size><count>2</count></logger>
<user_files_path>{inside}/user_files/</user_files_path>
<user_scripts_path>{inside}/user_scripts/</user_scripts_path>
<format_schema_path>{inside}/format_schemas/</format_schema_path>
<allowed_disks_for_table_engines>default</allowed_disks_for_table_engines>
{pools}
<query_log><database>system</database><table>query_log</table><ttl>event_date + INTERVAL 7 DAY</ttl>
<flush_interval_milliseconds>2000</flush_interval_milliseconds></query_log>
</clickhouse>
""",
    )
    # The child process's own session runs as user `default` without a password. max_sessions_for_user = 1 makes it the
    # only session of `default`: every other login as `default` is refused.
    write_private(
        home / "users.xml",
        f"""<clickhouse>
<profiles><default/><boot><max_sessions_for_user>1</max_sessions_for_user></boot>{_READER_PROFILE}</profiles>
<quotas><default/></quotas>
<users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>boot</profile><quota>default</quota>
<grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants></default>
{_user(USER, password, "default", _grants_of_user())}
{_user(READER, reader_password, READER, _grants_of_reader()) if reader_password else ""}
</users></clickhouse>
""",
    )
    system = home / "data" / "metadata" / "system.sql"
    if not system.exists():  # otherwise `system` is a database in memory, and the query log ends with the process
        for folder in (home / "data", system.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        write_private(system, f"ATTACH DATABASE _ UUID '{uuid.uuid4()}'\nENGINE = Atomic\n")


def name_engines(home: Path) -> None:
    """Makes the server require a grant for each table engine, unless its configuration has a setting about that."""
    path = home / "config.xml"
    text = path.read_text(encoding="utf-8")
    if "<access_control_improvements>" not in text:
        improved = "<access_control_improvements><table_engines_require_grant>true</table_engines_require_grant>"
        end = "</access_control_improvements>\n</clickhouse>"
        write_private(path, re.sub(r"</clickhouse>\s*\Z", f"{improved}{end}\n", text))


# As grafana/clickhouse/grafana-user.xml, except that queries may set settings, because many clients send some.
_READER_PROFILE = f"""<{READER}><readonly>2</readonly><max_execution_time>60</max_execution_time>
<max_memory_usage>4000000000</max_memory_usage><allow_introspection_functions>0</allow_introspection_functions>
<constraints><max_execution_time><min>1</min><max>120</max></max_execution_time>
<max_memory_usage><min>1</min><max>4000000000</max></max_memory_usage>
<allow_introspection_functions><const/></allow_introspection_functions></constraints></{READER}>"""


def _grants_of_user() -> list[str]:
    return [
        *(f"GRANT {rights} ON *.*" for rights in _RIGHTS_OF_USER),
        *(f"GRANT TABLE ENGINE ON {engine}" for engine in _ENGINES),
        "REVOKE INSERT, ALTER, CREATE, DROP, TRUNCATE ON system.*",
    ]


def _grants_of_reader() -> list[str]:
    return [
        "GRANT SHOW, SELECT ON *.*",
        "REVOKE SELECT ON system.*",
        *(f"GRANT SELECT ON system.{table}" for table in _SYSTEM_TABLES_TO_READ),
    ]


def _user(name: str, password: str, profile: str, grants: list[str]) -> str:
    digest = hashlib.sha256(password.encode()).hexdigest()
    queries = "\n".join(f"<query>{grant}</query>" for grant in grants)
    return (
        f"<{name}><password_sha256_hex>{digest}</password_sha256_hex><networks><ip>::/0</ip></networks>\n"
        f"<profile>{profile}</profile><quota>default</quota>\n<grants>{queries}</grants></{name}>"
    )
