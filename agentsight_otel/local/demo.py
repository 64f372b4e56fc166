"""The demo's conversations: written by hand, varied by device, source, country and time; always the same for a day."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from agentsight_otel.replay import Transcript, read

DAYS = 28

DATABASE = "agentsight_demo"
"""The demo's database, apart from the one for agents' spans."""

PLAYED_AS: dict[str, Any] = {
    "over_s": DAYS * 86_400,
    "service_name": "travel-agent",
    "environment": "production",
}
"""The arguments with which ``replay.play`` sends the demo."""

_PER_WEEKDAY = 22
_PER_WEEKEND_DAY = 9
_VISIT_SHARE = 0.22
_RETURNING_CUSTOMERS = 140
_DEVICES = ("mobile", "mobile", "mobile", "desktop", "desktop", "tablet", None)
# Conversations by hour of the day, UTC: a morning and an evening peak.
_HOURS = (1, 1, 1, 1, 2, 3, 5, 8, 12, 14, 13, 11, 9, 10, 11, 11, 10, 10, 12, 13, 11, 7, 4, 2)
_MODELS, _MODEL_WEIGHTS = ("gpt-5-mini", "claude-sonnet-4-5", "gemini-2.5-flash"), (5, 3, 2)
_FAILING_SHARE = 0.05
_FAILURES = ("timeout after 10 s", "503 upstream connect error", "booking system: record is locked")
_COMMENT_SHARE = 0.4
_LONGEST = timedelta(minutes=25)


def transcripts(until: datetime | None = None) -> list[Transcript]:
    """The conversations of the last 28 days.

    A day's conversations depend only on its date, so that a later run adds the days since, and repeats the rest.

    Args:
        until: The end of the last day; with a time zone. Default: now.
    """
    until = datetime.now(timezone.utc) if until is None else until
    scripts = json.loads(Path(__file__).with_name("demo_scripts.json").read_text(encoding="utf-8"))
    today = until.replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [
        json.dumps(conversation)
        for back in range(DAYS, -1, -1)
        for conversation in _of_day(today - timedelta(days=back), scripts)
        if datetime.fromisoformat(conversation["created_at"]) + _LONGEST < until
    ]
    return list(read(lines).transcripts)


def _of_day(day: datetime, scripts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    chance = random.Random(f"{day:%Y-%m-%d}")
    number = _PER_WEEKEND_DAY if day.weekday() >= 5 else _PER_WEEKDAY
    return [
        _conversation(f"demo-{day:%Y%m%d}-{index:02d}", day, chance, chance.choice(scripts))
        for index in range(number + chance.randint(-4, 4))
    ]


def _conversation(conversation_id: str, day: datetime, chance: random.Random, script: dict[str, Any]) -> dict[str, Any]:
    hour = chance.choices(range(24), _HOURS)[0]
    visit = chance.random() < _VISIT_SHARE
    customer = chance.randint(1, _RETURNING_CUSTOMERS) if chance.random() < 0.8 else None
    sentiment = None if visit else chance.choice(script["feedback"])
    comments = script.get("comments", {}).get(sentiment, [])
    comment = chance.choice(comments) if comments and chance.random() < _COMMENT_SHARE else None
    fields = {
        "conversation_id": conversation_id,
        "created_at": (day + timedelta(hours=hour, seconds=chance.uniform(0, 3_600))).isoformat(),
        "messages": [] if visit else list(_messages(script["messages"], chance)),
        "device": chance.choice(_DEVICES),
        "source": chance.choice(script["sources"]),
        "language": script["language"],
        "country": chance.choice(script["countries"]) if chance.random() < 0.95 else None,
        "customer_id": f"customer-{customer:03d}" if customer else None,
        "feedback": {"sentiment": sentiment, "comment": comment} if comment else sentiment,
        "ended": script["ended"] and not visit,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _messages(script: list[dict[str, Any]], chance: random.Random) -> Iterator[dict[str, Any]]:
    """A script's messages, varied at random: by the model that answers, its numbers of tokens, and failing tools."""
    model = chance.choices(_MODELS, _MODEL_WEIGHTS)[0]
    context_tokens = 420
    for message in script:
        tokens = len(message["content"]) // 3 + 12
        if message["role"] == "assistant":
            written = tokens + 25 * len(message.get("tool_calls", ()))
            usage = {"prompt_tokens": context_tokens + chance.randint(0, 60), "completion_tokens": written}
            yield {**message, "model": model, "usage": usage}
        elif message["role"] == "tool" and chance.random() < _FAILING_SHARE:
            # The script continues as without the failure, like an agent that copes with it.
            yield {**message, "content": chance.choice(_FAILURES), "status": "error"}
        else:
            yield message
        context_tokens += tokens
