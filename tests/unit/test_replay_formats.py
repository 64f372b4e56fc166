"""Every format of recordings is told by looking, read whole, and what is not understood is named."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsight_otel import replay
from agentsight_otel.replay.conversation import _steps
from agentsight_otel.replay.formats import registry
from agentsight_otel.replay.formats.mapping import Mapping, MappingError
from agentsight_otel.replay.schedule import offsets_ns

RECORDINGS = Path(__file__).with_name("recordings")
ASKED = [{"role": "user", "content": "Where is 7?"}]
PLAIN = ["user: Where is 7?", "find -> shipped", "agent: On its way."]

EXAMPLES: dict[str, tuple[str, dict[str, list[str]]]] = {
    "chat_with_tool_calls.jsonl": ("openai", {"a": PLAIN}),
    "fine_tuning_without_ids.jsonl": ("openai", {"replay-*": PLAIN}),
    "function_call_refusal_and_parts.jsonl": (
        "openai",
        {"a": ["user: See", "user file: image", "look -> a cat", "agent: I can't."]},
    ),
    "langchain_s_messages.jsonl": ("openai", {"a": PLAIN}),
    "anthropic.jsonl": (
        "anthropic",
        {"a": ["user: Where is 7?", "agent: I look.", "find -> shipped", "ask failed: no", "agent: On its way."]},
    ),
    "responses_chained.jsonl": (
        "responses",
        {"resp_1": ["user: Where is 7?", "find -> shipped", "web_search", "agent: On its way."]},
    ),
    "assistants_the_latest_first.json": ("assistants", {"thread_a": PLAIN}),
    "vercel_parts.jsonl": (
        "vercel",
        {"a": ["user: Where is 7?", "find -> shipped", "pay failed: no", "agent: On its way."]},
    ),
    "vercel_toolinvocations.jsonl": ("vercel", {"a": PLAIN}),
    "vercel_model_messages.jsonl": ("vercel", {"a": PLAIN}),
    "sharegpt.jsonl": ("sharegpt", {"a": PLAIN}),
    "gemini.jsonl": (
        "gemini",
        {"a": ["user: Where is 7?", "user file: file", 'find -> {"result": "shipped"}', "agent: On its way."]},
    ),
    "a_request_log.jsonl": ("request-log", {"replay-*": ["user: Hi", "agent: Hello", "user: Bye", "agent: See you"]}),
    "histories_that_grow.jsonl": ("openai", {"a": PLAIN}),
    "agentsight.jsonl": ("agentsight", {"a": [*PLAIN, "button: ok"]}),
    "claude.jsonl": ("claude", {"a": PLAIN}),
    "chat_messages_by_the_line.jsonl": (
        "chat-rows",
        {"a": ["user: Where is 7?", "agent: On its way."], "b": ["user: Hi"]},
    ),
    "langfuse.jsonl": ("langfuse", {"a": [*PLAIN, "user: Bye", "agent: See you"]}),
    "langsmith.jsonl": ("langsmith", {"a": PLAIN}),
    "phoenix.jsonl": ("phoenix", {"a": PLAIN}),
    "intercom.jsonl": ("intercom", {"a": ["user: Where is 7?", "agent: On its way.\n& soon"]}),
    "chatwoot.jsonl": ("chatwoot", {"12": ["user: Where is 7?", "agent: On its way."]}),
    "rasa.jsonl": ("rasa", {"a": ["user: Where is 7?", "find", "agent: On its way."]}),
    "messages_exported_by_the_row.csv": ("export-rows", {"a": ["user: Where is 7?\nHere", "agent: On its way."]}),
    "langfuse_table.csv": ("langfuse", {"a": ["user: Where is 7?", "agent: On its way, Ann"]}),
    "requests_and_responses_apart.jsonl": ("responses", {"resp_9": ["user: Hi", "agent: Hello"]}),
    "requests_in_anthropics_blocks.jsonl": ("request-log", {"a": PLAIN}),
    "thread_messages_by_the_line.jsonl": ("assistants", {"a": ["user: Hi", "agent: Hello"]}),
}


def lines(*values: Any) -> str:
    return "\n".join(json.dumps(value) for value in values) + "\n"


def plain(transcript: replay.Transcript) -> list[str]:
    """What is said and done, as words."""
    found = []
    for step in _steps(transcript.messages, offsets_ns(transcript)):
        message = step.message
        who = {"user": "user", "assistant": "agent", "tool": "tool"}[message.role]
        said = [f"{who}: {message.text}"] if message.text and who != "tool" else []
        said += [f"{who} file: {file.get('name', file['type'])}" for file in message.files]
        said += [f"button: {message.button.event}"] if message.button else []
        for calls, place in ((step.before, 0), (step.after, len(said))):
            found_calls = []
            for call in calls:
                outcome = f" failed: {call.error}" if call.error else f" -> {call.result}" if call.result else ""
                found_calls.append(call.call.name + outcome)
            said[place:place] = found_calls
        found += said
    return found


def read(text: str, **options: Any) -> replay.Reading:
    return replay.read(text.encode().splitlines(keepends=True), **options)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_format_is_told_by_looking_and_read_whole(name: str) -> None:
    format_name, expected = EXAMPLES[name]
    text = (RECORDINGS / name).read_text()
    for options in ({}, {"format": format_name}):
        reading = read(text, **options)
        assert reading.refusals == ()
        found: dict[str, list[str]] = {}
        for transcript in reading.transcripts:
            made = transcript.conversation_id.startswith("replay-")
            found.setdefault("replay-*" if made else transcript.conversation_id, []).extend(plain(transcript))
        assert found == expected
    assert any("no id" in note for note in reading.notes) == ("replay-*" in expected)


def test_every_format_has_an_example() -> None:
    tried = {format_name for format_name, _ in EXAMPLES.values()}
    assert set(registry.NAMES) - tried == {"export", "spans", "whatsapp"}  # tried below, and with export


def test_whatsapp_needs_to_know_who_the_agent_is() -> None:
    (refusal,) = read((RECORDINGS / "whatsapp.txt").read_text()).refusals
    assert "expected --agent with the name of whoever answers: one of Ann, Shop" in refusal.problem
    reading = read((RECORDINGS / "whatsapp.txt").read_text(), agent=("Shop",))
    (transcript,) = reading.transcripts
    assert plain(transcript) == [
        "user: Where is 7?\nIt should be here: today",
        "user file: Media omitted",
        "agent: On its way.",
    ]
    assert transcript.description == {"source": "whatsapp", "customer_id": "Ann"}
    assert transcript.messages[-1].at_ns == 1_798_761_600_000_000_000
    assert any("no time zone" in note for note in reading.notes)


def test_any_rows_are_read_with_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    columns = {
        "conversation_id": "session",
        "role": "who",
        "content": "said",
        "created_at": "when",
        "customer_id": "customer",
    }
    file.write_text(json.dumps({**columns, "roles": {"bot": "assistant"}}))
    reading = read((RECORDINGS / "rows_of_any_kind.csv").read_text(), mapping=Mapping.load(file))
    assert [plain(transcript) for transcript in reading.transcripts] == [
        ["user: Where is 7?", "agent: On its way, Ann"],
        ["user: Hi"],
    ]
    assert reading.transcripts[0].description == {"customer_id": "u1"}
    (refusal,) = reading.refusals
    assert refusal.line == 5 and refusal.problem.startswith('who: "king": expected one of user, assistant')
    nested = lines({"session": "a", "who": "bot", "said": "x", "meta": {"at": 1793525400}})
    file.write_text(json.dumps({**columns, "created_at": "meta.at"}))
    assert read(nested, mapping=Mapping.load(file)).transcripts[0].messages[0].at_ns == 1793525400 * 10**9


ROWS = ({"id": "a", "who": "user", "said": "Hi", "at": "2026-11-01"}, {"id": "a", "who": "bot", "said": "Hello"})
NAMED = {"conversation_id": "id", "role": "who", "content": "said"}


@pytest.mark.parametrize("field", ["content", "created_at"])
def test_a_column_that_no_row_has_is_an_error_where_texts_or_times_would_be_lost(field: str) -> None:
    mapping = Mapping({**NAMED, field: "when"}, {})
    with pytest.raises(MappingError, match=f"{field}: when: no row has this column; expected one of id, who, said, at"):
        read(lines(*ROWS), mapping=mapping)


def test_any_other_column_that_no_row_has_is_said() -> None:
    mapping = Mapping({**NAMED, "customer_id": "customer.id"}, {"user": "user", "bot": "assistant"})
    assert read(lines(*ROWS), mapping=mapping).notes == ("customer_id: no row has a column customer.id",)
    assert read(lines(*ROWS, {**ROWS[1], "customer": {"id": "u1"}}), mapping=mapping).notes == ()
    assert "no row has a column" in read("id,who,said\na,user,Hi\n", mapping=mapping).notes[0]


@pytest.mark.parametrize(
    "written", [lambda text: text.encode("utf-16"), lambda text: text.replace("\n", "\r").encode()]
)
def test_rows_as_spreadsheets_write_them_are_read(written: Callable[[str], bytes]) -> None:
    table = written("id,who,said\na,user,Grüße\na,bot,Hello\n")
    mapping = Mapping(NAMED, {"user": "user", "bot": "assistant"})
    (transcript,) = replay.read(io.BytesIO(table), mapping=mapping).transcripts
    assert plain(transcript) == ["user: Grüße", "agent: Hello"]


def test_a_table_that_breaks_off_is_refused_by_line_and_what_was_before_is_read() -> None:
    table = b"id,who,said\na,user,Hi\na,user,Hel\rlo\n"
    reading = replay.read(io.BytesIO(table), mapping=Mapping(NAMED, {"user": "user"}))
    assert [plain(transcript) for transcript in reading.transcripts] == [["user: Hi"]]
    ((line, problem),) = [(refusal.line, refusal.problem) for refusal in reading.refusals]
    assert line == 3 and problem.startswith("no CSV: new-line character seen")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "expected a JSON object"),
        ('{"role": "a"}', "conversation_id, content: not there"),
        ('{"colour": "a"}', "colour: expected one of conversation_id"),
        ('{"conversation_id": "a", "role": "b", "content": "c", "roles": {"x": "king"}}', "roles"),
    ],
)
def test_a_wrong_mapping_says_what_was_expected(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(MappingError, match=said):
        Mapping.load(tmp_path / "map.json")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
            'messages[0].content[0].type: "hologram": expected a part that is known',
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1"}]}]},
            "messages[0].content[0].name: null: expected the name of a tool",
        ),
        (
            {"id": "a", "contents": [{"role": "user", "parts": [{"smell": "x"}]}]},
            'contents[0].parts[0]: {"smell": "x"}: expected text',
        ),
        ({"id": "a", "conversations": [{"from": "king", "value": "x"}]}, 'conversations[0].from: "king"'),
        ({"output": [{"type": "telepathy"}], "object": "response"}, 'output[0].role: "telepathy": expected'),
        ({"prompt": "a", "completion": "b"}, "It looks like prompts with completions"),
        ({"resourceSpans": []}, "It looks like OTLP"),
        ({"foo": 1}, "an object of foo: expected one of export"),
    ],
)
def test_what_is_not_understood_is_named_and_the_rest_loads(value: dict[str, Any], said: str) -> None:
    reading = read(lines(value, {"id": "good", "messages": ASKED}))
    assert [(refusal.line, said in refusal.problem) for refusal in reading.refusals] == [(1, True)], reading.refusals
    assert [transcript.conversation_id for transcript in reading.transcripts] == ["good"]


def test_elements_of_an_array_are_numbered() -> None:
    reading = read(json.dumps([{"id": "a", "messages": ASKED}, {"foo": 1}], indent=2))
    assert (reading.unit, [refusal.line for refusal in reading.refusals]) == ("element", [2])
    assert len(reading.transcripts) == 1


@pytest.mark.parametrize("name", ["created_at", "createdAt", "timestamp", "create_time", "ts", "sent_at"])
def test_times_are_found_under_their_usual_names(name: str) -> None:
    message = {"role": "user", "content": "x", name: 1793525400}
    (transcript,) = read(lines({"id": "a", "messages": [message]})).transcripts
    assert transcript.messages[0].at_ns == 1793525400 * 10**9


@pytest.mark.parametrize(
    "value",
    [
        1793525400, 1793525400.0, 1793525400000, 1793525400000000, 1793525400000000000, "1793525400", "1793525400000",
        "2026-11-01T09:30:00Z", "2026-11-01T09:30:00", "2026-11-01 09:30:00 UTC", "2026-11-01T10:30:00+0100",
        "2026-11-01 10:30:00 +01:00", "Sun, 01 Nov 2026 09:30:00 GMT", "Sun, 01 Nov 2026 10:30:00 +0100",
        "Nov 1, 2026 9:30 AM", "November 1, 2026 at 9:30:00 a.m.", "2026-11-01 09:30 AM",
        "Sun Nov 01 2026 10:30:00 GMT+0100 (Central European Standard Time)", "Sun, 1 Nov 2026 04:30:00 EST",
        "1 Nov 2026 09:30:00 +0000", {"$date": "2026-11-01T09:30:00Z"},
    ],
)  # fmt: skip
def test_times_are_read_however_they_are_written(value: object) -> None:
    (transcript,) = read(lines({"id": "a", "created_at": value, "messages": []})).transcripts
    assert transcript.at_ns == 1793525400 * 10**9


def test_messages_in_the_same_second_keep_the_order_of_the_file() -> None:
    messages = [{"role": role, "content": role, "ts": 1793525400} for role in ("user", "assistant") * 3]
    (transcript,) = read(lines({"id": "a", "messages": messages})).transcripts
    assert offsets_ns(transcript) == [number * 1_000_000 for number in range(6)]


def test_fields_that_mean_nothing_are_said_once_with_their_number() -> None:
    message = {"role": "user", "content": "x", "weight": 1}
    notes = read(lines({"id": "a", "split": "train", "messages": [message, message]})).notes
    assert notes == ("left out, as they say nothing that is stored: messages[].weight (2 times), split (1 times)",)
