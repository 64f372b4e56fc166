"""The overview in a real browser: every metric, with the figures that the views give."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from agentsight_otel import metrics, replay
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local import demo
from agentsight_otel.metrics import METRICS, Window, query_parameters, view_call
from tests.dashboards.page.conftest import DAYS, WINDOW
from tests.dashboards.page.serving import Visitor


@pytest.fixture(scope="session")
def report(demo_url: str) -> metrics.Report:
    return metrics.fetch(demo_url, WINDOW)


def text(page: Page, selector: str) -> str:
    return " ".join(page.locator(selector).inner_text().split())


def count(value: int) -> str:
    return f"{value:,}"


def seconds(value: float) -> str:
    if value < 59.95:
        return f"{value:.2f} s" if value < 9.95 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def percent(value: float) -> str:
    return f"{value * 100:.1f} %"


def test_every_figure_is_that_of_its_view(visitor: Visitor, demo_page: str, report: metrics.Report) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    row = {view: rows[0] for view, rows in report.metrics.items() if rows}
    before = {view: rows[0] for view, rows in report.previous.items() if rows}
    tiles: list[tuple[str, str, Callable[[Any], str], list[str]]] = [
        ("metric_total_conversations", "conversations", count, []),
        ("metric_total_messages", "messages", count, [f"{row['metric_total_messages']['user_messages']} by users"]),
        ("metric_individual_users", "users", count, []),
        ("metric_agent_response_time", "average_s", seconds,
         [f"p95 {seconds(row['metric_agent_response_time']['p95_s'])}",
          f"{row['metric_agent_response_time']['unanswered']} unanswered"]),
        ("metric_conversation_duration", "average_s", seconds,
         [f"median {seconds(row['metric_conversation_duration']['p50_s'])}"]),
        ("metric_human_escalation", "rate", percent, [f"{row['metric_human_escalation']['escalated']} of"]),
        ("metric_conversation_feedback", "positive_rate", percent,
         [f"{row['metric_conversation_feedback']['negative']} negative"]),
        ("metric_unique_interaction", "rate", percent, [f"of {row['metric_unique_interaction']['visits']} visits"]),
    ]  # fmt: skip
    for view, column, form, details in tiles:
        value, was = row[view][column], before[view][column]
        assert value, f"{view}: the test needs data"
        assert text(page, f"#{view} .value") == form(value)
        assert f"from {form(was)}" in text(page, f"#{view} .change")
        share = (value - was) / was * 100
        moved = f"{abs(share):.0f} %" if abs(share) >= 9.95 else f"{abs(share):.1f} %"
        if column.endswith("rate"):
            points = f"{abs(value - was) * 100:.1f}"
            moved = f"{points} {'point' if points == '1.0' else 'points'}"
        assert f"{'▲' if share > 0 else '▼'} {moved}" in text(page, f"#{view} .change")
        for detail in details:
            assert detail in text(page, f"#{view} .detail")
    feedback = row["metric_conversation_feedback"]
    shown = text(page, "#feedback")
    for sentiment in ("positive", "neutral", "negative"):
        assert f"{sentiment.capitalize()} {feedback[sentiment]}" in shown
    # Two shares of different wholes stand on one screen: it says which is of what.
    rated = feedback["positive"] + feedback["negative"]
    assert f"Satisfaction, {percent(feedback['positive_rate'])}, leaves the neutral ones out" in shown
    assert f"{feedback['positive']} of {rated}" in shown


def test_every_row_of_the_panels_is_that_of_its_view(visitor: Visitor, demo_page: str, report: metrics.Report) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    for view, column in (
        ("device_usage", "device"),
        ("source", "source"),
        ("language", "language"),
        ("world_map", "country"),
    ):
        rows = report.metrics[f"metric_{view}"]
        links = page.locator(f"#metric_{view} .row")
        assert links.count() == len(rows)
        found = {
            re.search(rf"[?&]{column}=([^&]*)", link.get_attribute("href") or "")[1]: int(  # type: ignore[index]
                link.locator(".number").text_content() or ""
            )
            for link in links.all()
        }
        assert found == {row[column]: row["conversations"] for row in rows}
    days = page.locator("#metric_daily_overview a.hit")
    assert [label.split(", ", 2)[-1] for label in [day.get_attribute("aria-label") or "" for day in days.all()]] == [
        f"{plural(row['messages'], 'message')}, {plural(row['conversations'], 'conversation')}"
        for row in report.metrics["metric_daily_overview"]
    ]
    heights = page.evaluate(
        "[...document.querySelectorAll('#metric_daily_overview .bar.messages')].map((bar) => bar.getBBox().height)"
    )
    messages = [row["messages"] for row in report.metrics["metric_daily_overview"] if row["messages"]]
    assert [round(height / heights[0], 2) for height in heights] == [round(each / messages[0], 2) for each in messages]
    tools = [
        " ".join(each.inner_text().replace("hands over", "").split())
        for each in page.locator("#metric_tool_usage tbody tr").all()
        if each.is_visible()
    ]
    expected = [
        f"{row['tool']} {row['calls']} {row['errors']}" for row in report.metrics["metric_tool_usage"][: len(tools)]
    ]
    assert [line[: len(start)] for line, start in zip(tools, expected, strict=True)] == expected
    assert len(tools) == min(12, len(report.metrics["metric_tool_usage"])) > 3
    first = report.metrics["metric_tool_usage"][0]
    assert tools[0].endswith(f"{seconds(first['average_s'])} {seconds(first['p95_s'])}")


def plural(value: int, one: str) -> str:
    return f"{value:,} {one}{'' if value == 1 else 's'}"


def test_the_heat_map_has_tooltips_colours_keys_and_both_measures(
    visitor: Visitor, demo_page: str, report: metrics.Report
) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    rows = report.metrics["metric_peak_hours"]
    for measure in ("messages", "conversations"):
        page.locator(f"#heat-{measure}").click()
        cells = page.locator("#metric_peak_hours .cell")
        assert cells.count() == 168
        labels = [cell.get_attribute("aria-label") or "" for cell in cells.all()]
        assert [label.split(", ")[1] for label in labels] == [plural(row[measure], measure[:-1]) for row in rows]
        peak = max(range(168), key=lambda index: rows[index][measure])
        cells.nth(peak).hover()
        tip = page.locator("#tip")
        expect(tip).to_be_visible()
        assert tip.inner_text().split("\n") == labels[peak].split(", ")
    styles = "[...document.querySelectorAll('.cell')].map((cell) => getComputedStyle(cell)).map((style) => "
    levels = page.evaluate(styles + "Number(style.getPropertyValue('--level')))")
    most = max(row["conversations"] for row in rows)
    assert levels == pytest.approx([row["conversations"] / most for row in rows], abs=0.001)
    colours = page.evaluate(
        "[...document.querySelectorAll('.cell')].map((cell) => getComputedStyle(cell).backgroundColor)"
    )
    assert len({colours[index] for index, row in enumerate(rows) if row["conversations"] == 0}) == 1
    assert colours[levels.index(1)] != colours[levels.index(0)]
    # One tab stop; arrows move within.
    assert page.locator(".cell[tabindex='0']").count() == 1
    page.locator(".cell[tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Tuesday 02:00–03:00")
    expect(page.locator("#tip")).to_contain_text("Tuesday 02:00–03:00")


def test_the_map_colours_countries_by_their_conversations(
    visitor: Visitor, demo_page: str, report: metrics.Report
) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    rows = {row["country"]: row["conversations"] for row in report.metrics["metric_world_map"]}
    rows.pop("unknown", None)
    page.wait_for_selector(".world .known")
    fills = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.world [data-country]')].map((shape) =>"
        " [shape.dataset.country, [shape.classList.contains('known'), getComputedStyle(shape).fill]]))"
    )
    assert {code for code, (known, _) in fills.items() if known} == set(rows)
    ranked = sorted(rows, key=lambda code: -rows[code])
    assert len(fills) > 180
    assert len({fills[code][1] for code, count_ in rows.items() if count_ == rows[ranked[0]]}) == 1
    assert fills[ranked[0]][1] != fills[ranked[-1]][1] != fills["AQ" if "AQ" in fills else "MN"][1]
    page.locator(f".world [data-country='{ranked[0]}']").dispatch_event("mouseover", {"bubbles": True})
    expect(page.locator("#tip")).to_contain_text(f"{rows[ranked[0]]} conversations")


def test_filters_and_windows_stand_in_the_url(visitor: Visitor, demo_page: str, demo_url: str) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    page.locator("#filters-button").click()
    page.locator("#filter-device-mobile").check()
    page.wait_for_url("**device=mobile**")
    visitor.loaded()
    page.locator("#filter-source-web").check()
    page.wait_for_url("**source=web**")
    visitor.loaded()
    with clickhouse_client.connect(demo_url) as client:
        window = Window(WINDOW.start, WINDOW.end, WINDOW.timezone, {"device": ["mobile"], "source": ["web"]})
        wanted = metrics.query(client, "metric_total_messages", window)[0]["messages"]
        in_utc = Window(
            datetime.fromisoformat("2026-11-10T00:00+00:00"), datetime.fromisoformat("2026-11-17T00:00+00:00"), "UTC"
        )
        all_in_utc = metrics.query(client, "metric_total_messages", in_utc)[0]["messages"]
    expect(page.locator("#metric_total_messages .value")).to_have_text(count(wanted))
    page.keyboard.press("Escape")
    expect(page.locator("#filters-menu")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "filters-button"
    page.reload()
    visitor.loaded()
    expect(page.locator("#metric_total_messages .value")).to_have_text(count(wanted))
    page.get_by_role("button", name="Remove filter Device: Mobile").click()
    expect(page.locator("#metric_total_messages .value")).not_to_have_text(count(wanted))
    page.get_by_role("button", name="Clear all").click()
    page.locator("#timezone").select_option("UTC")
    page.wait_for_url("**timezone=UTC**")
    expect(page.locator("#metric_total_messages .value")).to_have_text(count(all_in_utc))
    page.locator("#range-90d").click()
    page.wait_for_url("**range=90d**")
    assert "from=" not in page.url
    page.locator("#dates-button").click()
    page.locator("#from").fill("2026-11-16")
    page.locator("#to").fill("2026-11-10")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**from=2026-11-10&to=2026-11-16**")
    expect(page.locator("#metric_total_messages .value")).to_have_text(count(all_in_utc))
    page.go_back()
    page.wait_for_url("**range=90d**")
    visitor.loaded()


def test_light_dark_phone_and_nothing_from_elsewhere(browser: Browser, demo_page: str) -> None:
    grounds = []
    for options in ({"color_scheme": "light"}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}):
        visitor = Visitor(browser, **options)
        page = visitor.open(f"{demo_page}/?{DAYS}")
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        page.locator("#theme").click()
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.reload()
        visitor.loaded()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == grounds[-1]
        assert all(address.startswith((demo_page, "data:")) for address in visitor.requested)
        assert visitor.problems == []
        visitor.context.close()
    assert grounds[0] == grounds[3] != grounds[1] == grounds[2]


def test_each_chart_can_be_read_as_a_table_and_the_page_be_walked_by_keys(
    visitor: Visitor, demo_page: str, report: metrics.Report
) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    for view in ("metric_daily_overview", "metric_peak_hours", "metric_world_map"):
        page.locator(f"#{view}-table").click()
        assert page.locator(f"#{view} table.data tbody tr").count() == len(report.metrics[view])
        page.locator(f"#{view}-table").click()
        assert page.locator(f"#{view} table.data").count() == 0
    unnamed = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input, select')].filter((each) => each.checkVisibility() &&"
        " !each.closest('[aria-hidden]') &&"
        " !(each.ariaLabel || each.textContent.trim() || each.labels?.length)).map((each) => each.outerHTML)"
    )
    assert unnamed == []
    visitor.open(f"{demo_page}/?{DAYS}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('article')?.id") == "metric_total_conversations"
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations?**")


def test_the_figures_are_asked_for_once_and_before_what_shows_them(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    asked = [address.removeprefix(demo_page) for address in visitor.requested]
    (figures,) = [index for index, path in enumerate(asked) if path.startswith("/api/overview?")]
    assert figures < asked.index("/api/about?")
    page.locator("#range-90d").click()
    page.wait_for_url("**range=90d**")
    visitor.loaded()
    assert len([address for address in visitor.requested if "/api/overview?" in address]) == 2


def test_the_report_prints_without_controls(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}&device=mobile")
    page.emulate_media(media="print")
    assert not page.locator(".top").is_visible()
    assert not page.locator(".export").first.is_visible()
    assert "Device: Mobile" in text(page, "#report")
    assert page.pdf(print_background=True)[:5] == b"%PDF-"


def test_metrics_of_the_api_are_those_of_the_views(visitor: Visitor, demo_page: str, report: metrics.Report) -> None:
    answer = visitor.context.request.get(f"{demo_page}/api/overview?{DAYS}&timezone=Europe/Athens")
    parts = [json.loads(line) for line in answer.text().splitlines()]
    assert parts[0]["window"]["from"] == "2026-11-09T22:00:00.000Z"
    assert parts[-1] == {"done": True}
    found = {part["view"]: part["rows"] for part in parts if "view" in part}
    expected = report.as_json()["metrics"]
    assert set(found) == set(METRICS)
    assert all(found[view] == expected[view] for view in METRICS)
    for wrong, said in [
        ("range=soon", "range 'soon'"),
        ("from=x&to=y", "from 'x'"),
        ("timezone=Mars", "IANA"),
        ("from=2026-01-01", "both"),
    ]:
        refused = visitor.context.request.get(f"{demo_page}/api/overview?{wrong}")
        assert refused.status == 400
        assert said in refused.json()["error"]


def test_what_the_figures_leave_out_is_shown_when_it_is_unfolded(
    page_of: str, schema_url: str, visitor: Visitor
) -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    lines = [json.dumps({"conversation_id": f"c{n}", "customer_id": "Guest", "messages": said}) for n in range(3)]
    replay.play(replay.read(lines).transcripts, schema_url)
    page = visitor.open(f"{page_of}/")
    assert not any("left-out" in address for address in visitor.requested if "/api/" in address)
    page.locator("#left-out summary").click()
    cells = page.locator("#left-out tbody tr").first.locator("td")
    expect(cells).to_have_text(["No customer: counted as nobody's", "guest", "3", re.compile(r"\d+")])
    expect(page.locator("#metric_individual_users .value")).to_have_text("0")


def test_the_models_that_were_called_are_shown_with_their_tokens_and_their_cost_once_there_are_prices(
    page_of: str, schema_url: str, visitor: Visitor
) -> None:
    page = visitor.open(f"{page_of}/")
    expect(page.locator("#models")).to_be_hidden()
    begin_ns = int((datetime.now(timezone.utc) - timedelta(days=3)).timestamp()) * 10**9
    played = demo.transcripts(datetime.now(timezone.utc))
    replay.play([each for each in played if each.at_ns is not None and each.at_ns >= begin_ns], schema_url)
    page.goto(f"{page_of}/?range=7d")
    (model, *_), *_ = figures = models_of(schema_url)
    expect(page.locator("#models tbody tr")).to_have_count(len(figures))
    expect(page.locator("#models thead")).not_to_contain_text("Cost")
    expect(page.locator("#models")).to_contain_text("agentsight-otel prices import FILE")
    with clickhouse_client.connect(schema_url) as client:
        client.insert(
            "model_prices",
            [[model, date(2020, 1, 1), 2.0, 1.0, 4.0, "EUR"]],
            column_names=["model", "valid_from", "input_price", "cached_input_price", "output_price", "currency"],
        )
    page.reload()
    (model, calls, tokens, cost), *_ = models_of(schema_url)
    row = page.locator("#models tbody tr", has_text=model).first.locator("td")
    expect(row.nth(0)).to_contain_text(model)
    expect(row.nth(1)).to_have_text(f"{calls:,}")
    expect(row.nth(3)).to_contain_text(f"{tokens:,}")
    expect(row.nth(7)).to_have_text(f"{float(f'{cost:.3g}'):g} EUR")


def models_of(url: str) -> list[tuple[str, int, int, float]]:
    now = datetime.now(timezone.utc)
    window = Window(now - timedelta(days=7), now)
    with clickhouse_client.connect(url) as client:
        return client.query(
            f"SELECT model, calls, input_tokens, cost FROM {view_call('model_usage')}",
            parameters=query_parameters(window),
        ).result_rows
