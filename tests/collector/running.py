"""A collector as a process: on free ports, with a config and an environment, until it is healthy, stopped or killed."""

import os
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.collector.waiting import until

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


class Collector:
    """The real collector, with one or more configs, on the loopback interface.

    Args:
        binary: The collector.
        configs: Config files, merged in this order.
        environment: What the configs read, beside what this class sets: the endpoints and the queue's folder.
        home: Its working directory: the queue, the log.
        arguments: More command line arguments.
        on_defaults: Leave the endpoints and the queue's folder to the configs' defaults.
    """

    def __init__(
        self,
        binary: Path,
        configs: Sequence[Path],
        environment: Mapping[str, str],
        home: Path,
        arguments: Sequence[str] = (),
        on_defaults: bool = False,
    ) -> None:
        ports = (4317, 4318, 13133, 8888) if on_defaults else free_ports(4)
        self.grpc_port, self.http_port, self.health_port, self.metrics_port = ports
        self.home = home
        self.queue = home / "queue"
        self.log = home / "collector.log"
        places = {
            "AGENTSIGHT_OTLP_GRPC_ENDPOINT": self.grpc,
            "AGENTSIGHT_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{self.http_port}",
            "AGENTSIGHT_HEALTH_ENDPOINT": f"127.0.0.1:{self.health_port}",
            "AGENTSIGHT_METRICS_PORT": str(self.metrics_port),
            "AGENTSIGHT_QUEUE_DIR": str(self.queue),
        }
        self.environment = {"PATH": os.environ["PATH"], **({} if on_defaults else places), **environment}
        self._command = [str(binary), *(f"--config={config}" for config in configs), *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def grpc(self) -> str:
        """host:port of OTLP over gRPC."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def http(self) -> str:
        """The base URL of OTLP over HTTP."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self, wait: bool = True) -> "Collector":
        """Starts it, and returns when it is healthy (at once with ``wait=False``)."""
        assert not self.alive(), "already running"
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if wait:
            self.wait_healthy()
        return self

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def healthy(self) -> bool:
        """What its health endpoint says; False where nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_healthy(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Returns when it is healthy; fails with its log when it ended, or is not after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while not self.healthy():
            assert self.alive(), f"the collector ended while starting:\n{self.logged()}"
            assert time.monotonic() < deadline, f"the collector is not healthy after {timeout_s:g} s:\n{self.logged()}"
            time.sleep(0.05)

    def wait_sent(self, spans: int, timeout_s: float = 60.0) -> None:
        """Returns when ClickHouse (or whatever is behind it) has acknowledged that many spans since its start.

        Rows are visible in a table before they are in the materialised views; an INSERT is acknowledged after both.
        """
        until(
            lambda: self.metrics().get("otelcol_exporter_sent_spans", 0) >= spans,
            timeout_s,
            f"{spans} spans sent on by the collector",
        )

    def stop(self) -> int:
        """Asks it to end (it drains what it can) and returns the exit code. Stopping twice does nothing."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it with kill -9."""
        self._end(signal.SIGKILL)

    def logged(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-8000:] if self.log.exists() else ""

    def metrics(self) -> dict[str, float]:
        """Its own metrics by name, summed over their labels, as Prometheus scrapes them."""
        totals: dict[str, float] = {}
        for name, _labels, value in self.series():
            totals[name] = totals.get(name, 0.0) + value
        return totals

    def series(self) -> list[tuple[str, str, float]]:
        """Its own metrics: name, labels, value."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$", text, re.MULTILINE)
        return [(name, labels, float(value)) for name, labels, value in found]

    def __enter__(self) -> "Collector":
        """Starts it."""
        return self.start()

    def __exit__(self, *exc: object) -> None:
        """Ends it."""
        self.kill()

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        try:
            code = self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the collector did not end within {STOP_TIMEOUT_S:g} s:\n{self.logged()}") from None
        self._process = None
        return code


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nothing listens on.

    They lie below those that the system gives to outgoing connections, which could take one before it is used.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = 12_000 + secrets.randbelow(19_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports
