"""What of a call is recorded as a tool's arguments: what a model could have given, and nothing that is filled in."""

import dataclasses
import functools
import json
import sqlite3
from typing import Annotated, Any, Optional

import pytest
from fastapi import Depends
from starlette.requests import HTTPConnection, Request

import agentsight_otel as agentsight
from agentsight_otel._core.injected_types import is_injected_type
from agentsight_otel.testing import Capture


def of_module(module: str, name: str) -> Any:
    """A class as a framework has it."""
    return type(name, (), {"__module__": module, "__class_getitem__": classmethod(lambda cls, item: cls)})


RunContext = of_module("pydantic_ai._run_context", "RunContext")
InjectedState = of_module("langgraph.prebuilt.tool_node", "InjectedState")
ToolContext = type("OurContext", (of_module("agents.run_context", "RunContextWrapper"),), {})


def recorded(spans: Capture) -> Any:
    return json.loads((spans.finished[-1].attributes or {})["gen_ai.tool.call.arguments"])  # type: ignore[arg-type]


def by_annotation(ctx: RunContext, query: str, state: Annotated[dict[str, Any], InjectedState()]) -> None: ...
def by_text(ctx: "RunContext[Any]", query: str, later: "Nowhere" = None) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def by_union(query: str, request: Request | None, connection: Optional[HTTPConnection]) -> None: ...  # noqa: UP045
def by_default(query: str, db: Any = Depends(lambda: 1)) -> None: ...  # noqa: B008
def by_type(query: str, context: Any, db: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "filled_in"),
    [
        (by_annotation, {"ctx": "secret", "state": {"messages": ["secret"]}}),
        (by_text, {"ctx": "secret", "later": 1}),
        (by_union, {"request": "secret", "connection": "secret"}),
        (by_default, {"db": "secret"}),
        (by_type, {"context": ToolContext(), "db": sqlite3.connect(":memory:")}),
    ],
)
def test_what_a_framework_fills_in_is_no_argument(spans: Capture, function: Any, filled_in: dict[str, Any]) -> None:
    agentsight.tool(function)(query="q", **filled_in)
    expected = {"query": "q", "later": 1} if function is by_text else {"query": "q"}
    assert recorded(spans) == expected


@dataclasses.dataclass
class RunContextOfARun(RunContext):  # type: ignore[misc, valid-type]
    """As frameworks have theirs: a dataclass, whose fields would be written."""

    deps: dict[str, str]


def test_what_a_framework_fills_in_is_not_looked_into_wherever_it_stands(spans: Capture) -> None:
    @agentsight.tool
    def find(*more: Any, **named: Any) -> Any:
        return named

    ctx = RunContextOfARun({"password": "hunter2"})
    shown = f"<{__name__}.RunContextOfARun>"
    with agentsight.conversation("c", metadata={"ctx": ctx}):
        find(ctx, [ctx, {"in": (ctx,)}], ctx=ctx, query="q")
        agentsight.button("b", value=ctx)  # type: ignore[arg-type]
    tool = spans.named("execute_tool find").attributes or {}
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {  # type: ignore[arg-type]
        "more": [shown, [shown, {"in": [shown]}]],
        "named": {"ctx": shown, "query": "q"},
    }
    assert "hunter2" not in "".join(span.to_json() for span in spans.finished)


def test_a_list_of_what_is_filled_in_is_an_argument(spans: Capture) -> None:
    @agentsight.tool
    def find(requests: list[Request]) -> None: ...

    find([])
    assert recorded(spans) == {"requests": []}


def test_the_instance_is_no_argument_whatever_it_is_called(spans: Capture) -> None:
    class Shop:
        @agentsight.tool
        def method(this, query: str) -> None: ...

        @agentsight.tool
        def __private(this, query: str) -> None: ...

        @classmethod
        @agentsight.tool
        def of_class(kind, query: str) -> None: ...

        @staticmethod
        @agentsight.tool
        def static(first: object, query: str) -> None: ...

        bound = functools.partialmethod(method, query="q")

        def private(self) -> None:
            self.__private("q")

    class Bazaar(Shop):
        pass

    def rest(this: object, *more: str, **named: str) -> None: ...

    for call in (Shop().method, Bazaar().method, Shop.of_class, functools.partial(Shop.method, Bazaar())):
        call("q")
        assert recorded(spans) == {"query": "q"}
    Shop().bound()
    Shop().private()
    assert recorded(spans) == {"query": "q"}
    Shop.static(Shop(), "q")
    assert recorded(spans) == {"first": f"<{Shop.__module__}.{Shop.__qualname__}>", "query": "q"}
    agentsight.tool(rest)("x", "y", z="z")
    assert recorded(spans) == {"this": "x", "more": ["y"], "named": {"z": "z"}}


def test_parameters_may_be_excluded_by_name(spans: Capture) -> None:
    @agentsight.tool(exclude=["db", "password"])
    def login(user: str, password: str, db: object = None) -> None: ...

    login("ann", password="hunter2")
    assert recorded(spans) == {"user": "ann"}
    with pytest.raises(TypeError, match=r"exclude: 'pasword' is no parameter of .*expected some of user, password"):

        @agentsight.tool(exclude=["pasword"])
        def misspelt(user: str, password: str) -> None: ...


def test_arguments_are_recorded_in_the_order_of_the_parameters(spans: Capture) -> None:
    @agentsight.tool
    def find(first: int, second: int = 2, third: int = 3) -> None: ...

    find(third=5, first=1)
    assert list(recorded(spans).items()) == [("first", 1), ("second", 2), ("third", 5)]


@pytest.mark.parametrize(
    "call",
    [
        lambda answer: answer(locale="de", question="Where?"),
        lambda answer: answer("Where?", locale="de"),
        lambda answer: answer(question="Where?"),
    ],
)
def test_the_message_that_is_inferred_is_the_first_parameter(spans: Capture, call: Any) -> None:
    @agentsight.turn(infer=True, conversation_id="c")
    def answer(question: str, locale: str = "en") -> str:
        return "There."

    call(answer)
    assert [event["agentsight.message.content"] for event in spans.tree()[0]["events"]] == ["Where?", "There."]


def test_the_types_are_those_of_the_frameworks() -> None:
    """Of those that are installed here; the names of the others are read in their sources."""
    for module, name in [
        ("starlette.requests", "Request"),
        ("fastapi", "BackgroundTasks"),
        ("django.http", "HttpRequest"),
        ("celery", "Task"),
        ("mcp.server.mcpserver", "Context"),
        ("agents", "RunContextWrapper"),
        ("agents.tool_context", "ToolContext"),
        ("pydantic_ai", "RunContext"),
        ("langchain.tools", "ToolRuntime"),
        ("langgraph.prebuilt", "InjectedState"),
        ("langchain_core.tools", "InjectedToolArg"),
        ("sqlalchemy.orm", "Session"),
        ("sqlalchemy.ext.asyncio", "AsyncSession"),
        ("httpx", "AsyncClient"),
    ]:
        try:
            found = getattr(__import__(module, fromlist=[name]), name)
        except ImportError:
            continue
        assert is_injected_type(found), f"{module}.{name}"
