"""The embedded ClickHouse: its own folder, its password, its ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local import ChdbMissing, EmbeddedClickHouse, FolderInUse, PortTaken, UnsupportedPlatform


def test_acknowledged_inserts_survive_kill_9_and_the_password_stays(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path) as server:
        password = server.password
        with clickhouse_client.connect(server.url("default")) as client:
            client.command("CREATE DATABASE d")
            client.command("CREATE TABLE d.t (x UInt8) ENGINE = MergeTree ORDER BY x")
            client.command("INSERT INTO d.t VALUES (1)")
        assert server._process is not None
        os.kill(server._process.pid, signal.SIGKILL)
    with EmbeddedClickHouse(tmp_path) as server:
        assert server.password == password
        with clickhouse_client.connect(server.url("default")) as client:
            assert client.query("SELECT * FROM d.t").result_rows == [(1,)]


def test_only_the_owner_can_read_the_password(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "new") as server:
        assert (server.home / "password").stat().st_mode & 0o777 == 0o600
        assert server.home.stat().st_mode & 0o077 == 0


def test_it_refuses_other_logins_and_listens_on_the_loopback_only(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path) as server:
        for login in ("admin:wrong", "default", "default:x", "nobody:x"):
            with pytest.raises(clickhouse_client.ClickHouseConnectionError):
                clickhouse_client.connect(f"http://{login}@127.0.0.1:{server.http_port}/default")
        with pytest.raises(OSError), socket.create_connection((_other_address(), server.http_port), timeout=2):
            pass


def _other_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            address = str(probe.getsockname()[0])
        except OSError:
            address = "127.0.0.2"
    return "127.0.0.2" if address.startswith("127.") else address


def test_a_second_owner_is_refused_and_can_connect_instead(tmp_path: Path) -> None:
    assert EmbeddedClickHouse.running(tmp_path) is None
    with EmbeddedClickHouse(tmp_path) as server:
        with pytest.raises(FolderInUse, match="in use by another embedded ClickHouse"):
            EmbeddedClickHouse(tmp_path).start()
        running = EmbeddedClickHouse.running(tmp_path)
        assert running is not None
        assert running.url() == server.url()
        with clickhouse_client.connect(running.url("default")) as client:
            assert client.query("SELECT 1").result_rows == [(1,)]
    assert EmbeddedClickHouse.running(tmp_path) is None


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"HTTP port {port} cannot be had"):
            EmbeddedClickHouse(tmp_path, http_port=port).start()
        with pytest.raises(PortTaken, match=f"TCP port {port} cannot be had"):
            EmbeddedClickHouse(tmp_path, tcp_port=port).start()


def test_a_missing_or_old_chdb_core_and_windows_are_clear_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.metadata

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(ChdbMissing, match=r"run: pip install 'agentsight-otel\[local\]'"):
        EmbeddedClickHouse(tmp_path).start()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "26.6.0")
    with pytest.raises(ChdbMissing, match=r"26\.7 or newer, found 26\.6\.0"):
        EmbeddedClickHouse(tmp_path).start()
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UnsupportedPlatform, match="does not run on Windows"):
        EmbeddedClickHouse(tmp_path).start()


def test_it_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import sys, time; from agentsight_otel.local import EmbeddedClickHouse\n"
        f"server = EmbeddedClickHouse({str(tmp_path)!r}).start()\n"
        "print(server._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server_pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{server_pid}").exists() and Path(f"/proc/{server_pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.05)
