"""Nobody becomes the owner of the embedded ClickHouse; who may log in reaches its databases and nothing else."""

import http.client
import os
import secrets
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse, FolderNotPrivate, NoPassword
from agentsight_otel.local.private_files import write_private
from tests.backends import missing
from tests.e2e.local.confining import can_be_confined

STOPS = 30


def ask(port: int, sql: str, user: str = "default", password: str = "", timeout_s: float = 10) -> tuple[int, str]:
    """What another program on this machine is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("POST", "/", sql.encode(), {"X-ClickHouse-User": user, "X-ClickHouse-Key": password})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def lets_in(tcp_port: int, user: str = "default", password: str = "") -> bool:
    """Whether the native protocol accepts a login: its first packet, by hand."""
    texts = [bytes((len(text),)) + text.encode() for text in ("test", "", user, password)]
    with socket.create_connection(("127.0.0.1", tcp_port), timeout=10) as connection:
        # Hello; the client's name, its version 1.1, the protocol's revision 54058 as a varint; the database, the login.
        connection.sendall(b"\x00" + texts[0] + b"\x01\x01\xaa\xa6\x03" + b"".join(texts[1:]))
        answer = connection.recv(1)
    if not answer:
        raise ConnectionError("closed without an answer")
    return answer == b"\x00"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    with EmbeddedClickHouse(tmp_path_factory.mktemp("secured")) as running:
        schema.apply(running.url())
        yield running


def test_nobody_logs_in_as_default_through_thirty_stops_under_load(tmp_path: Path) -> None:
    """The statements that start the server run as `default`, without a password: nobody else may ever be that user."""
    answers: list[tuple[int, str]] = []
    stop = threading.Event()
    port = tcp_port = 0

    def hammer() -> None:
        while not stop.is_set():
            try:
                answers.append(ask(port, "SELECT 1"))
            except (OSError, http.client.HTTPException):
                time.sleep(0)

    def hammer_natively() -> None:
        while not stop.is_set():
            try:
                answers.append((200, "native") if lets_in(tcp_port) else (403, "native"))
            except OSError:
                time.sleep(0)

    def load(server: EmbeddedClickHouse) -> None:
        while not stop.is_set():
            try:
                ask(server.http_port, "SELECT count() FROM numbers(3e7)", server.user, server.password)
            except (OSError, http.client.HTTPException):
                return

    # By the pipe, and by the signals that a session's end or an operator sends.
    ends = [None, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, None, None]
    hammers = [threading.Thread(target=each) for each in (hammer, hammer, hammer_natively)]
    for number in range(STOPS):
        server = EmbeddedClickHouse(tmp_path, http_port=port, tcp_port=tcp_port).start()
        port, tcp_port = server.http_port, server.tcp_port
        if number == 0:
            for each in hammers:
                each.start()
        loading = threading.Thread(target=load, args=(server,))
        loading.start()
        heard = len(answers)
        deadline = time.monotonic() + 30
        while len(answers) < heard + 8:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        sent = ends[number % len(ends)]
        if sent is not None and server.pid is not None:
            os.kill(server.pid, sent)
        server.stop()
        loading.join(30)
    stop.set()
    for each in hammers:
        each.join(30)
    assert [answer for answer in answers if answer[0] == 200] == []
    assert len(answers) >= 8 * STOPS
    assert (403, "native") in answers


BEYOND_THE_DATABASES = (
    "CREATE TABLE {d}.x (s String) ENGINE = File('LineAsString', '/etc/passwd')",
    "CREATE TABLE {d}.x (s String) ENGINE = File(LineAsString)",
    "CREATE TABLE {d}.x (s String) ENGINE = URL('file:///etc/passwd', 'LineAsString')",
    "CREATE TABLE {d}.x (s String) ENGINE = Executable('id', 'LineAsString')",
    "CREATE TABLE {d}.x (s String) ENGINE = Log",
    "CREATE TABLE {d}.x (s UInt8) ENGINE = MergeTree ORDER BY s SETTINGS disk = disk(type = local, path = '/tmp/x/')",
    "CREATE DICTIONARY {d}.x (k UInt64, v String) PRIMARY KEY k"
    " SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'TSV')) LIFETIME(0) LAYOUT(FLAT())",
    "CREATE DATABASE {d}_x ENGINE = Filesystem('/etc')",
    "CREATE DATABASE {d}_x ENGINE = SQLite('/tmp/x.db')",
    "CREATE FUNCTION x AS (a) -> a",
    "CREATE NAMED COLLECTION x AS a = 1",
    "CREATE USER x",
    "CREATE VIEW {d}.x DEFINER = default SQL SECURITY DEFINER AS SELECT 1",
    "CREATE VIEW {d}.x SQL SECURITY NONE AS SELECT 1",
    "GRANT FILE ON *.* TO admin",
    "SELECT * FROM file('/etc/passwd', 'LineAsString', 's String')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString', 's String') SETTINGS readonly = 2",
    "SELECT * FROM url('file:///etc/passwd', 'LineAsString', 's String')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 's String')",
    "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')",
    "SELECT * FROM executable('id', 'LineAsString', 's String')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM sqlite('/tmp/x.db', 't')",
    "SELECT * FROM filesystem('/etc')",
    "INSERT INTO FUNCTION file('/tmp/x.csv', 'CSV', 's String') VALUES ('x')",
    "BACKUP DATABASE {d} TO File('/tmp/x')",
    "SYSTEM SHUTDOWN",
    "SYSTEM KILL",
    "SYSTEM STOP LISTEN HTTP",
    "KILL QUERY WHERE user = 'default' SYNC",
    "TRUNCATE TABLE system.query_log",
)


@pytest.mark.parametrize("statement", BEYOND_THE_DATABASES)
def test_no_statement_of_either_user_leads_out_of_the_databases(server: EmbeddedClickHouse, statement: str) -> None:
    for user, password in ((server.user, server.password), ("reader", server.reader_password)):
        status, said = ask(server.http_port, statement.format(d="agentsight"), user, password)
        # KILL QUERY answers with the queries it may kill: none.
        assert status != 200 or (statement.startswith("KILL") and said == ""), (user, said)
    assert server.alive()
    assert ask(server.http_port, "SELECT 1", server.user, server.password) == (200, "1\n")


def test_the_function_file_reads_nothing_but_the_databases(server: EmbeddedClickHouse) -> None:
    """It asks for no grant; the kernel refuses it."""
    if not can_be_confined():
        missing("Landlock", "use a Linux kernel of 5.19 or newer")
    for path in ("/etc/passwd", str(server.home / "password"), "../password", "/proc/1/environ", __file__):
        for user, password in ((server.user, server.password), ("reader", server.reader_password)):
            status, said = ask(server.http_port, f"SELECT file('{path}')", user, password)
            assert status != 200, path
            assert server.password not in said and "root:" not in said


def test_the_native_port_lets_in_whoever_has_a_password_and_nobody_else(server: EmbeddedClickHouse) -> None:
    assert lets_in(server.tcp_port, server.user, server.password)
    assert lets_in(server.tcp_port, "reader", server.reader_password)
    for user, password in (("default", ""), (server.user, ""), ("reader", ""), (server.user, server.reader_password)):
        assert not lets_in(server.tcp_port, user, password)


def test_without_a_login_its_port_tells_no_figures(server: EmbeddedClickHouse) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status != 200 and b"ClickHouse" not in answer.read()[:20]


def test_it_connects_to_nowhere(server: EmbeddedClickHouse) -> None:
    if not can_be_confined(since=4):
        missing("Landlock", "use a Linux kernel of 6.7 or newer")
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(2)
        disk = f"disk(type = web, endpoint = 'http://127.0.0.1:{elsewhere.getsockname()[1]}/')"
        sql = f"CREATE TABLE agentsight.x (s UInt8) ENGINE = MergeTree ORDER BY s SETTINGS disk = {disk}"
        with pytest.raises(TimeoutError):  # it tries for a while
            ask(server.http_port, sql, server.user, server.password, timeout_s=1)
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_the_environment_of_the_owner_is_not_in_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTSIGHT_PAGE_TOKEN", "a-secret-of-the-owner")
    with EmbeddedClickHouse(tmp_path) as server:
        assert b"a-secret-of-the-owner" not in Path(f"/proc/{server.pid}/environ").read_bytes()
        _, said = ask(server.http_port, "SELECT file('/proc/self/environ')", server.user, server.password)
        assert "a-secret-of-the-owner" not in said


def test_the_function_python_does_not_end_the_server(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path) as server:
        for user, password in ((server.user, server.password), ("reader", server.reader_password)):
            with pytest.raises(TimeoutError):
                ask(server.http_port, "SELECT * FROM python('x')", user, password, timeout_s=1)
        assert ask(server.http_port, "SELECT 1", server.user, server.password) == (200, "1\n")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2


def test_the_reader_reads_what_dashboards_need_and_writes_nothing(server: EmbeddedClickHouse) -> None:
    with clickhouse_client.connect(server.reader_url()) as client:
        assert client.query("SELECT count() FROM conversations_v").result_rows == [(0,)]
        for table in ("parts", "disks", "query_log", "tables", "columns", "settings"):
            client.query(f"SELECT count() FROM system.{table}", settings={"max_threads": 1})

    def refused(sql: str) -> bool:
        status, said = ask(server.http_port, sql, "reader", server.reader_password)
        assert status == 200 or "ACCESS_DENIED" in said or "READONLY" in said or "SETTING_CONSTRAINT" in said, said
        return status != 200

    for sql in (
        "INSERT INTO agentsight.otel_traces (SpanName) VALUES ('x')",
        "CREATE DATABASE x",
        "CREATE TEMPORARY TABLE x (y UInt8)",
        "DROP TABLE agentsight.otel_traces",
        "ALTER TABLE agentsight.otel_traces DELETE WHERE 1",
        "OPTIMIZE TABLE agentsight.otel_traces",
        "SYSTEM FLUSH LOGS",
        "SET readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 100000",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT * FROM system.users",
    ):
        assert refused(sql), sql
    assert not refused("SELECT 1 SETTINGS max_execution_time = 100")


def test_all_that_it_writes_is_for_its_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "open"
    home.mkdir()
    home.chmod(0o755)
    before = os.umask(0o022)
    try:
        with EmbeddedClickHouse(home) as server:
            schema.apply(server.url())
            found = [home, *home.rglob("*")]
    finally:
        os.umask(before)
    assert len(found) > 100
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in found if path.exists() and not path.is_symlink()}
    assert [path for path, mode in modes.items() if mode & 0o077] == []


def test_a_shared_folder_is_neither_closed_nor_used(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "notes.txt").write_text("of somebody else")
    shared.chmod(0o755)
    with pytest.raises(FolderNotPrivate, match="chmod 700"):
        EmbeddedClickHouse(shared).start()
    assert [path.name for path in shared.iterdir()] == ["notes.txt"]
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    shared.chmod(0o700)
    with EmbeddedClickHouse(shared) as server:
        assert server.alive()


@pytest.mark.parametrize("name", ["password", "reader-password"])
@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_password_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(NoPassword, match=f"{name} is empty.*remove that file"):
        EmbeddedClickHouse(tmp_path).start()
    (tmp_path / name).unlink()
    with EmbeddedClickHouse(tmp_path) as server:
        assert ask(server.http_port, "SELECT 1", server.user, "")[0] != 200


def test_a_write_that_is_cut_short_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "password"
    write_private(path, "first")

    def full(descriptor: int) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, secrets.token_hex(8))
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
