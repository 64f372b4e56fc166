"""The real OpenTelemetry Collector, where one is installed, as a child process."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from agentsight_otel.clickhouse import bundled
from agentsight_otel.clickhouse.url import host_in_url
from agentsight_otel.local.errors import CollectorFailed
from agentsight_otel.local.private_files import open_private
from agentsight_otel.local.server import EmbeddedClickHouse

_NAME = "otelcol-contrib"
_START_TIMEOUT_S = 30.0
# Longer than _tied.py waits before it kills the collector.
_STOP_TIMEOUT_S = 20.0


def find_collector() -> Path | None:
    """The collector to run: the program that OTELCOL names, else ``otelcol-contrib`` on the PATH; None without either.

    Raises:
        CollectorFailed: OTELCOL does not name a program.
    """
    named = os.environ.get("OTELCOL")
    path = shutil.which(named or _NAME)
    if named and path is None:
        raise CollectorFailed(f"OTELCOL: {named!r}: expected a collector binary")
    return Path(path) if path else None


class CollectorProcess:
    """A collector with ``collector_config/local.yaml`` that writes into an embedded ClickHouse.

    Args:
        binary: The collector's program, built with the clickhouse exporter.
        clickhouse: The server, which runs already.
        database: The database with the schema.
        host: The address on which it takes OTLP.
        grpc_port: The port for OTLP over gRPC.
        http_port: The port for OTLP over HTTP.
    """

    def __init__(
        self, binary: Path, clickhouse: EmbeddedClickHouse, database: str, *, host: str, grpc_port: int, http_port: int
    ) -> None:
        listening = host_in_url(host)
        self.binary = binary
        self.log = clickhouse.home / "collector.log"
        self._health = f"127.0.0.1:{_free_port()}"
        self._environment = {
            **os.environ,
            "AGENTSIGHT_CLICKHOUSE_ENDPOINT": f"tcp://{clickhouse.host}:{clickhouse.tcp_port}",
            "AGENTSIGHT_CLICKHOUSE_DATABASE": database,
            "AGENTSIGHT_CLICKHOUSE_USER": clickhouse.user,
            "AGENTSIGHT_CLICKHOUSE_PASSWORD": clickhouse.password,
            "AGENTSIGHT_OTLP_GRPC_ENDPOINT": f"{listening}:{grpc_port}",
            "AGENTSIGHT_OTLP_HTTP_ENDPOINT": f"{listening}:{http_port}",
            "AGENTSIGHT_QUEUE_DIR": str(clickhouse.home / f"collector-queue-{database}"),
            "AGENTSIGHT_HEALTH_ENDPOINT": self._health,
            "AGENTSIGHT_METRICS_PORT": str(_free_port()),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None

    name = "the collector"

    def start(self, is_given_up: Callable[[], bool] = lambda: False) -> None:
        """Starts the collector, and returns when it is healthy. It ends when this process ends, for any reason.

        Args:
            is_given_up: Returns whether it is to start no longer; asked while it starts.

        Raises:
            CollectorFailed: It ended, or did not become healthy; the message has the last lines of its log.
        """
        reading_end, self._pipe = os.pipe()
        program = [str(self.binary), "--config", str(bundled.folder("collector_config") / "local.yaml")]
        with os.fdopen(reading_end, "rb", buffering=0), open_private(self.log, "wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("_tied.py")), str(reading_end), *program],
                env=self._environment,
                pass_fds=(reading_end,),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # In a session of its own, Ctrl-C reaches only the parent, which then stops the collector in order.
                start_new_session=True,
                umask=0o077,
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._is_healthy():
            if is_given_up():
                self.stop()
                raise CollectorFailed("the collector was stopped while starting")
            if not self.alive() or time.monotonic() > deadline:
                what = "did not become healthy" if self.alive() else "ended while starting"
                words = self.log.read_text(errors="replace").strip()[-1500:]
                self.stop()
                raise CollectorFailed(f"the collector {self.binary} {what} (log: {self.log}): {words}")
            time.sleep(0.05)

    def alive(self) -> bool:
        """Whether the collector runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Lets the collector write the spans that it holds, and ends it; spans that it cannot write stay on disk."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        if self._process is not None:
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def restart(self, is_given_up: Callable[[], bool] = lambda: False) -> None:
        """Starts the collector again after it has ended.

        Args:
            is_given_up: Returns whether it is to start no longer; asked while it starts.

        Raises:
            CollectorFailed: It ended again, or did not become healthy.
            OSError: Its log cannot be written.
        """
        self.stop()
        self.start(is_given_up)

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._health}/", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
