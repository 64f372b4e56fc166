"""All formats, in the order in which they are tried on a value."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from agentsight_otel.replay import chat
from agentsight_otel.replay.fields import Notes, shown
from agentsight_otel.replay.formats import (
    agentsight_api,
    anthropic,
    chat_rows,
    chatwoot,
    claude,
    exported,
    gemini,
    intercom,
    langfuse,
    langsmith,
    openai_assistants,
    openai_responses,
    phoenix,
    rasa,
    request_log,
    sharegpt,
    vercel,
)
from agentsight_otel.replay.formats.base import UNREADABLE, Entry, Format, Read, grouped, one_by_one, problem
from agentsight_otel.replay.transcripts import Refusal, Transcript

SPANS = "spans"
"""The format of exported spans, which are stored as they are."""

WHATSAPP = "whatsapp"
"""The only format that is not JSON."""


def _by_trace(module: Any, parts: Callable[[Entry], Iterable[Entry]] = lambda entry: (entry,)) -> Read:
    """The ``read`` of a format of traces: a conversation has several traces, and each has several entries."""

    def read(entries: Sequence[Entry], notes: Notes) -> Iterator[Transcript | Refusal]:
        readable: list[Entry] = []
        for entry in entries:
            try:
                several = tuple(parts(entry))
                module.conversations(several)
                readable += several
            except UNREADABLE as error:
                yield entry.refusal(problem(error))
        named = module.conversations(readable)
        yield from grouped(lambda value: named[module.trace_of(value)], module.transcript)(readable, notes)

    return read


def _is_chat(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(entry, dict) and "role" in entry for entry in value)
    return isinstance(value, dict) and "messages" in value


FORMATS = (
    Format("export", "conversations of `agentsight-otel export`", exported.recognises, one_by_one(exported.transcript)),
    Format(
        "export-rows",
        "messages or tool calls of `agentsight-otel export`",
        exported.recognises_row,
        grouped(exported.conversation_of_row, exported.transcript_of_rows),
    ),
    Format(
        "agentsight",
        "AgentSight's fetch_conversations",
        agentsight_api.recognises,
        one_by_one(agentsight_api.transcript),
    ),
    Format("gemini", "Gemini's contents with parts", gemini.recognises, gemini.read),
    Format(
        "sharegpt", "ShareGPT's conversations of from and value", sharegpt.recognises, one_by_one(sharegpt.transcript)
    ),
    Format("claude", "claude.ai's export of conversations", claude.recognises, one_by_one(claude.transcript)),
    Format("intercom", "Intercom's conversations", intercom.recognises, one_by_one(intercom.transcript)),
    Format("chatwoot", "Chatwoot's conversations", chatwoot.recognises, one_by_one(chatwoot.transcript)),
    Format("rasa", "Rasa's tracker events", rasa.recognises, grouped(rasa.sender_of, rasa.transcript)),
    Format("phoenix", "Phoenix's spans", phoenix.recognises, _by_trace(phoenix)),
    Format("langsmith", "LangSmith's runs", langsmith.recognises, _by_trace(langsmith, langsmith.with_children)),
    Format("langfuse", "Langfuse's traces or observations", langfuse.recognises, _by_trace(langfuse)),
    Format(
        "assistants",
        "OpenAI Assistants' threads",
        openai_assistants.recognises,
        grouped(openai_assistants.thread_of, openai_assistants.transcript),
    ),
    Format("request-log", "requests to a model with their responses", request_log.recognises, request_log.read),
    Format(
        "responses", "OpenAI Responses with input and output items", openai_responses.recognises, openai_responses.read
    ),
    Format(
        "chat-rows",
        "chat messages a line, each with its conversation's id",
        chat_rows.recognises,
        grouped(chat_rows.conversation_of, chat_rows.transcript),
    ),
    Format("vercel", "Vercel AI SDK's messages", vercel.recognises, one_by_one(chat.transcript)),
    Format("anthropic", "Anthropic's messages with content blocks", anthropic.recognises, one_by_one(chat.transcript)),
    Format("openai", "OpenAI's chat messages", _is_chat, one_by_one(chat.transcript)),
)
"""The formats; the first that recognises a value reads it."""

NAMES = (*(kind.name for kind in FORMATS), SPANS, WHATSAPP)
"""The names that ``--format`` takes."""


def named(name: str) -> Format:
    """The format with a name.

    Raises:
        KeyError: No format has that name.
    """
    return {kind.name: kind for kind in FORMATS}[name]


def of(value: Any) -> Format | None:
    """The first format that recognises a value; None where none does."""
    return next((kind for kind in FORMATS if _recognises(kind, value)), None)


def _recognises(kind: Format, value: Any) -> bool:
    try:
        return kind.recognises(value)
    except UNREADABLE:
        return False


_GUESSES = (
    ({"prompt", "completion"}, "prompts with completions"),
    ({"instruction", "output"}, "instructions with outputs (Alpaca)"),
    ({"mapping", "title"}, "ChatGPT's own export of your data"),
    ({"resourceSpans"}, "OTLP: send it to a collector"),
    ({"role", "content"}, "single messages: put those of a conversation into one list, or give each a conversation_id"),
    ({"text"}, "plain texts"),
)


def unknown(value: Any) -> str:
    """The error message for a value of no format, with a guess at what it is."""
    if not isinstance(value, dict):
        return f"{shown(value)}: expected one JSON object a line"
    keys = set(value)
    guess = next((f" It looks like {name}." for needed, name in _GUESSES if needed <= keys), "")
    return (
        f"an object of {', '.join(sorted(keys)[:12]) or 'nothing'}: expected one of {', '.join(NAMES)}, told apart by"
        f" looking.{guess} For rows of one message each, say with --map which column is what"
    )
