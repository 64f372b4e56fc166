"""Turns tracked items into spans: each exchange becomes a turn, with the times at which its items were tracked."""

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Status, StatusCode

from agentsight_otel import semconv
from agentsight_otel._core import clock
from agentsight_otel._core.guard import guard
from agentsight_otel._recording import api, spans
from agentsight_otel._recording.generation import GenerationSpan
from agentsight_otel._recording.spans import ToolSpan
from agentsight_otel._recording.turns import TurnSpan
from agentsight_otel._tracing import context
from agentsight_otel.compat.tracking.backlog import Item


def emit(items: Sequence[Item], *, shutting_down: bool = False) -> None:
    """Records the items of one conversation as turns. Never raises.

    An exchange begins with the first item, and with the user's first item after an answer of the agent.

    Args:
        items: The items in the order in which they were tracked.
        shutting_down: Whether an exchange without an answer is incomplete, with reason shutdown.
    """
    # Items of threads that track at the same time may arrive here in another order than that of their times.
    for exchange in _exchanges(sorted(items, key=lambda item: item.at_ns)):
        with guard("sending tracked data"):
            answered = any(item.type == "answer" for item in exchange)
            _emit_exchange(exchange, semconv.REASON_SHUTDOWN if shutting_down and not answered else None)


def _exchanges(items: Sequence[Item]) -> list[list[Item]]:
    exchanges: list[list[Item]] = []
    answered = False
    for item in items:
        if item.type == "conversation":
            continue  # recorded already, when it was started
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
    ends = [item.data["end_ns"] for item in exchange if item.type == "action"]
    # The turn links to the span that was active when the exchange began, not to the one that is active now.
    outer = context.attach(trace.set_span_in_context(NonRecordingSpan(exchange[0].active), Context()))
    try:
        with clock.use_clock(lambda: min(times)):
            # The last item has the latest fields of the conversation.
            turn = TurnSpan(conversation=exchange[-1].conversation)
        context.attach(turn.context)
        for item in exchange:
            with guard("recording a tracked item"), clock.use_clock(lambda at_ns=item.at_ns: at_ns):  # type: ignore[misc]
                _emit_item(turn, item)
        with clock.use_clock(lambda: max(times + ends)):
            turn.end(complete=incomplete is None, reason=incomplete)
    finally:
        context.detach(outer)


def _emit_item(turn: TurnSpan, item: Item) -> None:
    data = item.data
    metadata = data.get("metadata") or None
    if item.type in ("question", "answer"):
        turn.message(data["sender"], data["content"], metadata, at_ns=item.at_ns)
    elif item.type == "button":
        api.button(data["button_event"], data["label"], data["value"], metadata)
    elif item.type == "attachments":
        api.record_attachments(data["attachments"], data["sender"], metadata)
    elif item.type == "action":
        _emit_action(item)
    else:
        _emit_token_usage(item)


def _emit_action(item: Item) -> None:
    """Records an action as a tool call, as which AgentSight 0.0 counted it."""
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
        else:  # only the sum is known, for which the conventions have no attribute
            call.span.set_attribute(semconv.METADATA, spans.bounded_text({"total_tokens": total}))
        call.finish()
    if data["embedding_tokens"]:
        call = GenerationSpan(operation=semconv.OPERATION_EMBEDDINGS)
        call.usage(data["embedding_tokens"])
        call.finish()
