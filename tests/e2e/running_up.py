"""Runs ``agentsight-otel up``, sends to it, and reads its page."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ANY_PORTS = ("--port", "0", "--grpc-port", "0", "--http-port", "0")
DEADLINE_S = 120.0


class Up:
    """The command, running; without a collector unless one is named."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agentsight_otel", "up", "--data", str(home), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": "/usr/bin:/bin", "OTELCOL": "", **environment},
        )
        self.printed = ""

    def until(self, text: str) -> "Up":
        assert self.process.stdout is not None
        while text not in self.printed:
            line = self.process.stdout.readline()
            assert line, (self.printed, self.process.stderr.read() if self.process.stderr else "")
            self.printed += line
        return self

    @property
    def link(self) -> str:
        """What it prints for people to click on."""
        return re.search(r"http://\S+", self.printed)[0]  # type: ignore[index]

    @property
    def page(self) -> str:
        return self.link.partition("/?")[0]

    def get(self, path: str) -> Any:
        """What the page answers to whoever has the token."""
        return get(f"{self.page}{path}", Authorization=f"Bearer {self.link.partition('token=')[2]}")

    @property
    def otlp(self) -> str:
        return re.search(r"OTEL_EXPORTER_OTLP_ENDPOINT=(\S+)", self.printed)[1]  # type: ignore[index]

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, errors


def get(address: str, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=60) as answer:
        return answer.read().decode()


def messages(up: Up) -> int:
    lines = map(json.loads, up.get("/api/overview?range=24h").splitlines())
    return int(next(line for line in lines if line.get("view") == "metric_total_messages")["rows"][0]["messages"])


def eventually(answer: Callable[[], Any], wanted: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (found := answer()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def send(otlp: str, conversation_id: str) -> int:
    now = time.time_ns()
    body = {
        "resourceSpans": [{"scopeSpans": [{"spans": [{
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": f"{now % 2**63:016x}",
            "name": "turn",
            "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now),
            "attributes": [{"key": "gen_ai.conversation.id", "value": {"stringValue": conversation_id}}],
            "events": [{"timeUnixNano": str(now), "name": "agentsight.message", "attributes": [
                {"key": "agentsight.message.sender", "value": {"stringValue": "end_user"}},
            ]}],
        }]}]}]
    }  # fmt: skip
    request = urllib.request.Request(
        f"{otlp}/v1/traces", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.status)


StartUp = Callable[..., Up]
