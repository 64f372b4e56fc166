"""A deployment that deletes what is old: every window inside the retention answers as if nothing had been deleted."""

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from tests.collector.conversations import conversation
from tests.sql.model import DAY_MS, Ask, Span, answers
from tests.sql.storing import assert_views_agree, insert

DAYS = int(os.environ.get("AGENTSIGHT_RETENTION_DAYS", "48"))
"""How long the deployment runs."""
STEP = int(os.environ.get("AGENTSIGHT_RETENTION_STEP", "12"))
"""Every how many days it is looked at."""
ROLLUPS = ("conversation_days", "conversations", "resolved", "tool_calls", "feedback", "otel_traces")


def threads(days: int, most_days_apart: int) -> dict[int, list[Span]]:
    """Spans by the day on which they start: a few conversations a day, of which every third goes on for long."""
    chance = random.Random(days)
    found: dict[int, list[Span]] = defaultdict(list)
    for number in range(days * 4):
        day = number // 4
        at_ms = chance.randrange(0, DAY_MS - 3_600_000)
        found[day] += conversation(number, (day * DAY_MS + at_ms) * 1_000_000)
        while number % 3 == 0 and (day := day + chance.randint(1, most_days_apart)) < days and chance.random() < 0.9:
            resumed = conversation(number, (day * DAY_MS + at_ms) * 1_000_000)[chance.randint(1, 9) :]
            # Those that come later name another device and source: only the first of a conversation counts.
            found[day] += [
                replace(
                    span,
                    span_id=f"{day:04x}{span.span_id[4:]}",
                    attributes={**span.attributes, "agentsight.conversation.device": "kiosk"},
                )
                for span in resumed
            ]
    return found


@pytest.fixture
def client(empty_url: str) -> Iterator[Any]:
    schema.apply(empty_url)
    with clickhouse_client.connect(empty_url) as connected:
        yield connected


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("retention_days", [30, 90][: 1 + (DAYS > 200)])
def test_every_window_inside_the_retention_is_complete(client: Any, empty_url: str, retention_days: int) -> None:
    today = int(time.time() * 1000) // DAY_MS
    first_ms = (today - DAYS + 1) * DAY_MS
    spans_of = {
        day: [
            replace(
                span,
                start_ns=span.start_ns + first_ms * 1_000_000,
                events=tuple(replace(event, at_ns=event.at_ns + first_ms * 1_000_000) for event in span.events),
            )
            for span in spans
        ]
        for day, spans in threads(DAYS, retention_days - 3).items()
    }
    everything: list[Span] = []
    deleted = 0
    for day in range(DAYS):
        everything += spans_of[day]
        insert(client, spans_of[day])
        if day % STEP != STEP - 1:
            continue
        # It is `day`: as many days ago as are left, conversations were last inserted, and the retention ends.
        client.command(
            "ALTER TABLE conversations UPDATE changed_on = toDate(toUInt16(arrayMax(days))) WHERE 1"
            " SETTINGS mutations_sync = 2"
        )
        kept_days = retention_days + DAYS - 1 - day
        schema.apply(empty_url, raw_retention_days=kept_days, rollup_retention_days=kept_days)
        for table in ROLLUPS:
            client.command(f"OPTIMIZE TABLE {table} FINAL")
        (oldest,) = client.query("SELECT min(day) FROM conversation_days").first_row
        assert oldest > today - kept_days
        deleted = client.query("SELECT min(toDate(Timestamp)) > toDate({a:UInt16}) FROM otel_traces",
                               parameters={"a": first_ms // DAY_MS}).first_row[0]  # fmt: skip
        end_ms = first_ms + (day + 1) * DAY_MS
        for window_days in (1, 7, retention_days - 1):
            ask = Ask(max(first_ms, end_ms - window_days * DAY_MS), end_ms)
            assert_views_agree(client, answers(everything, ask), ask)
        filtered = replace(ask, filters={"device": ["mobile", "desktop"]})
        assert_views_agree(client, answers(everything, filtered), filtered)
    assert deleted, "nothing was deleted: this test shows nothing"
