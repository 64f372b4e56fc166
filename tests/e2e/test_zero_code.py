"""opentelemetry-instrument with us, beside us, and with us merely installed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel._core.config import SettingError
from agentsight_otel._lifecycle import setup
from agentsight_otel.integrations import auto
from tests.otlp_receiver import Receiver, otlp_receiver

APPLICATION = """
import httpx
from opentelemetry import trace
import agentsight_otel as agentsight

with trace.get_tracer("application").start_as_current_span("POST /chat"):
    with agentsight.conversation("c1", customer_id="u1"), agentsight.turn():
        agentsight.user_message("a secret")
        try:
            httpx.get("http://127.0.0.1:9/")
        except httpx.ConnectError:
            pass
print(agentsight.is_enabled(), type(trace.get_tracer_provider()).__name__)
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with otlp_receiver() as running:
        yield running


def run(receiver: Receiver, **environment: str) -> str:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AGENTSIGHT_"))}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, "-c", APPLICATION],
        env={
            **inherited,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_SERVICE_NAME": "shop",
            # Others that may be installed here, and need not be loaded.
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "langchain,mcp,openai,openai_agents,fastapi,requests,threading",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Failed to auto initialize" not in done.stderr
    return done.stdout.strip()


def test_our_configurator_starts_us_with_the_environment_alone(receiver: Receiver) -> None:
    assert run(receiver, OTEL_PYTHON_CONFIGURATOR="agentsight") == "True TracerProvider"
    assert sorted(span.name for span in receiver.spans) == ["GET", "POST /chat", "invoke_agent"]
    assert {span.service for span in receiver.spans} == {"shop"}
    turn, call = receiver.named("invoke_agent"), receiver.named("GET")
    assert (call.trace_id, call.parent_id) == (turn.trace_id, turn.span_id)
    assert (call.attributes["gen_ai.conversation.id"], call.attributes["user.id"]) == ("c1", "u1")


def test_who_merely_has_us_installed_notices_nothing(receiver: Receiver) -> None:
    assert run(receiver) == "False TracerProvider"
    assert sorted(span.name for span in receiver.spans) == ["GET", "POST /chat"]
    assert receiver.named("GET").parent_id == receiver.named("POST /chat").span_id
    assert not any("gen_ai.conversation.id" in span.attributes for span in receiver.spans)


def test_beside_another_configurator_its_traces_stay_whole_and_each_span_counts_once(receiver: Receiver) -> None:
    assert run(receiver, AGENTSIGHT_AUTO_START="true") == "True TracerProvider"
    ours = [span for span in receiver.spans if "gen_ai.conversation.id" in span.attributes]
    theirs = [span for span in receiver.spans if span not in ours]
    assert sorted(span.name for span in ours) == ["GET", "invoke_agent"]
    assert sorted(span.name for span in theirs) == ["GET", "POST /chat"]
    assert len({span.trace_id for span in theirs}) == len({span.trace_id for span in ours}) == 1
    assert {span.service for span in receiver.spans} == {"shop"}


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What another configurator was called with."""
    calls: list[dict[str, Any]] = []

    class Another:
        def configure(self, **kwargs: Any) -> None:
            calls.append(kwargs)

    class Found(EntryPoint):
        def load(self) -> Any:
            return auto.Configurator if self.name == auto.NAME else Another

    found = [Found(name, "x", "opentelemetry_configurator") for name in (auto.NAME, "another")]
    monkeypatch.setattr(auto, "entry_points", lambda group: found)
    return calls


def test_found_first_but_not_asked_for_our_configurator_gives_way(
    others: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked in (None, "another"):
        if asked:
            monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", asked)
        auto.Configurator().configure(auto_instrumentation_version="1")
        assert not agentsight.is_enabled()
    assert others == [{"auto_instrumentation_version": "1"}] * 2


def test_a_wrong_setting_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", "agentsight")
    monkeypatch.setenv("AGENTSIGHT_SAMPLE_RATIO", "2")
    with pytest.raises(SettingError, match="AGENTSIGHT_SAMPLE_RATIO"):
        auto.Configurator().configure()
    assert setup.state.started is None
