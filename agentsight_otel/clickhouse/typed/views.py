"""The metric views as methods, shared by both clients: in one of them results are awaited."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar, overload

from agentsight_otel.clickhouse.export.selection import Selection
from agentsight_otel.clickhouse.typed import rows
from agentsight_otel.clickhouse.typed.questions import Question, grain, metric
from agentsight_otel.clickhouse.typed.table import Table
from agentsight_otel.clickhouse.window import Window

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

HOUR_S, DAY_S = 3_600, 86_400
_EVERYTHING = Selection()


class AskedBySteps(Protocol[T_co]):
    """A method that takes a window and the length of a step."""

    def __call__(self, window: Window, step_s: int = DAY_S) -> T_co:
        """Queries the view.

        Args:
            window: The window and its filters.
            step_s: The length of a step in seconds, counted from 1970; ``DAY_S`` for calendar days in the window's time
                zone.
        """


class Selected(Protocol[T_co]):
    """A method that takes a selection."""

    def __call__(self, selection: Selection = _EVERYTHING) -> T_co:
        """Queries the view.

        Args:
            selection: Which conversations; for rows with a time of their own, its window applies to that time.
        """


class _Method(Generic[T]):
    """A view as a method of the class that has it as an attribute.

    Args:
        view: The view's name.
        kind: The dataclass of a row.
    """

    def __init__(self, view: str, kind: type[T]) -> None:
        self.view = view
        self.kind = kind
        self.__doc__ = kind.__doc__


class View(_Method[T]):
    """A view of a window, as a method."""

    @overload
    def __get__(self, client: "SyncViews", owner: Any) -> Callable[[Window], Table[T]]: ...
    @overload
    def __get__(self, client: "AsyncViews", owner: Any) -> Callable[[Window], Awaitable[Table[T]]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        if client is None:
            return self

        def ask(window: Window) -> Any:
            return client.ask(metric(self.view, self.kind, window))

        return _documented(ask, self)


class ViewBySteps(_Method[T]):
    """A view of a window in steps of time, as a method."""

    @overload
    def __get__(self, client: "SyncViews", owner: Any) -> AskedBySteps[Table[T]]: ...
    @overload
    def __get__(self, client: "AsyncViews", owner: Any) -> AskedBySteps[Awaitable[Table[T]]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        if client is None:
            return self

        def ask(window: Window, step_s: int = DAY_S) -> Any:
            return client.ask(metric(self.view, self.kind, window, step_s=("UInt32", step_s)))

        return _documented(ask, self)


class Grain(_Method[T]):
    """A view with a row for each thing, streamed, as a method.

    Args:
        view: The view's name.
        kind: The dataclass of a row.
        time_column: The column with the rows' own time.
        order: The ORDER BY of the rows.
    """

    def __init__(self, view: str, kind: type[T], time_column: str, order: str) -> None:
        super().__init__(view, kind)
        self._time_column = time_column
        self._order = order

    @overload
    def __get__(self, client: "SyncViews", owner: Any) -> Selected[Iterator[T]]: ...
    @overload
    def __get__(self, client: "AsyncViews", owner: Any) -> Selected[AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        if client is None:
            return self

        def ask(selection: Selection = _EVERYTHING) -> Any:
            return client.stream(grain(self.view, self.kind, selection, self._time_column, self._order))

        return _documented(ask, self)


def _documented(ask: Any, view: Any) -> Any:
    ask.__doc__, ask.__name__ = view.__doc__, view.view
    return ask


class Views:
    """The 15 metrics, the use of models, and the conversations, messages and tool calls behind them."""

    total_messages = View("metric_total_messages", rows.TotalMessages)
    total_conversations = View("metric_total_conversations", rows.TotalConversations)
    agent_response_time = View("metric_agent_response_time", rows.AgentResponseTime)
    peak_hours = View("metric_peak_hours", rows.PeakHours)
    daily_overview = View("metric_daily_overview", rows.DailyOverview)
    conversation_duration = View("metric_conversation_duration", rows.ConversationDuration)
    tool_usage = View("metric_tool_usage", rows.ToolUsage)
    world_map = View("metric_world_map", rows.WorldMap)
    device_usage = View("metric_device_usage", rows.DeviceUsage)
    individual_users = View("metric_individual_users", rows.IndividualUsers)
    source = View("metric_source", rows.Source)
    language = View("metric_language", rows.Language)
    human_escalation = View("metric_human_escalation", rows.HumanEscalation)
    conversation_feedback = View("metric_conversation_feedback", rows.ConversationFeedback)
    unique_interaction = View("metric_unique_interaction", rows.UniqueInteraction)
    model_usage = View("model_usage", rows.ModelUsage)
    model_usage_over_time = ViewBySteps("model_usage_over_time", rows.ModelUsageOverTime)
    conversations = Grain("conversations_v", rows.Conversation, "first_seen_at", "first_seen_at DESC, conversation_id")
    messages = Grain(
        "messages_v", rows.Message, "timestamp", "conversation_id, timestamp, sender = 'agent', event_index"
    )
    tool_calls = Grain("tool_calls_v", rows.ToolCall, "timestamp", "conversation_id, timestamp")


_KINDS = {view.view: view.kind for view in vars(Views).values() if isinstance(view, View)}


def question(view: str, window: Window) -> Question[Any]:
    """The query of a metric by its view's name.

    Raises:
        ValueError: There is no such view.
    """
    if view not in _KINDS:
        raise ValueError(f"metric view {view!r}: expected one of {', '.join(_KINDS)}")
    return metric(view, _KINDS[view], window)


class SyncViews(Views, ABC):
    """The views as methods that return their result."""

    @abstractmethod
    def ask(self, question: Question[T]) -> Table[T]:
        """Runs a query, and returns its rows as a table."""

    @abstractmethod
    def stream(self, question: Question[T]) -> Iterator[T]:
        """Runs a query, and returns its rows one by one."""

    def metric(self, view: str, window: Window) -> Table[Any]:
        """A metric by the name of its view, such as ``metric_source``.

        Raises:
            ValueError: There is no such view.
        """
        return self.ask(question(view, window))


class AsyncViews(Views, ABC):
    """The views as methods whose result is awaited."""

    @abstractmethod
    async def ask(self, question: Question[T]) -> Table[T]:
        """Runs a query, and returns its rows as a table."""

    @abstractmethod
    def stream(self, question: Question[T]) -> AsyncIterator[T]:
        """Runs a query, and returns its rows one by one."""

    async def metric(self, view: str, window: Window) -> Table[Any]:
        """A metric by the name of its view, such as ``metric_source``.

        Raises:
            ValueError: There is no such view.
        """
        return await self.ask(question(view, window))
