"""Conversations of three turns through web frameworks and their servers, several at the same time."""

import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.beside.conftest import APPLICATIONS
from tests.beside.conversations import check, is_whole
from tests.beside.environments import python_of
from tests.otlp_receiver import Receiver

TOGETHER = 4
GUNICORN = ["-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2"]
UVICORN = ["-m", "uvicorn", "--port", "{port}", "--log-level", "warning"]
SERVERS = {
    "uvicorn": [*UVICORN, "fastapi_app:app"],
    "uvicorn workers": [*UVICORN, "--workers", "2", "fastapi_app:app"],
    "sync": [*GUNICORN, "flask_app:app"],
    "sync preload": [*GUNICORN, "--preload", "flask_app:app"],
    "gthread": [*GUNICORN, "-k", "gthread", "--threads", "4", "flask_app:app"],
    "gthread preload": [*GUNICORN, "-k", "gthread", "--threads", "4", "--preload", "flask_app:app"],
    "gevent": [*GUNICORN, "-k", "gevent", "flask_app:app"],
    "gevent preload": [*GUNICORN, "-k", "gevent", "--preload", "flask_app:app"],
    "django wsgi": [*GUNICORN, "-k", "gthread", "--threads", "4", "django_app:app"],
    "django asgi": [*UVICORN, "django_app:asgi"],
}
IN_BOTH = ("uvicorn", "gthread", "django wsgi", "django asgi")
CASES = [("newest", server) for server in SERVERS] + [("oldest", server) for server in IN_BOTH]


@contextmanager
def serving(python: str, server: str, variables: dict[str, str], log: Path) -> Iterator[str]:
    """Runs a server; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as output:
        process = subprocess.Popen(
            [python, *(part.format(port=port) for part in SERVERS[server])],
            cwd=APPLICATIONS,
            env=variables,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize(("environment", "server"), CASES, ids=[" ".join(case) for case in CASES])
def test_conversations_at_the_same_time_are_whole(
    base: Path, variables: dict[str, str], receiver: Receiver, tmp_path: Path, environment: str, server: str
) -> None:
    log = tmp_path / "log"
    cids = [f"chat-{number}" for number in range(TOGETHER)]

    def converse(cid: str) -> list[int]:
        posts = [
            httpx.post(f"{address}/{turn}", params={"cid": cid}, timeout=30) for turn in ("tool", "stream", "error")
        ]
        return [post.status_code for post in posts]

    with serving(python_of(environment, base), server, variables, log) as address:
        with ThreadPoolExecutor(TOGETHER) as clients:
            assert list(clients.map(converse, cids)) == [[200, 200, 500]] * TOGETHER, log.read_text()
        receiver.wait_for(lambda spans: all(is_whole(list(spans), cid) for cid in cids), within_s=20)
    check(receiver.spans, *cids)


@pytest.mark.parametrize("environment", ["newest", "oldest"])
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_celery(
    base: Path, variables: dict[str, str], receiver: Receiver, tmp_path: Path, environment: str, pool: str
) -> None:
    python, log = python_of(environment, base), tmp_path / "log"
    for folder in ("queue", "queue/processed", "queue/control"):
        (tmp_path / folder).mkdir()
    variables = {**variables, "CELERY_FOLDER": str(tmp_path / "queue")}
    cids = ["c1", "c2"]
    subprocess.run([python, "celery_app.py", *cids], cwd=APPLICATIONS, env=variables, check=True, timeout=60)
    with log.open("w") as output:
        worker = subprocess.Popen(
            [python, "-m", "celery", "-A", "celery_app", "worker", "-P", pool, "-c", "2", "-l", "WARNING"],
            cwd=APPLICATIONS,
            env=variables,
            stdout=output,
            stderr=output,
        )
    try:
        receiver.wait_for(lambda spans: all(is_whole(list(spans), cid) for cid in cids), within_s=40)
    finally:
        worker.terminate()
        worker.wait(30)
    check(receiver.spans, *cids)
