"""What recordings of each format hold besides the plain case: nothing is lost, counted twice or made up."""

import json
from typing import Any

import pytest

from agentsight_otel import replay
from agentsight_otel.replay.formats import registry
from tests.unit.test_replay_formats import ASKED, lines, plain, read


def whole(*values: Any, **options: Any) -> replay.Reading:
    """The reading of values, a line each, nothing of which is refused."""
    reading = read(lines(*values), **options)
    assert reading.refusals == ()
    return reading


def told(*values: Any) -> list[list[str]]:
    """What is said and done in each conversation."""
    return [plain(transcript) for transcript in whole(*values).transcripts]


@pytest.mark.parametrize(
    "parts",
    [
        [
            {"type": "text", "text": "I look."},
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "7"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "text", "text": "shipped"}]},
            {"type": "mcp_tool_use", "id": "m1", "name": "pay", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "m1", "content": "no", "is_error": True},
        ],
        [
            {"type": "text", "text": "I look."},
            {"type": "tool-call", "toolCallId": "c", "toolName": "web_search", "input": {}},
            {"type": "tool-call", "toolCallId": "d", "toolName": "pay", "input": {}},
            {"type": "tool-error", "toolCallId": "d", "output": {"type": "error-text", "value": "no"}},
            {"type": "tool-result", "toolCallId": "c", "output": {"type": "text", "value": "shipped"}},
        ],
    ],
    ids=["anthropic", "vercel"],
)  # fmt: skip
def test_calls_and_results_in_one_message_are_the_same_calls(parts: list[Any]) -> None:
    messages = [*ASKED, {"role": "assistant", "content": parts}]
    assert told({"id": "a", "messages": messages}) == [
        ["user: Where is 7?", "web_search -> shipped", "pay failed: no", "agent: I look."]
    ]


def test_results_of_calls_elsewhere_end_those_calls() -> None:
    called = {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "run", "input": {}}]}
    ended = [
        {"type": "code_execution_tool_result", "tool_use_id": "s", "content": "4"},
        {"type": "text", "text": "It is 4."},
    ]
    messages = [*ASKED, called, {"role": "assistant", "content": ended}]
    assert told({"id": "a", "messages": messages}) == [["user: Where is 7?", "run -> 4", "agent: It is 4."]]


@pytest.mark.parametrize(
    "answer",
    [
        [{"type": "text", "text": "On its way."}],
        [{"role": "assistant", "content": "On its way."}],
        [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "On its way."}]}],
        [{"index": 0, "message": {"content": "On its way."}}],
        '[{"type": "text", "text": "On its way."}]',
        {"output": [{"role": "assistant", "content": "On its way."}]},
        ["On its way."],
    ],
)
def test_a_logged_answer_may_be_a_list(answer: Any) -> None:
    for name in ("response", "output"):
        assert told({"request": {"messages": ASKED}, name: answer}) == [["user: Where is 7?", "agent: On its way."]]


def test_a_logged_answer_that_is_not_understood_is_refused() -> None:
    (refusal,) = read(lines({"request": {"messages": ASKED}, "response": [{"delta": "x"}]})).refusals
    assert "response.content[0].type: null: expected a part that is known" in refusal.problem


def test_empty_parts_do_not_hide_the_content() -> None:
    message = {"role": "assistant", "content": "On its way.", "parts": []}
    assert told({"id": "a", "messages": [*ASKED, message]}) == [["user: Where is 7?", "agent: On its way."]]


TURNS: dict[str, list[dict[str, Any]]] = {
    "responses": [
        {"id": "resp_1", "created_at": 1793525400, "input": "Where is 7?", "output": [
            {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"}]},
        {"id": "resp_2", "created_at": 1793525401, "input": [
            {"role": "user", "content": "Where is 7?"},
            {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "shipped"}],
         "output": [{"type": "message", "role": "assistant", "content": [
             {"type": "output_text", "text": "On its way."}]}]},
    ],
    "responses by their ids, of one second": [
        {"id": "resp_1", "created_at": 1793525400, "input": "Where is 7?", "output": [
            {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"}]},
        {"id": "resp_2", "created_at": 1793525400, "previous_response_id": "resp_1",
         "input": [{"type": "function_call_output", "call_id": "c", "output": "shipped"}],
         "output": [{"type": "message", "role": "assistant", "content": "On its way."}]},
    ],
    "gemini": [
        {"timestamp": 1793525400, "contents": [{"parts": [{"text": "Where is 7?"}]}],
         "candidates": [{"content": {"parts": [{"functionCall": {"name": "find", "args": {}}}]}}]},
        {"timestamp": 1793525401, "contents": [
            {"role": "user", "parts": [{"text": "Where is 7?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "find", "args": {}}}]},
            {"role": "user", "parts": {"functionResponse": {"name": "find", "response": "shipped"}}}],
         "candidates": [{"content": {"parts": [{"text": "On its way."}]}}]},
    ],
    "request-log": [
        {"timestamp": 1793525400, "request": {"messages": ASKED},
         "response": {"tool_calls": [{"id": "c", "function": {"name": "find", "arguments": "{}"}}]}},
        {"timestamp": 1793525401, "request": {"messages": [
            *ASKED, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "find", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "shipped"}]}, "response": "On its way."},
    ],
}  # fmt: skip


@pytest.mark.parametrize("turned", [False, True], ids=["oldest first", "latest first"])
@pytest.mark.parametrize("name", TURNS)
def test_a_history_that_requests_repeat_is_one_conversation(name: str, turned: bool) -> None:
    values = TURNS[name][::-1] if turned else TURNS[name]
    assert told(*values) == [["user: Where is 7?", "find -> shipped", "agent: On its way."]]


ITEMS = [
    {"type": "message", "role": "user", "content": "Where is 7?"},
    {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "shipped"},
]
ANSWER = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "On its way."}]}


@pytest.mark.parametrize(
    "value",
    [
        {"input_items": ITEMS, "response": {"id": "resp_1", "object": "response", "output": [ANSWER]}},
        {"input_items": {"object": "list", "data": ITEMS[::-1]}, "response": {"id": "resp_1", "output": [ANSWER]}},
        {"object": "list", "data": [*ITEMS, ANSWER]},
        {"object": "list", "data": [ANSWER, *ITEMS[::-1]]},
        {"id": "conv_1", "items": {"object": "list", "data": [ANSWER, *ITEMS[::-1]]}},
    ],
)
def test_items_are_read_as_the_api_lists_them(value: dict[str, Any]) -> None:
    assert told(value) == [["user: Where is 7?", "find -> shipped", "agent: On its way."]]


def test_gemini_s_contents_may_be_a_history_or_a_bare_list() -> None:
    contents = [*TURNS["gemini"][1]["contents"], {"role": "model", "parts": [{"text": "On its way."}]}]
    expected = [["user: Where is 7?", "find -> shipped", "agent: On its way."]]
    assert told({"history": contents}) == told(contents) == expected
    (transcript,) = read(json.dumps(contents, indent=1)).transcripts
    assert plain(transcript) == expected[0]


def test_lines_without_ids_that_grow_count_once() -> None:
    talk = [*ASKED, {"role": "assistant", "content": "On its way."}, {"role": "user", "content": "Bye"}]
    reading = whole(*({"messages": talk[:number]} for number in (1, 3)), {"messages": ASKED})
    assert [plain(one) for one in reading.transcripts] == [["user: Where is 7?", "agent: On its way.", "user: Bye"]]
    assert any("end unanswered and go on in another: counted once" in note for note in reading.notes)
    reading = whole(*({"messages": talk[:number]} for number in (2, 3)))
    assert len(reading.transcripts) == 2
    assert any("give them ids if they are the same ones" in note for note in reading.notes)


def test_the_half_of_the_day_is_read() -> None:
    for written in ("Nov 1, 2026 9:30 PM", "2026-11-01 9:30pm", "Nov 1, 2026, 21:30", "1 Nov 2026 9:30 p.m."):
        (transcript,) = whole({"id": "a", "created_at": written, "messages": []}).transcripts
        assert transcript.at_ns == (1793525400 + 12 * 3_600) * 10**9
    midnight = whole({"id": "a", "created_at": "Nov 1, 2026 12:00 AM", "messages": []}).transcripts[0]
    assert midnight.at_ns == (1793525400 - 9 * 3_600 - 30 * 60) * 10**9


@pytest.mark.parametrize(
    "written", ["Nov 1, 2026 9:30 CET", "Nov 1, 2026 13:30 PM", "11/1/2026 9:30", "Nov 1, 2026 9:30 soon"]
)
def test_a_time_with_a_word_that_nobody_reads_is_refused(written: str) -> None:
    (refusal,) = read(lines({"id": "a", "created_at": written, "messages": []})).refusals
    assert refusal.problem.startswith(f'created_at: "{written}": expected a time')


@pytest.mark.parametrize("blank", ["", " ", "nan", "NaT", None, float("nan")])
def test_a_blank_is_no_time_and_no_id(blank: object) -> None:
    (transcript,) = whole(
        {"session_id": blank, "id": "a", "created_at": blank, "user_id": blank, "messages": ASKED}
    ).transcripts
    assert (transcript.conversation_id, transcript.at_ns, transcript.description) == ("a", None, {})


def test_tables_of_traces_have_blank_cells() -> None:
    table = "id,timestamp,sessionId,input,output,endTime\nt1,2026-11-01 09:30:00,,Where is 7?,On its way.,\n"
    (transcript,) = read(table).transcripts
    assert (transcript.conversation_id, plain(transcript)) == ("t1", ["user: Where is 7?", "agent: On its way."])
    span = {"context.trace_id": "1", "span_kind": "AGENT", "parent_id": "nan", "attributes.input.value": "Where is 7?"}
    assert told(span) == [["user: Where is 7?"]]


def test_an_image_file_of_an_assistant_s_thread_is_a_file() -> None:
    image = {"type": "image_file", "image_file": {"file_id": "file-1", "detail": "auto"}}
    assert told({"id": "a", "messages": [{"role": "user", "content": [image]}]}) == [["user file: file-1"]]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"id": "b", "messages": [{"role": ["user"], "content": "x"}]}, 'messages[0].role: ["user"]: expected one of'),
        ({"id": "b", "messages": [{"role": {}, "content": "x"}]}, "messages[0].role: {}: expected one of"),
        ({"id": "b", "messages": [{"message_type": [0], "content": "x"}]}, "messages[0].message_type: [0]: expected"),
        (
            {"id": "b", "messages": [{"role": "user", "content": [{"type": ["text"]}]}]},
            'messages[0].content[0].type: ["text"]: expected a part that is known',
        ),
        ({"sender_id": "b", "events": [{"event": []}]}, "events[0].event: []: expected the name of an event"),
        ({"object": "thread", "id": "b", "messages": {"data": ["x"]}}, 'messages[0]: "x": expected an object'),
        ({"run_type": "chain", "inputs": {}, "trace_id": "t", "extra": 7, "start_time": []}, "start_time: []"),
    ],
)
def test_values_of_the_wrong_type_are_refused_and_the_rest_loads(value: dict[str, Any], problem: str) -> None:
    reading = read(lines(value, {"id": "good", "messages": ASKED}))
    assert [(refusal.line, refusal.problem.startswith(problem)) for refusal in reading.refusals] == [(1, True)]
    assert [transcript.conversation_id for transcript in reading.transcripts] == ["good"]


@pytest.mark.parametrize("name", [name for name in registry.NAMES if name not in ("spans", "whatsapp")])
@pytest.mark.parametrize("wrong", [7, "x", [], [7], {}, {"x": [7]}, True])
def test_no_format_falls_over_any_type(name: str, wrong: Any) -> None:
    keys = ("messages", "contents", "conversations", "events", "observations", "extra", "inputs", "output", "source")
    keys = (*keys, "conversation_parts", "input", "meta", "feedback", "request", "context", "sender", "run_steps")
    values = [{"id": "b", **{key: wrong for key in keys if key != left}} for left in ("", *keys)]
    for value in (*values, wrong):
        reading = read(lines(value, {"foo": 1}), format=name)
        assert all(refusal.problem for refusal in reading.refusals)


def test_a_row_with_too_many_cells_is_named() -> None:
    reading = read("id,sessionId,input,output\nt1,a,Hi,Hello\nt2,a,Hi,there,you\n")
    assert [(each.line, each.problem) for each in reading.refusals] == [
        (3, 'cell 5: "you": expected 4 cells, as the first line has')
    ]
    assert len(reading.transcripts) == 1


@pytest.mark.parametrize("between", [";", "\t"])
def test_cells_may_be_separated_by_semicolons_or_tabs(between: str) -> None:
    table = "id,timestamp,sessionId,input,output\nt1,2026-11-01,a,Where is 7?,On its way.\n".replace(",", between)
    (transcript,) = read(table).transcripts
    assert plain(transcript) == ["user: Where is 7?", "agent: On its way."]


def test_an_exported_tool_call_keeps_its_error_and_metadata() -> None:
    call = {
        "name": "pay",
        "error": True,
        "error_type": "KeyError",
        "duration_ms": 3,
        "started_at": "2026-11-01T09:30:00Z",
    }
    messages = [
        {"role": "assistant", "tool_calls": [call], "metadata": {"n": 1}},
        {"role": "assistant", "tool_calls": [{**call, "error_message": "no order"}]},
        {"role": "user", "attachments": [{"name": "7.png"}], "metadata": {"n": 2}},
    ]
    (transcript,) = whole({"conversation_id": "a", "last_activity_at": None, "messages": messages}).transcripts
    calls = [each for message in transcript.messages for each in message.tool_calls]
    assert [(each.error, each.error_type, each.metadata) for each in calls] == [
        ("", "KeyError", {"n": 1}),
        ("no order", "KeyError", None),
    ]
    assert transcript.messages[2].metadata == {"n": 2}
