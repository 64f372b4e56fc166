"""The real OpenTelemetry Collector, where there is one, as a child process."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from agentsight_otel import bundled
from agentsight_otel.local.errors import CollectorFailed
from agentsight_otel.local.server import EmbeddedClickHouse

_NAME = "otelcol-contrib"
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 15.0


def find_collector() -> Path | None:
    """The collector to run: what OTELCOL names, or ``otelcol-contrib`` on the PATH; None where there is neither.

    Raises:
        CollectorFailed: OTELCOL names no program.
    """
    named = os.environ.get("OTELCOL")
    found = shutil.which(named or _NAME)
    if named and found is None:
        raise CollectorFailed(f"OTELCOL: {named!r}: expected a collector binary")
    return Path(found) if found else None


class CollectorProcess:
    """A collector with ``collector_config/local.yaml`` that writes into an embedded ClickHouse.

    Args:
        binary: With the clickhouse exporter.
        clickhouse: Runs already.
        database: Where the schema is.
        grpc_port: Where it takes OTLP over gRPC.
        http_port: Where it takes OTLP over HTTP.
    """

    def __init__(
        self, binary: Path, clickhouse: EmbeddedClickHouse, database: str, *, grpc_port: int, http_port: int
    ) -> None:
        self.binary = binary
        self.log = clickhouse.home / "collector.log"
        self._health = f"127.0.0.1:{_free_port()}"
        self._environment = {
            **os.environ,
            "AGENTSIGHT_CLICKHOUSE_ENDPOINT": f"tcp://{clickhouse.host}:{clickhouse.tcp_port}",
            "AGENTSIGHT_CLICKHOUSE_DATABASE": database,
            "AGENTSIGHT_CLICKHOUSE_USER": clickhouse.user,
            "AGENTSIGHT_CLICKHOUSE_PASSWORD": clickhouse.password,
            "AGENTSIGHT_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{grpc_port}",
            "AGENTSIGHT_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{http_port}",
            "AGENTSIGHT_QUEUE_DIR": str(clickhouse.home / f"collector-queue-{database}"),
            "AGENTSIGHT_HEALTH_ENDPOINT": self._health,
            "AGENTSIGHT_METRICS_PORT": str(_free_port()),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def start(self) -> None:
        """Starts it, and returns when it is healthy.

        Raises:
            CollectorFailed: It ended, or did not become healthy; the message has its last words.
        """
        self._output = self.log.open("wb")
        self._process = subprocess.Popen(
            [str(self.binary), "--config", str(bundled.folder("collector_config") / "local.yaml")],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            # A Ctrl-C in the terminal is for the parent, which then stops it in order.
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._is_healthy():
            if not self.alive() or time.monotonic() > deadline:
                what = "did not become healthy" if self.alive() else "ended while starting"
                words = self.log.read_text(errors="replace").strip()[-1500:]
                self.stop()
                raise CollectorFailed(f"the collector {self.binary} {what} (log: {self.log}): {words}")
            time.sleep(0.05)

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Lets it write what it holds, and ends it; what it cannot write stays in its queue on disk."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._health}/", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
