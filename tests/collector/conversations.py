"""Conversations as the SDK records them, made from a number alone: whoever knows the numbers knows what was sent."""

import hashlib

from tests.sql.model import Event, Span

SPANS = 12
"""In one conversation: its start, four turns with two messages each, six tool calls, its end or a feedback."""

_SECOND_NS = 1_000_000_000
_KINDS = ("conversation", "turn", "tool", "tool", "turn", "tool", "tool", "turn", "tool", "tool", "turn", "")
_TOOLS = ("search_flights", "book_flight", "cancel_booking", "lookup_customer")
_COUNTRIES = ("US", "DE", "GR", "FR", "ES", "MX", "GB")
_QUESTION = "I booked a flight to Athens last week and have not heard anything since. What became of it?"
_ANSWER = "Your booking is confirmed. The ticket left our office this morning and arrives by mail within the hour."


def conversation(number: int, start_ns: int) -> list[Span]:
    """The spans of conversation ``number`` (below 2**56) that starts at ``start_ns``; different for each number."""
    conversation_id = f"conversation-{number:017d}"
    identity = {
        "gen_ai.conversation.id": conversation_id,
        "agentsight.conversation.device": ("mobile", "desktop", "tablet")[number % 3],
        "agentsight.conversation.source": ("web", "whatsapp", "viber")[number // 3 % 3],
        "agentsight.conversation.language": ("en-US", "de-DE", "el-GR", "fr-FR")[number % 4],
        "geo.country.iso_code": _COUNTRIES[number % len(_COUNTRIES)],
        "client.address": f"203.0.113.{number % 250}",
        "user.id": f"customer-{number % 1000}",
    }
    spans = []
    for position, kind in enumerate(_KINDS):
        at_ns = start_ns + position * 20 * _SECOND_NS
        name, own, events, duration_ns, status = _content(kind, position, number, at_ns)
        spans.append(
            Span(
                trace_id=hashlib.sha256(conversation_id.encode()).hexdigest()[:32],
                span_id=f"{number:014x}{position:02x}",
                name=name,
                start_ns=at_ns,
                duration_ns=duration_ns,
                service="support-agent",
                attributes=identity | own,
                resource={"deployment.environment.name": "production", "service.version": "1.4.2"},
                events=events,
                status=status,
            )
        )
    return spans


def _content(
    kind: str, position: int, number: int, at_ns: int
) -> tuple[str, dict[str, str], tuple[Event, ...], int, str]:
    if kind == "conversation":
        return "conversation_started", {"agentsight.span.kind": kind}, (), 0, "Unset"
    if kind == "turn":
        own = {
            "agentsight.span.kind": kind,
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "support",
            "agentsight.turn.id": f"{number:x}-{position}",
            "agentsight.turn.complete": "true",
        }
        answered_ns = at_ns + (2 + number % 9) * _SECOND_NS
        messages = ((at_ns, "end_user", _QUESTION), (answered_ns, "agent", _ANSWER))
        events = tuple(
            Event(
                sent_ns,
                "agentsight.message",
                {"agentsight.message.sender": sender, "agentsight.message.content": content},
            )
            for sent_ns, sender, content in messages
        )
        return "invoke_agent support", own, events, answered_ns - at_ns, "Unset"
    if kind == "tool":
        tool = "open_ticket" if position == 9 and number % 10 == 0 else _TOOLS[(number + position) % len(_TOOLS)]
        own = {
            "agentsight.span.kind": kind,
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.arguments": f'{{"booking": {number}, "passenger": "A. Traveller"}}',
            "gen_ai.tool.call.result": f'{{"status": "confirmed", "booking": {number}, "gate": null}}',
        }
        failed = (number + position) % 50 == 0
        return f"execute_tool {tool}", own, (), (1 + number % 5) * _SECOND_NS, "Error" if failed else "Unset"
    if number % 3:
        own = {"agentsight.span.kind": "conversation", "agentsight.conversation.ended": "true"}
        return "conversation_ended", own, (), 0, "Unset"
    sentiment = ("positive", "neutral", "negative")[number // 3 % 3]
    return "feedback", {"agentsight.span.kind": "feedback", "agentsight.feedback.sentiment": sentiment}, (), 0, "Unset"
