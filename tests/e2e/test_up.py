"""`agentsight-otel up`: one command, and what an agent sends is on the page; Ctrl-C leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import urllib.error
from pathlib import Path

import pytest

from agentsight_otel.local import EmbeddedClickHouse
from tests.e2e.running_up import ANY_PORTS, DEADLINE_S, StartUp, get, messages, send
from tests.sql.model import FILTERS


def test_what_is_sent_is_on_the_page_and_still_there_the_next_time(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    assert "export OTEL_SERVICE_NAME=my-agent" in up.printed
    assert "<title>AgentSight" in get(f"{up.page}/")
    assert messages(up.page) == 0
    assert send(up.otlp, "c1") == 200
    assert messages(up.page) == 1
    second = start_up(tmp_path, *ANY_PORTS)
    _, errors = second.process.communicate(timeout=DEADLINE_S)
    assert second.process.returncode == 1
    assert f"runs already on {tmp_path}: see {up.page}" in errors
    assert EmbeddedClickHouse.running(tmp_path) is not None
    assert up.stop() == (0, "")
    assert EmbeddedClickHouse.running(tmp_path) is None
    with pytest.raises(urllib.error.URLError):
        get(up.page)
    again = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    assert messages(again.page) == 1
    assert again.stop(signal.SIGTERM) == (0, "")


def test_the_demo_fills_the_page(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, "--demo", *ANY_PORTS).until("conversations are there")
    answer = json.loads(get(f"{up.page}/api/conversations?range=14d"))
    assert answer["total"] > 100
    assert {name for name, values in answer["facets"].items() if values} == set(FILTERS)
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


def test_a_clickhouse_that_ends_ends_it_all_with_a_reason(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    children = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(up.process.pid)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    (server,) = (int(line.split()[0]) for line in children if "_child.py" in line)
    os.kill(server, signal.SIGKILL)
    _, errors = up.process.communicate(timeout=DEADLINE_S)
    assert up.process.returncode == 1
    assert "ClickHouse ended unexpectedly" in errors
