"""The embedded ClickHouse: a real server, in a child process."""

import importlib.metadata
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from agentsight_otel.clickhouse.url import DEFAULT_DATABASE, ClickHouseURL
from agentsight_otel.local import server_config
from agentsight_otel.local.errors import (
    ChdbMissing,
    FolderInUse,
    NoPassword,
    PortTaken,
    StartFailed,
    UnsupportedPlatform,
)
from agentsight_otel.local.ports import who_listens
from agentsight_otel.local.private_files import make_private, open_private, write_private

_HOST = "127.0.0.1"
_MINIMUM_CHDB = (26, 7)
_INSTALL = "run: pip install 'agentsight-otel[local]'"
_PORTS, _PASSWORD, _READER_PASSWORD = "ports.tsv", "password", "reader-password"
# The variables that the server's process gets, besides those that its configuration names: queries can read them all.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH",
                "PYTHONHOME", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")  # fmt: skip


class EmbeddedClickHouse:
    """ClickHouse from chdb-core, over HTTP and native TCP, on the loopback interface, with a password.

        with EmbeddedClickHouse("./data") as server:
            client = clickhouse_client.connect(server.url())

    It ends when this process ends, for any reason. Acknowledged inserts survive a kill -9. Two users can log in:
    ``admin``, who creates databases and writes, and ``reader``, who only reads; neither can reach files, programs or
    other addresses (docs/security.md).

    Args:
        home: The data folder; created where it does not exist, and closed to other users. One server at a time owns it.
        http_port: The port of the HTTP interface; 0 lets the system choose.
        tcp_port: The port of the native interface; 0 lets the system choose.
        password: The password of user ``admin``. Default: the one in the folder's file ``password``, which the first
            start creates.
    """

    name = "ClickHouse"

    def __init__(self, home: str | Path, *, http_port: int = 0, tcp_port: int = 0, password: str | None = None) -> None:
        self.home = Path(home).expanduser().resolve()
        self.log = self.home / "stderr.log"
        self.host = _HOST
        self.user = server_config.USER
        self.password = password or ""
        self.reader_password = ""
        self.http_port = http_port
        self.tcp_port = tcp_port
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None

    def url(self, database: str = DEFAULT_DATABASE) -> str:
        """The URL with ``admin``'s password, for ``clickhouse_url=``, ``--clickhouse-url`` and
        AGENTSIGHT_CLICKHOUSE_URL."""
        return str(ClickHouseURL(self.host, self.http_port, self.user, self.password, database, secure=False))

    def reader_url(self, database: str = DEFAULT_DATABASE) -> str:
        """The URL with ``reader``'s password, for Grafana, notebooks and the page."""
        return str(
            ClickHouseURL(self.host, self.http_port, server_config.READER, self.reader_password, database, secure=False)
        )

    def start(self, timeout_s: float = 60.0) -> "EmbeddedClickHouse":
        """Starts the server, and returns when both ports answer.

        Raises:
            UnsupportedPlatform: There is no chdb-core for this platform.
            ChdbMissing: chdb-core is not installed, or too old.
            FolderInUse: Another server owns the data folder.
            FolderNotPrivate: Other users can enter the data folder, and it has other content than a data folder.
            NoPassword: The file of a password is empty.
            PortTaken: Another program listens on a port.
            StartFailed: The server ended, or did not answer within ``timeout_s`` seconds; the message has the last
                lines of its log.
        """
        _require_chdb()
        make_private(self.home)
        self._lock = _locked(self.home)
        try:
            self._launch(timeout_s)
        except BaseException:
            self.stop(grace_s=0)
            raise
        return self

    def restart(self, is_given_up: Callable[[], bool] = lambda: False, *, timeout_s: float = 60.0) -> None:
        """Starts the server again, after its process has ended, on the same ports.

        Args:
            is_given_up: Returns whether the server is to start no longer; asked while it starts.
            timeout_s: How long it may take, in seconds.

        Raises:
            LocalClickHouseError: The server cannot start, for one of the reasons of ``start``; another try may succeed.
            OSError: A file of the data folder cannot be written; another try may succeed.
        """
        self._end_process(0)
        self._launch(timeout_s, is_given_up)

    def _launch(self, timeout_s: float, is_given_up: Callable[[], bool] = lambda: False) -> None:
        """Starts the process; where it does not become ready, it is ended again."""
        try:
            for name, port in (("HTTP", self.http_port), ("TCP", self.tcp_port)):
                _require_free(name, port)
            self.password = self._password(_PASSWORD, self.password)
            self.reader_password = self._password(_READER_PASSWORD)
            server_config.write(
                self.home,
                host=self.host,
                http_port=self.http_port,
                tcp_port=self.tcp_port,
                password=self.password,
                reader_password=self.reader_password,
            )
            server_config.name_engines(self.home)
            self._spawn()
            self._wait_until_ready(timeout_s, is_given_up)
        except BaseException:
            self._end_process(0)
            raise

    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The id of the server's process; None where it does not run."""
        return self._process.pid if self._process is not None else None

    def stop(self, grace_s: float = 2.0) -> None:
        """Stops the server; kills it where it does not end within ``grace_s`` seconds.

        Acknowledged inserts are not lost. Stopping a server that does not run does nothing.
        """
        self._end_process(grace_s)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _end_process(self, grace_s: float) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        if self._process is not None:
            for stop_signal, wait_s in ((None, grace_s), (signal.SIGTERM, 2.0), (signal.SIGKILL, 10.0)):
                if stop_signal is not None:
                    self._process.send_signal(stop_signal)
                try:
                    self._process.wait(wait_s)
                    break
                except subprocess.TimeoutExpired:
                    continue
            self._process = None

    def __enter__(self) -> "EmbeddedClickHouse":
        """Starts the server."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops the server."""
        self.stop()

    @classmethod
    def running(cls, home: str | Path) -> "EmbeddedClickHouse | None":
        """The server that another process runs on a data folder, to connect to; None where none runs."""
        server = cls(home)
        if not (server.home / _PORTS).exists():
            return None
        try:
            _locked(server.home).close()
        except FolderInUse:
            server.password, server.reader_password = server._password(_PASSWORD), server._password(_READER_PASSWORD)
            server.http_port, server.tcp_port = map(int, (server.home / _PORTS).read_text().split())
            return server
        return None

    def _password(self, name: str, password: str = "") -> str:
        """The password in a file of the data folder; writes ``password`` there, or a new one if there is no file."""
        file = self.home / name
        if password or not file.exists():
            write_private(file, password or secrets.token_urlsafe(18))
        if kept := file.read_text(encoding="utf-8").strip():
            return kept
        raise NoPassword(f"{file} is empty, and a server without a password is open to everybody: remove that file")

    def _spawn(self) -> None:
        (self.home / _PORTS).unlink(missing_ok=True)
        reading_end, self._pipe = os.pipe()
        try:
            with open_private(self.log, "wb") as stderr:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        str(Path(__file__).with_name("_child.py")),
                        str(self.home),
                        str(reading_end),
                    ],
                    pass_fds=(reading_end,),
                    env=_environment(self.home),
                    stdin=subprocess.DEVNULL,
                    stdout=stderr,
                    stderr=stderr,
                    # In a session of its own, Ctrl-C reaches only the parent, which then stops the server in order.
                    start_new_session=True,
                )
        finally:
            os.close(reading_end)

    def _wait_until_ready(self, timeout_s: float, is_given_up: Callable[[], bool]) -> None:
        ports = self.home / _PORTS
        deadline = time.monotonic() + timeout_s
        while True:
            # The file is complete only once the server listens on both ports.
            if ports.exists() and (text := ports.read_text()).endswith("\n"):
                self.http_port, self.tcp_port = map(int, text.split())
                return
            if not self.alive() or time.monotonic() > deadline:
                words = self.log.read_text(errors="replace").strip()[-2000:]
                if "Address already in use" in words:
                    raise PortTaken(f"ClickHouse cannot listen on its ports; another program took one: {words}")
                what = f"did not answer within {timeout_s:g} s" if self.alive() else "ended while starting"
                raise StartFailed(f"the embedded ClickHouse in {self.home} {what}: {words or 'it said nothing'}")
            if is_given_up():
                raise StartFailed(f"the embedded ClickHouse in {self.home} was stopped while starting")
            time.sleep(0.005)


def _environment(home: Path) -> dict[str, str]:
    """The environment of the server's process: no tokens and passwords but those that its configuration names."""
    files = (path for folder in ("config.d", "users.d") for path in (home / folder).glob("*.xml"))
    named = {name for path in files for name in re.findall(r'from_env="([^"]+)"', path.read_text(errors="replace"))}
    return {name: value for name in (*_ENVIRONMENT, *named) if (value := os.environ.get(name)) is not None}


def _require_chdb() -> None:
    if sys.platform == "win32":
        raise UnsupportedPlatform(
            "the embedded ClickHouse does not run on Windows (chdb-core has no build for it): use WSL, or a ClickHouse"
            " server with --clickhouse-url"
        )
    try:
        version = importlib.metadata.version("chdb-core")
    except importlib.metadata.PackageNotFoundError:
        raise ChdbMissing(
            f"the embedded ClickHouse needs the package chdb-core, which is not installed; {_INSTALL}"
            " (there are builds for Linux with glibc and for macOS)"
        ) from None
    if tuple(int(part) for part in version.split(".")[:2]) < _MINIMUM_CHDB:
        raise ChdbMissing(f"the embedded ClickHouse needs chdb-core 26.7 or newer, found {version}; {_INSTALL}")


def _locked(home: Path) -> IO[str]:
    import fcntl

    lock = open_private(home / "lock", "a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise FolderInUse(
            f"{home} is in use by another embedded ClickHouse: stop that one, connect to it with --clickhouse-url, or"
            " name another folder with --data"
        ) from None
    return lock


def _require_free(name: str, port: int) -> None:
    if not port:
        return
    if not 0 < port < 65536:
        raise ValueError(f"{name} port: {port}: expected 0 (any free one) to 65535")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise PortTaken(
                f"{name} port {port} cannot be had ({error.strerror}): {who_listens(port)}choose another, or 0 for any"
                " free one"
            ) from None
