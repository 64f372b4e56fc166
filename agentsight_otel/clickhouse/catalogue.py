"""What the 15 metric views are called, mean and measure, for everything that shows them to people.

The definitions are the views'; this says them in a sentence. Dashboards, the page and the terminal take their titles,
descriptions, units and colours from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Unit(Enum):
    """The unit of a column's values."""

    COUNT = "count"
    """A number of things."""
    SECONDS = "seconds"
    """A length of time in seconds; NULL where there was nothing to measure."""
    RATIO = "ratio"
    """A share from 0 to 1; NULL where there was nothing to divide by."""
    TEXT = "text"
    """A name; ``unknown`` where none was given."""
    COUNTRY = "country"
    """ISO 3166-1 alpha-2, upper-case; ``unknown`` where it is not known."""
    DAY = "day"
    """A calendar day in the window's time zone."""
    WEEKDAY = "weekday"
    """1 (Monday) to 7."""
    HOUR = "hour"
    """0 to 23, in the window's time zone."""


class Direction(Enum):
    """Whether a rise of a figure is good, bad or neither."""

    UP_IS_GOOD = 1
    NEUTRAL = 0
    UP_IS_BAD = -1


_MEASURES = (Unit.COUNT, Unit.SECONDS, Unit.RATIO)
_GOOD, _NEUTRAL, _BAD = Direction.UP_IS_GOOD, Direction.NEUTRAL, Direction.UP_IS_BAD


@dataclass(frozen=True)
class Column:
    """A column of a metric view.

    Attributes:
        name: The column's name in the view.
        label: A label for people, shown beside the metric's title.
        unit: The unit of its values.
        direction: Whether a rise is good or bad.
    """

    name: str
    label: str
    unit: Unit
    direction: Direction = Direction.NEUTRAL

    @property
    def is_measure(self) -> bool:
        """Whether the column holds a figure; otherwise it names what the row's figures are about."""
        return self.unit in _MEASURES


@dataclass(frozen=True)
class Metric:
    """A metric view.

    Attributes:
        view: The view's name.
        title: A title for people.
        definition: A sentence that says what exactly the metric counts.
        columns: The view's columns, in order.
        headline: The name of the column to show where there is room for one figure.
    """

    view: str
    title: str
    definition: str
    columns: tuple[Column, ...]
    headline: str

    @property
    def is_scalar(self) -> bool:
        """Whether the view always has exactly one row."""
        return all(column.is_measure for column in self.columns)

    def column(self, name: str) -> Column:
        """A column by its name.

        Raises:
            KeyError: The view has no column of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.view} has no column {name!r}")


_OF_THE_WINDOW = "conversations that started in the window"

CATALOGUE = (
    Metric(
        "metric_total_messages",
        "Messages",
        "Messages that users and the agent sent in the window, by each message's own time. Tool calls, prompts and"
        " model inputs are not messages.",
        (
            Column("messages", "messages", Unit.COUNT, _GOOD),
            Column("user_messages", "by users", Unit.COUNT),
            Column("agent_messages", "by the agent", Unit.COUNT),
        ),
        "messages",
    ),
    Metric(
        "metric_total_conversations",
        "Conversations",
        "Conversations that started in the window: the user wrote, pressed a button or sent a file, or the agent's code"
        " said that a conversation began. A chat that was only opened is a visit, not a conversation.",
        (Column("conversations", "conversations", Unit.COUNT, _GOOD),),
        "conversations",
    ),
    Metric(
        "metric_agent_response_time",
        "Response time",
        "From the first of a user's consecutive messages to the agent's next message, over the answers given in the"
        " window. What was answered after more than 24 hours, or never, is unanswered, and counts where it was asked.",
        (
            Column("average_s", "average", Unit.SECONDS, _BAD),
            Column("p50_s", "median", Unit.SECONDS, _BAD),
            Column("p95_s", "95th percentile", Unit.SECONDS, _BAD),
            Column("responses", "responses", Unit.COUNT),
            Column("unanswered", "unanswered", Unit.COUNT, _BAD),
        ),
        "average_s",
    ),
    Metric(
        "metric_peak_hours",
        "Peak hours",
        "Messages by their own time, and conversations by their start, in each hour of the week, in the chosen time"
        " zone.",
        (
            Column("day_of_week", "weekday", Unit.WEEKDAY),
            Column("hour", "hour", Unit.HOUR),
            Column("messages", "messages", Unit.COUNT),
            Column("conversations", "conversations", Unit.COUNT),
        ),
        "messages",
    ),
    Metric(
        "metric_daily_overview",
        "Days",
        "Messages by their own time, and conversations by their start, on each calendar day that the window touches, in"
        " the chosen time zone.",
        (
            Column("day", "day", Unit.DAY),
            Column("messages", "messages", Unit.COUNT),
            Column("conversations", "conversations", Unit.COUNT),
        ),
        "messages",
    ),
    Metric(
        "metric_conversation_duration",
        "Duration",
        f"From a conversation's start to its explicit end or its last activity, whichever is later, over the"
        f" {_OF_THE_WINDOW}. One without an explicit end and with fewer than two messages has no duration.",
        (
            Column("average_s", "average", Unit.SECONDS),
            Column("p50_s", "median", Unit.SECONDS),
            Column("p95_s", "95th percentile", Unit.SECONDS),
            Column("conversations", "conversations with a duration", Unit.COUNT),
        ),
        "average_s",
    ),
    Metric(
        "metric_tool_usage",
        "Tools",
        "Tool calls that started in the window, by the tool's name as sent. Errors are calls that ended with status"
        " Error. The agent's internal tasks are not tools.",
        (
            Column("tool", "tool", Unit.TEXT),
            Column("calls", "calls", Unit.COUNT),
            Column("errors", "errors", Unit.COUNT, _BAD),
            Column("average_s", "average", Unit.SECONDS, _BAD),
            Column("p95_s", "95th percentile", Unit.SECONDS, _BAD),
        ),
        "calls",
    ),
    Metric(
        "metric_world_map",
        "Countries",
        f"The {_OF_THE_WINDOW}, by the country that the customer's address was located in; unknown where it was not.",
        (Column("country", "country", Unit.COUNTRY), Column("conversations", "conversations", Unit.COUNT)),
        "conversations",
    ),
    Metric(
        "metric_device_usage",
        "Devices",
        f"The {_OF_THE_WINDOW}, by the customer's device; unknown where it was not given.",
        (Column("device", "device", Unit.TEXT), Column("conversations", "conversations", Unit.COUNT)),
        "conversations",
    ),
    Metric(
        "metric_individual_users",
        "Individual users",
        f"Different customers who had the {_OF_THE_WINDOW}. A conversation without a customer adds none.",
        (
            Column("users", "users", Unit.COUNT, _GOOD),
            Column("identified_conversations", "conversations with a customer", Unit.COUNT),
            Column("conversations", "conversations", Unit.COUNT),
        ),
        "users",
    ),
    Metric(
        "metric_source",
        "Sources",
        f"The {_OF_THE_WINDOW}, by the channel they came through; unknown where it was not given.",
        (Column("source", "source", Unit.TEXT), Column("conversations", "conversations", Unit.COUNT)),
        "conversations",
    ),
    Metric(
        "metric_language",
        "Languages",
        f"The {_OF_THE_WINDOW}, by language (en for en-US); unknown where it was not given.",
        (Column("language", "language", Unit.TEXT), Column("conversations", "conversations", Unit.COUNT)),
        "conversations",
    ),
    Metric(
        "metric_human_escalation",
        "Human escalation",
        f"The share of the {_OF_THE_WINDOW} in which the agent called, successfully or not, a tool that hands over to a"
        " person (table escalation_tools).",
        (
            Column("escalated", "escalated", Unit.COUNT, _BAD),
            Column("conversations", "conversations", Unit.COUNT),
            Column("rate", "escalation rate", Unit.RATIO, _BAD),
        ),
        "rate",
    ),
    Metric(
        "metric_conversation_feedback",
        "Positive feedback",
        "Positive as a share of positive and negative feedback that customers gave in the window. Of several in one"
        " conversation the latest counts.",
        (
            Column("positive", "positive", Unit.COUNT, _GOOD),
            Column("neutral", "neutral", Unit.COUNT),
            Column("negative", "negative", Unit.COUNT, _BAD),
            Column("total", "total", Unit.COUNT),
            Column("positive_rate", "satisfaction", Unit.RATIO, _GOOD),
        ),
        "positive_rate",
    ),
    Metric(
        "metric_unique_interaction",
        "Unique interaction",
        "The share of the chats first seen in the window (opened, or begun at once) in which the user engaged, then or"
        " later.",
        (
            Column("visits", "visits", Unit.COUNT, _GOOD),
            Column("engaged", "engaged", Unit.COUNT, _GOOD),
            Column("rate", "interaction rate", Unit.RATIO, _GOOD),
        ),
        "rate",
    ),
)
"""The metrics, in the contract's order."""

BY_VIEW: Mapping[str, Metric] = MappingProxyType({metric.view: metric for metric in CATALOGUE})
"""The metrics by their views' names."""

FILTER_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "service": "Service",
        "environment": "Environment",
        "device": "Device",
        "source": "Source",
        "language": "Language",
        "country": "Country",
    }
)
"""The fields that conversations can be filtered by, in the views' order, with labels for people."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""Short names of the days of the week, from 1."""
