"""However a process comes about, over whatever exporter: its spans arrive, each of them once, also under load."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from benchmarks.faulty_receiver import faulty_receiver

START = """
import multiprocessing, os, signal, sys, threading, time
sys.modules["pandas"] = None  # clickhouse-connect imports it where it is there, in each of the processes
import agentsight_otel as agentsight
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

class FileExporter(SpanExporter):
    def __init__(self, path):
        self.path = path

    def export(self, spans):
        with open(self.path, "a") as file:
            file.write("".join(f"{span.context.span_id:016x}\\n" for span in spans))
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass

def work(count):
    with agentsight.conversation("c1"):
        for _ in range(count):
            with agentsight.tool("work"):
                pass

def start(**settings):
    own = os.environ.get("FILE_EXPORTER")
    agentsight.init(
        set_global=False, span_exporter=FileExporter(own) if own else None, **{"schedule_delay_s": 60, **settings}
    )
"""


@pytest.fixture(params=["http/protobuf", "grpc", "clickhouse", "own"])
def received(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[str]]]:
    """Sets the environment for one exporter; gives the ids of the spans that arrived through it."""
    with ExitStack() as stack:
        if request.param == "own":
            path = tmp_path / "exported.txt"
            monkeypatch.setenv("FILE_EXPORTER", str(path))
            yield lambda: path.read_text().split()
        elif request.param == "clickhouse":
            url = request.getfixturevalue("schema_url")
            monkeypatch.setenv("AGENTSIGHT_CLICKHOUSE_URL", url)
            client = stack.enter_context(clickhouse_client.connect(url))
            yield lambda: [row[0] for row in client.query("SELECT SpanId FROM otel_traces").result_rows]
        else:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", request.param)
            receiver = stack.enter_context(faulty_receiver(request.param, tmp_path))
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
            yield receiver.received


def run(tmp_path: Path, text: str) -> str:
    path = tmp_path / "program.py"
    path.write_text(START + text)
    ended = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    # What gRPC says of a call of the parent's that a fork cut: it is sent again, and each test counts what arrived.
    cut = re.compile(
        r"agentsight_otel: \d+ span\(s\) not delivered yet, 0 lost; trying again: .*Wrong file descriptor generation"
    )
    assert not [line for line in ended.stderr.splitlines() if "agentsight_otel" in line and not cut.match(line)]
    return ended.stdout


def arrived_once(received: Callable[[], list[str]], count: int) -> None:
    deadline = time.monotonic() + 60
    while len(received()) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    ids = received()
    assert (len(ids), len(set(ids))) == (count, count)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(received: Callable[[], list[str]], tmp_path: Path, method: str) -> None:
    out = run(
        tmp_path,
        f"""
def child(count):
    if not agentsight.is_enabled():
        start()
    work(count)

def load():
    while going and loaded[0] < 5_000:  # more than a busy machine stores meanwhile would fill the queue
        work(1)
        loaded[0] += 1
        time.sleep(0.0005)

if __name__ == "__main__":
    going, loaded = True, [0]
    context = multiprocessing.get_context({method!r})
    start(schedule_delay_s=0.001)
    work(5)
    agentsight.flush()  # the connection is in use when the children come about
    work(5)
    under_load = threading.Thread(target=load)
    under_load.start()
    children = [context.Process(target=child, args=(10,)) for _ in range(2)]
    for one in children:
        one.start()
    work(5)
    for one in children:
        one.join()
    assert [one.exitcode for one in children] == [0, 0]
    with context.Pool(1) as pool:
        pool.map(child, [10] * 4)
        pool.close()
        pool.join()
    going = False
    under_load.join()
    assert agentsight.flush(timeout_s=60)
    print(loaded[0])
""",
    )
    arrived_once(received, 15 + 20 + 40 + int(out))


def test_a_child_leaves_the_block_of_a_turn_whose_lock_a_thread_of_the_parent_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = tmp_path / "exported.txt"
    monkeypatch.setenv("FILE_EXPORTER", str(exported))
    run(
        tmp_path,
        """
start()
is_held, may_go = threading.Event(), threading.Event()

def hold(turn):
    with turn._lock:
        is_held.set()
        may_go.wait()

with agentsight.conversation("c1"), agentsight.turn() as turn:
    stream = turn.wrap(text for text in "ab")
    holder = threading.Thread(target=hold, args=(turn,))
    holder.start()
    is_held.wait()
    child = os.fork()
    if not child:
        signal.alarm(30)  # a deadlock ends the child, and fails the test
    else:
        status = os.waitpid(child, 0)[1]
        may_go.set()
        holder.join()
        assert status == 0
list(stream)
if not child:
    os._exit(0 if agentsight.shutdown() else 1)
assert agentsight.flush()
""",
    )
    assert len(exported.read_text().split()) == 1


def test_fork_under_load_from_threads(received: Callable[[], list[str]], tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
start(schedule_delay_s=0.001, max_batch_spans=50 if os.environ.get('OTEL_EXPORTER_OTLP_PROTOCOL') else 2_000)
going, counts = True, [0] * 4

def load(number):
    while going and counts[number] < 5_000:  # more than a busy machine stores meanwhile would fill the queue
        work(1)
        counts[number] += 1
        time.sleep(0.0005)

threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for _ in range(12):
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a deadlock ends the child, and fails the test
        work(20)
        os._exit(0 if agentsight.flush() and agentsight.shutdown() else 1)
    assert os.waitpid(child, 0)[1] == 0
going = False
for thread in threads:
    thread.join()
assert agentsight.flush(timeout_s=60)
print(sum(counts))
""",
    )
    arrived_once(received, int(out) + 12 * 20)
