"""What the overview makes of a dozen queries is what the metric views answer, each by itself."""

from datetime import datetime, timedelta

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.metrics import Window
from tests.dashboards.page.conftest import UNTIL, WINDOW
from tests.sql.storing import assert_overview_agrees

FILTERED = Window(
    WINDOW.start,
    WINDOW.end,
    "America/New_York",
    {"device": ["mobile", "unknown"], "language": ["en", "de", "el"], "service": ["travel-agent"]},
)
# Half hours from UTC, and neither end on an hour.
UNEVEN = Window(
    datetime.fromisoformat("2026-11-12T03:07:01.234+00:00"),
    datetime.fromisoformat("2026-11-14T17:59:59.999+00:00"),
    "Asia/Kolkata",
)
NO_SUCH = Window(WINDOW.start, WINDOW.end, "UTC", {"source": ["carrier pigeon"]})
NOBODY_YET = Window(WINDOW.start - timedelta(days=400), WINDOW.start - timedelta(days=390), "Australia/Lord_Howe")
NOTHING_BEFORE = Window(UNTIL - timedelta(days=60), UNTIL, "Europe/Athens")


@pytest.mark.parametrize(
    ("window", "is_empty", "is_first"),
    [
        (WINDOW, False, False),
        (FILTERED, False, False),
        (UNEVEN, False, False),
        (NO_SUCH, True, True),
        (NOBODY_YET, True, True),
        (NOTHING_BEFORE, False, True),
    ],
    ids=["a week", "filtered", "uneven", "no match", "nobody yet", "nothing before"],
)
def test_the_overview_is_what_the_views_answer(demo_url: str, window: Window, is_empty: bool, is_first: bool) -> None:
    with clickhouse_client.connect(demo_url) as client:
        found = assert_overview_agrees(client, window)
    conversations = found["metric_total_conversations"]
    assert (conversations["rows"] == [{"conversations": 0}]) == is_empty
    assert (conversations["previous"] == [{"conversations": 0}]) == is_first
    assert len(found["metric_peak_hours"]["rows"]) == 168
