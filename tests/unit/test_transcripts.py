"""Reading transcripts: every accepted shape, and what is said of the others."""

import json

import pytest

from agentsight_otel import replay
from agentsight_otel.replay.transcripts import ModelCall

SECOND_NS = 1_000_000_000


def one(**fields: object) -> replay.Transcript:
    reading = replay.read([json.dumps({"conversation_id": "c", "messages": [], **fields})])
    assert reading.refusals == ()
    return reading.transcripts[0]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:01Z", SECOND_NS),
        ("1970-01-01T00:00:01", SECOND_NS),
        ("1970-01-01 00:00:01.5z", 1_500_000_000),
        ("1970-01-01T00:00:01,25+00:00", 1_250_000_000),
        ("1970-01-01T00:00:01.123456789Z", 1_123_456_000),
        ("1970-01-01T02:00:01+02:00", SECOND_NS),
        ("1970-01-02", 86_400 * SECOND_NS),
        (1, SECOND_NS),
        (1.5, 1_500_000_000),
        (1_700_000_000_123, 1_700_000_000_123_000_000),
    ],
)
def test_times(text: object, nanoseconds: int) -> None:
    assert one(created_at=text).at_ns == nanoseconds


@pytest.mark.parametrize("text", ["soon", "1969-12-31", "2263-01-01", -1, True, [], {}, 1e300, "1970-13-01"])
def test_what_is_no_time_is_refused_by_field_value_and_expectation(text: object) -> None:
    (refusal,) = replay.read([json.dumps({"conversation_id": "c", "messages": [], "created_at": text})]).refusals
    assert refusal.line == 1
    assert refusal.problem.startswith("created_at: ")
    assert "expected a time" in refusal.problem


def test_tool_calls_flat_and_nested_and_content_in_parts() -> None:
    messages = one(
        messages=[
            {"role": "assistant", "tool_calls": [{"id": "1", "name": "a", "arguments": "{}"}]},
            {"role": "assistant", "tool_calls": [{"id": "2", "type": "function", "function": {"name": "b"}}]},
            {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url"}, {"text": "y"}]},
            {"role": "function", "name": "a", "content": "ok"},
        ]
    ).messages
    assert [call.name for message in messages for call in message.tool_calls] == ["a", "b"]
    assert messages[2].text == "x\ny"
    assert (messages[3].role, messages[3].answers) == ("tool", "a")


def test_a_byte_order_mark_blank_lines_and_deep_nesting() -> None:
    good = b'{"conversation_id": 7, "messages": []}'
    reading = replay.read([b"\xef\xbb\xbf" + good, b"  \n", b"[" * 100_000, good])
    assert [transcript.conversation_id for transcript in reading.transcripts] == ["7", "7"]
    assert [refusal.line for refusal in reading.refusals] == [3]


def test_a_message_says_which_model_it_came_from_and_its_tokens() -> None:
    said = [
        {"role": "user", "content": "Hi", "model": "not a model of the user"},
        {
            "role": "assistant",
            "content": "Hello",
            "model": "m-1",
            "usage": {"prompt_tokens": 12, "completion_tokens": 3},
        },
        {"role": "assistant", "content": "Well", "usage": {"input_tokens": 20, "output_tokens": True}},
        {"role": "assistant", "content": "So"},
    ]
    assert [message.model_call for message in one(messages=said).messages] == [
        None,
        ModelCall("m-1", 12, 3),
        ModelCall("", 20, None),
        None,
    ]
