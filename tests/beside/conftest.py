"""Where spans go, the model, and the environments with other products."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.beside.conversations")

from tests.beside.environments import base, python_of  # noqa: E402
from tests.fake_openai import FakeOpenAI, fake_openai  # noqa: E402
from tests.otlp_receiver import Receiver, otlp_receiver  # noqa: E402

__all__ = ["base"]

APPLICATIONS = Path(__file__).with_name("applications")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with otlp_receiver() as running:
        yield running


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def variables(receiver: Receiver, model: FakeOpenAI) -> dict[str, str]:
    """The environment variables of an application."""
    foreign = ("OTEL_", "AGENTSIGHT_", "DD_", "PYTEST_")
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(foreign)},
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "AGENTSIGHT_SCHEDULE_DELAY_S": "0.1",
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "none",
        "OPENAI_AGENTS_DISABLE_TRACING": "true",  # it would send traces to OpenAI
        "LANGSMITH_TRACING": "false",
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
        "DD_TRACE_AGENT_URL": "http://127.0.0.1:9",
        "PYTHONPATH": str(APPLICATIONS),
        "NO_PROXY": "127.0.0.1",
    }


Run = Callable[..., str]


@pytest.fixture
def run(base: Path, variables: dict[str, str]) -> Run:
    """Runs an application to its end, and returns what it printed: ``run("newest", "agent_mcp.py", **variables)``."""

    def run(environment: str, *command: str, **more: str) -> str:
        python = python_of(environment, base)
        starter = [] if command[0].endswith(".py") else [str(Path(python).with_name(command[0]))]
        arguments = command[1:] if starter else command
        done = subprocess.run(
            [*starter, python, *arguments],
            cwd=APPLICATIONS,
            env={**variables, **more},
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
