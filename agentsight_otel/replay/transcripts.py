"""The conversations that are read from files of any format."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool by the assistant.

    Attributes:
        id: The id by which its result refers to it; '' where it has none.
        name: The tool's name.
        arguments: The arguments as recorded: a text or plain values.
        at_ns: When it began, ns since 1970; None where the recording does not say.
        duration_ns: How long it took, in ns; None where the recording does not say.
        done: Whether ``result`` and ``error`` are its outcome, rather than a message of role tool.
        result: The tool's result.
        error: Why it failed, '' where the recording does not say why; None where it did not.
        error_type: The class of the error; '' where the recording does not say.
        metadata: A JSON object, or None.
    """

    id: str
    name: str
    arguments: Any
    at_ns: int | None = None
    duration_ns: int | None = None
    done: bool = False
    result: Any = None
    error: str | None = None
    error_type: str = ""
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class Button:
    """A button that the user pressed."""

    event: str
    label: str = ""
    value: str = ""


@dataclass(frozen=True)
class ModelCall:
    """The call of a model that a message came from.

    Attributes:
        model: The model's name; '' where the recording does not say.
        input_tokens: Tokens that the model read; None where the recording does not say.
        output_tokens: Tokens that the model wrote; None where the recording does not say.
    """

    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class Message:
    """One message, tool result or pressed button.

    Attributes:
        role: user, assistant, tool, system or developer.
        text: The text; '' where there is none.
        tool_calls: The tool calls of an assistant's message.
        answers: Of a message of role tool: the id, or the name, of the tool call whose result it is.
        at_ns: Its time, ns since 1970; None where the recording does not say.
        metadata: A JSON object, or None.
        files: Names, types and sizes of the files sent with it.
        button: The button that the user pressed; None for none.
        error: Of a message of role tool: why the tool call failed; None where it did not.
        model_call: Of an assistant's message: the call that wrote it; None where the recording does not say.
    """

    role: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    answers: str = ""
    at_ns: int | None = None
    metadata: dict[str, Any] | None = None
    files: tuple[dict[str, Any], ...] = ()
    button: Button | None = None
    error: str | None = None
    model_call: ModelCall | None = None


@dataclass(frozen=True)
class Feedback:
    """A rating of the conversation by the customer or the platform."""

    sentiment: str
    comment: str | None = None
    source: str = "customer"
    at_ns: int | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class Lifetime:
    """The times and marks of a conversation in an export. Times are ns since 1970; None for what did not happen.

    Attributes:
        opened_ns: When the chat was opened (the visit).
        started_ns: When the conversation was engaged.
        active_until_ns: When the last activity ended.
        ended_ns: When it was ended explicitly.
        marked: Whether it was marked; None where the export does not say.
        deleted: Whether it was deleted; None where the export does not say.
    """

    opened_ns: int | None = None
    started_ns: int | None = None
    active_until_ns: int | None = None
    ended_ns: int | None = None
    marked: bool | None = None
    deleted: bool | None = None


@dataclass(frozen=True)
class Transcript:
    """One recorded conversation.

    Attributes:
        conversation_id: Its id.
        messages: In order; may be empty, for a visit that never engaged.
        description: customer_id, device, source, language, country, ip, name and environment, as far as given.
        metadata: A JSON object, or None.
        feedback: Any number of ratings.
        at_ns: When it began, ns since 1970; None where the transcript does not say.
        ended: Whether it was ended explicitly.
        service: service.name of the agent; None where the recording does not say.
        lifetime: The times and marks of an exported conversation; None for other recordings.
        id_made: Whether the id was made from the content, because the recording has none.
    """

    conversation_id: str
    messages: tuple[Message, ...]
    description: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] | None = None
    feedback: tuple[Feedback, ...] = ()
    at_ns: int | None = None
    ended: bool = False
    service: str | None = None
    lifetime: Lifetime | None = None
    id_made: bool = False


@dataclass(frozen=True)
class Refusal:
    """A part of a file that could not be read.

    Attributes:
        line: The number, from 1, of the line, or of the element of a JSON array.
        problem: The place in it, the value, and what was expected.
    """

    line: int
    problem: str


@dataclass(frozen=True)
class Reading:
    """The result of reading a file.

    Attributes:
        transcripts: The conversations.
        refusals: The parts that could not be read.
        notes: What was guessed or left out, one sentence each.
        spans: The rows of ``otel_traces``, where the file is an export of spans.
        unit: What the refusals' numbers count: line, or element (of a JSON array).
    """

    transcripts: tuple[Transcript, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...] = ()
    spans: tuple[dict[str, Any], ...] = ()
    unit: str = "line"
