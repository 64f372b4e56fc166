"""The examples of the guide, run as their users run them, against a local model and a real OTLP receiver."""

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.backends import missing
from tests.fake_openai import ANSWER, FakeOpenAI, fake_openai
from tests.otlp_receiver import Received, Receiver, otlp_receiver

EXAMPLES = Path(__file__).parents[2] / "examples"
REMEDY = "pip install -e '.[examples]'"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with otlp_receiver() as running:
        yield running


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with fake_openai() as running:
        yield running


@pytest.fixture
def environment(receiver: Receiver, model: FakeOpenAI) -> dict[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AGENTSIGHT_"))},
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "none",
        "OPENAI_AGENTS_DISABLE_TRACING": "true",  # it would send traces to OpenAI
        "LANGSMITH_TRACING": "false",
        "PYTHONPATH": str(EXAMPLES),
    }


def needs(*modules: str) -> None:
    for module in modules:
        try:
            found = find_spec(module)
        except ModuleNotFoundError:  # not even the package that it is in
            found = None
        if found is None:
            missing(module, REMEDY)


def run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=EXAMPLES, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tree(spans: list[Received]) -> dict[str, str]:
    """Each span's name and that of its parent; '' for a root, ? for a parent that is not there."""
    names = {(span.trace_id, span.span_id): span.name for span in spans}
    return {
        span.name: names.get((span.trace_id, span.parent_id), "?") if span.parent_id else ""
        for span in sorted(spans, key=lambda span: span.name)
    }


def messages(span: Received) -> list[tuple[str, str]]:
    return [
        (event["agentsight.message.sender"], event["agentsight.message.content"])
        for event in span.events
        if event["name"] == "agentsight.message"
    ]


def tool_calls(spans: list[Received]) -> list[Received]:
    from agentsight_otel._tracing.duplicates import tool_of

    return [span for span in spans if tool_of(span.attributes) is not None]


def check_conversation(spans: list[Received], conversation_id: str, **identity: Any) -> None:
    """All spans are of one conversation, with its identity, in its trace."""
    trace_id = hashlib.sha256(conversation_id.encode()).hexdigest()[:32]
    for span in spans:
        assert span.attributes["gen_ai.conversation.id"] == conversation_id, span
        assert span.trace_id == trace_id, span
        for key, value in identity.items():
            assert span.attributes[key] == value, span


@contextmanager
def serving(environment: dict[str, str], log: Path, *command: str) -> Iterator[str]:
    """A server's address, while it runs."""
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, *command], env=environment, cwd=EXAMPLES, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 60
        while not (address := re.search(r"running on (http://\S+)", log.read_text())):
            assert time.monotonic() < deadline and server.poll() is None, log.read_text()
            time.sleep(0.1)
        yield address[1]
    finally:
        server.terminate()
        server.wait(30)


def test_fastapi_chat(environment: dict[str, str], receiver: Receiver, tmp_path: Path) -> None:
    needs("openai", "opentelemetry.instrumentation.genai.openai")
    with serving(environment, tmp_path / "log", "-m", "uvicorn", "fastapi_chat:app", "--port", "0") as address:
        answer = httpx.post(
            f"{address}/chat",
            headers={"X-Conversation-Id": "c1", "Accept-Language": "el"},
            json={"text": "Where is order 1001?"},
            timeout=30,
        )
        assert answer.text.strip() == ANSWER
        receiver.wait_for(lambda spans: any(span.name == "invoke_agent support" for span in spans))
    spans = [span for span in receiver.spans if not span.scope.startswith("fastapi")]  # newer ones trace themselves
    assert tree(spans) == {"chat gpt-4o-mini": "invoke_agent support", "invoke_agent support": ""}
    check_conversation(spans, "c1", **{"agentsight.conversation.source": "web", "client.address": "127.0.0.0"})
    turn = receiver.named("invoke_agent support")
    assert messages(turn) == [("end_user", "Where is order 1001?"), ("agent", f"{ANSWER} ")]
    assert turn.attributes["agentsight.turn.complete"] is True
    assert receiver.named("chat gpt-4o-mini").attributes["gen_ai.usage.output_tokens"] == 7


def test_mcp_agent_and_server(environment: dict[str, str], receiver: Receiver, tmp_path: Path) -> None:
    needs("mcp", "opentelemetry.instrumentation.httpx")
    with serving({**environment, "PORT": "0"}, tmp_path / "log", "mcp_server.py") as address:
        assert run(environment, "mcp_agent.py", f"{address}/mcp").strip() == "Order 1001: shipped."
    inside = [span for span in receiver.spans if "gen_ai.conversation.id" in span.attributes]
    check_conversation([span for span in inside if span.service == "agent"], "mcp-1", **{"user.id": "u1"})
    check_conversation(inside, "mcp-1")
    (call,) = tool_calls(inside)
    assert call.name == "MCP send tools/call find_order"
    assert call.attributes["gen_ai.tool.name"] == "find_order"
    at_the_server = {span.name for span in inside if span.service == "shop"}
    assert {"tools/call find_order", "execute_tool find_order", "read the database"} <= at_the_server


def test_langgraph_agent(environment: dict[str, str], receiver: Receiver, model: FakeOpenAI) -> None:
    needs("langgraph", "langchain_openai", "opentelemetry.instrumentation.genai.langchain")
    assert run(environment, "langgraph_agent.py").strip() == ANSWER
    spans = receiver.spans
    check_conversation(spans, "langgraph-1", **{"user.id": "u1", "agentsight.conversation.device": "desktop"})
    assert "?" not in tree(spans).values()
    assert [span.attributes["gen_ai.tool.name"] for span in tool_calls(spans)] == ["find_order"]
    assert len(model.requests) == 2
    turn = receiver.named("invoke_agent support")
    assert messages(turn) == [("end_user", "Where is order 1001?"), ("agent", ANSWER)]


def test_openai_agents(environment: dict[str, str], receiver: Receiver, model: FakeOpenAI) -> None:
    needs("agents", "opentelemetry.instrumentation.genai.openai_agents")
    assert run(environment, "openai_agents.py").strip() == ANSWER
    spans = receiver.spans
    check_conversation(spans, "agents-1", **{"user.id": "u1", "agentsight.conversation.source": "whatsapp"})
    assert "?" not in tree(spans).values()
    [call] = tool_calls(spans)  # reported by our decorator and by the instrumentation
    assert call.scope == "agentsight_otel"
    assert call.attributes["gen_ai.tool.call.result"] == "Order 1001: shipped."
    assert len(model.requests) == 2


def test_lambda_handler(environment: dict[str, str], receiver: Receiver) -> None:
    needs("openai", "opentelemetry.instrumentation.genai.openai")
    invocation = """
import os
import lambda_handler

class Invocation:
    def get_remaining_time_in_millis(self):
        return 20_000

for number in range(2):  # cold, then warm
    print(lambda_handler.handle({"session": f"s{number}", "user": "u1", "text": "hi"}, Invocation())["text"])
os._exit(0)  # frozen and never thawed: what was not flushed is lost
"""
    run({**environment, "PYTHONUNBUFFERED": "1"}, "-c", invocation)
    for number in range(2):
        spans = [span for span in receiver.spans if span.attributes["gen_ai.conversation.id"] == f"s{number}"]
        assert tree(spans) == {"chat gpt-4o-mini": "invoke_agent support", "invoke_agent support": ""}
        check_conversation(spans, f"s{number}", **{"user.id": "u1", "agentsight.conversation.source": "whatsapp"})


def test_celery_worker(environment: dict[str, str], receiver: Receiver, tmp_path: Path) -> None:
    for folder in ("in", "processed", "control"):
        (tmp_path / folder).mkdir()
    (tmp_path / "over_files.py").write_text(
        f"""
import celery_worker

app = celery_worker.app
app.conf.broker_transport_options = {{
    "data_folder_in": {str(tmp_path / "in")!r},
    "data_folder_out": {str(tmp_path / "in")!r},
    "processed_folder": {str(tmp_path / "processed")!r},
    "control_folder": {str(tmp_path / "control")!r},
}}
"""
    )
    environment = {
        **environment,
        "CELERY_BROKER_URL": "filesystem://",
        "PYTHONPATH": f"{EXAMPLES}{os.pathsep}{tmp_path}",
    }
    send = """
import over_files, celery_worker
import agentsight_otel as agentsight
with agentsight.conversation("celery-1", customer_id="u1", customer_ip_address="9.9.9.9", language="en"):
    agentsight.user_message("Where is order 1001?")
    celery_worker.answer.delay("1001")
agentsight.shutdown()
"""
    run(environment, "-c", send)
    log = tmp_path / "log"
    with log.open("w") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "over_files", "worker", "-P", "prefork", "-c", "1", "-l", "INFO"],
            env=environment,
            cwd=tmp_path,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 90
        while "succeeded in" not in log.read_text():
            assert time.monotonic() < deadline and worker.poll() is None, log.read_text()
            time.sleep(0.1)
    finally:
        worker.terminate()  # a warm shutdown: what the child recorded is sent
        worker.wait(60)
    spans = receiver.spans
    names = sorted(span.name for span in spans)
    assert names == ["execute_tool find_order", "invoke_agent", "invoke_agent support"], log.read_text()
    check_conversation(spans, "celery-1", **{"user.id": "u1", "client.address": "9.9.9.0"})
    assert receiver.named("execute_tool find_order").parent_id == receiver.named("invoke_agent support").span_id


def test_third_party_instrumentations_join_the_conversation_and_count_once(
    environment: dict[str, str], receiver: Receiver
) -> None:
    needs("openinference.instrumentation.langchain", "opentelemetry.instrumentation.langchain")
    run({**environment, "TRACELOOP_TRACE_CONTENT": "false"}, str(Path(__file__).with_name("third_parties.py")))
    for family, scopes in {
        "openinference": {"openinference.instrumentation.langchain", "openinference.instrumentation.openai"},
        "openllmetry": {"opentelemetry.instrumentation.langchain", "opentelemetry.instrumentation.openai.v1"},
        "opentelemetry": {"opentelemetry.instrumentation.genai.langchain", "opentelemetry.util.genai.handler"},
    }.items():
        for kind, counting in (("plain", 1), ("decorated", 1)):
            spans = [
                span for span in receiver.spans if span.attributes.get("gen_ai.conversation.id") == f"{family}-{kind}"
            ]
            check_conversation(spans, f"{family}-{kind}", **{"user.id": "u1"})
            seen = {span.scope for span in spans}
            assert seen & scopes, seen
            assert "opentelemetry.instrumentation.httpx" in seen
            assert "?" not in tree(spans).values(), tree(spans)
            calls = tool_calls(spans)
            assert len(calls) == counting, [(span.name, span.scope, span.attributes) for span in calls]
            assert (calls[0].scope == "agentsight_otel") is (kind == "decorated")
    assert all("gen_ai.conversation.id" in span.attributes for span in receiver.spans)


def test_init_loads_one_instrumentation_for_each_library_once(environment: dict[str, str], receiver: Receiver) -> None:
    needs("openai", "openinference.instrumentation.openai", "opentelemetry.instrumentation.openai")
    script = """
import openai
import agentsight_otel as agentsight
from agentsight_otel._lifecycle import instrumentors

agentsight.init(instrument=True)
print(*instrumentors.instrument())  # once more: nothing new
with agentsight.conversation("c1"), agentsight.turn():
    openai.OpenAI().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
agentsight.shutdown()
"""
    loaded = run(environment, "-c", script).split()
    assert "opentelemetry-instrumentation-genai-openai" in loaded
    assert "openinference-instrumentation-openai" not in loaded
    assert "opentelemetry-instrumentation-openai" not in loaded
    assert sorted(span.name for span in receiver.spans) == ["chat gpt-4o-mini", "invoke_agent"]
