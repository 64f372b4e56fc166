"""From a figure to the conversations behind it, to what was said in one, and out as a file."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow.parquet
import pytest
from playwright.sync_api import Page, expect

from agentsight_otel import metrics
from agentsight_otel._export.clickhouse import RowInserter
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local.page import first_run
from agentsight_otel.local.receiver.json_spans import parse_json
from agentsight_otel.local.receiver.otlp_rows import request_to_rows
from tests.dashboards.page.conftest import DAYS, WINDOW
from tests.dashboards.page.hostile import EVIL, FORMULA, spans_of
from tests.dashboards.page.serving import Visitor


def total(page: Page) -> int:
    expect(page.locator("#total")).to_contain_text("conversation")
    return int(page.locator("#total").inner_text().split()[0].replace(",", ""))


def test_a_figure_leads_to_just_the_conversations_behind_it(visitor: Visitor, demo_page: str, demo_url: str) -> None:
    report = metrics.fetch(demo_url, WINDOW)
    row = {view: rows[0] for view, rows in report.metrics.items()}
    page = visitor.open(f"{demo_page}/?{DAYS}")
    hrefs = {
        view: page.locator(f"article#{view} h2 a").get_attribute("href")
        for view in (
            "metric_total_conversations", "metric_individual_users", "metric_conversation_duration",
            "metric_human_escalation", "metric_conversation_feedback", "metric_unique_interaction",
        )
    }  # fmt: skip
    tool = report.metrics["metric_tool_usage"][0]["tool"]
    cells = report.metrics["metric_peak_hours"]
    peak = max(range(168), key=lambda index: cells[index]["conversations"])
    page.locator("#heat-conversations").click()
    cell = page.locator(".cell").nth(peak).get_attribute("href")
    day = max(report.metrics["metric_daily_overview"], key=lambda each: each["conversations"])
    day_link = page.locator("a.hit").nth(report.metrics["metric_daily_overview"].index(day)).get_attribute("href")
    country = report.metrics["metric_world_map"][0]
    expected = {
        hrefs["metric_total_conversations"]: row["metric_total_conversations"]["conversations"],
        hrefs["metric_individual_users"]: row["metric_individual_users"]["identified_conversations"],
        hrefs["metric_conversation_duration"]: row["metric_conversation_duration"]["conversations"],
        hrefs["metric_human_escalation"]: row["metric_human_escalation"]["escalated"],
        hrefs["metric_conversation_feedback"]: row["metric_conversation_feedback"]["positive"],
        hrefs["metric_unique_interaction"]: row["metric_unique_interaction"]["visits"],
        cell: cells[peak]["conversations"],
        day_link: day["conversations"],
        page.locator("#metric_world_map .row").first.get_attribute("href"): country["conversations"],
    }
    for href, conversations in expected.items():
        assert href is not None
        query = href.replace("/conversations?", "/api/conversations?")
        answer = visitor.context.request.get(f"{demo_page}{query}&timezone=Europe/Athens").json()
        assert answer["total"] == conversations > 0, href
    page.locator("#metric_tool_usage tbody a").first.click()
    page.wait_for_url(f"**tool={tool}**")
    visitor.loaded()
    with clickhouse_client.connect(demo_url) as client:
        ((wanted,),) = client.query(
            "SELECT uniqExact(conversation_id) FROM tool_calls_v WHERE tool = {tool:String}"
            " AND timestamp >= {start:DateTime} AND timestamp < {end:DateTime}",
            parameters={"tool": tool, "start": WINDOW.start, "end": WINDOW.end},
        ).result_rows
    assert total(page) == wanted
    page.get_by_role("button", name=f"Remove: calls of {tool}").click()
    visitor.loaded()
    expect(page.locator("#total")).to_have_text(f"{row['metric_total_conversations']['conversations']} conversations")


def test_the_list_can_be_searched_ordered_and_turned(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/conversations?{DAYS}")
    everything = total(page)
    lines = page.locator("a.conversation")
    assert lines.count() == 50 < everything
    first = lines.first.inner_text()
    page.get_by_role("link", name="Older →").click()
    page.wait_for_url("**page=1**")
    visitor.loaded()
    assert lines.count() == min(50, everything - 50)
    assert lines.first.inner_text() != first
    page.locator("#order").select_option("messages")
    page.wait_for_url("**order=messages**")
    visitor.loaded()
    assert "page=" not in page.url
    counts = [int(line.split()[0]) for line in page.locator("a.conversation .end:nth-last-child(3)").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)
    page.locator("#search").fill("SUITCASE")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=SUITCASE**")
    visitor.loaded()
    assert 0 < total(page) < everything
    assert "suitcase" in lines.first.inner_text().lower()
    page.locator("#search").fill("no such thing ' \\ %")
    page.keyboard.press("Enter")
    expect(page.locator("#list")).to_contain_text("No conversations")


def test_a_transcript_has_messages_tools_and_timings(visitor: Visitor, demo_page: str, ask: Callable[..., Any]) -> None:
    page = visitor.open(f"{demo_page}/conversations?{DAYS}&about=escalated")
    page.locator("a.conversation").first.click()
    page.wait_for_url("**/conversation?**")
    page.wait_for_selector(".thread .message")
    conversation_id = page.locator("h1").inner_text()
    messages = ask(
        "SELECT sender, content, timestamp FROM messages_v WHERE conversation_id = {id:String} ORDER BY timestamp",
        id=conversation_id,
    )
    assert page.locator(".bubble").all_inner_texts() == [content for _, content, _ in messages]
    assert page.locator(".message.agent").count() == sum(sender == "agent" for sender, _, _ in messages)
    asked = next(at for sender, _, at in messages if sender == "end_user")
    answered = next(at for sender, _, at in messages if sender == "agent")
    waited = (answered - asked) / timedelta(seconds=1)
    said = page.locator(".message.agent .tag").first.inner_text()
    assert said.replace("\u202f", " ") == f"after {waited:.2f} s" if waited < 9.95 else said
    spans = ask(
        "SELECT SpanName, SpanId FROM otel_traces WHERE ConversationId = {id:String} ORDER BY Timestamp",
        id=conversation_id,
    )
    assert sorted(page.locator(".span-name bdi").all_inner_texts()) == sorted(name for name, _ in spans)
    under = page.locator(".waterfall .root > ol > li > ol .span-name bdi").all_inner_texts()
    assert under and all(name.startswith(("execute_tool ", "chat ")) for name in under), "what a turn did lies under it"
    expect(page.locator("#neighbours a")).not_to_have_count(0)
    tools = ask(
        "SELECT tool, duration_s, arguments FROM tool_calls_v WHERE conversation_id = {id:String} ORDER BY timestamp",
        id=conversation_id,
    )
    assert page.locator(".tool strong").all_inner_texts() == [tool for tool, _, _ in tools]
    shown = page.locator(".tool .duration").first.inner_text().replace("\u202f", " ")
    assert shown == (f"{tools[0][1] * 1000:.0f} ms" if tools[0][1] < 0.9995 else f"{tools[0][1]:.2f} s")
    page.locator(".tool summary").first.click()
    expect(page.locator(".tool pre").first).to_be_visible()
    page.get_by_role("link", name="← Conversations").click()
    page.wait_for_url("**/conversations?**")
    visitor.loaded()
    page.goto(f"{demo_page}/conversation?id=absent")
    expect(page.get_by_role("heading", name="There is no such conversation")).to_be_visible()
    # The browser itself reports the 404.
    assert all("404" in problem for problem in visitor.problems)
    visitor.problems.clear()


def test_the_demo_has_all_that_a_conversation_can_show(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/conversations?{DAYS}&errors=1")
    page.locator("a.conversation").first.click()
    page.wait_for_selector(".thread .message")
    expect(page.locator(".facts-card")).to_contain_text("model call")
    expect(page.locator(".thread .event").filter(has_text="tokens").first).to_contain_text("Model ")
    page.locator(".tool.failed summary").first.click()
    expect(page.locator(".tool.failed pre")).to_have_count(2)  # arguments, and what came of it
    expect(page.locator(".span.failed")).not_to_have_count(0)
    expect(page.locator(".span.of-llm").first).to_contain_text("tokens")
    right = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.track i')].map((i) => i.getBoundingClientRect().right))"
    )
    assert right <= page.evaluate("document.querySelector('.trace-card').getBoundingClientRect().right")
    page.locator(".span").filter(has_text="execute_tool").first.click()
    expect(page.locator(".tool details[open]")).not_to_have_count(0)
    page.goto(f"{demo_page}/conversations?{DAYS}&sentiment=positive")
    visitor.loaded()
    comments = 0
    for number in range(12):
        page.locator("a.conversation").nth(number).click()
        page.wait_for_selector(".thread .message")
        comments += page.locator(".thread q").count()
        page.go_back()
        visitor.loaded()
    assert comments


def test_what_is_shown_can_be_saved_and_read_back(visitor: Visitor, demo_page: str, demo_url: str) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    rows = metrics.fetch(demo_url, WINDOW).metrics["metric_tool_usage"]
    saved = {}
    for kind in ("CSV", "Parquet"):
        page.locator("#metric_tool_usage .export summary").click()
        with page.expect_download() as download:
            page.locator("#metric_tool_usage .export").get_by_role("link", name=kind).click()
        saved[kind] = download.value.path().read_bytes()
        assert download.value.suggested_filename == f"metric_tool_usage.{kind.lower()}"
    read = list(csv.DictReader(io.StringIO(saved["CSV"].decode("utf-8-sig"))))
    assert [(line["tool"], int(line["calls"]), float(line["average_s"])) for line in read] == [
        (row["tool"], row["calls"], pytest.approx(row["average_s"])) for row in rows
    ]
    table = pyarrow.parquet.read_table(io.BytesIO(saved["Parquet"])).to_pylist()
    assert [(text(line["tool"]), line["calls"], line["p95_s"]) for line in table] == [
        (row["tool"], row["calls"], pytest.approx(row["p95_s"])) for row in rows
    ]
    request = visitor.context.request
    answer = request.get(f"{demo_page}/api/export/conversations.csv?{DAYS}&timezone=Europe/Athens&device=mobile")
    assert answer.body().startswith(b"\xef\xbb\xbf"), "Excel would read it in the computer's old code page"
    lines = list(csv.DictReader(io.StringIO(answer.body().decode("utf-8-sig"))))
    window = metrics.Window(WINDOW.start, WINDOW.end, WINDOW.timezone, {"device": ["mobile"]})
    with clickhouse_client.connect(demo_url) as client:
        wanted = metrics.query(client, "metric_total_conversations", window)[0]["conversations"]
    assert len(lines) == wanted
    assert {line["device"] for line in lines} == {"mobile"}
    for view in metrics.METRICS:
        assert request.get(f"{demo_page}/api/export/{view}.parquet?{DAYS}").body()[:4] == b"PAR1"
    assert request.get(f"{demo_page}/api/export/{view}.xlsx?{DAYS}").status == 404
    assert request.get(f"{demo_page}/api/export/otel_traces.csv?{DAYS}").status == 404


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_hostile_content_stays_text(page_of: str, schema_url: str, visitor: Visitor) -> None:
    now = datetime.now().astimezone()
    rows, rejected = request_to_rows(parse_json(spans_of(now)))
    assert not rejected
    RowInserter(schema_url).insert(rows)
    page = visitor.open(f"{page_of}/?range=24h")
    for view in ("metric_device_usage", "metric_source", "metric_language", "metric_world_map", "metric_tool_usage"):
        expect(page.locator(f"#{view}")).to_contain_text("<", ignore_case=True)
    page.locator("#filters-button").click()
    for name in ("service", "environment", "device", "source", "country"):
        assert page.locator(f"#filters-menu fieldset input[id^='filter-{name}-<']").count() >= 1
    page.locator("#filters-menu fieldset").filter(has_text="Service").locator("input").first.check()
    page.wait_for_url("**service=**")
    visitor.loaded()
    expect(page.locator("#metric_total_messages .value")).to_have_text("2")
    page.locator("#metric_tool_usage tbody a").first.click()
    page.wait_for_url("**/conversations?**")
    visitor.loaded()
    assert total(page) == 1
    assert EVIL in page.locator("a.conversation").inner_text()
    page.locator("a.conversation").click()
    page.wait_for_selector(".thread .message")
    assert page.locator(".bubble").first.inner_text() == EVIL
    assert page.locator(".tool strong").inner_text() == EVIL
    page.locator(".tool summary").click()
    assert page.evaluate("document.querySelectorAll('main img, main script, main iframe, main [onerror]').length") == 0
    assert page.evaluate("window.pwned === undefined")
    answer = visitor.context.request.get(f"{page_of}/api/export/conversations.csv?range=24h")
    (line,) = csv.DictReader(io.StringIO(answer.body().decode("utf-8-sig")))
    assert line["customer_id"] == f"'{FORMULA}"
    assert line["conversation_id"] == EVIL
    parquet = visitor.context.request.get(f"{page_of}/api/export/conversations.parquet?range=24h").body()
    assert text(pyarrow.parquet.read_table(io.BytesIO(parquet)).to_pylist()[0]["customer_id"]) == FORMULA


def test_an_empty_database_says_what_to_do_and_shows_what_then_comes(
    page_of: str, schema_url: str, visitor: Visitor
) -> None:
    page = visitor.open(f"{page_of}/")
    expect(page.locator("#notice")).to_contain_text("export OTEL_SERVICE_NAME=my-agent")
    expect(page.locator("#notice")).to_contain_text("Waiting for the first span")
    expect(page.locator("#notice")).to_contain_text(first_run.PYTHON.splitlines()[0])
    expect(page.locator("#metric_total_messages")).to_be_hidden()
    rows, _ = request_to_rows(parse_json(spans_of(datetime.now().astimezone())))
    RowInserter(schema_url).insert(rows)
    # By itself.
    expect(page.locator("#metric_total_messages .value")).to_have_text("2")
    expect(page.locator("#notice")).to_be_empty()
    page.goto(f"{page_of}/?from=2020-01-01&to=2020-01-02")
    expect(page.locator("#notice")).to_contain_text("No conversations in this window")
    expect(page.locator("#metric_total_messages .value")).to_have_text("0")
    expect(page.locator("#metric_agent_response_time .value")).to_have_text("–")


def test_a_hundred_thousand_conversations(page_of: str, schema_url: str, visitor: Visitor) -> None:
    with clickhouse_client.connect(schema_url) as client:
        client.command("""
            INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, SpanAttributes,
                `Events.Timestamp`, `Events.Name`, `Events.Attributes`)
            WITH toDateTime64('2026-11-10 00:00:00', 9, 'UTC') + INTERVAL number * 6 SECOND AS at
            SELECT at, lower(hex(MD5(toString(number)))), lower(hex(sipHash64(number))), 'turn', 'agent',
                map('gen_ai.conversation.id', concat('c', toString(number)), 'agentsight.span.kind', 'turn',
                    'agentsight.conversation.device', ['mobile', 'desktop'][number % 2 + 1]),
                [at], ['agentsight.message'],
                [map('agentsight.message.sender', 'end_user', 'agentsight.message.content',
                    concat('text ', toString(number)))]
            FROM numbers(100000)""")
    page = visitor.open(f"{page_of}/?{DAYS}&timezone=UTC")
    expect(page.locator("#metric_total_conversations .value")).to_have_text("100K")
    page.locator("#metric_total_conversations h2 a").click()
    page.wait_for_url("**/conversations?**")
    visitor.loaded()
    assert total(page) == 100_000
    expect(page.locator("a.conversation").first).to_contain_text("text 99999")
    page.goto(f"{page_of}/conversations?{DAYS}&timezone=UTC&page=1999")
    visitor.loaded()
    expect(page.locator("a.conversation").last).to_contain_text("text 0")
    expect(page.locator("#pages")).to_contain_text("99,951–100,000 of 100,000")
