"""Decorators, context managers and functions over the span lifecycle; no logic of their own."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from agentsight_otel import context, runtime, semconv, spans
from agentsight_otel._guard import guard, guarded, say
from agentsight_otel.context import NO_CONVERSATION, Conversation
from agentsight_otel.spans import ConversationScope, TaskSpan, ToolSpan, TurnSpan
from agentsight_otel.wrapping import Helper

F = TypeVar("F", bound=Callable[..., Any])


def get_or_create_conversation(
    conversation_id: str,
    customer_id: str | None = None,
    customer_ip_address: str | None = None,
    device: str | None = None,
    source: str | None = None,
    language: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    environment: str | None = None,
    country: str | None = None,
) -> Conversation:
    """Starts or resumes a conversation and makes it current: the user has begun to interact. Never raises.

    It stays current in this task, thread or surrounding block until another becomes current. Values given in an
    earlier call for the same conversation, in the same context, need not be given again.

    Emits a span ``conversation_started`` (kind conversation).

    Args:
        conversation_id: Your id of it; the trace id follows from it.
        customer_id: Who the customer is (user.id).
        customer_ip_address: Geolocated, then stored as the IP policy allows.
        device: desktop, tablet, mobile, …
        source: web, whatsapp, viber, …
        language: A BCP-47 tag.
        metadata: A JSON object.
        name: A title for people.
        environment: The conversation's own, where it differs from the deployment's.
        country: ISO 3166-1 alpha-2, where you know it yourself.
    """
    return _announce(
        semconv.SPAN_CONVERSATION_STARTED,
        conversation_id,
        customer_id=customer_id,
        customer_ip_address=customer_ip_address,
        device=device,
        source=source,
        language=language,
        metadata=metadata,
        name=name,
        environment=environment,
        country=country,
    )


def initialize_conversation(
    conversation_id: str,
    customer_id: str | None = None,
    customer_ip_address: str | None = None,
    device: str | None = None,
    source: str | None = None,
    language: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    environment: str | None = None,
    country: str | None = None,
) -> Conversation:
    """Records a visit: the chat was offered, nothing was said yet. Never raises.

    The conversation becomes current too, so that a greeting of the agent joins it.

    Emits a span ``conversation_opened`` (kind conversation).

    Args:
        conversation_id: Your id of it; the trace id follows from it.
        customer_id: Who the customer is (user.id).
        customer_ip_address: Geolocated, then stored as the IP policy allows.
        device: desktop, tablet, mobile, …
        source: web, whatsapp, viber, …
        language: A BCP-47 tag.
        metadata: A JSON object.
        name: A title for people.
        environment: The conversation's own, where it differs from the deployment's.
        country: ISO 3166-1 alpha-2, where you know it yourself.
    """
    return _announce(
        semconv.SPAN_CONVERSATION_OPENED,
        conversation_id,
        customer_id=customer_id,
        customer_ip_address=customer_ip_address,
        device=device,
        source=source,
        language=language,
        metadata=metadata,
        name=name,
        environment=environment,
        country=country,
    )


open_conversation = initialize_conversation


def _announce(span_name: str, conversation_id: object, **given: Any) -> Conversation:
    with guard("starting a conversation"):
        conversation = context.describe(runtime.current(), conversation_id, **given)
        turn = context.turn_in(None)
        if turn is not None:
            turn.adopt(conversation)
        context.make_current(conversation)
        spans.point(semconv.KIND_CONVERSATION, span_name, {}, conversation=conversation, root=True)
        return conversation
    return NO_CONVERSATION


def conversation(
    conversation_id: str,
    customer_id: str | None = None,
    customer_ip_address: str | None = None,
    device: str | None = None,
    source: str | None = None,
    language: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    environment: str | None = None,
    country: str | None = None,
) -> Helper[ConversationScope]:
    """Makes a conversation current within a ``with`` block, or within the calls of a decorated function.

    Emits no span; the arguments are those of ``get_or_create_conversation``.
    """

    def begin() -> ConversationScope:
        with guard("entering a conversation"):
            return ConversationScope(
                context.describe(
                    runtime.current(),
                    conversation_id,
                    customer_id=customer_id,
                    customer_ip_address=customer_ip_address,
                    device=device,
                    source=source,
                    language=language,
                    metadata=metadata,
                    name=name,
                    environment=environment,
                    country=country,
                )
            )
        return ConversationScope(NO_CONVERSATION)

    return Helper(begin)


def end_conversation(conversation_id: str | None = None) -> None:
    """Ends a conversation explicitly. Never raises.

    Emits a span ``conversation_ended`` (kind conversation, agentsight.conversation.ended = true).

    Args:
        conversation_id: Default: the current one.
    """
    with guard("ending a conversation"):
        ended = _named_or_current(conversation_id)
        spans.point(
            semconv.KIND_CONVERSATION,
            semconv.SPAN_CONVERSATION_ENDED,
            {semconv.CONVERSATION_ENDED: True},
            conversation=ended,
            root=True,
        )


@overload
def turn(name: F) -> F: ...
@overload
def turn(
    name: str | None = None, *, agent: str | None = None, conversation_id: str | None = None
) -> Helper[TurnSpan]: ...
def turn(name: Any = None, *, agent: str | None = None, conversation_id: str | None = None) -> Any:
    """One exchange, from the user's messages to the agent's replies.

        with turn(agent="concierge") as current:
            current.user_message("Is breakfast included?")
            current.agent_message("It is.")

    Use it as ``with turn():``, ``@turn`` or ``@turn(agent=…)`` on a function of any shape. It is complete unless the
    block or call raises: an exception makes it incomplete with reason error, cancellation with reason abandoned.

    Emits a root span ``invoke_agent {agent}`` (kind turn).

    Args:
        name: What it is called where no agent is named.
        agent: The agent that takes it (gen_ai.agent.name).
        conversation_id: Default: the current conversation's.
    """
    if callable(name):
        return turn()(name)

    def begin() -> TurnSpan:
        return TurnSpan(
            _name(name), agent=_name(agent), conversation=None if conversation_id is None else _named(conversation_id)
        )

    return Helper(begin)


@overload
def tool(name: F) -> F: ...
@overload
def tool(name: str | None = None, *, arguments: object = None, call_id: str | None = None) -> Helper[ToolSpan]: ...
def tool(name: Any = None, *, arguments: object = None, call_id: str | None = None) -> Any:
    """One execution of a tool by the agent.

        @tool
        def find_flights(origin: str, destination: str) -> list[str]: ...

        with tool("find_flights", arguments={"origin": "ATH"}, call_id="call_1") as call:
            call.result(["A3 602"])

    As a decorator, ``@tool`` or ``@tool("name")`` on a function of any shape, it records the arguments and the result.
    An exception marks the call as failed, and passes.

    Emits a span ``execute_tool {name}`` (kind tool).

    Args:
        name: Of the tool. Default: the function's.
        arguments: What it is called with, for ``with``.
        call_id: The model's id of the call.
    """
    if callable(name):
        return tool()(name)

    def begin() -> ToolSpan:
        return ToolSpan(_name(name) or "unknown", arguments=arguments, call_id=call_id)

    def begin_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolSpan:
        given: object = arguments
        if given is None and runtime.current().enabled:
            with guard("recording a tool's arguments"):
                given = _arguments(_signature(function), args, kwargs)
        return ToolSpan(_name(name) or _name_of(function), arguments=given, call_id=call_id)

    return Helper(begin, begin_call)


@overload
def task(name: F) -> F: ...
@overload
def task(name: str | None = None) -> Helper[TaskSpan]: ...
def task(name: Any = None) -> Any:
    """Internal work, not counted as a tool; ``with task("rank"):``, ``@task`` or ``@task("rank")``.

    Emits a span ``{name}`` (kind task).

    Args:
        name: Default: the function's.
    """
    if callable(name):
        return task()(name)
    return Helper(
        lambda: TaskSpan(_name(name) or "task"),
        lambda function, args, kwargs: TaskSpan(_name(name) or _name_of(function)),
    )


def user_message(content: str, *, metadata: Mapping[str, Any] | None = None) -> None:
    """Records a message of the end user. Never raises.

    Emits an event ``agentsight.message`` on the current turn; outside one, on a turn of its own.

    Args:
        content: The text; cut at ``max_value_bytes``.
        metadata: A JSON object.
    """
    spans.message(semconv.SENDER_END_USER, content, metadata)


def agent_message(content: str, *, metadata: Mapping[str, Any] | None = None) -> None:
    """Records a message of the agent. Never raises.

    Emits an event ``agentsight.message`` on the current turn; outside one, on a turn of its own.

    Args:
        content: The text; cut at ``max_value_bytes``.
        metadata: A JSON object.
    """
    spans.message(semconv.SENDER_AGENT, content, metadata)


@guarded("recording a button")
def button(event: str, *, label: str | None = None, value: str | None = None) -> None:
    """The user pressed a button. Never raises. Emits a span ``button {event}`` (kind button).

    Args:
        event: What it does.
        label: What is written on it.
        value: What it sends.
    """
    spans.point(
        semconv.KIND_BUTTON,
        f"button {event}",
        {
            semconv.BUTTON_EVENT: spans.bounded_text(event),
            semconv.BUTTON_LABEL: spans.bounded_text(label),
            semconv.BUTTON_VALUE: spans.bounded_text(value),
        },
    )


@guarded("recording feedback")
def feedback(
    sentiment: str,
    *,
    comment: str | None = None,
    source: str = semconv.FEEDBACK_SOURCE_CUSTOMER,
    metadata: Mapping[str, Any] | None = None,
    conversation_id: str | None = None,
) -> None:
    """A rating of the conversation. Never raises. Emits a span ``feedback`` (kind feedback).

    Args:
        sentiment: positive, neutral or negative; anything else is stored and logged, and counts in no metric.
        comment: The words that came with it.
        source: customer, or platform for one of your own team, which the feedback metric leaves out.
        metadata: A JSON object.
        conversation_id: Default: the current conversation's.
    """
    rating, given_by = str(sentiment).strip().lower(), str(source or "").strip().lower()
    if rating not in semconv.SENTIMENTS:
        say("sentiment", f"sentiment: {sentiment!r}: expected {', '.join(semconv.SENTIMENTS)}; it is not counted")
    if given_by and given_by not in semconv.FEEDBACK_SOURCES:
        say("source", f"feedback source: {source!r}: expected {', '.join(semconv.FEEDBACK_SOURCES)}; not counted")
    spans.point(
        semconv.KIND_FEEDBACK,
        "feedback",
        {
            semconv.FEEDBACK_SENTIMENT: rating,
            semconv.FEEDBACK_SOURCE: given_by,
            semconv.FEEDBACK_COMMENT: spans.bounded_text(comment),
            semconv.METADATA: spans.bounded_text(metadata),
        },
        conversation=_named_or_current(conversation_id),
    )


def _named_or_current(conversation_id: str | None) -> Conversation:
    return context.current_conversation() if conversation_id is None else _named(conversation_id)


def _named(conversation_id: str) -> Conversation:
    with guard("naming a conversation"):
        return context.describe(runtime.current(), conversation_id)
    return NO_CONVERSATION


def _name(name: object) -> str | None:
    with guard("reading a name"):
        return None if name is None else str(name).strip() or None
    return None


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


@functools.lru_cache(maxsize=10_000)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _arguments(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    bound = signature.bind(*args, **kwargs).arguments
    return {name: value for name, value in bound.items() if name not in ("self", "cls")}
