"""What is read of a web request, and that hostile headers do no harm."""

import tracemalloc

import pytest

from agentsight_otel._core.config import SettingError
from agentsight_otel.integrations import asgi, visitor, wsgi

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (CHROME, "desktop"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
            "desktop",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36", "desktop"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " Version/18.5 Mobile/15E148 Safari/604.1",
            "mobile",
        ),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/139.0.0.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36", "tablet"),
        (
            "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " Version/16.6 Mobile/15E148 Safari/604.1",
            "tablet",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ""),
        ("curl/8.5.0", ""),
        ("", ""),
        ("  ", ""),
    ],
)
def test_the_device_of_a_user_agent(user_agent: str, expected: str) -> None:
    assert visitor.device(user_agent) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("el-GR,el;q=0.9,en;q=0.8", "el-GR"),
        ("en;q=0.5, de ; q=0.9", "de"),
        ("*, fr;q=0.1", "fr"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("en;q=0", ""),
        ("en;q=nan, de;q=high, fr;q=2, it;level=1", ""),
        ("<script>, en;q=0.1", "en"),
        ("*", ""),
        ("", ""),
    ],
)
def test_the_language_most_wanted(header: str, expected: str) -> None:
    assert visitor.language(header) == expected


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ([], 0, "10.0.0.1"),
        (["1.1.1.1"], 0, "10.0.0.1"),  # nobody is trusted, nothing is believed
        (["1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1"], 1, "1.1.1.1"),  # 6.6.6.6 is the client's own invention
        (["6.6.6.6, 1.1.1.1, 10.0.0.2"], 2, "1.1.1.1"),
        (["6.6.6.6", "1.1.1.1"], 1, "1.1.1.1"),
        (["1.1.1.1"], 3, "1.1.1.1"),
        ([], 2, "10.0.0.1"),
        (["1.1.1.1:4711"], 1, "1.1.1.1"),
        (["[2001:db8::1]:4711"], 1, "2001:db8::1"),
        (["2001:db8::1"], 1, "2001:db8::1"),
        (["fe80::1%eth0"], 1, "fe80::1"),
        (["unknown"], 1, ""),
        (["'; DROP TABLE"], 1, ""),
        ([" , ,1.1.1.1, "], 1, "1.1.1.1"),
        (['for=6.6.6.6, for="[2001:db8::1]:80";proto=https;by=10.0.0.2'], 1, "2001:db8::1"),
        (["For=1.1.1.1"], 1, "1.1.1.1"),
        (["for=_hidden"], 1, ""),
    ],
)
def test_the_address_behind_trusted_proxies(forwarded: list[str], proxies: int, expected: str) -> None:
    assert visitor.client_address("10.0.0.1", forwarded, proxies) == expected


def test_giant_headers_cost_little_and_change_nothing() -> None:
    giant = "1" * 5_000_000
    forwarded, commas, languages, agent = f"{giant},1.1.1.1", "," * 5_000_000, f"en,{giant}", CHROME + giant
    visitor.device(CHROME)  # loads the patterns
    tracemalloc.start()
    try:
        assert visitor.client_address("10.0.0.1", [forwarded], 1) == "1.1.1.1"
        assert visitor.client_address("10.0.0.1", [commas], 1) == "10.0.0.1"
        assert visitor.language(languages) == "en"
        assert visitor.device(agent) == "desktop"
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000  # every character that is looked at is in some copy first


@pytest.mark.parametrize("middleware", [asgi.ConversationMiddleware, wsgi.ConversationMiddleware])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"trusted_proxies": -1}, "trusted_proxies: -1: expected a whole number"),
        ({"trusted_proxies": True}, "trusted_proxies: True"),
        ({"forwarded_header": "x-real-ip"}, "forwarded_header: 'x-real-ip': expected x-forwarded-for or forwarded"),
        ({"conversation_id": 7}, "conversation_id: 7: expected a header's name or a callable"),
    ],
)
def test_a_wrong_setting_of_a_middleware_is_an_error(middleware: type, given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        middleware(lambda *_: None, **given)


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", True),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot",
            True,
        ),
        ("Mozilla/5.0 (compatible; UptimeRobot/2.0)", True),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0.0.0 Safari/537.36", True),
        ("curl/8.5.0", True),
        (CHROME, False),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/100 Mobile Safari/537.36", False),
        ("python-requests/2.31", False),
        ("", False),
    ],
)
def test_robots_are_known_by_their_user_agent(user_agent: str, expected: bool) -> None:
    assert visitor.is_robot(user_agent) is expected
