"""What exports of tracing tools, help desks and messengers hold besides the plain case, and messages in odd places."""

from typing import Any

from agentsight_otel.replay.formats.mapping import Mapping
from tests.unit.test_replay_details import told, whole
from tests.unit.test_replay_formats import ASKED, lines, plain, read


def observed(id: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "traceId": "t", "type": kind, "projectId": "p", "input": None, "output": None, **more}


def test_langfuse_s_observations_alone_are_put_together_by_trace() -> None:
    values = [
        observed("g", "GENERATION", parentObservationId="r", input=ASKED, output="thinking"),
        observed("f", "TOOL", parentObservationId="g", name="find", output="shipped", startTime=1793525401),
        observed("r", "AGENT", sessionId="a", userId="u", input=ASKED, output="On its way.", startTime=1793525400),
    ]
    reading = whole(*values)
    assert [plain(one) for one in reading.transcripts] == [
        ["user: Where is 7?", "find -> shipped", "agent: On its way."]
    ]
    assert (reading.transcripts[0].conversation_id, reading.transcripts[0].description) == ("a", {"customer_id": "u"})
    alone = observed("g", "GENERATION", input=ASKED, output={"role": "assistant", "content": "On its way."})
    assert told(alone) == [["user: Where is 7?", "agent: On its way."]]


def test_langfuse_s_scores_by_people_are_feedback() -> None:
    scores = [
        {"name": "thumbs", "value": 1, "source": "API", "comment": "good", "timestamp": 1793525400},
        {"name": "checked", "value": 0, "source": "ANNOTATION"},
        {"name": "mood", "stringValue": "neutral", "value": None},
        {"name": "toxicity", "value": 0.1, "source": "EVAL"},
        {"name": "stars", "value": 4},
    ]
    reading = whole({"id": "t", "sessionId": "a", "input": "Hi", "output": "Hello", "scores": scores})
    given = [(each.sentiment, each.comment, each.source, each.at_ns) for each in reading.transcripts[0].feedback]
    at_ns = 1793525400 * 10**9
    assert given == [
        ("positive", "good", "customer", at_ns), ("negative", None, "platform", None),
        ("neutral", None, "customer", None),
    ]  # fmt: skip
    assert [name in str(reading.notes) for name in ('"toxicity"', '"stars"', '"thumbs"')] == [True, True, False]


def test_langsmith_s_nested_runs_and_metadata_as_text_are_read() -> None:
    tool = {"id": "3", "run_type": "tool", "name": "find", "inputs": {"order": 7}, "outputs": "shipped"}
    chain = {"id": "2", "run_type": "chain", "name": "inner", "inputs": {}, "outputs": {}, "child_runs": [tool]}
    root = {"id": "1", "run_type": "chain", "inputs": {"input": "Where is 7?"}, "outputs": {"output": "On its way."}}
    for extra in (
        {"metadata": {"thread_id": "a"}},
        '{"metadata": {"thread_id": "a"}}',
        {"metadata": '{"thread_id": "a"}'},
    ):
        (transcript,) = whole({**root, "extra": extra, "child_runs": [chain]}).transcripts
        assert transcript.conversation_id == "a"
        assert plain(transcript) == ["user: Where is 7?", "find -> shipped", "agent: On its way."]


def test_what_rasa_s_bot_shows_without_a_text_is_kept_or_said() -> None:
    events = [
        {"event": "user", "text": "Hi", "timestamp": 1793525400},
        {"event": "bot", "text": None, "data": {"buttons": [{"title": "Yes", "payload": "/y"}, {"title": "No"}]}},
        {"event": "bot", "text": None, "data": {"custom": {"text": "Pick one"}}},
        {"event": "bot", "text": None, "data": {"custom": {"map": 1}}},
        {"event": "agent", "text": "I take over"},
        {"event": "telepathy"},
        {"event": "slot"},
    ]
    reading = whole({"sender_id": "a", "events": events})
    assert plain(reading.transcripts[0]) == ["user: Hi", "agent: Yes\nNo", "agent: Pick one", "agent: I take over"]
    assert "events of the bot without a text" in reading.notes[0]
    assert reading.notes[1].endswith(": events of the kind telepathy (1 times)")


def test_what_intercom_wrote_itself_is_left_out_and_said() -> None:
    parts = [
        {"part_type": "comment", "body": "We are away", "author": {"type": "system"}, "created_at": 1793525401},
        {"part_type": "comment", "body": "Hello", "author": {"type": "admin"}, "created_at": 1793525402},
    ]
    source = {"type": "chat", "body": "Hi", "author": {"type": "user", "id": "u"}}
    reading = whole({"type": "conversation", "id": "a", "source": source, "conversation_parts": parts})
    assert plain(reading.transcripts[0]) == ["user: Hi", "agent: Hello"]
    assert reading.notes == ("parts that Intercom itself wrote (author system) are left out",)


def test_whatsapp_in_other_languages_and_its_own_lines() -> None:
    text = (
        "31/12/2026 à 23:57 - Ann: Bonjour\n"
        "31/12/2026 à 23:58 - Ann: <Médias omis>\n"
        "31/12/2026 à 23:58 - Ann: IMG-1.jpg (fichier joint)\nMon colis\n"
        "31/12/2026 à 23:59 - Shop: Ce message a été supprimé\n"
        "[31/12/2026, 23:59:30] Shop: \u200eMessages and calls are end-to-end encrypted.\n"
        "\u200e[31/12/2026, 23:59:31] Ann: \u200eimage absente\n"
        "[31/12/2026, 23:59:32] Ann: Voici \u200e<pièce jointe : 0001-PHOTO.jpg>\n"
        "[31/12/2026, 23:59:33] Shop: \u200eAppel vocal manqué\n"
        "[31/12/2026, 23:59:34] Shop: Merci <3\n"
    )
    reading = read(text, agent=("Shop",))
    assert reading.refusals == ()
    assert plain(reading.transcripts[0]) == [
        "user: Bonjour",
        "user file: Médias omis",
        "user: Mon colis",
        "user file: IMG-1.jpg",
        "user file: image absente",
        "user: Voici",
        "user file: 0001-PHOTO.jpg",
        "agent: Merci <3",
    ]
    assert any("WhatsApp itself wrote" in note for note in reading.notes)


def test_claude_s_export_is_read() -> None:
    called = [
        {"type": "text", "text": "On its way."},
        {"type": "tool_use", "id": None, "name": "find", "input": {}},
        {"type": "tool_result", "tool_use_id": None, "name": "find", "content": "shipped"},
    ]
    messages = [
        {"uuid": "1", "sender": "human", "text": "Where is 7?", "content": [], "files": [{"file_name": "7.png"}]},
        {"uuid": "2", "sender": "assistant", "text": "x", "content": called, "created_at": "2026-11-01T09:30:00Z"},
    ]
    reading = whole({"uuid": "a", "name": "Order 7", "chat_messages": messages, "account": {"uuid": "u"}})
    (transcript,) = reading.transcripts
    assert (transcript.conversation_id, transcript.description) == ("a", {"name": "Order 7"})
    assert plain(transcript) == ["user: Where is 7?", "user file: 7.png", "find -> shipped", "agent: On its way."]


def test_messages_with_roles_are_read_wherever_they_stand() -> None:
    answer = {"role": "Assistant", "content": "On its way."}
    expected = [["user: Where is 7?", "agent: On its way."]]
    assert told({"conversations": [*ASKED, answer]}) == expected
    assert told(*({"session_id": "a", **message} for message in (*ASKED, answer))) == expected
    langchain = [
        {"type": "human", "data": {"content": "Where is 7?"}},
        {"type": "ai", "data": {"content": "On its way."}},
    ]
    assert told(*({"id": n, "session_id": "a", "message": message} for n, message in enumerate(langchain))) == expected
    assert told({"id": "a", "conversations": [{"from": "Human", "value": "Where is 7?"}]}) == [["user: Where is 7?"]]
    assert told({"id": "a", "messages": [*ASKED, {"role": "data", "content": "{}"}, answer]}) == expected
    tracker = {"events": [{"event": "user", "text": "Hi", "timestamp": 1793525400}]}
    by_sender = whole({"u1": tracker, "u2": tracker}).transcripts
    assert [(one.conversation_id, plain(one)) for one in by_sender] == [("u1", ["user: Hi"]), ("u2", ["user: Hi"])]
    (refusal,) = read(lines(*ASKED, {"id": "a", "messages": ASKED})).refusals
    assert "It looks like single messages: put those of a conversation into one list" in refusal.problem


def test_a_mapping_reads_parts_and_names_the_column_of_a_wrong_duration() -> None:
    names = ("conversation_id", "role", "content", "tool", "tool_duration_ms")
    mapping = Mapping({**{name: name for name in names}, "tool_duration_ms": "took"}, {"user": "user", "tool": "tool"})
    row = {"conversation_id": "a", "role": "user", "content": [{"type": "text", "text": "Where"}, "is 7?"]}
    reading = read(lines(row, {**row, "role": "tool", "tool": "find", "took": "long"}), mapping=mapping)
    assert [plain(one) for one in reading.transcripts] == [["user: Where\nis 7?"]]
    assert reading.refusals[0].problem == 'took: "long": expected a number of milliseconds'
    table = "conversation_id;role;content\na;user;Where is 7?\n"
    assert [plain(one) for one in read(table, mapping=mapping).transcripts] == [["user: Where is 7?"]]
