"""However a process comes about and ends, its spans arrive, each of them once."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.faulty_receiver import FaultyReceiver, faulty_receiver

START = """
import multiprocessing, os, signal, sys, threading, time
import agentsight_otel as agentsight

def work(count):
    with agentsight.conversation("c1"):
        for _ in range(count):
            with agentsight.tool("work"):
                pass

def start():
    agentsight.init(set_global=False, schedule_delay_s=60)

def sleep():
    while True:  # Python overlooks a signal that comes just before a long sleep begins
        time.sleep(0.1)
"""


@pytest.fixture(params=["http/protobuf", "grpc"])
def receiver(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyReceiver]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", request.param)
    with faulty_receiver(request.param, tmp_path) as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        yield running


def program(tmp_path: Path, text: str) -> subprocess.Popen[str]:
    path = tmp_path / "program.py"
    path.write_text(START + text)
    return subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(tmp_path: Path, text: str) -> str:
    process = program(tmp_path, text)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def received_once(receiver: FaultyReceiver, count: int) -> None:
    until(lambda: len(receiver.received()) >= count)
    received = receiver.received()
    assert (len(received), len(set(received))) == (count, count)


def test_at_exit(receiver: FaultyReceiver, tmp_path: Path) -> None:
    run(tmp_path, "start()\nwork(10)\n")
    received_once(receiver, 10)


def test_a_span_that_ends_at_exit_after_the_threads_are_gone(receiver: FaultyReceiver, tmp_path: Path) -> None:
    run(tmp_path, "import atexit\nstart()\natexit.register(work, 3)\n")
    received_once(receiver, 3)


@pytest.mark.parametrize("mode", ["ok", "failing", "throttling"])
def test_nothing_is_imported_in_the_background(receiver: FaultyReceiver, tmp_path: Path, mode: str) -> None:
    """A process forked amid an import waits for that module for ever."""
    receiver.become(mode)
    run(
        tmp_path,
        """
start()
before = set(sys.modules)
work(1)
agentsight.flush(3_000)
assert set(sys.modules) == before, set(sys.modules) - before
os._exit(0)
""",
    )


def test_a_child_that_leaves_by_sys_exit(receiver: FaultyReceiver, tmp_path: Path) -> None:
    run(tmp_path, "start()\nwork(5)\nif os.fork() == 0:\n    work(7)\n    sys.exit(0)\nos.wait()\n")
    received_once(receiver, 12)


def test_sigterm_ends_the_process_after_its_spans_are_sent(receiver: FaultyReceiver, tmp_path: Path) -> None:
    with program(tmp_path, "start()\nwork(10)\nprint('ready', flush=True)\nsleep()\n") as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(60) == -signal.SIGTERM
    received_once(receiver, 10)


def test_sigterm_leaves_a_handler_of_the_application_alone(receiver: FaultyReceiver, tmp_path: Path) -> None:
    text = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
start()
work(10)
print('ready', flush=True)
sleep()
"""
    with program(tmp_path, text) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(60) == 3
    received_once(receiver, 10)


def test_sigterm_through_a_handler_that_calls_ours_only_flushes(receiver: FaultyReceiver, tmp_path: Path) -> None:
    text = """
start()
ours = signal.getsignal(signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda number, frame: (ours(number, frame), going.clear()))
going = threading.Event()
going.set()
work(10)
print('ready', flush=True)
while going.is_set():
    time.sleep(0.01)
work(5)
"""
    with program(tmp_path, text) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(60) == 0
    received_once(receiver, 15)


def test_sigterm_ends_a_child_of_multiprocessing_after_its_spans_are_sent(
    receiver: FaultyReceiver, tmp_path: Path
) -> None:
    run(
        tmp_path,
        """
def child(ready):
    work(10)
    ready.set()
    sleep()

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    start()
    ready = context.Event()
    process = context.Process(target=child, args=(ready,))
    process.start()
    ready.wait()
    process.terminate()
    process.join()
    assert process.exitcode == -signal.SIGTERM
""",
    )
    received_once(receiver, 10)


APP = """
import agentsight_otel as agentsight
agentsight.init(set_global=False, schedule_delay_s=60)
with agentsight.conversation("c1"), agentsight.tool("at import"):
    pass

def wsgi(environ, start_response):
    with agentsight.conversation("c1"), agentsight.tool("request"):
        start_response("200 OK", [])
        return [b"ok"]

async def asgi(scope, receive, send):
    assert scope["type"] == "http"
    with agentsight.conversation("c1"), agentsight.tool("request"):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
"""


def free_port() -> int:
    import socket

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:{port}", "app:wsgi"],
        ["uvicorn", "--port", "{port}", "--lifespan", "off", "app:asgi"],
    ],
    ids=lambda command: command[0],
)
def test_servers(receiver: FaultyReceiver, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "app.py").write_text(APP)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *(part.format(port=port) for part in command)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def served() -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).status == 200
        except OSError:
            return False

    try:
        until(served)
        for _ in range(20):
            assert served()
    finally:
        process.terminate()
        process.wait(60)
    received_once(receiver, 1 + 21)
