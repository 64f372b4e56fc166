"""An application copies and pickles its state, with whatever of ours it holds: a copy is harmless."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel.testing import Capture

WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_work_that_goes_on_copies_to_work_that_is_over(way: Callable[[Any], Any], spans: Capture) -> None:
    in_conversation = agentsight.conversation("c1", customer_id="ann")
    with in_conversation as conversation:
        in_turn = agentsight.turn(agent="bot")
        with in_turn as turn, agentsight.tool("search") as call, agentsight.task("rank") as task:
            with agentsight.generation("gpt") as generation:
                state = [in_conversation, conversation, in_turn, turn, call, task, generation]
                copies = way(state) if way is not copy.copy else [copy.copy(each) for each in state]
    assert [type(each) for each in copies] == [type(each) for each in state]
    copied_helper, copied_conversation, copied_turn_helper, copied_turn, *copied_spans = copies
    for span in copied_spans:
        span.result("nothing")
        span.finish()
        assert span.finished
    copied_turn.end(complete=False)
    assert copied_conversation.conversation_id == "c1"
    before = ["chat gpt", "rank", "execute_tool search", "invoke_agent bot"]
    assert spans.names() == before
    assert spans.named("invoke_agent bot").attributes.get("agentsight.turn.complete") is not False  # type: ignore[union-attr]
    copied_turn.user_message("later")
    with copied_helper, copied_turn_helper:
        pass
    assert spans.names() == [*before, "invoke_agent", "invoke_agent bot"]
    assert {(span.attributes or {})["gen_ai.conversation.id"] for span in spans.finished} == {"c1"}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_tracker_copies_to_itself(way: Callable[[Any], Any]) -> None:
    assert way(agentsight.conversation_tracker) is agentsight.conversation_tracker
    assert type(way(agentsight.conversation_manager)) is agentsight.ConversationManager


def test_a_carried_function_copies_to_itself() -> None:
    carried = agentsight.carry(print)
    assert copy.copy(carried) is carried and copy.deepcopy([carried]) == [carried]
