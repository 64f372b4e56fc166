"""One conversation: what spans of any SDK say of it, and what can be taken from it."""

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from agentsight_otel._export.clickhouse import RowInserter
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local.receiver.json_spans import parse_json
from agentsight_otel.local.receiver.otlp_rows import request_to_rows
from tests.dashboards.page.conftest import DAYS
from tests.dashboards.page.other_sdks import CONVERSATIONS, spans_of
from tests.dashboards.page.serving import Visitor

MODELS = {
    "oi-1": ("gpt-4o", "1,234 → 56 tokens"),
    "tl-1": ("gpt-4o-mini", "321 → 45 tokens"),
    "ai-1": ("gpt-5", "77 → 8 tokens"),
    "two-1": ("claude-5", "500 → 60 tokens"),
}


@pytest.fixture
def others(page_of: str, schema_url: str) -> str:
    """A page over conversations that other SDKs sent."""
    rows, rejected = request_to_rows(parse_json(spans_of(datetime.now().astimezone() - timedelta(minutes=1))))
    assert not rejected
    RowInserter(schema_url).insert(rows)
    with clickhouse_client.connect(schema_url) as client:
        client.command("SYSTEM REFRESH VIEW derivation_due_mv")
        client.command("SYSTEM WAIT VIEW derivation_due_mv")
    return page_of


def test_spans_of_any_sdk_are_in_the_trace_with_models_and_tokens(others: str, visitor: Visitor) -> None:
    for conversation_id, (model, tokens) in MODELS.items():
        page = visitor.open(f"{others}/conversation?id={conversation_id}")
        expect(page.locator(".thread .event").filter(has_text="Model ")).to_have_count(1)
        said = page.locator(".thread .event").filter(has_text="Model ").inner_text()
        assert f"Model {model}, " in said and tokens in said, conversation_id
        expect(page.locator(".facts-card")).to_contain_text("1 model call")
        names = [span.name for span in CONVERSATIONS[conversation_id]]
        assert page.locator(".span-name bdi").all_inner_texts() == names, "the first is the others' parent"
        assert page.locator(".waterfall .root > ol > li > ol > li").count() == len(names) - 1
        expect(page.locator(".span.of-llm").filter(has_text=tokens)).to_have_count(1)
        # The call in the trace leads to the call in the talk.
        page.locator(".span.of-llm").first.click()
        expect(page.locator(".event.found")).to_have_count(1)


def test_tools_of_spans_without_an_id_are_in_both(others: str, visitor: Visitor) -> None:
    page = visitor.open(f"{others}/conversation?id=oi-1")
    expect(page.locator(".tool strong")).to_have_text("find_order")
    expect(page.locator(".span.of-tool")).to_contain_text("find_order")
    expect(page.locator(".span.of-agent")).to_have_count(1)


def test_a_message_can_be_copied(visitor: Visitor, demo_page: str) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open(f"{demo_page}/conversations?{DAYS}")
    page.locator("a.conversation").first.click()
    page.wait_for_selector(".thread .message")
    message = page.locator(".message.agent").first
    message.hover()
    message.get_by_role("button", name="Copy: the agent's message").click()
    expect(message.locator(".copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == message.locator(".bubble").inner_text()
