"""Who may see the page, and what a browser may do with it."""

import http.client
import secrets
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from agentsight_otel.local.hosts import is_loopback
from agentsight_otel.local.page import PageSettings
from agentsight_otel.local.page.guesses import Guesses
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
def test_other_host_names_are_not_answered(kept_page: str, host: str, status: int) -> None:
    assert get(kept_page, "/api/about", Host=host).status == status


def test_headers_keep_the_page_to_itself(kept_page: str) -> None:
    for path in ("/", "/api/about", "/static/app.css", "/nowhere"):
        answer = get(kept_page, path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert get(kept_page, "/api/about").headers["Cache-Control"] == "no-store"
    assert get(kept_page, "/api/about", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert get(kept_page, "/api/about", "POST").status == 405
    for path in ("/static/../page/app.py", "/static/%2e%2e/page/app.py", "/static//etc/passwd"):
        assert get(kept_page, path).status == 404


def test_a_token_is_demanded_of_everybody(browser: Browser, kept_url: str) -> None:
    with serving(PageSettings(kept_url, token=TOKEN)) as address:
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
        cookie = next(each for each in visitor.context.cookies() if each["name"].startswith("agentsight_token"))
        assert TOKEN not in cookie["value"]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        page.goto(f"{address}/conversations?token=a%20token%2C%20%26%20more&range=7d")
        assert page.url == f"{address}/conversations?range=7d"
        visitor.context.close()


@pytest.mark.parametrize("token", ["ключ 鍵 🔑", "pâté", "a" * 500, "x%20&;=y"])
def test_a_token_may_be_any_text(kept_url: str, token: str) -> None:
    with serving(PageSettings(kept_url, token=token)) as address:
        signed_in = get(address, f"/?token={quote(token)}")
        assert signed_in.status == 303
        cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
        assert quote(token) not in cookie and token not in cookie
        assert get(address, "/api/about", Cookie=cookie).status == 200
        assert get(address, "/api/about", Cookie=cookie[:-1]).status == 401
        # As curl sends it: bytes of UTF-8.
        assert get(address, "/api/about", Authorization=f"Bearer {token}".encode().decode("latin-1")).status == 200
        assert get(address, "/api/about", Authorization=f"Bearer {token}x".encode().decode("latin-1")).status == 401


def test_a_token_that_can_be_guessed_is_not_looked_at_after_many_wrong_ones(kept_url: str) -> None:
    with serving(PageSettings(kept_url, token="secret")) as address:
        cookie = get(address, "/?token=secret").headers["Set-Cookie"].partition(";")[0]
        statuses = [get(address, "/api/about", Authorization=f"Bearer guess-{each}").status for each in range(20)]
        assert statuses == [401] * 9 + [429] * 11
        assert get(address, "/?token=secret").status == 429
        assert get(address, "/api/about", Authorization="Bearer secret").status == 429
        assert get(address, "/api/about", Cookie=cookie).status == 200


def test_nobody_locks_out_the_owner_of_a_token_that_cannot_be_guessed(kept_url: str) -> None:
    token = secrets.token_urlsafe(24)
    with serving(PageSettings(kept_url, token=token)) as address:
        statuses = [get(address, f"/?token=guess-{each}").status for each in range(20)]
        assert statuses == [401] * 9 + [429] * 11
        assert get(address, f"/?token={token}").status == 303


def test_wrong_tokens_from_one_ipv6_network_are_one_senders() -> None:
    guesses = Guesses("secret", clock=lambda: 1.0)
    for number in range(10):
        guesses.wrong(f"2001:db8:0:1::{number + 1:x}")
    assert guesses.refuses("2001:db8:0:1:ffff::1") and guesses.refuses("2001:db8:0:1::1%eth0")
    assert not guesses.refuses("2001:db8:0:2::1") and not guesses.refuses("::ffff:10.0.0.1")
    for _ in range(10):
        guesses.wrong("::ffff:10.0.0.1")
    assert guesses.refuses("::ffff:10.0.0.1") and not guesses.refuses("::ffff:10.0.0.2")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True),
        ("0.0.0.0", False), ("::", False), ("box", False),
    ],
)  # fmt: skip
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
