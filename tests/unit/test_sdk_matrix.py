"""Every shape of work with every way that it can end: what is recorded, as whole trees of spans."""

import gc
from collections.abc import Callable
from typing import Any

import pytest

from agentsight_otel._tracing import context
from agentsight_otel.testing import Capture
from tests.unit.shapes_of_work import (
    Work,
    async_block,
    async_generator,
    block,
    callable_object,
    class_method,
    coroutine,
    django_async_response,
    django_response,
    flask_response,
    function,
    future,
    generator,
    methods,
    partial,
    returned_coroutine,
    returned_generator,
    starlette_response,
    static_method,
    task,
)

ENDS = ["ok", "raises"]

STREAMED = [*ENDS, "closed", "dropped", "unread", "timed out"]

SHAPES: dict[Callable[[Work], None], list[str]] = {
    block: [*ENDS, "timed out"],
    async_block: [*ENDS, "cancelled", "timed out"],
    function: [*ENDS, "timed out"],
    partial: ENDS,
    methods: ENDS,
    class_method: ENDS,
    static_method: ENDS,
    callable_object: ENDS,
    coroutine: [*ENDS, "cancelled", "dropped", "timed out"],
    returned_coroutine: [*ENDS, "cancelled", "dropped", "timed out"],
    generator: STREAMED,
    returned_generator: STREAMED,
    async_generator: [*STREAMED, "cancelled"],
    future: [*ENDS, "cancelled", "dropped", "timed out"],
    task: [*ENDS, "cancelled", "timed out"],
    starlette_response: [*STREAMED, "cancelled"],
    flask_response: STREAMED,
    django_response: STREAMED,
    django_async_response: [*STREAMED, "cancelled"],
}

TREES = {
    ("turn", "ok"): """\
invoke_agent work UNSET complete=True: question, answer
  execute_tool look_up UNSET
""",
    ("turn", "raises"): """\
invoke_agent work ERROR complete=False reason=error error=Failure: question
  execute_tool look_up UNSET
""",
    ("turn", "cancelled"): """\
invoke_agent work UNSET complete=False reason=abandoned: question
  execute_tool look_up UNSET
""",
    ("turn", "closed"): """\
invoke_agent work UNSET complete=False reason=abandoned: question
  execute_tool look_up UNSET
""",
    ("turn", "dropped"): """\
invoke_agent work UNSET complete=False reason=abandoned: question
  execute_tool look_up UNSET
""",
    ("turn", "unread"): """\
invoke_agent work UNSET complete=False reason=abandoned
""",
    ("turn", "timed out"): """\
invoke_agent work UNSET complete=False reason=deadline: question
  execute_tool look_up UNSET
""",
    # Outside a turn, the tool that is called inside is a root beside it.
    ("tool", "ok"): """\
execute_tool look_up UNSET
execute_tool work UNSET
""",
    ("tool", "raises"): """\
execute_tool look_up UNSET
execute_tool work ERROR error=Failure
""",
    ("tool", "cancelled"): """\
execute_tool look_up UNSET
execute_tool work ERROR error=CancelledError
""",
    ("tool", "closed"): """\
execute_tool look_up UNSET
execute_tool work ERROR error=GeneratorExit
""",
    ("tool", "dropped"): """\
execute_tool look_up UNSET
execute_tool work ERROR error=GeneratorExit
""",
    ("tool", "unread"): """\
execute_tool work ERROR error=GeneratorExit
""",
}
"""What is recorded, whatever the shape."""

# Its function has ended when the answer is there, so nothing says a message.
TREES_OF_FUTURES = {
    ("turn", "ok"): """\
invoke_agent work UNSET complete=True: question
  execute_tool look_up UNSET
"""
}


def drawn(nodes: list[dict[str, Any]], indent: str = "") -> str:
    """The tree as text: name, status, what is said of it, messages."""
    text = ""
    for node in nodes:
        own = node["attributes"]
        assert own["gen_ai.conversation.id"] == "c"
        assert node["end_s"] >= node["start_s"]
        keys = {
            "complete": "agentsight.turn.complete",
            "reason": "agentsight.turn.incomplete_reason",
            "error": "error.type",
        }
        facts = [f"{name}={str(own[key]).rpartition('.')[2]}" for name, key in keys.items() if key in own]
        messages = ", ".join(event["agentsight.message.content"] for event in node["events"])
        text += indent + " ".join([node["name"], node["status"], *facts]) + (f": {messages}" if messages else "") + "\n"
        text += drawn(node["children"], indent + "  ")
    return text


@pytest.mark.parametrize(
    ("helper", "shape", "outcome"),
    [
        pytest.param(helper, shape, outcome, id=f"{helper}-{shape.__name__}-{outcome}")
        for helper in ("turn", "tool")
        for shape, outcomes in SHAPES.items()
        for outcome in outcomes
        if helper == "turn" or outcome != "timed out"  # only turns have deadlines
    ],
)
def test_every_shape_and_outcome(spans: Capture, helper: str, shape: Callable[[Work], None], outcome: str) -> None:
    shape(Work(helper, outcome))
    gc.collect()
    recorded = sorted(spans.tree(), key=lambda root: root["name"])
    of_futures = TREES_OF_FUTURES if shape is future else {}
    assert drawn(recorded) == of_futures.get((helper, outcome), TREES[helper, outcome])
    assert context.turn_in(None) is None and not context.current_conversation().id
