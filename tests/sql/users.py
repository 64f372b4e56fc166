"""A ClickHouse server with users of few rights, whose system tables need a grant, as hosted services have them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentsight_otel.local import EmbeddedClickHouse

PASSWORD = "secret"
_CONFIG = """<clickhouse><access_control_improvements>
<select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
<table_engines_require_grant>false</table_engines_require_grant>
</access_control_improvements></clickhouse>"""


@dataclass(frozen=True)
class ServerWithUsers:
    server: EmbeddedClickHouse

    def url(self, user: str, database: str) -> str:
        return f"http://{user}:{PASSWORD}@{self.server.host}:{self.server.http_port}/{database}"


@contextmanager
def server_with_users(
    home: Path,
    users: Mapping[str, Sequence[str]],
    settings: Mapping[str, Mapping[str, str]] | None = None,
    config: str = "",
) -> Iterator[ServerWithUsers]:
    """Runs one.

    Args:
        home: An empty folder.
        users: Their grants by name.
        settings: Of a user's profile, by the user's name.
        config: More of the server's configuration, in XML.
    """
    server = EmbeddedClickHouse(home)
    profiles, logins = "", ""
    for name, grants in users.items():
        values = "".join(f"<{key}>{value}</{key}>" for key, value in (settings or {}).get(name, {}).items())
        profiles += f"<{name}>{values}</{name}>"
        logins += (
            f"<{name}><password>{PASSWORD}</password><networks><ip>::/0</ip></networks><profile>{name}</profile>"
            f"<quota>default</quota><grants>{''.join(f'<query>{grant}</query>' for grant in grants)}</grants></{name}>"
        )
    for folder, text in (
        ("config.d", _CONFIG.replace("</clickhouse>", f"{config}</clickhouse>")),
        ("users.d", f"<clickhouse><profiles>{profiles}</profiles><users>{logins}</users></clickhouse>"),
    ):
        (server.home / folder).mkdir(parents=True)
        (server.home / folder / "tests.xml").write_text(text)
    with server:
        yield ServerWithUsers(server)
