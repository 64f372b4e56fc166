"""gevent and eventlet: whatever the order of import, patch, init and fork, nothing hangs and every span arrives."""

import contextlib
import itertools
import os
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import url as clickhouse_url
from benchmarks.faulty_receiver import faulty_receiver

STEPS = ("import", "patch", "init", "fork")
ORDERS = [order for order in itertools.permutations(STEPS) if order.index("import") < order.index("init")]
AS_IN_SERVERS = [
    ("import", "init", "fork", "patch"),
    ("fork", "patch", "import", "init"),
    ("import", "patch", "init", "fork"),
]

PROGRAM = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore")
library, steps = sys.argv[1], sys.argv[2:]
is_child = False
for step in steps:
    if step == "import":
        import agentsight_otel as agentsight
    elif step == "init":
        agentsight.init(set_global=False, schedule_delay_s=0.01)
        with agentsight.conversation("at start"), agentsight.tool("at start"):
            pass
    elif step == "patch":
        if library == "gevent":
            from gevent import monkey
            monkey.patch_all()
        else:
            import eventlet
            eventlet.monkey_patch()
    else:
        child = os.fork()
        is_child = child == 0

if library == "gevent":
    import gevent
    spawn, join_all = gevent.spawn, lambda all: gevent.joinall(all, timeout=20, raise_error=True)
else:
    spawn, join_all = eventlet.spawn, lambda all: [one.wait() for one in all]

from agentsight_otel._tracing.context import current_conversation
ticks = []

def tick():
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.01)

def converse(number):
    name = f"conversation {number} of {'child' if is_child else 'parent'}"
    with agentsight.conversation(name), agentsight.turn() as turn:
        agentsight.user_message("hi")
        time.sleep(0.02)
        with agentsight.tool("look"):
            time.sleep(0.02)
            assert current_conversation().id == name, current_conversation()
    with agentsight.conversation(name), agentsight.turn() as turn:
        turn.wrap(text for text in "ab")  # dropped: the background thread ends the turn

spawn(tick)
join_all([spawn(converse, number) for number in range(5)])
began, before = time.monotonic(), len(ticks)
threads = [threading.Thread(target=converse, args=(9,))]
for one in threads: one.start()
for one in threads: one.join()
assert agentsight.flush(timeout_s=20), "not flushed"
waited = time.monotonic() - began
assert len(ticks) - before >= waited / 0.01 / 20, f"others stood still: {len(ticks) - before} ticks in {waited:.2f} s"
assert agentsight.shutdown()
if "fork" in steps and not is_child:
    assert os.waitpid(child, 0)[1] == 0
print("ended", flush=True)
os._exit(0)
"""


def converse(library: str, order: tuple[str, ...], folder: Path) -> int:
    """Runs the program; returns how many spans it made."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    ended = subprocess.run([sys.executable, str(program), library, *order], capture_output=True, text=True, timeout=90)
    processes = 1 + ("fork" in order)
    assert ended.stdout.count("ended") == processes, ended.stderr
    at_start = 1 if "fork" not in order or order.index("init") < order.index("fork") else 2
    return at_start + processes * 6 * 3


def run(library: str, order: tuple[str, ...], protocol: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    with faulty_receiver(protocol, folder) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        made = converse(library, order, folder)
        ids = receiver.received()
        assert (len(ids), len(set(ids))) == (made, made)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_gevent(order: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("gevent", order, "http/protobuf", tmp_path, monkeypatch)


@pytest.mark.parametrize("order", AS_IN_SERVERS, ids="-".join)
def test_gevent_over_grpc(order: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("gevent", order, "grpc", tmp_path, monkeypatch)


@pytest.mark.parametrize("order", AS_IN_SERVERS, ids="-".join)
def test_eventlet(order: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("eventlet", order, "http/protobuf", tmp_path, monkeypatch)


@pytest.mark.parametrize("order", AS_IN_SERVERS, ids="-".join)
@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_into_clickhouse(
    library: str, order: tuple[str, ...], schema_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTSIGHT_CLICKHOUSE_URL", schema_url)
    made = converse(library, order, tmp_path)
    with clickhouse_client.connect(schema_url) as client:
        assert client.query("SELECT count(), uniqExact(SpanId) FROM otel_traces").result_rows == [(made, made)]


@contextlib.contextmanager
def behind_tls(port: int, folder: Path) -> Iterator[int]:
    """A port with TLS, whose certificate ca.pem in the folder trusts, in front of another."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError), source, sink:
            while data := source.recv(65_536):
                sink.sendall(data)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), tls.wrap_socket(self.request, server_side=True) as near:
                far = socket.create_connection(("127.0.0.1", port))
                threading.Thread(target=pump, args=(far, near), daemon=True).start()
                pump(near, far)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


AFTER_A_REQUEST = """
import agentsight_otel as agentsight
agentsight.init(set_global=False)
for _ in range(2):  # the second by the same connection
    with agentsight.conversation("c1"), agentsight.tool("before"):
        pass
    assert agentsight.flush()
{patch}
patch_all()
for _ in range(2):
    with agentsight.conversation("c1"), agentsight.tool("after"):
        pass
    assert agentsight.flush()
assert agentsight.shutdown()
"""
PATCHES = {
    "gevent": "from gevent.monkey import patch_all",
    "eventlet": "from eventlet import monkey_patch as patch_all",
}


@pytest.mark.parametrize("library", PATCHES)
def test_clickhouse_behind_tls_of_a_process_that_is_patched_after_its_first_insert(
    library: str, schema_url: str, tmp_path: Path
) -> None:
    where = clickhouse_url.parse(schema_url)
    with behind_tls(where.port, tmp_path) as port:
        url = f"https://{where.username}:{where.password}@127.0.0.1:{port}/{where.database}"
        variables = {"AGENTSIGHT_CLICKHOUSE_URL": url, "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
        command = [sys.executable, "-W", "ignore", "-c", AFTER_A_REQUEST.format(patch=PATCHES[library])]
        ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    with clickhouse_client.connect(schema_url) as client:
        assert client.query("SELECT SpanName FROM otel_traces ORDER BY Timestamp").result_rows == [
            *[("execute_tool before",)] * 2,
            *[("execute_tool after",)] * 2,
        ]


@pytest.mark.parametrize("library", PATCHES)
def test_tls_of_a_process_that_is_patched_after_its_first_request(library: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://127.0.0.1:{server.server_port}",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "ca.pem"),
    }
    try:
        command = [sys.executable, "-W", "ignore", "-c", AFTER_A_REQUEST.format(patch=PATCHES[library])]
        ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60)
    finally:
        server.shutdown()
        server.server_close()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [b"before" in body for body in bodies] == [True, True, False, False]
    assert [b"after" in body for body in bodies] == [False, False, True, True]
