"""Ids are random whatever the application does with ``random``, and leave its numbers as they are."""

import random
import subprocess
import sys

import agentsight_otel as agentsight
from agentsight_otel._tracing import ids
from agentsight_otel.testing import Capture

PROGRAM = """
import os, random

random.seed(42)
import agentsight_otel as agentsight
from agentsight_otel import testing

def seeded():
    random.seed(42)
    with testing.capture(fixed=False) as spans:
        with agentsight.turn():
            agentsight.user_message("Hi")
        (span,) = spans.finished
    return f"{span.context.trace_id:x}\\n{span.context.span_id:x}\\n"

reader, writer = os.pipe()
os.write(writer, seeded().encode())
child = os.fork()
os.write(writer, seeded().encode())
if not child:
    os._exit(0)
os.waitpid(child, 0)
os.close(writer)
print(os.read(reader, 10_000).decode())
"""


def test_ids_differ_though_the_application_seeds_before_each_turn(real_spans: Capture) -> None:
    tracer = real_spans.tracer("another instrumentation")
    for number in range(3):
        random.seed(42)
        with agentsight.conversation(f"c-{number}"), agentsight.turn():
            agentsight.tool("look")(lambda: None)()
        random.seed(42)
        with agentsight.turn():  # outside a conversation the trace is random too
            pass
        random.seed(42)
        tracer.start_span("request").end()
    contexts = [span.context for span in real_spans.finished if span.context is not None]
    assert len(contexts) == 12
    assert len({each.span_id for each in contexts}) == 12
    assert len({each.trace_id for each in contexts}) == 3 + 3 + 3


def test_ids_leave_the_applications_random_numbers_as_they_are(real_spans: Capture) -> None:
    random.seed(42)
    expected = [random.random() for _ in range(5)]
    random.seed(42)
    drawn = []
    for _ in expected:
        drawn.append(random.random())
        with agentsight.conversation(), agentsight.turn():
            ids.new_trace_id()
    assert drawn == expected
    assert real_spans.names() == ["invoke_agent"] * 5


def test_ids_differ_among_processes_with_one_seed_and_after_a_fork() -> None:
    """Two processes, each with a forked child: a trace id and a span id before the fork, and in both after it."""
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
        for _ in range(2)
    ]
    drawn = [line for run in runs for line in run.stdout.split()]
    assert len(drawn) == len(set(drawn)) == 12
