"""The demo's conversations: written by hand, varied by device, source, country and time; the same again on any day."""

import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from agentsight_otel.replay import Transcript, read

DAYS = 28

DATABASE = "agentsight_demo"
"""A database of its own, so that no demo mixes with what agents send."""

PLAYED_AS: dict[str, Any] = {
    "over_s": DAYS * 86_400,
    "service_name": "travel-agent",
    "environment": "production",
}
"""How ``replay.play`` sends it."""

_PER_WEEKDAY = 22
_PER_WEEKEND_DAY = 9
_VISIT_SHARE = 0.22
_RETURNING_CUSTOMERS = 140
_DEVICES = ("mobile", "mobile", "mobile", "desktop", "desktop", "tablet", None)
# Conversations by hour of the day, UTC: a morning and an evening peak.
_HOURS = (1, 1, 1, 1, 2, 3, 5, 8, 12, 14, 13, 11, 9, 10, 11, 11, 10, 10, 12, 13, 11, 7, 4, 2)
_LONGEST = timedelta(minutes=25)


def transcripts(until: datetime | None = None) -> list[Transcript]:
    """The conversations of the last 28 days.

    Every day has its own, made from its date alone, so a later run adds those of the days since and repeats the rest.

    Args:
        until: Default: now.
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
    given = {
        "conversation_id": conversation_id,
        "created_at": (day + timedelta(hours=hour, seconds=chance.uniform(0, 3_600))).isoformat(),
        "messages": [] if visit else script["messages"],
        "device": chance.choice(_DEVICES),
        "source": chance.choice(script["sources"]),
        "language": script["language"],
        "country": chance.choice(script["countries"]) if chance.random() < 0.95 else None,
        "customer_id": f"customer-{customer:03d}" if customer else None,
        "feedback": sentiment,
        "ended": script["ended"] and not visit,
    }
    return {name: value for name, value in given.items() if value is not None}
