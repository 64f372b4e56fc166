"""Context managers and decorators over the span lifecycle; no logic of their own."""

# Not to evaluate the annotations of inner functions at every call.
from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from typing_extensions import Unpack

from agentsight_otel import context, runtime
from agentsight_otel._guard import guard, say, swallow
from agentsight_otel.arguments import Arguments
from agentsight_otel.context import NO_CONVERSATION, Conversation, ConversationFields, CustomerFields, Scope
from agentsight_otel.model_calls import GenerationSpan
from agentsight_otel.serialize import bounded
from agentsight_otel.spans import MAX_NAME_CHARACTERS, ConversationScope, TaskSpan, ToolSpan, TurnSpan
from agentsight_otel.wrapping import NOT_CALLABLE, BeginCall, F, Helper, S

T = TypeVar("T")


class ConversationHelper(Helper[ConversationScope]):
    """A conversation to enter, or to decorate with."""

    __slots__ = ("_enabled", "_fields", "_given", "conversation_id")

    def __init__(self, conversation_id: str | None, fields: Mapping[str, Any], *, enabled: bool | None) -> None:
        super().__init__()
        self._given = conversation_id
        self._fields = fields
        self._enabled = enabled
        self.conversation_id = _new_conversation_id() if conversation_id is None else conversation_id
        """The id that a ``with`` block has."""

    def _begin(self) -> ConversationScope:
        return self._enter(self.conversation_id)

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        given = self._given
        return lambda args, kwargs: self._enter(_new_conversation_id() if given is None else given)

    def _enter(self, known: object) -> ConversationScope:
        try:
            return ConversationScope(context.describe(runtime.current(), known, recorded=self._enabled, **self._fields))
        except Exception as error:
            swallow("entering a conversation", error)
            return ConversationScope(NO_CONVERSATION)


def conversation(
    conversation_id: str | None = None, *, enabled: bool | None = None, **fields: Unpack[ConversationFields]
) -> ConversationHelper:
    """Makes a conversation current within a ``with`` block, or within the calls of a decorated function.

    Values given before for the same conversation, around this block, need not be given again. Emits no span.

    Args:
        conversation_id: Your id of it; the trace id follows from it. Default: a new one for each block or call.
        enabled: False: nothing inside is recorded. Default: as around it.
        fields: As ``get_or_create_conversation`` takes them.
    """
    return ConversationHelper(conversation_id, fields, enabled=enabled)


@overload
def turn(name: F) -> F: ...
@overload
def turn(
    name: str | None = None,
    *,
    agent: str | None = None,
    conversation_id: str | None = None,
    id_from: str | Callable[[dict[str, Any]], Any] | None = None,
    infer: bool = False,
    timeout_s: float | None = None,
    **fields: Unpack[CustomerFields],
) -> Helper[TurnSpan]: ...
def turn(
    name: Any = None,
    *,
    agent: str | None = None,
    conversation_id: str | None = None,
    id_from: str | Callable[[dict[str, Any]], Any] | None = None,
    infer: bool = False,
    timeout_s: float | None = None,
    **fields: Unpack[CustomerFields],
) -> Any:
    """One exchange, from the user's messages to the agent's replies.

        with turn(agent="concierge") as current:
            current.user_message("Is breakfast included?")
            current.agent_message("It is.")

    Use it as ``with turn():``, ``@turn`` or ``@turn(agent=…)`` on a callable of any shape. It is complete unless the
    block or call raises: an exception makes it incomplete with reason error, cancellation with reason abandoned. A
    call that returns a stream, a future or a streaming response is over with that; ``wrap`` does the same for a block.

    Emits a root span ``invoke_agent {agent}`` (kind turn).

    Args:
        name: What it is called where no agent is named. Default: the decorated function's name.
        agent: The agent that takes it (gen_ai.agent.name).
        conversation_id: Default: the current conversation's.
        id_from: For decorators: the parameter that holds the conversation's id, or a function of all arguments by
            name that returns it.
        infer: For decorators: the first text among the arguments is the user's message, the returned one the agent's.
        timeout_s: After so many seconds it is over, as incomplete with reason deadline.
        fields: Of the conversation, as ``get_or_create_conversation`` takes them; with ``conversation_id`` or
            ``id_from``, or where no conversation is current.
    """
    if callable(name) or isinstance(name, NOT_CALLABLE):
        return turn()(name)

    return _TurnHelper(name, agent, conversation_id, id_from, infer, timeout_s, fields)


class _TurnHelper(Helper[TurnSpan]):
    __slots__ = ("_agent", "_conversation_id", "_fields", "_id_from", "_infer", "_name", "_timeout_s")

    def __init__(
        self,
        name: object,
        agent: object,
        conversation_id: object,
        id_from: str | Callable[[dict[str, Any]], Any] | None,
        infer: bool,
        timeout_s: float | None,
        fields: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._name = _name(name)
        self._agent = _name(agent)
        self._conversation_id = conversation_id
        self._id_from = id_from
        self._infer = infer
        self._timeout_s = timeout_s
        self._fields = fields

    def _begin(self) -> TurnSpan:
        return self._start(self._name, self._conversation_id)

    def _start(self, called: str | None, known: object, *, infer: bool = False) -> TurnSpan:
        return TurnSpan(
            called,
            agent=self._agent,
            conversation=_conversation_of_turn(known, self._fields),
            timeout_s=self._timeout_s,
            infer=infer,
        )

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        called = self._name or _name_of(function)
        given, id_from, infer = self._conversation_id, self._id_from, self._infer
        if id_from is None and not infer:
            return lambda args, kwargs: self._start(called, given)
        named = Arguments(function)

        def begin_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TurnSpan:
            arguments: dict[str, Any] = {}
            known = given
            with guard("reading a turn's arguments"):
                arguments = named.of(args, kwargs)
                if known is None and id_from is not None:
                    known = arguments.pop(id_from, None) if isinstance(id_from, str) else id_from(dict(arguments))
            started = self._start(called, known, infer=infer)
            if infer and (text := next((value for value in arguments.values() if _is_text(value)), None)):
                started.user_message(text)
            return started

        return begin_call


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

    As a decorator, ``@tool`` or ``@tool("name")`` on a callable of any shape, it records the arguments and the result.
    An exception, of whatever kind, marks the call as failed, and passes.

    Emits a span ``execute_tool {name}`` (kind tool).

    Args:
        name: Of the tool. Default: the function's.
        arguments: What it is called with, for ``with``.
        call_id: The model's id of the call.
    """
    if callable(name) or isinstance(name, NOT_CALLABLE):
        return tool()(name)

    return _ToolHelper(name, arguments, call_id)


class _ToolHelper(Helper[ToolSpan]):
    __slots__ = ("_arguments", "_call_id", "_name")

    def __init__(self, name: object, arguments: object, call_id: str | None) -> None:
        super().__init__()
        self._name = _name(name)
        self._arguments = arguments
        self._call_id = call_id

    def _begin(self) -> ToolSpan:
        return ToolSpan(self._name or "unknown", arguments=self._arguments, call_id=self._call_id)

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        called = self._name or _name_of(function)
        arguments, call_id = self._arguments, self._call_id
        if arguments is not None:
            return lambda args, kwargs: ToolSpan(called, arguments=arguments, call_id=call_id)
        named = Arguments(function)

        def begin_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolSpan:
            given: object = None
            try:
                given = named.of(args, kwargs)
            except Exception as error:
                if not isinstance(error, TypeError):  # a call that does not fit fails by itself
                    swallow("recording a tool's arguments", error)
            return ToolSpan(called, arguments=given, call_id=call_id)

        return begin_call


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
    if callable(name) or isinstance(name, NOT_CALLABLE):
        return task()(name)

    return _TaskHelper(name)


class _TaskHelper(Helper[TaskSpan]):
    __slots__ = ("_name",)

    def __init__(self, name: object) -> None:
        super().__init__()
        self._name = _name(name)

    def _begin(self) -> TaskSpan:
        return TaskSpan(self._name or "task")

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        called = self._name or _name_of(function)
        return lambda args, kwargs: TaskSpan(called)


@overload
def generation(model: F) -> F: ...
@overload
def generation(
    model: str | None = None, *, provider: str | None = None, operation: str | None = None
) -> Helper[GenerationSpan]: ...
def generation(model: Any = None, *, provider: str | None = None, operation: str | None = None) -> Any:
    """One call of a language model, for clients that no instrumentation knows.

        with generation("gpt-5", provider="openai") as call:
            call.usage(input_tokens=812, output_tokens=64, cache_read_input_tokens=700)

        @generation("claude-opus-5", provider="anthropic")
        async def ask(prompt: str) -> Message: ...

    As a decorator it reads usage, model, id and finish reasons off a returned response of OpenAI, Anthropic, Google
    or LangChain; ``call.result(response)`` does so in a block.

    Emits a span ``chat {model}`` (kind llm, OpenTelemetry's kind CLIENT).

    Args:
        model: As requested. Default: that of ``model_hint``.
        provider: openai, anthropic, aws.bedrock, … (gen_ai.provider.name).
        operation: text_completion, generate_content, embeddings, … Default: chat.
    """
    if callable(model) or isinstance(model, NOT_CALLABLE):
        return generation()(model)
    return _AlwaysTheSame(lambda: GenerationSpan(model, provider=provider, operation=_name(operation) or ""))


class _AlwaysTheSame(Helper[S]):
    """Begins the same work, whether for a block or a call."""

    __slots__ = ("_start",)

    def __init__(self, start: Callable[[], S]) -> None:
        super().__init__()
        self._start = start

    def _begin(self) -> S:
        return self._start()


def model_hint(model: str | None) -> Helper[Scope]:
    """The model to assume, in a block or the calls of a decorated function, where a call of a model names none.

    Emits no span; ``agentsight.llm.model_declared`` marks the spans it names.

    Args:
        model: Its name; None takes back a hint from further out.
    """
    return _AlwaysTheSame(lambda: Scope(context.with_model_hint(_name(model) or "")))


def wrap(stream: T) -> T:
    """Has the current turn last until a stream is drained, closed or dropped, or a future or awaitable is done.

        with agentsight.turn():
            agentsight.user_message(question)
            return agentsight.wrap(StreamingResponse(answer(question)))

    Args:
        stream: An iterator, a coroutine, a future, or a streaming response of Starlette, Flask or Django.

    Returns:
        What to use in its place. Outside a turn, and for anything else, the same object. Never raises.
    """
    turn = _current_turn("wrap")
    return stream if turn is None else turn.wrap(stream)


def end_turn(complete: bool = True) -> None:
    """Ends the current turn now, one that was kept open for example. Never raises.

    Args:
        complete: Whether it ran to its end; else its reason is abandoned.
    """
    if (turn := _current_turn("end_turn")) is not None:
        turn.end(complete)


def abandon_turn() -> None:
    """Ends the current turn now, as incomplete with reason abandoned: the user has left, for example. Never raises."""
    if (turn := _current_turn("abandon_turn")) is not None:
        turn.abandon()


def _current_turn(doing: str) -> TurnSpan | None:
    found = context.turn_in(None)
    if isinstance(found, TurnSpan):
        return found
    if runtime.current().enabled:
        say(f"{doing} outside", f"{doing}(): there is no current turn")
    return None


def _conversation_of_turn(known: object, fields: Mapping[str, Any]) -> Conversation | None:
    if known is None and (not fields or context.current_conversation().id):
        return None
    with guard("naming a turn's conversation"):
        return context.describe(runtime.current(), _new_conversation_id() if known is None else known, **fields)
    return None


def _new_conversation_id() -> str:
    return f"conv_{uuid.uuid4().hex}"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _name(name: object) -> str | None:
    if name is None or (type(name) is str and 0 < len(name) <= MAX_NAME_CHARACTERS):
        return name  # as nearly always
    with guard("reading a name"):
        return bounded(str(name), MAX_NAME_CHARACTERS).strip() or None
    return None


def _name_of(function: Callable[..., Any]) -> str:
    while not hasattr(function, "__name__") and hasattr(function, "func"):
        function = function.func  # a partial
    return getattr(function, "__name__", None) or type(function).__name__
