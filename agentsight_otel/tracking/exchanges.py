"""Tracked items to spans: exchanges become turns, at the times at which things were tracked."""

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Status, StatusCode

from agentsight_otel import api, clock, context, semconv, spans
from agentsight_otel._guard import guard
from agentsight_otel.model_calls import GenerationSpan
from agentsight_otel.spans import ToolSpan, TurnSpan
from agentsight_otel.tracking.backlog import Item


def emit(items: Sequence[Item], *, shutting_down: bool = False) -> None:
    """Records items of one conversation as turns. Never raises.

    An exchange begins with the first item, and with whatever the user does after an answer of the agent.

    Args:
        items: In the order in which they were tracked.
        shutting_down: An exchange without an answer is then incomplete, with reason shutdown.
    """
    for exchange in _exchanges(items):
        with guard("sending tracked data"):
            answered = any(item.type == "answer" for item in exchange)
            _emit_exchange(exchange, semconv.REASON_SHUTDOWN if shutting_down and not answered else None)


def _exchanges(items: Sequence[Item]) -> list[list[Item]]:
    exchanges: list[list[Item]] = []
    answered = False
    for item in items:
        if item.type == "conversation":
            continue  # recorded at once, when it was started
        by_user = item.type in ("question", "button") or (
            item.type == "attachments" and item.data["sender"] != semconv.SENDER_AGENT
        )
        if not exchanges or (answered and by_user):
            exchanges.append([])
            answered = False
        exchanges[-1].append(item)
        answered = answered or item.type == "answer"
    return exchanges


def _emit_exchange(exchange: Sequence[Item], incomplete: str | None) -> None:
    times = [item.at_ns for item in exchange]
    # What was active when the exchange began is what the turn links to; what is active now has no part in it.
    outer = context.attach(trace.set_span_in_context(NonRecordingSpan(exchange[0].active), Context()))
    try:
        with clock.use_clock(lambda: min(times)):
            # Of the conversation, the last item knows most.
            turn = TurnSpan(conversation=exchange[-1].conversation)
        context.attach(turn.context)
        for item in exchange:
            with guard("recording a tracked item"), clock.use_clock(lambda at_ns=item.at_ns: at_ns):  # type: ignore[misc]
                _emit_item(item)
        with clock.use_clock(lambda: max(times)):
            turn.end(complete=incomplete is None, reason=incomplete)
    finally:
        context.detach(outer)


def _emit_item(item: Item) -> None:
    data = item.data
    metadata = data.get("metadata") or None
    if item.type == "question":
        api.user_message(data["content"], metadata=metadata)
    elif item.type == "answer":
        api.agent_message(data["content"], metadata=metadata)
    elif item.type == "button":
        api.button(data["button_event"], data["label"], data["value"], metadata)
    elif item.type == "attachments":
        api.record_attachments(data["attachments"], data["sender"], metadata)
    elif item.type == "action":
        _emit_action(item)
    else:
        _emit_token_usage(item)


def _emit_action(item: Item) -> None:
    """An action is a tool call: it is the agent's work on its answer, and tools are what it was counted as."""
    data = item.data
    with clock.use_clock(lambda: data["start_ns"]):
        call = ToolSpan(data["action_name"], arguments=data.get("tools_used") or None)
    call.result(data.get("response") or None)
    if metadata := data.get("metadata"):
        call.span.set_attribute(semconv.METADATA, metadata)
    if error := data.get("error_msg"):
        call.span.set_status(Status(StatusCode.ERROR, error))
        call.span.set_attribute(semconv.ERROR_TYPE, semconv.ERROR_TYPE_OTHER)
    with clock.use_clock(lambda: data["end_ns"]):
        call.finish()


def _emit_token_usage(item: Item) -> None:
    data = item.data
    prompt, completion, total = (data[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    if prompt or completion or total:
        call = GenerationSpan()
        if prompt or completion:
            call.usage(prompt, completion)
        else:  # how they divide was not said, and there is no key for the sum
            call.span.set_attribute(semconv.METADATA, spans.bounded_text({"total_tokens": total}))
        call.finish()
    if data["embedding_tokens"]:
        call = GenerationSpan(operation=semconv.OPERATION_EMBEDDINGS)
        call.usage(data["embedding_tokens"])
        call.finish()
