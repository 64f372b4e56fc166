"""`agentsight-otel up` with a real collector."""

from pathlib import Path

from tests.e2e.running_up import ANY_PORTS, DEADLINE_S, StartUp, eventually, messages, send


def test_a_collector_that_is_named_takes_the_spans(otelcol: Path, start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, *ANY_PORTS, OTELCOL=str(otelcol)).until("Ctrl-C")
    assert f"OTLP is taken by {otelcol}" in up.printed
    assert send(up.otlp, "c1") == 200
    eventually(lambda: messages(up.page), 1)
    assert up.stop() == (0, "")
    missing = start_up(tmp_path, *ANY_PORTS, OTELCOL="/absent/otelcol")
    _, errors = missing.process.communicate(timeout=DEADLINE_S)
    assert missing.process.returncode == 1
    assert "OTELCOL: '/absent/otelcol': expected a collector binary" in errors
