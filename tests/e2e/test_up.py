"""`agentsight-otel up`: one command, and what an agent sends is on the page; Ctrl-C leaves nothing behind."""

import http.client
import json
import os
import signal
import socket
import subprocess
import urllib.error
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agentsight_otel.local import EmbeddedClickHouse
from tests.e2e.running_up import ANY_PORTS, DEADLINE_S, StartUp, eventually, get, messages, send
from tests.sql.model import FILTERS


def test_what_is_sent_is_on_the_page_and_still_there_the_next_time(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    assert "export OTEL_SERVICE_NAME=my-agent" in up.printed
    assert "<title>AgentSight" in up.get("/")
    assert messages(up) == 0
    assert send(up.otlp, "c1") == 200
    assert messages(up) == 1
    second = start_up(tmp_path, *ANY_PORTS)
    _, errors = second.process.communicate(timeout=DEADLINE_S)
    assert second.process.returncode == 1
    assert f"runs already on {tmp_path}: see {up.link}" in errors
    assert EmbeddedClickHouse.running(tmp_path) is not None
    assert up.stop() == (0, "")
    assert EmbeddedClickHouse.running(tmp_path) is None
    with pytest.raises(urllib.error.URLError):
        get(up.page)
    again = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    assert messages(again) == 1
    assert again.stop(signal.SIGTERM) == (0, "")


def test_the_demo_fills_the_page(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, "--demo", *ANY_PORTS).until("conversations are there")
    answer = json.loads(up.get("/api/conversations?range=14d"))
    assert answer["total"] > 100
    assert {name for name, values in answer["facets"].items() if values} == set(FILTERS)
    assert up.stop() == (0, "")


def test_otlp_is_for_this_machine_unless_asked_otherwise(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    other = up.otlp.replace("127.0.0.1", "127.0.0.2")  # another address of this machine, as a container's is
    with pytest.raises(urllib.error.URLError):
        send(other, "c1")
    assert up.stop() == (0, "")
    up = start_up(tmp_path, *ANY_PORTS, "--otlp-host", "0.0.0.0").until("Ctrl-C")
    assert "Listening at 0.0.0.0:" in up.printed and up.otlp.startswith("http://127.0.0.1:")
    assert send(up.otlp.replace("127.0.0.1", "127.0.0.2"), "c1") == 200
    assert messages(up) == 1
    assert up.stop() == (0, "")


def test_taken_ports_and_open_hosts_are_said_before_anything_starts(start_up: StartUp, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for option in ("--port", "--grpc-port", "--http-port"):
            others = [each for each in ("--port", "--grpc-port", "--http-port") if each != option]
            refused = start_up(tmp_path, option, port, *(word for other in others for word in (other, "0")))
            _, errors = refused.process.communicate(timeout=DEADLINE_S)
            assert refused.process.returncode == 1
            assert f"port {port} on 127.0.0.1 cannot be had" in errors
            assert f"choose another with {option}" in errors
    refused = start_up(tmp_path, "--host", "0.0.0.0", *ANY_PORTS)
    _, errors = refused.process.communicate(timeout=DEADLINE_S)
    assert refused.process.returncode == 2
    assert "give a --token" in errors
    assert list(tmp_path.iterdir()) == []
    up = start_up(tmp_path, "--host", "0.0.0.0", "--token", "t", *ANY_PORTS).until("Ctrl-C")
    here = up.page.replace("0.0.0.0", "127.0.0.1")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(here)
    assert "metric_total_messages" in get(f"{here}/api/about", Authorization="Bearer t")
    assert up.stop() == (0, "")


def children(of: int) -> dict[int, str]:
    """The processes that a process has started, with their words."""
    lines = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(of)], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    return {int(line.split()[0]): line for line in lines}


def test_a_clickhouse_that_ends_is_started_again_and_senders_are_told_to_wait(
    start_up: StartUp, tmp_path: Path
) -> None:
    up = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    assert send(up.otlp, "before") == 200
    for number in range(2):
        (server,) = (pid for pid, words in children(up.process.pid).items() if "_child.py" in words)
        os.kill(server, signal.SIGKILL)
        statuses: list[int] = []

        def sent(number: int = number, statuses: list[int] = statuses) -> bool:
            try:
                statuses.append(send(up.otlp, f"after-{number}"))
            except urllib.error.HTTPError as error:
                statuses.append(error.code)
            return statuses[-1] == 200

        eventually(sent, True)
        assert set(statuses) <= {200, 503}
    eventually(lambda: messages(up), 3)
    code, errors = up.stop()
    assert code == 0
    assert errors.count("ClickHouse ended unexpectedly") == errors.count("ClickHouse runs again") == 2


def test_the_page_is_for_whoever_has_the_link(start_up: StartUp, tmp_path: Path) -> None:
    """Another user of this machine can reach the port, and has no token."""
    up = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    for path in ("/", "/api/about", "/api/conversations", "/api/export/conversations.csv"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(f"{up.page}{path}")
    first = up.link
    assert "<title>AgentSight" in up.get("/")
    assert "SQL, to read (Grafana, notebooks): http://reader:" in up.printed
    assert str(tmp_path / "password") in up.printed
    assert (tmp_path / "page.url").stat().st_mode & 0o077 == 0
    assert up.stop() == (0, "")
    again = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    assert again.link.partition("token=")[2] != first.partition("token=")[2]


def test_the_otlp_port_is_not_for_web_pages_but_those_asked_for(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, "--allow-origin", "http://localhost:3000", *ANY_PORTS).until("Ctrl-C")

    def status(method: str = "POST", **headers: str) -> tuple[int, str | None]:
        connection = http.client.HTTPConnection(urlsplit(up.otlp).netloc, timeout=30)
        sent = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        connection.request(method, "/v1/traces", b"{}", sent)
        answer = connection.getresponse()
        return answer.status, answer.headers["Access-Control-Allow-Origin"]

    assert status() == (200, None)
    assert status(Host="localhost:4318") == (200, None)
    for host in ("evil.example", "127.0.0.1.evil.example:4318"):
        assert status(Host=host) == (421, None)
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}):
        assert status(**headers) == (403, None)
    assert status("OPTIONS", Origin="http://evil.example", Access_Control_Request_Method="POST") == (403, None)
    asked_for = "http://localhost:3000"
    assert status(Origin=asked_for) == (200, asked_for)
    assert status("OPTIONS", Origin=asked_for, Access_Control_Request_Method="POST") == (204, asked_for)


def test_it_says_who_has_a_port(start_up: StartUp, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = start_up(tmp_path, "--port", str(taken.getsockname()[1]), "--grpc-port", "0", "--http-port", "0")
        _, errors = refused.process.communicate(timeout=DEADLINE_S)
    assert f"(process {os.getpid()}) has it; stop what listens there" in errors
