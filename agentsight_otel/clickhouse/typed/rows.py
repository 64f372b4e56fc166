"""A row of each view. Times are in UTC; seconds are floats; a share is from 0 to 1; None is "nothing to measure"."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class TotalMessages:
    """Messages of the window: all, those of users, and those of the agent."""

    messages: int
    user_messages: int
    agent_messages: int


@dataclass(frozen=True, slots=True)
class TotalConversations:
    """Conversations that were engaged in the window."""

    conversations: int


@dataclass(frozen=True, slots=True)
class AgentResponseTime:
    """How long users waited for an answer, in seconds; and how many runs of messages were answered, or were not."""

    average_s: float | None
    p50_s: float | None
    p95_s: float | None
    responses: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class PeakHours:
    """An hour of the week, in the window's time zone: day 1 (Monday) to 7, hour 0 to 23."""

    day_of_week: int
    hour: int
    messages: int
    conversations: int


@dataclass(frozen=True, slots=True)
class DailyOverview:
    """A calendar day in the window's time zone."""

    day: date
    messages: int
    conversations: int


@dataclass(frozen=True, slots=True)
class ConversationDuration:
    """How long conversations lasted, in seconds, and how many have a duration."""

    average_s: float | None
    p50_s: float | None
    p95_s: float | None
    conversations: int


@dataclass(frozen=True, slots=True)
class ToolUsage:
    """A tool: its calls, those that failed, and how long they took in seconds."""

    tool: str
    calls: int
    errors: int
    average_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class WorldMap:
    """A country, ISO 3166-1 alpha-2 or unknown."""

    country: str
    conversations: int


@dataclass(frozen=True, slots=True)
class DeviceUsage:
    """A device, or unknown."""

    device: str
    conversations: int


@dataclass(frozen=True, slots=True)
class IndividualUsers:
    """The numbers of distinct customers, of conversations with a customer, and of all conversations."""

    users: int
    identified_conversations: int
    conversations: int


@dataclass(frozen=True, slots=True)
class Source:
    """A source, or unknown."""

    source: str
    conversations: int


@dataclass(frozen=True, slots=True)
class Language:
    """A language's primary subtag, or unknown."""

    language: str
    conversations: int


@dataclass(frozen=True, slots=True)
class HumanEscalation:
    """Conversations that were handed to a person; the rate is a share from 0 to 1."""

    escalated: int
    conversations: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class ConversationFeedback:
    """Rated conversations; the rate is the share of the positive among the positive and the negative."""

    positive: int
    neutral: int
    negative: int
    total: int
    positive_rate: float | None


@dataclass(frozen=True, slots=True)
class UniqueInteraction:
    """Visits of the window, and how many of them were ever engaged; the rate is a share from 0 to 1."""

    visits: int
    engaged: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """A model of a provider: its calls, those that failed, tokens (input with cached, output with reasoning), seconds.

    The cost is in ``currency``; None, and '', where a price is missing in ``model_prices`` or prices are in several
    currencies.
    """

    provider: str
    model: str
    calls: int
    errors: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    average_s: float
    p95_s: float
    first_token_average_s: float | None
    cost: float | None
    currency: str


@dataclass(frozen=True, slots=True)
class ModelUsageOverTime:
    """The use of a model as in ``ModelUsage``, in one step of time, which is named by its start in UTC."""

    time: datetime
    provider: str
    model: str
    calls: int
    errors: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    average_s: float
    p95_s: float
    first_token_average_s: float | None
    cost: float | None
    currency: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, as in ``conversations_v``; durations in seconds, '' and unknown where nothing was given."""

    conversation_id: str
    service: str
    environment: str
    device: str
    source: str
    language: str
    country: str
    customer_id: str
    name: str
    marked: bool
    deleted: bool
    first_seen_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    explicitly_ended: bool
    messages: int
    user_messages: int
    agent_messages: int
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Message:
    """A message, as in ``messages_v``; the sender is end_user or agent, the metadata JSON or ''."""

    conversation_id: str
    timestamp: datetime
    sender: str
    content: str
    metadata: str
    trace_id: str
    span_id: str
    event_index: int
    service: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call, as in ``tool_calls_v``; its duration in seconds, its arguments and result as sent."""

    conversation_id: str
    timestamp: datetime
    tool: str
    duration_s: float
    error: bool
    error_type: str
    call_id: str
    arguments: str
    result: str
    trace_id: str
    span_id: str
    service: str
