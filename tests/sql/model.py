"""The contract's definitions in plain Python, written without a look at the SQL: what every view must answer."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from tests.sql.stored_values import STORED, stored_country, stored_label, stored_language

DAY_MS = 86_400_000
FILTERS = ("service", "environment", "device", "source", "language", "country")
SEEDED_ESCALATION_TOOLS = ("fallback_to_human", "open_ticket", "ticket", "contact_human")
SEEDED_NO_CUSTOMERS = ("null", "undefined", "none", "guest", "anonymous", "n/a", "0")


@dataclass(frozen=True)
class Event:
    at_ns: int
    name: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class Span:
    """A stored span, as a writer of ``otel_traces`` sends it."""

    trace_id: str
    span_id: str
    name: str
    start_ns: int
    duration_ns: int = 0
    service: str = "agent"
    attributes: dict[str, str] = field(default_factory=dict)
    resource: dict[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    status: str = "Unset"

    def first(self, *keys: str) -> str:
        return next((self.attributes[key] for key in keys if self.attributes.get(key)), "")

    @property
    def conversation_id(self) -> str:
        return self.first(
            "gen_ai.conversation.id",
            "agentsight.conversation.id",
            "session.id",
            "traceloop.association.properties.session_id",
        )

    @property
    def kind(self) -> str:
        return self.attributes.get("agentsight.span.kind", "")

    @property
    def start_ms(self) -> int:
        return self.start_ns // 1_000_000

    @property
    def real_duration_ns(self) -> int:
        return self.duration_ns if self.duration_ns < 2**63 else 0

    @property
    def end_ms(self) -> int:
        return (self.start_ns + self.real_duration_ns) // 1_000_000

    @property
    def counts(self) -> bool:
        return bool(self.conversation_id and self.trace_id.strip("0") and self.span_id.strip("0"))

    @property
    def is_tool_call(self) -> bool:
        return (
            self.kind == "tool"
            or self.attributes.get("gen_ai.operation.name") == "execute_tool"
            or self.attributes.get("openinference.span.kind") == "TOOL"
            or self.attributes.get("traceloop.span.kind") == "tool"
        )

    @property
    def tool(self) -> str:
        name = self.first("gen_ai.tool.name", "agentsight.tool.name", "tool.name")
        if not name and self.attributes.get("traceloop.span.kind") == "tool":
            name = self.first("traceloop.entity.name")
        return name or "unknown"


class Conversation:
    """What is to be known of one conversation from its spans."""

    def __init__(self, spans: list[Span]) -> None:
        self.spans = spans
        self.messages = sorted(
            (event.at_ns // 1_000_000, event.attributes.get("agentsight.message.sender") == "agent", span.service)
            for span in spans
            for event in span.events
            if event.name == "agentsight.message"
            and event.attributes.get("agentsight.message.sender") in ("end_user", "agent")
        )
        starts = [at for at, by_agent, _ in self.messages if not by_agent]
        opened = []
        for span in spans:
            if span.kind == "conversation" and span.name == "conversation_started":
                starts.append(span.start_ms)
            if span.kind == "button":
                starts.append(span.start_ms)
            if span.kind == "attachment" and span.attributes.get("agentsight.attachment.sender") != "agent":
                starts.append(span.start_ms)
            if span.kind == "conversation" and span.name == "conversation_opened":
                opened.append(span.start_ms)
        self.started_ms = min(starts, default=None)
        self.first_seen_ms = min(starts + opened, default=None)
        explicit_ends = [
            span.start_ms for span in spans if span.attributes.get("agentsight.conversation.ended") == "true"
        ]
        activity = [span.end_ms for span in spans if span.kind not in ("conversation", "feedback")]
        activity += [at for at, _, _ in self.messages]
        self.ended_ms = max(explicit_ends + activity, default=None)
        self.has_duration = self.started_ms is not None and (bool(explicit_ends) or len(self.messages) >= 2)
        self.service = min((span.start_ms, span.service.encode()) for span in spans)[1].decode()
        self.robot = any(span.attributes.get("agentsight.conversation.robot") == "true" for span in spans)
        self.device = self._first(lambda s: stored_label(s.first("agentsight.conversation.device")))
        self.source = self._first(lambda s: stored_label(s.first("agentsight.conversation.source")))
        self.language = self._first(lambda s: stored_language(s.first("agentsight.conversation.language")))
        self.country = self._first(lambda s: stored_country(s.first("geo.country.iso_code", "geo.country_iso_code")))
        self.environment = self._first(_environment)
        customers = [
            (
                span.start_ms,
                span.first(
                    "user.id",
                    "agentsight.conversation.customer_id",
                    "traceloop.association.properties.user_id",
                    "traceloop.association.properties.customer_id",
                ).encode(),
            )
            for span in spans
        ]
        given = [found for found in customers if found[1].decode().strip(" ").lower() not in ("", *SEEDED_NO_CUSTOMERS)]
        self.customer = max(given, default=(0, b""))[1].decode()

    def _first(self, value_of: Callable[[Span], str]) -> str:
        values = [(span.start_ms, value_of(span).encode()) for span in self.spans if value_of(span)]
        return min(values)[1].decode() if values else "unknown"

    def runs(self) -> Iterable[tuple[int, int | None]]:
        """(first end-user message, the agent message that answers it or None), in ms."""
        began: int | None = None
        last_of_run = 0
        for at, by_agent in self._taken_to_have_come():
            if by_agent:
                if began is not None:
                    yield began, at
                    began = None
                continue
            if began is not None and at - last_of_run > DAY_MS:
                yield began, None
                began = None
            began = at if began is None else began
            last_of_run = at
        if began is not None:
            yield began, None

    def _taken_to_have_come(self) -> list[tuple[int, bool]]:
        """(when, whether by the agent): an answer that a question follows at once, on another clock, came with it."""
        services = {service for _, _, service in self.messages}
        questions_to = {
            service: [at for at, by_agent, of in self.messages if not by_agent and of != service]
            for service in services
        }
        taken = []
        for at, by_agent, service in self.messages:
            if by_agent:
                next_question = bisect_right(questions_to[service], at)
                if next_question < len(questions_to[service]) and questions_to[service][next_question] - at <= 1_000:
                    at = questions_to[service][next_question]
            taken.append((at, by_agent))
        return sorted(taken)


def _environment(span: Span) -> str:
    own = span.first("deployment.environment.name", "agentsight.conversation.environment")
    return own or span.resource.get("deployment.environment.name") or span.resource.get("deployment.environment") or ""


@dataclass(frozen=True)
class Ask:
    """A view's arguments; times in ms since 1970."""

    start_ms: int
    end_ms: int
    timezone: str = "UTC"
    filters: dict[str, list[str]] = field(default_factory=dict)


def answers(
    spans: Iterable[Span], ask: Ask, escalation_tools: Iterable[str] = SEEDED_ESCALATION_TOOLS
) -> dict[str, Any]:
    """What each of the 15 views answers, as a list of rows in the order of the view's columns."""
    by_id: dict[str, dict[tuple[str, str], Span]] = defaultdict(dict)
    for span in spans:
        if span.counts:
            by_id[span.conversation_id][span.trace_id, span.span_id] = span
    everyone = [one for one in (Conversation(list(found.values())) for found in by_id.values()) if not one.robot]
    chosen = [
        one
        for one in everyone
        if all(
            not ask.filters.get(name) or getattr(one, name) in map(STORED[name], ask.filters[name]) for name in FILTERS
        )
    ]

    def inside(at: int | None) -> bool:
        return at is not None and ask.start_ms <= at < ask.end_ms

    of_window = [one for one in chosen if inside(one.started_ms)]
    messages = [message for one in chosen for message in one.messages if inside(message[0])]
    zone = ZoneInfo(ask.timezone)

    response_times: list[int] = []
    unanswered = 0
    for one in chosen:
        for began, answered in one.runs():
            if answered is not None and answered - began <= DAY_MS:
                if inside(answered):
                    response_times.append(answered - began)
            elif inside(began):
                unanswered += 1

    hour_messages: Counter[tuple[int, int]] = Counter()
    hour_conversations: Counter[tuple[int, int]] = Counter()
    day_messages: Counter[date] = Counter()
    day_conversations: Counter[date] = Counter()
    for at, _, _ in messages:
        local = _local(at, zone)
        hour_messages[local.isoweekday(), local.hour] += 1
        day_messages[local.date()] += 1
    for one in of_window:
        assert one.started_ms is not None
        local = _local(one.started_ms, zone)
        hour_conversations[local.isoweekday(), local.hour] += 1
        day_conversations[local.date()] += 1
    days: list[date] = []
    if ask.start_ms < ask.end_ms:
        day, last = _local(ask.start_ms, zone).date(), _local(ask.end_ms - 1, zone).date()
        while day <= last:
            days.append(day)
            day += timedelta(days=1)

    durations = [
        one.ended_ms - one.started_ms
        for one in of_window
        if one.has_duration and one.ended_ms is not None and one.started_ms is not None
    ]

    calls: dict[str, list[Span]] = defaultdict(list)
    for one in chosen:
        for span in one.spans:
            if span.is_tool_call and inside(span.start_ms):
                calls[span.tool].append(span)

    listed = {tool.strip(" \t\n\r\f\v").lower() for tool in escalation_tools}
    escalated = sum(
        any(span.is_tool_call and span.tool.strip(" \t\n\r\f\v").lower() in listed for span in one.spans)
        for one in of_window
    )

    sentiments: Counter[str] = Counter()
    for one in chosen:
        given = [
            (span.start_ms, span.trace_id, span.span_id, span.attributes.get("agentsight.feedback.sentiment", ""))
            for span in one.spans
            if span.kind == "feedback"
            and span.attributes.get("agentsight.feedback.source", "") in ("", "customer")
            and span.attributes.get("agentsight.feedback.sentiment") in ("positive", "neutral", "negative")
            and inside(span.start_ms)
        ]
        if given and one.first_seen_ms is not None:
            sentiments[max(given)[3]] += 1
    rated = sentiments["positive"] + sentiments["negative"]

    visits = [one for one in chosen if inside(one.first_seen_ms)]
    engaged = sum(one.started_ms is not None for one in visits)
    customers = [one.customer for one in of_window if one.customer]

    def by(name: str) -> list[tuple[Any, ...]]:
        counts = Counter(getattr(one, name) for one in of_window)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))

    return {
        "metric_total_messages": [
            (
                len(messages),
                sum(not by_agent for _, by_agent, _ in messages),
                sum(by_agent for _, by_agent, _ in messages),
            )
        ],
        "metric_total_conversations": [(len(of_window),)],
        "metric_agent_response_time": [
            (*_summary(response_times, 1e3), len(response_times), unanswered),
        ],
        "metric_peak_hours": [
            (day, hour, hour_messages[day, hour], hour_conversations[day, hour])
            for day in range(1, 8)
            for hour in range(24)
        ],
        "metric_daily_overview": [(day, day_messages[day], day_conversations[day]) for day in days],
        "metric_conversation_duration": [(*_summary(durations, 1e3), len(durations))],
        "metric_tool_usage": sorted(
            (
                (
                    tool,
                    len(found),
                    sum(span.status in ("Error", "STATUS_CODE_ERROR") for span in found),
                    _summary([span.real_duration_ns for span in found], 1e9)[0],
                    _summary([span.real_duration_ns for span in found], 1e9)[2],
                )
                for tool, found in calls.items()
            ),
            key=lambda row: (-row[1], row[0].encode()),
        ),
        "metric_world_map": by("country"),
        "metric_device_usage": by("device"),
        "metric_individual_users": [(len(set(customers)), len(customers), len(of_window))],
        "metric_source": by("source"),
        "metric_language": by("language"),
        "metric_human_escalation": [(escalated, len(of_window), escalated / len(of_window) if of_window else None)],
        "metric_conversation_feedback": [
            (
                sentiments["positive"],
                sentiments["neutral"],
                sentiments["negative"],
                sentiments.total(),
                sentiments["positive"] / rated if rated else None,
            )
        ],
        "metric_unique_interaction": [(len(visits), engaged, engaged / len(visits) if visits else None)],
    }


def _summary(values: list[int], per_s: float) -> tuple[float | None, float | None, float | None]:
    """Average, median and 95th percentile, in seconds."""
    if not values:
        return None, None, None
    return sum(values) / len(values) / per_s, _percentile(values, 0.5) / per_s, _percentile(values, 0.95) / per_s


def _percentile(values: list[int], level: float) -> float:
    """Linear interpolation between the two nearest ranks."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * level
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _local(ms: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)).astimezone(zone)
