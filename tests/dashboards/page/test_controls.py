"""Every control of the page, where each link then leads, and the page for keyboards, readers and small screens."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local.page import PageSettings
from tests.dashboards.npm import installed
from tests.dashboards.page.conftest import DAYS
from tests.dashboards.page.serving import Visitor, serving

AXE = "4.14.1"


def all_links(page: Page) -> list[str]:
    """Of what is shown and of what is folded away."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('main a[href], nav[aria-label=Pages] a, .brand')]"
        ".map((each) => each.getAttribute('href'))"
    )
    return found


def asked(href: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(href).query)


def assert_links_follow(page: Page, wanted: dict[str, list[str]], *, least: int = 200, exports: int = 16) -> None:
    links = all_links(page)
    assert len(links) > least
    assert len([href for href in links if href.startswith("/api/export/")]) >= exports
    for href in links:
        query = asked(href)
        for name, values in wanted.items():
            if not values:
                # A link of a slice is of that slice alone.
                assert name not in query or (len(query[name]) == 1 and "/conversations" in href), href
            elif name in ("source", "country", "device", "language") and query.get(name) != values:
                assert len(query[name]) == 1 and "/conversations" in href, href
            elif name == "range" and "from" in query:
                assert "/conversations" in href  # of one day
            elif name in ("from", "to") and query.get(name) != values:
                assert "/conversations?" in href and query["from"] == query["to"], href  # of one day
            else:
                assert query.get(name) == values, (name, href)


def test_every_link_follows_every_control(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/?range=14d")
    page.wait_for_selector(".world .known")
    page.locator("#range-7d").click()
    page.wait_for_url("**range=7d**")
    # At once, before the new figures are there.
    exports = [href for href in all_links(page) if "/api/export/" in href]
    assert {tuple(asked(href)["range"]) for href in exports} == {("7d",)}
    visitor.loaded()
    page.goto(f"{demo_page}/?{DAYS}")
    visitor.loaded()
    page.wait_for_selector(".world .known")
    page.locator("#filters-button").click()
    page.locator("#filter-source-whatsapp").check()
    page.wait_for_url("**source=whatsapp**")
    visitor.loaded()
    page.locator("#filter-device-mobile").check()
    page.wait_for_url("**device=mobile**")
    visitor.loaded()
    page.locator("#timezone").select_option("UTC")
    page.wait_for_url("**timezone=UTC**")
    visitor.loaded()
    page.wait_for_selector(".world .known")
    days = {"from": ["2026-11-10"], "to": ["2026-11-16"]}
    chosen = {"source": ["whatsapp"], "device": ["mobile"], "timezone": ["UTC"]}
    for href in all_links(page):
        query = asked(href)
        if "/api/export/" in href:
            assert {name: query.get(name) for name in (*days, *chosen)} == {**days, **chosen}, href
    assert_links_follow(page, chosen)
    page.get_by_role("button", name="Clear all").click()
    page.wait_for_function("!location.search.includes('source')")
    visitor.loaded()
    assert_links_follow(page, {**{name: [] for name in ("source", "device")}})
    # The figures of an export are those on the screen.
    href = page.locator("#metric_source .export a").first.get_attribute("href")
    saved = visitor.context.request.get(f"{demo_page}{href}").text().splitlines()[1:]
    shown = [int(text) for text in page.locator("#metric_source .row .number").all_text_contents()]
    assert [int(line.rsplit(",", 1)[1]) for line in saved] == shown


@pytest.mark.parametrize("names", [("service", "country"), ("environment", "language"), ("device", "source")])
def test_every_link_follows_each_filter_on_every_page(visitor: Visitor, demo_page: str, names: tuple[str, str]) -> None:
    for path, least, exports in (("/", 200, 16), ("/conversations", 10, 2)):
        page = visitor.open(f"{demo_page}{path}?{DAYS}")
        page.locator("#filters-button").click()
        for name in names:
            page.locator(f"#filters-menu input[id^='filter-{name}-']").first.check()
            page.wait_for_url(f"**{name}=**")
            visitor.loaded()
        if path == "/":
            page.wait_for_selector(".world .known")
        days = {"from": ["2026-11-10"], "to": ["2026-11-16"]}
        chosen = {name: asked(page.url)[name] for name in names}
        assert [len(values) for values in chosen.values()] == [1, 1]
        assert_links_follow(page, {**days, **chosen}, least=least, exports=exports)
    page.keyboard.press("Escape")  # The menu is over the list.
    page.locator("a.conversation").nth(1).click()
    page.wait_for_selector(".thread .message")
    expect(page.locator("#neighbours a")).to_have_count(2)
    assert_links_follow(page, {**days, **chosen}, least=5, exports=2)


def test_every_link_follows_days_that_are_chosen(visitor: Visitor, demo_page: str) -> None:
    for path, least, exports in (("/", 200, 16), ("/conversations", 10, 2)):
        page = visitor.open(f"{demo_page}{path}?range=7d&timezone=UTC")
        page.locator("#dates-button").click()
        page.locator("#from").fill("2026-11-11")
        page.locator("#to").fill("2026-11-14")
        page.get_by_role("button", name="Show", exact=True).click()
        page.wait_for_url("**from=2026-11-11**")
        visitor.loaded()
        if path == "/":
            page.wait_for_selector(".world .known")
        chosen = {"from": ["2026-11-11"], "to": ["2026-11-14"], "timezone": ["UTC"]}
        assert_links_follow(page, chosen, least=least, exports=exports)
        assert not any("range" in asked(href) for href in all_links(page))


def test_figures_of_other_filters_are_dimmed_until_their_own_come(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    assert page.locator("main .stale").count() == 0
    page.route("**/api/overview?*", lambda route: route.abort())
    page.locator("#range-90d").click()
    expect(page.locator("#problem")).to_contain_text("The server does not answer")
    assert page.locator("main .tile.stale").count() == 8, "figures that were not replaced still look like answers"
    page.unroute("**/api/overview?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("main .stale")).to_have_count(0)
    expect(page.locator("#problem")).to_have_count(0)
    visitor.problems.clear()  # the refused request


def test_a_server_that_stops_is_said_since_when_and_its_return_too(
    visitor: Visitor, schema_url: str, demo_page: str
) -> None:
    with serving(PageSettings(schema_url)) as address:
        page = visitor.open(address)
        expect(page.locator("#live-text")).to_have_text("Live")
        page.route("**/api/revision?*", lambda route: route.abort())
        expect(page.locator("#live-text")).to_contain_text("Offline since ")
        page.unroute("**/api/revision?*")
        expect(page.locator("#live-text")).to_have_text("Live")
    expect(page.locator("#live-text")).to_contain_text("Offline since ")
    page.close()
    visitor.problems.clear()


def test_unknown_parameters_and_pages_are_named(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}&devce=mobile&sourc=web")
    expect(page.locator("#unknown")).to_contain_text("devce, sourc")
    page.locator("#unknown button").click()
    expect(page.locator("#unknown")).to_be_empty()
    assert "devce" not in page.url and "from=2026-11-10" in page.url
    answer = page.goto(f"{demo_page}/no/such/page")
    assert answer is not None and answer.status == 404
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("link", name="Overview").last.click()
    visitor.loaded()
    assert visitor.context.request.get(f"{demo_page}/api/nothing").json()["error"].endswith("/api/nothing")
    assert all("404" in problem for problem in visitor.problems)
    visitor.problems.clear()


def findings(page: Page) -> list[str]:
    """What axe-core finds wrong with what is shown."""
    axe = (installed(f"axe-core-{AXE}", f"axe-core@{AXE}") / "node_modules" / "axe-core" / "axe.min.js").read_text()
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)"
    )
    return [f"{one['id']}: {json.dumps([node['html'][:160] for node in one['nodes'][:3]])}" for one in found]


@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}]
)
def test_axe_finds_nothing(
    browser: Browser, demo_page: str, page_of: str, schema_url: str, options: dict[str, Any]
) -> None:
    visitor = Visitor(browser, **options)
    page = visitor.open(f"{demo_page}/?{DAYS}&device=mobile&nothing=1")
    page.wait_for_selector(".world .known")
    # What was dimmed has its colours again: axe measures contrast.
    page.wait_for_function("document.getAnimations().every((each) => each.playState !== 'running')")
    assert findings(page) == []
    for opened in ("#filters-button", "#metric_source .export summary", "#hand-overs", "#metric_peak_hours-table"):
        page.locator(opened).click()
        assert findings(page) == [], opened
        page.keyboard.press("Escape")
    visitor.open(f"{demo_page}/conversations?{DAYS}&about=escalated")
    assert findings(page) == []
    page.locator("a.conversation").first.click()
    page.wait_for_selector(".thread .message")
    page.locator(".tool summary").first.click()
    assert findings(page) == []
    visitor.open(page_of)
    assert findings(page) == []
    visitor.open(f"{demo_page}/no/such/page")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    assert findings(page) == []
    with serving(PageSettings(schema_url, token="needed")) as address:
        page.goto(address)
        expect(page.get_by_label("Token")).to_be_visible()
        assert findings(page) == []
    visitor.context.close()


def test_menus_close_on_escape_and_outside_and_by_the_keyboard_alone(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/?{DAYS}")
    menus = {"#metric_source .export": "summary", "details.menu-details": "summary"}
    for menu, opener in menus.items():
        summary = page.locator(f"{menu} > {opener}")
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.locator(menu)).to_have_attribute("open", "")
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        expect(page.locator(menu)).not_to_have_attribute("open", "")
        assert page.evaluate("document.activeElement.localName") == "summary", "the focus returns to what opened it"
        summary.click()
        page.mouse.click(4, 900)
        expect(page.locator(menu)).not_to_have_attribute("open", "")
    for button in ("#dates-button", "#filters-button"):
        page.locator(button).click()
        page.mouse.click(4, 900)
        expect(page.locator(button)).to_have_attribute("aria-expanded", "false")
    # Everything that can be clicked can be reached, and is seen when it is.
    page.locator("body").click(position={"x": 1, "y": 500})
    reached = set()
    for _ in range(140):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.closest('section, article')?.id")
        )
    cards = set(
        page.evaluate("[...document.querySelectorAll('main section[id], main article')].map((each) => each.id)")
    )
    assert cards | {"live", "theme", "timezone", "filters-button", "dates-button"} <= reached


def test_a_phone_shows_menus_and_every_figure(browser: Browser, demo_page: str) -> None:
    visitor = Visitor(browser, viewport={"width": 390, "height": 844})
    page = visitor.open(f"{demo_page}/?{DAYS}")
    for opener, menu in (
        ("#filters-button", "#filters-menu"),
        ("#dates-button", "#dates-menu"),
        ("#metric_source .export summary", "#metric_source .export .popover"),
        ("#hand-overs", "#hand-overs-menu"),
    ):
        page.locator(opener).click()
        box = page.locator(menu).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390, menu
        assert box["y"] >= 0 and box["y"] + box["height"] <= 844, menu
        page.keyboard.press("Escape")
    cells = page.locator("#metric_tool_usage tbody tr").first.locator("td")
    labels = cells.evaluate_all("(all) => all.map((each) => each.dataset.label)")
    assert labels == ["Calls", "Errors", "Average", "p95"]
    for box in cells.evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().toJSON())"):
        assert box["left"] >= 0 and box["right"] <= 390 and box["width"] > 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.route("**/api/revision?*", lambda route: route.abort())
    live = page.locator("#live-text")
    expect(live).to_contain_text("Offline since ")
    box = live.bounding_box()
    assert box and box["width"] > 30 and box["height"] > 10 and box["x"] + box["width"] <= 390, "it cannot be read"
    assert float(live.evaluate("(each) => parseFloat(getComputedStyle(each).fontSize)")) >= 11
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    visitor.context.close()


def test_on_paper_nothing_is_folded_away(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/?range=30d")
    more = page.locator("details.more")
    assert more.count() and not more.first.evaluate("(each) => each.open")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(more.evaluate_all("(all) => all.map((each) => each.open)"))
    page.emulate_media(media="print")
    last = page.locator("#metric_world_map .row").last
    assert last.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not any(more.evaluate_all("(all) => all.map((each) => each.open)"))
    visitor.open(f"{demo_page}/conversations?{DAYS}&about=escalated")
    page.locator("a.conversation").first.click()
    page.wait_for_selector(".thread .message")
    page.locator(".trace-card > summary").click()
    assert not page.locator(".trace-card .span").first.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".trace-card .span").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.locator(".trace-card .span").first.is_visible()


def test_names_have_their_capitals_and_what_is_folded_says_how_much(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/?range=90d")
    page.wait_for_selector(".world .known")
    names = page.locator("#metric_source .row .name").all_text_contents()
    assert "WhatsApp" in names, names
    channel = "import('/static/js/format.js').then((format) => ['sms', 'ios', 'web', 'my shop'].map(format.channel))"
    assert page.evaluate(channel) == ["SMS", "iOS", "Web", "My shop"]
    assert {name for name in names if name[0].islower()} <= {"iOS"}
    rest = page.locator("#metric_world_map details.more")
    hidden = rest.locator(".row").count()
    conversations = sum(int(text.replace(",", "")) for text in rest.locator(".row .number").all_text_contents())
    assert hidden > 1
    expect(rest.locator("summary")).to_have_text(f"{hidden} more countries, {conversations:,} conversations")


def test_from_one_conversation_to_the_next_in_the_list_and_back(visitor: Visitor, demo_page: str) -> None:
    page = visitor.open(f"{demo_page}/conversations?{DAYS}&about=escalated&order=oldest")
    ids = [
        asked(href or "")["id"][0]
        for href in [each.get_attribute("href") for each in page.locator("a.conversation").all()]
    ]
    assert len(ids) > 3
    page.locator("a.conversation").nth(1).click()
    seen = []
    for _ in range(2):
        page.wait_for_selector(".thread .message")
        seen.append(asked(page.url)["id"][0])
        page.get_by_role("link", name="Next →").click()
        page.wait_for_function("(id) => !location.search.includes(id)", arg=seen[-1])
    assert seen == ids[1:3]
    page.get_by_role("link", name="← Previous").click()
    page.wait_for_url(f"**id={ids[2]}**")
    page.get_by_role("link", name="← Conversations").click()
    page.wait_for_url("**/conversations?**")
    assert "about=escalated" in page.url and "order=oldest" in page.url


def test_the_tools_that_hand_over_are_shown_and_changed(
    browser: Browser, visitor: Visitor, schema_url: str, demo_page: str
) -> None:
    with clickhouse_client.connect(schema_url) as client:
        client.command("""
            INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, SpanAttributes)
            SELECT now64(9) - INTERVAL number MINUTE, lower(hex(MD5(toString(number)))), lower(hex(sipHash64(number))),
                'tool', 'agent', map('gen_ai.conversation.id', toString(number), 'agentsight.span.kind', 'tool',
                    'gen_ai.tool.name', ['find_order', 'transfer_to_agent'][number % 2 + 1])
            FROM numbers(10)""")
        with serving(PageSettings(schema_url, writer_url=schema_url)) as address:
            page = visitor.open(f"{address}/?range=24h")
            row = page.locator("#metric_tool_usage tr").filter(has_text="transfer_to_agent")
            expect(row).to_contain_text("hands over?")
            page.locator("#hand-overs").click()
            menu = page.locator("#hand-overs-menu")
            expect(menu).to_contain_text("fallback_to_human")
            menu.get_by_role("button", name="Add transfer_to_agent").click()
            expect(menu.get_by_role("button", name="Remove transfer_to_agent")).to_be_visible()
            expect(page.locator("#hand-overs-menu")).not_to_contain_text("Names that suggest one")
            listed = {row[0] for row in client.query("SELECT tool FROM escalation_tools").result_rows}
            assert {"transfer_to_agent", "ticket"} <= listed
            menu.get_by_role("button", name="Remove ticket", exact=True).click()
            expect(menu.get_by_role("button", name="Remove ticket", exact=True)).to_have_count(0)
            assert client.query("SELECT count() FROM escalation_tools WHERE tool = 'ticket'").result_rows == [(0,)]
            request = visitor.context.request
            # No form of another site can do it, and a wrong request changes nothing.
            form = request.post(f"{address}/api/escalation", form={"tool": "x", "counts": "true"})
            assert form.status == 415
            for wrong in ({"tool": "x"}, {"tool": 1, "counts": True}, {"tool": " ", "counts": True}, []):
                assert request.post(f"{address}/api/escalation", data=wrong).status == 400
            page.close()
    assert visitor.context.request.post(f"{demo_page}/api/escalation", data={"tool": "x", "counts": True}).status == 403
