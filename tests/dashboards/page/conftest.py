import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from playwright.sync_api import Browser

from agentsight_otel import replay
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse, demo
from agentsight_otel.local.page import PageSettings
from agentsight_otel.metrics import Window
from tests.dashboards.page.serving import Visitor, chromium, serving

UNTIL = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
DAYS = "from=2026-11-10&to=2026-11-16"
WINDOW = Window(
    datetime(2026, 11, 9, 22, tzinfo=timezone.utc), datetime(2026, 11, 16, 22, tzinfo=timezone.utc), "Europe/Athens"
)
"""What DAYS means in Europe/Athens."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module alone: as long as Playwright runs, no other test of the process can run an event loop."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A tab in light colours; the test fails if the page logged an error. Ask for it after the page that it visits."""
    opened = Visitor(browser, color_scheme="light")
    yield opened
    opened.context.close()
    assert opened.problems == []


@pytest.fixture(scope="session")
def demo_url(clickhouse_server: EmbeddedClickHouse) -> str:
    """A database with two weeks of the demo's conversations."""
    url = clickhouse_server.url(f"page_{secrets.token_hex(6)}")
    schema.apply(url)
    begin_ns = int((UNTIL - timedelta(days=18)).timestamp()) * 10**9
    played = [each for each in demo.transcripts(UNTIL) if each.at_ns is not None and each.at_ns >= begin_ns]
    replay.play(played, url, service_name="travel-agent", environment="production")
    return url


@pytest.fixture(scope="session")
def demo_page(demo_url: str) -> Iterator[str]:
    with serving(PageSettings(demo_url, lines=("export OTEL_SERVICE_NAME=my-agent",))) as address:
        yield address


@pytest.fixture
def page_of(schema_url: str) -> Iterator[str]:
    """A page over an empty database, ``schema_url``."""
    with serving(PageSettings(schema_url, lines=("export OTEL_SERVICE_NAME=my-agent",))) as address:
        yield address


@pytest.fixture(scope="module")
def kept_page(kept_url: str) -> Iterator[str]:
    """A page over an empty database, once for all tests of a module that store nothing."""
    with serving(PageSettings(kept_url, lines=("export OTEL_SERVICE_NAME=my-agent",))) as address:
        yield address


@pytest.fixture
def ask(demo_url: str) -> Iterator[Callable[..., Any]]:
    """Asks the database itself."""
    with clickhouse_client.connect(demo_url) as client:
        yield lambda sql, **parameters: client.query(sql, parameters=parameters).result_rows
