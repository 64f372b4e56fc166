"""`agentsight-otel up` with a real collector."""

import time
from pathlib import Path

from tests.e2e.running_up import ANY_PORTS, DEADLINE_S, StartUp, eventually, messages, send


def test_a_collector_that_is_named_takes_the_spans(otelcol: Path, start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, "--allow-origin", "http://localhost:3000", *ANY_PORTS, OTELCOL=str(otelcol))
    up.until("Ctrl-C")
    assert f"OTLP is taken by {otelcol}" in up.printed
    assert send(up.otlp, "c1") == 200
    eventually(lambda: messages(up), 1)
    status, errors = up.stop()
    assert status == 0
    (line,) = errors.splitlines()
    assert line.startswith("--allow-origin is ignored: it is for the small receiver")
    missing = start_up(tmp_path, *ANY_PORTS, OTELCOL="/absent/otelcol")
    _, errors = missing.process.communicate(timeout=DEADLINE_S)
    assert missing.process.returncode == 1
    assert "OTELCOL: '/absent/otelcol': expected a collector binary" in errors


def test_a_collector_ends_with_the_command_however_that_ends_and_leaves_the_ports(
    otelcol: Path, start_up: StartUp, tmp_path: Path
) -> None:
    up = start_up(tmp_path, *ANY_PORTS, OTELCOL=str(otelcol)).until("Ctrl-C")
    port = up.otlp.rpartition(":")[2]
    assert send(up.otlp, "c1") == 200
    up.process.kill()
    up.process.wait()
    again = ("--port", "0", "--grpc-port", "0", "--http-port", port)
    deadline = time.monotonic() + DEADLINE_S
    while True:  # it writes what it holds before it ends
        second = start_up(tmp_path, *again, OTELCOL=str(otelcol))
        try:
            second.until("Ctrl-C")
            break
        except AssertionError:
            assert time.monotonic() < deadline
    eventually(lambda: messages(second), 1)
    assert second.stop() == (0, "")
