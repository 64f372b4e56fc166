"""The embedded server's configuration files."""

import hashlib
import os
import uuid
from pathlib import Path
from xml.sax.saxutils import escape

USER = "admin"
"""The one login; its password is in the data folder's ``password`` file."""

# What chdb-core sets these to is 2, 1 and 0; with 0 Distributed and Buffer tables never flush.
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


def write(home: Path, *, host: str, http_port: int, tcp_port: int, password: str) -> None:
    """Writes config.xml, users.xml and the system database's metadata into the server's home folder."""
    pools = "".join(f"<{name}>{size}</{name}>" for name, size in _POOL_SIZES.items())
    write_private(
        home / "config.xml",
        f"""<clickhouse>
<listen_host>{escape(host)}</listen_host><http_port>{http_port}</http_port><tcp_port>{tcp_port}</tcp_port>
<users_config>users.xml</users_config>
<log-level>warning</log-level>
<logger><log>{escape(str(home))}/clickhouse.log</log><size>50M</size><count>2</count></logger>
{pools}
<query_log><database>system</database><table>query_log</table><ttl>event_date + INTERVAL 7 DAY</ttl>
<flush_interval_milliseconds>2000</flush_interval_milliseconds></query_log>
<prometheus><endpoint>/metrics</endpoint><metrics>true</metrics><events>true</events><errors>true</errors></prometheus>
</clickhouse>
""",
    )
    digest = hashlib.sha256(password.encode()).hexdigest()
    # The child's own session is user `default` without a password. max_sessions_for_user = 1 makes it the only one
    # that `default` ever gets: whoever tries to log in as `default` is refused.
    write_private(
        home / "users.xml",
        f"""<clickhouse>
<profiles><default/><boot><max_sessions_for_user>1</max_sessions_for_user></boot></profiles>
<quotas><default/></quotas>
<users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>boot</profile><quota>default</quota>
<grants><query>GRANT SYSTEM LISTEN ON *.*</query><query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
<query>GRANT READ ON FILE</query></grants></default>
<{USER}><password_sha256_hex>{digest}</password_sha256_hex><networks><ip>::/0</ip></networks>
<profile>default</profile><quota>default</quota>
<grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query>
<query>REVOKE FILE, URL, REMOTE, S3, HDFS, MYSQL, POSTGRES, MONGO, REDIS, SQLITE, ODBC, JDBC, AZURE ON *.*</query>
</grants>
</{USER}>
</users></clickhouse>
""",
    )
    system = home / "data" / "metadata" / "system.sql"
    if not system.exists():  # else `system` is a database in memory, and the query log goes with the process
        system.parent.mkdir(parents=True, exist_ok=True)
        system.write_text(f"ATTACH DATABASE _ UUID '{uuid.uuid4()}'\nENGINE = Atomic\n")


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
