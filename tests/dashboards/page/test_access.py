"""Who may see the page, and what a browser may do with it."""

import http.client
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from agentsight_otel.local.page import PageSettings
from agentsight_otel.local.page.access import is_loopback
from tests.dashboards.page.serving import Visitor, serving

TOKEN = "a token, & more"


def get(address: str, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8686", 200), ("localhost", 200), ("[::1]:8686", 200), ("192.168.1.7:8686", 200),
        ("evil.example:8686", 421), ("localhost.evil.example", 421), ("", 421), ("127.0.0.1.evil.example", 421),
    ],
)  # fmt: skip
def test_other_host_names_are_not_answered(page_of: str, host: str, status: int) -> None:
    assert get(page_of, "/api/about", Host=host).status == status


def test_headers_keep_the_page_to_itself(page_of: str) -> None:
    for path in ("/", "/api/about", "/static/app.css", "/nowhere"):
        answer = get(page_of, path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert get(page_of, "/api/about").headers["Cache-Control"] == "no-store"
    assert get(page_of, "/api/about", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert get(page_of, "/api/about", "POST").status == 405
    for path in ("/static/../page/app.py", "/static/%2e%2e/page/app.py", "/static//etc/passwd"):
        assert get(page_of, path).status == 404


def test_a_token_is_demanded_of_everybody(browser: Browser, schema_url: str) -> None:
    with serving(PageSettings(schema_url, token=TOKEN)) as address:
        for path in ("/", "/conversations", "/api/about", "/static/js/main.js", "/api/export/conversations.csv"):
            assert get(address, path).status == 401
        assert get(address, "/api/about", Authorization=f"Bearer {TOKEN}").status == 200
        for wrong in ("Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x"):
            assert get(address, "/api/about", Authorization=wrong).status == 401
        assert get(address, "/?token=wrong").status == 401
        assert get(address, "//evil.example/?token=a%20token%2C%20%26%20more").headers["Location"] == "/evil.example/"
        visitor = Visitor(browser)
        page = visitor.page
        page.goto(address)
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("That is not the token.")).to_be_visible()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        visitor.loaded()
        expect(page.locator("#metric_total_messages .value")).to_have_text("0")
        cookie = next(each for each in visitor.context.cookies() if each["name"] == "agentsight_token")
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        page.goto(f"{address}/conversations?token=a%20token%2C%20%26%20more&range=7d")
        assert page.url == f"{address}/conversations?range=7d"
        visitor.context.close()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True),
        ("0.0.0.0", False), ("::", False), ("box", False),
    ],
)  # fmt: skip
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
