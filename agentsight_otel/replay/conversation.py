"""Plays one conversation through the SDK: the same calls that an agent makes, at the times of the recording."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import Status, StatusCode

import agentsight_otel as agentsight
from agentsight_otel import semconv
from agentsight_otel._core import clock
from agentsight_otel._core.timeline import STEP_NS
from agentsight_otel._recording import spans
from agentsight_otel._recording.spans import AgentSpan, ToolSpan
from agentsight_otel._recording.turns import TurnSpan
from agentsight_otel._tracing import ids
from agentsight_otel._tracing.context import Attributes
from agentsight_otel.replay.content import jsonish
from agentsight_otel.replay.schedule import feedback_offset_ns, offsets_ns
from agentsight_otel.replay.transcripts import Lifetime, Message, ModelCall, ToolCall, Transcript

_SENDERS = {"user": semconv.SENDER_END_USER, "assistant": semconv.SENDER_AGENT}


@dataclass
class _Call:
    """A tool call with its times and, once they are known, its result and error."""

    call: ToolCall
    start_ns: int
    end_ns: int | None
    result: Any
    error: str | None


@dataclass
class _Step:
    """A message with its time, and the tool calls before and after it."""

    message: Message
    at_ns: int
    before: list[_Call]
    after: list[_Call]


@contextmanager
def _at(at_ns: int) -> Iterator[None]:
    with clock.use_clock(lambda: at_ns):
        yield


def first_span_offset_ns(transcript: Transcript) -> int:
    """Nanoseconds from the conversation's beginning to its first span: the visit, or the first user message."""
    if _greeted(transcript):
        return 0
    roles = [message.role for message in transcript.messages]
    return offsets_ns(transcript)[roles.index("user")]


def _greeted(transcript: Transcript) -> bool:
    """Whether the agent spoke first, or the user never did."""
    spoken = [message.role for message in transcript.messages if message.role in ("user", "assistant")]
    return "user" not in spoken or spoken[0] != "user"


def play_one(transcript: Transcript, start_ns: int, seed: str) -> None:
    """Records a conversation.

    Args:
        transcript: The conversation to record.
        start_ns: When it began, ns since 1970.
        seed: A text from which its span ids are derived.
    """
    offsets = offsets_ns(transcript)
    times = [start_ns + offset for offset in offsets]
    with ids.derived_ids(seed), agentsight.conversation(transcript.conversation_id):
        _begin(transcript, times, start_ns)
        turns = _turns(_steps(transcript.messages, times))
        until_ns = transcript.lifetime.active_until_ns if transcript.lifetime else None
        for number, turn in enumerate(turns):
            with ids.derived_ids(f"{seed}\x00turn{number}"):
                _play_turn(turn, until_ns if number == len(turns) - 1 else None)
        for index, feedback in enumerate(transcript.feedback):
            after_ns = start_ns + feedback_offset_ns(offsets, index)
            with (
                ids.derived_ids(f"{seed}\x00feedback{index}"),
                _at(after_ns if feedback.at_ns is None else feedback.at_ns),
            ):
                agentsight.feedback(
                    feedback.sentiment, comment=feedback.comment, source=feedback.source, metadata=feedback.metadata
                )
        with ids.derived_ids(f"{seed}\x00end"):
            _end(transcript, max(times, default=start_ns))


def _begin(transcript: Transcript, times: Sequence[int], start_ns: int) -> None:
    description: dict[str, Any] = {**transcript.description, "metadata": transcript.metadata}
    description["customer_ip_address"] = description.pop("ip", None)
    opened_ns, started_ns = _beginnings(transcript, times, start_ns)
    if opened_ns is not None:
        with _at(opened_ns):
            agentsight.initialize_conversation(transcript.conversation_id, **description)
    if started_ns is not None:
        with _at(started_ns):
            agentsight.get_or_create_conversation(transcript.conversation_id, **description)


def _beginnings(transcript: Transcript, times: Sequence[int], start_ns: int) -> tuple[int | None, int | None]:
    """When the conversation was opened and when it was engaged, ns since 1970; None for what did not happen."""
    if transcript.lifetime is not None:
        opened_ns, started_ns = transcript.lifetime.opened_ns, transcript.lifetime.started_ns
        if opened_ns is not None or started_ns is not None:
            return opened_ns, started_ns
    users = [at_ns for at_ns, message in zip(times, transcript.messages, strict=True) if message.role == "user"]
    return (start_ns if _greeted(transcript) else None), (users[0] if users else None)


def _end(transcript: Transcript, last_ns: int) -> None:
    lifetime = transcript.lifetime or Lifetime()
    if transcript.ended:
        with _at(last_ns if lifetime.ended_ns is None else lifetime.ended_ns):
            agentsight.end_conversation()
    changed: Attributes = {
        key: value
        for key, value in (
            (semconv.CONVERSATION_MARKED, lifetime.marked),
            (semconv.CONVERSATION_DELETED, lifetime.deleted),
        )
        if value
    }
    if changed:
        with _at(last_ns):
            spans.point(semconv.KIND_CONVERSATION, semconv.SPAN_CONVERSATION_UPDATED, changed, root=True)


def _steps(messages: Sequence[Message], times: Sequence[int]) -> list[_Step]:
    """Messages with their tool calls, each call with its result from wherever in the conversation that stands."""
    steps: list[_Step] = []
    waiting: list[_Call] = []
    named: dict[str, _Call] = {}
    spoken_ns: int | None = None
    for message, at_ns in zip(messages, times, strict=True):
        if message.role in ("system", "developer"):
            continue
        step = _Step(message, at_ns, [], [])
        if message.role == "tool":
            _answer(message, at_ns, waiting, named, step)
        for index, call in enumerate(message.tool_calls):
            began_ns = at_ns if call.at_ns is None else call.at_ns
            if call.done and call.at_ns is None and message.text:
                earliest = at_ns if spoken_ns is None else spoken_ns + STEP_NS * (index + 1)
                began_ns = min(earliest, at_ns - 1)
            ended_ns = began_ns + (call.duration_ns or 0) if call.done else None
            played = _Call(call, began_ns, ended_ns, call.result, call.error)
            (step.before if call.done else step.after).append(played)
            if not call.done:
                waiting.append(played)
            if call.id:
                named[call.id] = played
        if message.text:
            spoken_ns = at_ns
        steps.append(step)
    return steps


def _answer(message: Message, at_ns: int, waiting: list[_Call], named: dict[str, _Call], step: _Step) -> None:
    """Ends the tool call that a tool's message answers: by its id, else its name, else the oldest open call."""
    answered = named.get(message.answers) if message.answers else None
    if answered is None:
        answered = next(
            (call for call in waiting if message.answers and message.answers == call.call.name),
            waiting[0] if waiting else None,
        )
    if answered is None:  # the recording lacks the call
        name = message.answers if message.answers and not message.answers.startswith(("call_", "toolu_")) else "unknown"
        step.before.append(_Call(ToolCall("", name, None), at_ns, at_ns, message.text, message.error))
        return
    if answered in waiting:
        waiting.remove(answered)
    answered.end_ns, answered.result, answered.error = max(at_ns, answered.start_ns), message.text, message.error


def _turns(steps: Sequence[_Step]) -> list[list[_Step]]:
    """Splits steps into turns: one or more user messages in a row, and all steps up to the next user message."""
    turns: list[list[_Step]] = []
    before = ""
    for step in steps:
        if not turns or (step.message.role == "user" and before != "user"):
            turns.append([])
        turns[-1].append(step)
        before = step.message.role
    return turns


def _play_turn(turn: Sequence[_Step], until_ns: int | None) -> None:
    last_ns = max(step.at_ns for step in turn)
    first_ns = min(step.at_ns for step in turn)
    with _at(first_ns), agentsight.turn() as current:
        asked_ns = first_ns
        for step in turn:
            if step.message.model_call is not None:
                _play_model_call(step.message.model_call, asked_ns, step.at_ns)
            asked_ns = max([step.at_ns, *(call.end_ns or 0 for call in step.after)])
            for call in step.before:
                _play_call(call, last_ns)
            _play_message(step.message, step.at_ns, current)
            for call in step.after:
                _play_call(call, last_ns)
        with _at(last_ns if until_ns is None else max(until_ns, first_ns)):
            current.end()


def _play_message(message: Message, at_ns: int, turn: TurnSpan) -> None:
    with _at(at_ns):
        if message.role in _SENDERS:
            sender = _SENDERS[message.role]
            if message.button is not None:
                button = message.button
                agentsight.button(button.event, button.label, button.value, message.metadata)
            elif message.text or not (message.files or message.role == "assistant"):
                turn.message(sender, message.text, message.metadata, at_ns=at_ns)
            if message.files:
                agentsight.record_attachments(message.files, sender, None if message.text else message.metadata)


def _play_model_call(call: ModelCall, asked_ns: int, answered_ns: int) -> None:
    """Records a model call: from the step before the assistant's message to that message."""
    attributes: Attributes = {semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_CHAT}
    if call.model:
        attributes[semconv.GEN_AI_REQUEST_MODEL] = call.model
    if call.input_tokens is not None:
        attributes[semconv.GEN_AI_USAGE_INPUT_TOKENS] = call.input_tokens
    if call.output_tokens is not None:
        attributes[semconv.GEN_AI_USAGE_OUTPUT_TOKENS] = call.output_tokens
    with _at(min(asked_ns, answered_ns)):
        span = AgentSpan(semconv.KIND_LLM, f"{semconv.OPERATION_CHAT} {call.model}".strip(), attributes)
    with _at(answered_ns):
        span.finish()


def _play_call(played: _Call, last_ns: int) -> None:
    call = played.call
    with _at(played.start_ns):
        span = ToolSpan(call.name, arguments=call.arguments, call_id=call.id or None)
    if played.result not in (None, ""):
        span.result(played.result if isinstance(played.result, str) else jsonish(played.result))
    if played.error is not None:
        span.span.set_status(Status(StatusCode.ERROR, played.error))
        span.span.set_attribute(semconv.ERROR_TYPE, call.error_type or semconv.ERROR_TYPE_OTHER)
    if call.metadata:
        span.span.set_attribute(semconv.METADATA, spans.bounded_object(call.metadata))
    with _at(max(last_ns, played.start_ns) if played.end_ns is None else played.end_ns):
        span.finish()
