"""The embedded ClickHouse: a real server, in a child process."""

import importlib.metadata
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from agentsight_otel.clickhouse_url import DEFAULT_DATABASE, ClickHouseURL
from agentsight_otel.local import server_config
from agentsight_otel.local.errors import ChdbMissing, FolderInUse, PortTaken, StartFailed, UnsupportedPlatform

_HOST = "127.0.0.1"
_MINIMUM_CHDB = (26, 7)
_INSTALL = "run: pip install 'agentsight-otel[local]'"


class EmbeddedClickHouse:
    """ClickHouse from chdb-core, over HTTP and native TCP, on the loopback interface, with a password.

        with EmbeddedClickHouse("./data") as server:
            client = clickhouse_client.connect(server.url())

    It ends with this process, in whatever way that ends. Acknowledged inserts survive a kill -9.

    Args:
        home: The data folder; made where there is none. One server at a time owns it.
        http_port: Of the HTTP interface; 0 lets the system choose.
        tcp_port: Of the native interface; 0 lets the system choose.
        password: Of user ``admin``. Default: the one in the folder's file ``password``, made at the first start.
    """

    def __init__(self, home: str | Path, *, http_port: int = 0, tcp_port: int = 0, password: str | None = None) -> None:
        self.home = Path(home).expanduser().resolve()
        self.host = _HOST
        self.user = server_config.USER
        self.password = password or ""
        self.http_port = http_port
        self.tcp_port = tcp_port
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None

    def url(self, database: str = DEFAULT_DATABASE) -> str:
        """The address for ``clickhouse_url=``, ``--clickhouse-url`` and AGENTSIGHT_CLICKHOUSE_URL, with password."""
        return str(ClickHouseURL(self.host, self.http_port, self.user, self.password, database, secure=False))

    def start(self, timeout_s: float = 60.0) -> "EmbeddedClickHouse":
        """Starts it, and returns when both ports answer.

        Raises:
            UnsupportedPlatform: There is no chdb-core for this platform.
            ChdbMissing: chdb-core is not installed, or too old.
            FolderInUse: Another server owns the data folder.
            PortTaken: Another program listens on a port.
            StartFailed: It ended, or did not answer within ``timeout_s``; the message has its last words.
        """
        _require_chdb()
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _locked(self.home)
        try:
            for name, port in (("HTTP", self.http_port), ("TCP", self.tcp_port)):
                _require_free(name, port)
            self.password = self._password()
            server_config.write(
                self.home,
                host=self.host,
                http_port=self.http_port,
                tcp_port=self.tcp_port,
                password=self.password,
            )
            self._spawn()
            self._wait_until_ready(timeout_s)
        except BaseException:
            self.stop(grace_s=0)
            raise
        return self

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Of the server's process; None where it does not run."""
        return self._process.pid if self._process is not None else None

    def stop(self, grace_s: float = 2.0) -> None:
        """Stops it. Idle client connections can hold it for seconds, so it is ended after ``grace_s``.

        Nothing acknowledged is lost. Stopping twice does nothing.
        """
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
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "EmbeddedClickHouse":
        """Starts it."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops it."""
        self.stop()

    @classmethod
    def running(cls, home: str | Path) -> "EmbeddedClickHouse | None":
        """The server that another process runs on a data folder, to connect to; None where there is none."""
        found = cls(home)
        if not (found.home / "ports.tsv").exists():
            return None
        try:
            _locked(found.home).close()
        except FolderInUse:
            found.password = (found.home / "password").read_text().strip()
            found.http_port, found.tcp_port = map(int, (found.home / "ports.tsv").read_text().split())
            return found
        return None

    def _password(self) -> str:
        file = self.home / "password"
        if self.password:
            server_config.write_private(file, self.password)
            return self.password
        if not file.exists():
            server_config.write_private(file, secrets.token_urlsafe(18))
        return file.read_text().strip()

    def _spawn(self) -> None:
        (self.home / "ports.tsv").unlink(missing_ok=True)
        reading_end, self._pipe = os.pipe()
        try:
            with (self.home / "stderr.log").open("wb") as stderr:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        str(Path(__file__).with_name("_child.py")),
                        str(self.home),
                        str(reading_end),
                    ],
                    pass_fds=(reading_end,),
                    stdin=subprocess.DEVNULL,
                    stdout=stderr,
                    stderr=stderr,
                    # A Ctrl-C in the terminal is for the parent, which then stops the server in order.
                    start_new_session=True,
                )
        finally:
            os.close(reading_end)

    def _wait_until_ready(self, timeout_s: float) -> None:
        ports = self.home / "ports.tsv"
        deadline = time.monotonic() + timeout_s
        while True:
            # Written only once both are listening.
            if ports.exists() and (text := ports.read_text()).endswith("\n"):
                self.http_port, self.tcp_port = map(int, text.split())
                return
            if not self.alive() or time.monotonic() > deadline:
                words = (self.home / "stderr.log").read_text(errors="replace").strip()[-2000:]
                if "Address already in use" in words:
                    raise PortTaken(f"ClickHouse cannot listen on its ports; another program took one: {words}")
                what = f"did not answer within {timeout_s:g} s" if self.alive() else "ended while starting"
                raise StartFailed(f"the embedded ClickHouse in {self.home} {what}: {words or 'it said nothing'}")
            time.sleep(0.005)


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

    lock = (home / "lock").open("a")
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
                f"{name} port {port} cannot be had ({error.strerror}): choose another, or 0 for any free one"
            ) from None
