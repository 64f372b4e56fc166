"""The context managers and decorators for conversations, turns, tasks and model calls."""

# So that the annotations of inner functions are not evaluated at every call.
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, overload

from typing_extensions import Unpack

from agentsight_otel import semconv
from agentsight_otel._core.guard import did_you_mean, guard, guarded, say
from agentsight_otel._recording.callables import F, Helper, S
from agentsight_otel._recording.generation import GenerationSpan
from agentsight_otel._recording.names import given_name, name_of
from agentsight_otel._recording.signatures import Arguments
from agentsight_otel._recording.spans import ConversationScope, TaskSpan
from agentsight_otel._recording.traced import NOT_CALLABLE, BeginCall
from agentsight_otel._recording.turns import TurnSpan
from agentsight_otel._tracing import context, runtime
from agentsight_otel._tracing.context import NO_CONVERSATION, Conversation, ConversationFields, CustomerFields, Scope
from agentsight_otel._tracing.conversations import new_id

T = TypeVar("T")


class ConversationHelper(Helper[ConversationScope]):
    """A conversation to enter, or to decorate with."""

    __slots__ = ("_enabled", "_fields", "_given", "conversation_id")

    def __init__(self, conversation_id: object, fields: Mapping[str, Any], *, enabled: bool | None) -> None:
        super().__init__()
        self._given = conversation_id
        self._fields = fields
        self._enabled = enabled
        self.conversation_id = new_id() if conversation_id is None else conversation_id
        """The id that a ``with`` block has."""

    def _begin(self) -> ConversationScope:
        return self._enter(self.conversation_id)

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        fixed_id = self._given
        return lambda args, kwargs: self._enter(new_id() if fixed_id is None else fixed_id)

    def _enter(self, identifier: object) -> ConversationScope:
        return ConversationScope(self._describe(identifier) or NO_CONVERSATION)

    @guarded("entering a conversation")
    def _describe(self, identifier: object) -> Conversation:
        return context.describe(runtime.current(), identifier, recorded=self._enabled, **self._fields)


def conversation(
    conversation_id: object = None, *, enabled: bool | None = None, **fields: Unpack[ConversationFields]
) -> ConversationHelper:
    """Makes a conversation current within a ``with`` block, or within the calls of a decorated function.

    Values passed before for the same conversation, around this block, need not be passed again. Emits no span.

    Args:
        conversation_id: Your id of it: a text, or an object with one by ``str()``, such as a UUID; the trace id is
            derived from it. Default: a new id for each block or call.
        enabled: Whether spans inside are recorded. Default: as around the block.
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
    conversation_id: object = None,
    id_from: str | Callable[[dict[str, Any]], Any] | None = None,
    infer: bool = False,
    timeout_s: float | None = None,
    **fields: Unpack[CustomerFields],
) -> Helper[TurnSpan]: ...
def turn(
    name: Any = None,
    *,
    agent: str | None = None,
    conversation_id: object = None,
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
    block or call raises: an exception makes it incomplete with reason error, cancellation with reason abandoned. Where
    a call returns a stream, a future or a streaming response, the turn ends with that; ``wrap`` does so for a block.

    Emits a root span ``invoke_agent {agent}`` (kind turn).

    Args:
        name: The turn's name where no agent is named. Default: the decorated function's name.
        agent: The agent that takes the turn (gen_ai.agent.name).
        conversation_id: The turn's conversation. Default: the current one.
        id_from: For decorators: the parameter that holds the conversation's id, or a function of all arguments by
            name that returns it. Where that is None or blank the turn belongs to the current conversation, else to a
            new one.
        infer: For decorators: the first parameter that holds a text is the user's message, the text that is returned,
            or the texts that are yielded, the agent's.
        timeout_s: The turn's deadline, in seconds from its start; it then ends as incomplete with reason deadline.
        fields: Fields of the conversation, as ``get_or_create_conversation`` takes them; with ``conversation_id`` or
            ``id_from``, or where no conversation is current.
    """
    if callable(name) or isinstance(name, NOT_CALLABLE):
        return turn()(name)

    return _TurnHelper(name, agent, conversation_id, id_from, infer, timeout_s, fields)


class _TurnHelper(Helper[TurnSpan]):
    __slots__ = ("_agent", "_conversation_id", "_fields", "_id_from", "_infer", "_name", "_names", "_timeout_s")

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
        self._name = given_name(name)
        self._agent = given_name(agent)
        self._conversation_id = conversation_id
        self._id_from = id_from
        self._infer = infer
        self._timeout_s = timeout_s
        self._fields = fields
        self._names = conversation_id is not None or id_from is not None

    def _begin(self) -> TurnSpan:
        return self._start(self._name, self._conversation_id)

    def _start(self, called: str | None, identifier: object, *, infer: bool = False) -> TurnSpan:
        return TurnSpan(
            called,
            agent=self._agent,
            conversation=_conversation_of_turn(identifier, self._fields, named=self._names),
            timeout_s=self._timeout_s,
            infer=infer,
        )

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        called = self._name or name_of(function)
        fixed_id, id_from, infer = self._conversation_id, self._id_from, self._infer
        if id_from is None and not infer:
            return lambda args, kwargs: self._start(called, fixed_id)
        named = Arguments(function)
        if isinstance(id_from, str):
            named.require("id_from", [id_from])

        def begin_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TurnSpan:
            arguments: dict[str, Any] = {}
            identifier = fixed_id
            with guard("reading a turn's arguments"):
                arguments = named.of(args, kwargs)
                if identifier is None and id_from is not None:
                    if isinstance(id_from, str):
                        identifier = arguments.pop(id_from, kwargs.get(id_from))
                    else:
                        identifier = id_from(dict(arguments))
            started = self._start(called, identifier, infer=infer)
            if infer and (text := next((value for value in arguments.values() if _is_text(value)), None)):
                started.user_message(text)  # the first parameter that holds one
            return started

        return begin_call


@overload
def task(name: F) -> F: ...
@overload
def task(name: str | None = None, *, func: F) -> F: ...
@overload
def task(name: str | None = None) -> Helper[TaskSpan]: ...
def task(name: Any = None, *, func: Any = None) -> Any:
    """Internal work, not counted as a tool; ``with task("rank"):``, ``@task`` or ``@task("rank")``.

    Emits a span ``{name}`` (kind task).

    Args:
        name: The task's name. Default: the function's.
        func: The function to decorate, an alias of AgentSight's SDK.
    """
    if callable(name) or isinstance(name, NOT_CALLABLE):
        name, func = None, name
    if func is not None:
        return task(name)(func)

    return _TaskHelper(name)


class _TaskHelper(Helper[TaskSpan]):
    __slots__ = ("_name",)

    def __init__(self, name: object) -> None:
        super().__init__()
        self._name = given_name(name)

    def _begin(self) -> TaskSpan:
        return TaskSpan(self._name or "task")

    def _begin_calls_of(self, function: Callable[..., Any]) -> BeginCall:
        called = self._name or name_of(function)
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
        model: The requested model. Default: that of ``model_hint``.
        provider: openai, anthropic, aws.bedrock, … (gen_ai.provider.name).
        operation: text_completion, generate_content, embeddings, … Default: chat.
    """
    if callable(model) or isinstance(model, NOT_CALLABLE):
        return generation()(model)
    return _AlwaysTheSame(partial(GenerationSpan, model, provider=provider, operation=given_name(operation) or ""))


class _AlwaysTheSame(Helper[S]):
    """Begins the same work, whether for a block or a call.

    Args:
        start: Begins the work; pickled together with a decorated function.
    """

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
        model: The model's name; None removes an outer hint.
    """
    return _AlwaysTheSame(partial(_with_hint, given_name(model) or ""))


def _with_hint(model: str) -> Scope:
    return Scope(context.with_model_hint(model))


def wrap(obj: T) -> T:
    """Has the current turn last until a stream is drained, closed or dropped, or a future or awaitable is done.

        with agentsight.turn():
            agentsight.user_message(question)
            return agentsight.wrap(StreamingResponse(answer(question)))

    Args:
        obj: An iterator, a coroutine, a future, or a streaming response of Starlette, Flask or Django.

    Returns:
        What to use in its place. Outside a turn, and for anything else, the same object. Never raises.
    """
    turn = _current_turn("wrap")
    return obj if turn is None else turn.wrap(obj)


def end_turn(complete: bool = True) -> None:
    """Ends the current turn now, one that was kept open for example. Never raises.

    Args:
        complete: Whether the turn is complete; if not, its reason is abandoned.
    """
    if (turn := _current_turn("end_turn")) is not None:
        turn.end(complete)


def abandon_turn() -> None:
    """Ends the current turn now, as incomplete with reason abandoned: the user has left, for example. Never raises."""
    if (turn := _current_turn("abandon_turn")) is not None:
        turn.abandon()


def _current_turn(doing: str) -> TurnSpan | None:
    turn = context.turn_in(None)
    if isinstance(turn, TurnSpan):
        return turn
    if runtime.current().enabled:
        say(f"{doing} outside", f"{doing}(): there is no current turn")
    return None


def _conversation_of_turn(identifier: object, fields: Mapping[str, Any], *, named: bool) -> Conversation | None:
    """The conversation that a turn names; None where it names none, and belongs to the current one, if there is one.

    Args:
        identifier: The id that the turn names; None for none.
        fields: The conversation's fields that the turn names.
        named: Whether the turn was to name an id: without one, and without a current one, it is new.
    """
    if isinstance(identifier, str) and not identifier.strip():
        identifier = None
    if identifier is None:
        if not named and not fields:
            return None
        if context.current_conversation().id:
            if fields:
                _say_ignored(fields)
            return None
    with guard("naming a turn's conversation"):
        return context.describe(
            runtime.current(), new_id() if identifier is None and not named else identifier, **fields
        )
    return None


def _say_ignored(fields: Mapping[str, Any]) -> None:
    named = ", ".join(
        name if name in semconv.CONVERSATION_FIELDS else name + did_you_mean(name, list(semconv.CONVERSATION_FIELDS))
        for name in fields
    )
    say(
        f"turn {named}",
        f"turn(): {named}: ignored, as a conversation is current. Give what is known of it to conversation() or "
        "get_or_create_conversation(), or name it here too with conversation_id",
    )


def _is_text(value: object) -> bool:
    return issubclass(type(value), str) and bool(str.strip(value))  # type: ignore[arg-type]
