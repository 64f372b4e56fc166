"""What could not be delivered by exit waits on disk, and the next process delivers it, once."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from agentsight_otel._core import guard
from agentsight_otel._export.spool import Spool
from agentsight_otel._export.spool_format import decode_spans, encode_spans
from agentsight_otel.clickhouse import client as clickhouse_client
from benchmarks.faulty_receiver import faulty_receiver

PROGRAM = """
import sys, time
import agentsight_otel as agentsight

agentsight.init(set_global=False)
with agentsight.conversation("c1", customer_id="ann@example.com"):
    for _ in range(int(sys.argv[1])):
        with agentsight.tool("work", arguments={"to": "ann@example.com"}):
            pass
if sys.argv[2:] == ["sleep"]:
    print("ready", flush=True)
    while True:  # Python overlooks a signal that comes just before a long sleep begins
        time.sleep(0.1)
"""


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_the_next_start_delivers_what_is_left(protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = tmp_path / "spool"
    monkeypatch.setenv("AGENTSIGHT_SPOOL_DIR", str(spool))
    monkeypatch.setenv("AGENTSIGHT_MASK", "email")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    with faulty_receiver(protocol, tmp_path, "absent") as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        commands = [[sys.executable, "-c", PROGRAM, "20"]] * 3
        began = time.monotonic()
        running = [subprocess.Popen(command) for command in commands]
        assert [process.wait(60) for process in running] == [0, 0, 0]
        assert time.monotonic() - began < 14  # it does not wait for a receiver that is away
        sleeper = subprocess.Popen([*commands[0], "sleep"], stdout=subprocess.PIPE, text=True)
        assert sleeper.stdout is not None and sleeper.stdout.readline() == "ready\n"
        sleeper.terminate()
        sleeper.wait(60)
        sleeper.stdout.close()
        files = sorted(spool.glob("*.otlp"))
        assert len(files) == 4
        assert b"example.com" not in b"".join(file.read_bytes() for file in files)
        assert {spool.stat().st_mode & 0o777, files[0].stat().st_mode & 0o777} == {0o700, 0o600}
        receiver.become("ok")
        running = [subprocess.Popen([*commands[0], "sleep"], stdout=subprocess.DEVNULL) for _ in range(2)]
        until(lambda: len(receiver.received()) >= 120)
        for process in running:
            process.terminate()
            process.wait(60)
        assert len(set(receiver.received())) == len(receiver.received()) == 120
        assert list(spool.glob("*.otlp")) == []


def spans_of(count: int) -> list[object]:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("scope", "1")
    spans = []
    for number in range(count):
        span = tracer.start_span(f"span {number}", attributes={"text": "x" * 1_000, "list": ["a", "b"], "n": 1.5})
        span.add_event("event", {"k": True})
        span.end()
        spans.append(span)
    return spans


def test_whoever_is_killed_while_delivering_leaves_all_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTSIGHT_SPOOL_DIR", str(tmp_path / "spool"))
    with faulty_receiver("http/protobuf", tmp_path, "absent") as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        command = [sys.executable, "-c", PROGRAM]
        subprocess.run([*command, "20"], check=True, timeout=60)
        receiver.become("hanging")
        with subprocess.Popen([*command, "0", "sleep"], stdout=subprocess.DEVNULL) as killed:
            until(lambda: locked(tmp_path / "spool"))
            killed.kill()
        receiver.become("ok")
        with subprocess.Popen([*command, "0", "sleep"], stdout=subprocess.DEVNULL) as next_one:
            until(lambda: not list((tmp_path / "spool").glob("*.otlp")))
            next_one.terminate()
        assert len(set(receiver.received())) == len(receiver.received()) == 20


def locked(folder: Path) -> bool:
    """Whether some process delivers the folder's file."""
    for path in folder.glob("*.otlp"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
    return False


def test_a_full_disk_costs_the_spans_is_said_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTSIGHT_SPOOL_DIR", str(tmp_path))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    full = "import resource, logging; logging.basicConfig(); resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))"
    done = subprocess.run([sys.executable, "-c", full + PROGRAM, "20"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "undelivered spans cannot be kept" in done.stderr and "20 span(s) lost" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_spans_for_clickhouse_wait_too(schema_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTSIGHT_SPOOL_DIR", str(tmp_path))
    monkeypatch.setenv("AGENTSIGHT_CLICKHOUSE_URL", "http://admin:x@127.0.0.1:1/x")
    command = [sys.executable, "-c", PROGRAM]
    subprocess.run([*command, "20"], check=True, timeout=60)
    assert len(list(tmp_path.glob("*.otlp"))) == 1
    monkeypatch.setenv("AGENTSIGHT_CLICKHOUSE_URL", schema_url)
    subprocess.run([*command, "5"], check=True, timeout=60)
    with clickhouse_client.connect(schema_url) as client:
        until(lambda: client.query("SELECT count(), uniqExact(SpanId) FROM otel_traces").result_rows == [(25, 25)])
    assert list(tmp_path.glob("*.otlp")) == []


def test_the_bytes_survive_decoding() -> None:
    encoded = encode_spans(spans_of(3))  # type: ignore[arg-type]
    assert encode_spans(decode_spans(encoded)) == encoded


def test_the_folder_is_bounded_and_a_broken_file_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_said", {})
    spool = Spool(tmp_path, max_bytes=100_000, max_file_bytes=20_000)
    assert 60 <= spool.keep(spans_of(200)) < 100  # type: ignore[arg-type]
    files = sorted(tmp_path.glob("*.otlp"))
    assert sum(file.stat().st_size for file in files) <= 100_000
    files[0].write_bytes(files[0].read_bytes()[:-10])
    first = spool.take()
    assert first is not None and first.spans
    assert [path.name for path in tmp_path.glob("*.broken")] == [files[0].with_suffix(".broken").name]
    assert sum("set aside" in record.getMessage() for record in caplog.records) == 1
    assert len(Spool(tmp_path, max_bytes=1, max_file_bytes=1)._files(".otlp")) == len(files) - 1
    first.done(len(first.spans))
    assert len(list(tmp_path.glob("*.otlp"))) == len(files) - 2


def test_what_is_no_file_in_the_folder_holds_up_nothing(tmp_path: Path) -> None:
    """A pipe of a file's name would be waited for, for as long as nobody writes into it."""
    spool = Spool(tmp_path, max_bytes=10**6, max_file_bytes=10**6)
    os.mkfifo(tmp_path / "00000000000000000000-1-aaaaaaaa-00000000.otlp")
    os.mkfifo(tmp_path / "00000000000000000000-1-aaaaaaaa-00000000.otlp.tmp")
    (tmp_path / "00000000000000000001-1-aaaaaaaa-00000000.otlp").symlink_to("/dev/zero")
    assert not spool.has_files()
    assert spool.take() is None
    assert spool.keep([span_of_some_kind()]) == 1
    ticket = spool.take()
    assert ticket is not None and len(ticket.spans) == 1


def span_of_some_kind() -> ReadableSpan:
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


def test_a_folder_that_cannot_be_made_is_said_at_once_and_costs_the_spans_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AGENTSIGHT_SPOOL_DIR", str(tmp_path / "file" / "spool"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    done = subprocess.run([sys.executable, "-c", PROGRAM, "20"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert done.stderr.count("undelivered spans cannot be kept") == 1 and "20 span(s) lost" in done.stderr
