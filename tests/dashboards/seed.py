"""Conversations of the last days with everything that the dashboards show, and names that nobody should choose."""

import hashlib
import time

from tests.sql.model import Event, Span

HOSTILE = """it's "q" \\ 'x', 100% & a=b + é😀 ) OR 1=1 -- */ $__all ${device} {x:String}"""
"""As a tool's name and in ids as it is; as a device and a source lower-cased by the views."""

DAY_MS = 86_400_000
_NOW_MS = int(time.time() // 60 * 60_000)
START_MS = _NOW_MS - 3 * DAY_MS + 1_234_567
"""Of the window that tests look at; conversations reach back twice as far."""
END_MS = _NOW_MS + 600_000
"""Its end, late enough for what is inserted while the tests run."""

_DEVICES = ("mobile", "desktop", "", HOSTILE)
_SOURCES = ("web", "whatsapp", HOSTILE.lower())
_LANGUAGES = ("en-US", "el", "")
_COUNTRIES = ("GR", "US", "", "BR", "XX")
_SENTIMENTS = ("positive", "negative", "", "neutral", "positive")
_TOOLS = ("find_order", "open_ticket", HOSTILE)
NUMBER = 90
CAME_BACK = (40, 61, 64, 68)
"""Conversations that go on two days later: 40 within the window, the others began before it."""


def conversation_id(n: int) -> str:
    return f"conversation {HOSTILE} {n}" if n % 7 == 0 else f"conversation-{n:03d}"


def trace_id(conversation: str) -> str:
    return hashlib.sha256(conversation.encode()).hexdigest()[:32]


def spans() -> list[Span]:
    made = [span for n in range(NUMBER) for span in _conversation(n)]
    return [*made, *made[:10]]  # some are sent twice


def _conversation(n: int) -> list[Span]:
    conversation = conversation_id(n)
    start_ms = _NOW_MS - 60_000 - n * (6 * DAY_MS // NUMBER)
    identity = {
        "gen_ai.conversation.id": conversation,
        "user.id": f"customer {n % 25}" if n % 4 else ("guest", "")[n % 8 // 4],
        "agentsight.conversation.device": _DEVICES[n % len(_DEVICES)],
        "agentsight.conversation.source": _SOURCES[n % len(_SOURCES)],
        "agentsight.conversation.language": _LANGUAGES[n % len(_LANGUAGES)],
        "geo.country.iso_code": _COUNTRIES[n % len(_COUNTRIES)],
    }
    number = 0

    def span(name: str, after_ms: int, took_ms: int, events: tuple[Event, ...] = (), **attributes: str) -> Span:
        nonlocal number
        number += 1
        named = {key.replace("__", "."): value for key, value in attributes.items()}
        return Span(
            trace_id=trace_id(conversation),
            span_id=hashlib.sha256(f"{n} {number}".encode()).hexdigest()[:16],
            name=name,
            start_ns=(start_ms + after_ms) * 1_000_000,
            duration_ns=took_ms * 1_000_000,
            service=("agent-a", "agent-b")[n % 2],
            resource={"service.version": "1" if n > NUMBER // 3 else "2", "deployment.environment.name": "production"},
            attributes={**identity, **{key: value for key, value in named.items() if value}},
            events=events,
            status="Error" if "error__type" in attributes else "Unset",
        )

    def said(sender: str, after_ms: int, text: str) -> Event:
        return Event(
            at_ns=(start_ms + after_ms) * 1_000_000,
            name="agentsight.message",
            attributes={"agentsight.message.sender": sender, "agentsight.message.content": text},
        )

    made = [span("conversation_opened", 0, 0, agentsight__span__kind="conversation")]
    if n % 6 == 5:
        return made  # a visit
    answered = () if n % 11 == 10 else (said("agent", 3_000 + 100 * n, "<b>It is</b> on its way."),)
    made.append(
        span(
            "invoke_agent support",
            1_000,
            5_000,
            (said("end_user", 1_000, "Where is my order?\nIt's late."), *answered),
            agentsight__span__kind="turn",
        )
    )

    def called(tool: str, after_ms: int, *, failed: bool) -> Span:
        raised = Event(
            at_ns=(start_ms + after_ms + 20 * n) * 1_000_000,
            name="exception",
            attributes={"exception.type": "Timeout", "exception.message": "no answer"},
        )
        return span(
            f"execute_tool {tool}",
            after_ms,
            20 * n,
            (raised,) if failed else (),
            agentsight__span__kind="tool",
            gen_ai__tool__name=tool,
            gen_ai__tool__call__arguments='{"id": 1}',
            **({"error__type": "Timeout"} if failed else {}),
        )

    def asked(model: str, provider: str, after_ms: int, *, failed: bool) -> Span:
        return span(
            "chat model",
            after_ms,
            10 * n,
            agentsight__span__kind="llm",
            gen_ai__operation__name="chat",
            gen_ai__provider__name=provider,
            gen_ai__request__model=model,
            gen_ai__usage__input_tokens=str(100 + n),
            gen_ai__usage__output_tokens=str(10 + n),
            **({"error__type": "RateLimited"} if failed else {}),
        )

    def judged(sentiment: str, after_ms: int) -> Span:
        return span(
            "feedback", after_ms, 0, agentsight__span__kind="feedback", agentsight__feedback__sentiment=sentiment
        )

    made.append(called(_TOOLS[n % len(_TOOLS)], 1_500, failed=n % 5 == 0))
    made.append(asked(("gpt-5-mini", HOSTILE)[n % 2], "openai", 1_200, failed=n % 9 == 4))
    sentiment = _SENTIMENTS[n % len(_SENTIMENTS)]
    if sentiment:
        made.append(judged(sentiment, 9_000))
    if n in CAME_BACK:
        later_ms = 2 * DAY_MS
        turn = (said("end_user", later_ms, "And now?"), said("agent", later_ms + 2_000, "Tomorrow."))
        made.append(span("invoke_agent support", later_ms, 3_000, turn, agentsight__span__kind="turn"))
        made.append(called("cancel_order", later_ms + 500, failed=True))
        made.append(asked("claude", "anthropic", later_ms + 400, failed=True))
        made.append(judged("neutral", later_ms + 9_000))
    return made
