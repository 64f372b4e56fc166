"""What is lost, ignored or guessed reaches stderr in an application that has configured no logging, with the remedy."""

import os
import subprocess
import sys

import pytest

QUICK_START = """
import agentsight_otel as agentsight
agentsight.init(service_name="support-agent")
agentsight.get_or_create_conversation("conversation-1", device="mobile", source="web", language="en")
with agentsight.turn():
    agentsight.user_message("Where is my order?")
    agentsight.agent_message("On its way.")
"""

SHUTDOWN = """
import time
began = time.monotonic()
agentsight.shutdown()
assert time.monotonic() - began < 10
"""


def run(program: str, **variables: str) -> list[str]:
    """What a program writes to stderr, line by line."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ended.stderr.splitlines()


@pytest.mark.parametrize(
    ("variables", "tried"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "no receiver answers at http://127.0.0.1:9/v1/traces"),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
            "no receiver answers at http://127.0.0.1:9",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://none.invalid:4318"},
            "no receiver answers at http://none.invalid:4318/v1/traces",
        ),
        (
            {"AGENTSIGHT_CLICKHOUSE_URL": "http://me:hidden@127.0.0.1:9/agentsight"},
            "no ClickHouse answers at http://me:***@127.0.0.1:9/agentsight",
        ),
    ],
    ids=["http", "grpc", "no such host", "clickhouse"],
)
def test_a_quick_start_without_a_receiver_says_so_in_one_line_and_soon(variables: dict[str, str], tried: str) -> None:
    lines = run(QUICK_START + SHUTDOWN, **variables)
    assert len(lines) == 1
    assert lines[0].startswith("agentsight_otel: 2 span(s) lost, 2 in all: ")
    assert tried in lines[0] and "agentsight-otel up" in lines[0]
    assert "hidden" not in lines[0]


def test_a_warning_is_not_repeated_at_once_and_goes_through_the_applications_logging_where_there_is_one() -> None:
    program = """
from agentsight_otel._core.guard import say
for _ in range(1_000):
    say("it", "this is lost. Do that.")
"""
    assert run(program) == ["agentsight_otel: this is lost. Do that."]
    assert run("import logging; logging.basicConfig(format='%(name)s|%(message)s')" + program) == [
        "agentsight_otel|this is lost. Do that."
    ]
    assert run("import logging; logging.getLogger('agentsight_otel').setLevel('ERROR')" + program) == []


START = """
import agentsight_otel as agentsight
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
agentsight.init(span_exporter=InMemorySpanExporter())
for _ in range(3):
    with agentsight.conversation("c1"):
        pass
"""


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ("with agentsight.turn(): pass", "a turn or message outside a conversation"),
        ("agentsight.user_message('hi')", "a turn or message outside a conversation"),
        ("agentsight.feedback('positive')", "feedback outside a conversation"),
        ("agentsight.button('order')", "a button outside a conversation"),
        ("agentsight.record_attachments(['a.txt'])", "an attachment outside a conversation"),
        ("agentsight.end_conversation()", "an explicit end outside a conversation"),
        (
            "with agentsight.conversation('c1'), agentsight.turn(device='web', custmer_id='x'): pass",
            "turn(): device, custmer_id (did you mean customer_id?): ignored, as a conversation is current",
        ),
        ("agentsight.feedback('meh', conversation_id='c1')", "expected positive, neutral, negative"),
        ("agentsight.conversation('c1', custmer_id='x').__enter__()", "did you mean customer_id?"),
        ("agentsight.conversation('c1', customer_ip_address='81.2.69.142').__enter__()", "Set AGENTSIGHT_GEOIP_DB"),
    ],
)
def test_what_would_pass_in_silence_is_said_once(calls: str, said: str) -> None:
    [line] = run(f"{START}\nfor _ in range(3):\n    {calls}\n")
    assert line.startswith("agentsight_otel: ") and said in line
