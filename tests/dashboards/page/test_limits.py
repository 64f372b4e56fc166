"""Nothing that is stored makes an answer of the page large, or holds up others for long."""

import contextlib
import csv
import http.client
import io
import json
import socket
import threading
import time
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.local.page import PageSettings, bodies
from tests.dashboards.page.serving import serving

WINDOW = "from=2026-11-01&to=2026-11-30"


def get(address: str, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def fill(url: str, rows: str, *, event: str = "'a'") -> None:
    """Conversations made in ClickHouse; a row of ``rows`` has number, id, device and texts of messages."""
    with clickhouse_client.connect(url) as client:
        client.command(
            "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, SpanAttributes, Duration,"
            " Events.Timestamp, Events.Name, Events.Attributes)"
            " SELECT at, lower(hex(MD5(id))), lower(hex(substring(MD5(toString(number)), 1, 8))), 'turn', 's',"
            " map('gen_ai.conversation.id', id, 'agentsight.span.kind', 'turn',"
            " 'agentsight.conversation.device', device), 0,"
            " arrayMap(n -> at + toIntervalMillisecond(n), arrayEnumerate(texts)),"
            " arrayMap(n -> 'agentsight.message', texts),"
            " arrayMap(text -> map('agentsight.message.sender', 'end_user', 'agentsight.message.content', text), texts)"
            f" FROM (SELECT *, toDateTime64('2026-11-10 12:00:00', 9, 'UTC') + toIntervalSecond(number) AS at"
            f" FROM ({rows}))"
        )


def test_a_transcript_of_twenty_megabytes_comes_in_parts_and_holds_up_nobody(page_of: str, schema_url: str) -> None:
    # Messages of 200 kB, each longer than what is shown of one.
    fill(
        schema_url,
        "SELECT number, 'long' AS id, 'mobile' AS device,"
        " [concat(leftPad(toString(number), 10), repeat('x', 200000))] AS texts FROM numbers(100)",
    )
    waits: list[float] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            began = time.monotonic()
            assert get(page_of, "/api/about")[0] == 200
            waits.append(time.monotonic() - began)

    looking = threading.Thread(target=look)
    looking.start()
    seen: list[int] = []
    since: str | None = None
    while True:
        status, body = get(page_of, "/api/conversation?id=long" + (f"&since={quote(since)}" if since else ""))
        assert status == 200
        assert len(body) < 8_000_000
        found: dict[str, Any] = json.loads(body)
        texts = [item["content"] for item in found["items"] if item["type"] == "message"]
        assert all(len(text) == 100_001 and text.endswith("…") for text in texts)
        seen += [int(text[:10]) for text in texts]
        if (since := found["next"]) is None:
            break
    done.set()
    looking.join()
    assert seen == list(range(100))
    assert max(waits) < 2


def test_no_text_of_a_span_makes_an_answer_large(page_of: str, schema_url: str) -> None:
    """500 spans with a status of 1 MB, and other texts that are short unless somebody means harm."""
    long = "repeat('x', 1000000)"
    with clickhouse_client.connect(schema_url) as client:
        client.command(
            "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, StatusCode, StatusMessage,"
            " SpanAttributes, Duration) SELECT toDateTime64('2026-11-10 12:00:00', 9, 'UTC') + number,"
            f" lower(hex(MD5('c'))), lower(hex(substring(MD5(toString(number)), 1, 8))), {long}, {long}, 'Error',"
            f" {long},"
            " map('gen_ai.conversation.id', 'c', 'agentsight.span.kind', 'task', 'gen_ai.request.model', 'm'), 0"
            " FROM numbers(500) SETTINGS max_block_size = 20, min_insert_block_size_rows = 20, max_insert_threads = 1"
        )
        client.command(
            "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanAttributes, Duration)"
            " SELECT now64(9) - number, lower(hex(MD5('d'))), leftPad(toString(number), 16, 'd'),"
            f" 'span', map('gen_ai.conversation.id', if(number % 2, 'd', concat('d', {long})),"
            f" 'agentsight.span.kind',"
            " ['feedback', 'tool', 'llm', 'attachment', 'conversation', 'turn'][number % 6 + 1],"
            f" 'agentsight.feedback.sentiment', {long}, 'agentsight.feedback.source', {long},"
            f" 'agentsight.attachment.sender', {long}, 'gen_ai.usage.input_tokens', {long},"
            f" 'gen_ai.request.model', {long}, 'gen_ai.tool.name', concat('human', {long}), 'user.id', {long},"
            f" 'agentsight.conversation.name', {long}, 'agentsight.conversation.device', {long}), 0 FROM numbers(12)"
            " SETTINGS max_block_size = 1, min_insert_block_size_rows = 1, max_insert_threads = 1"
        )
        client.command(f"INSERT INTO no_customers (value) SELECT {long}")
    status, body = get(page_of, "/api/conversation?id=c")
    assert status == 200 and len(body) < 4_000_000
    first = json.loads(body)
    assert (len(first["spans"]), first["spans"][0]["total"]) == (500, 500)
    assert {len(span[name]) for span in first["spans"] for name in ("name", "service", "status_message")} == {1000}
    since = first["next"] or first["items"][-1]["timestamp"]
    status, body = get(page_of, f"/api/conversation?id=c&since={quote(since)}")
    assert status == 200 and json.loads(body)["spans"] is None
    for path in (
        "/api/conversation?id=d",
        "/api/conversations?range=24h&about=visits",
        "/api/conversations?range=24h&about=visits&search=d",
        "/api/neighbours?range=24h&about=visits&id=d",
        "/api/overview?range=24h",
        "/api/models?range=24h",
        "/api/left-out?range=24h",
        "/api/escalation",
    ):
        status, body = get(page_of, path)
        assert status == 200, (path, body[:300])
        assert len(body) < 600_000, path
        assert b"error" not in body[:10]


def test_thirty_thousand_devices_are_two_hundred_and_others(page_of: str, schema_url: str) -> None:
    fill(
        schema_url,
        "SELECT number, toString(number) AS id, if(number < 500, 'mobile', concat('device-', toString(number))) AS"
        " device, ['hi'] AS texts FROM numbers(30000)",
    )
    _, body = get(page_of, f"/api/overview?{WINDOW}")
    assert len(body) < 500_000
    (devices,) = (line for line in map(json.loads, body.splitlines()) if line.get("view") == "metric_device_usage")
    assert len(devices["rows"]) == 201
    assert devices["rows"][0] == {"device": "mobile", "conversations": 500}
    assert devices["rows"][-1] == {"device": "(others)", "conversations": 29_301}
    _, body = get(page_of, f"/api/conversations?{WINDOW}")
    assert len(body) < 500_000
    facets = json.loads(body)["facets"]["device"]
    assert len(facets) == 200 and ["(others)", 29_301] not in facets


@pytest.mark.parametrize("path", ["/api/conversations", "/api/export/conversations.csv"])
def test_searches_that_nobody_waits_for_end_and_forty_hold_up_nobody(
    schema_url: str, clickhouse_server: EmbeddedClickHouse, path: str
) -> None:
    """As the user who only reads, as in `up`: it must be able to end its own queries."""
    reader_url = clickhouse_server.reader_url(urlsplit(schema_url).path.strip("/"))
    fill(
        schema_url,
        "SELECT number, toString(number) AS id, 'mobile' AS device,"
        " arrayMap(n -> repeat(toString(n), 2000), range(20)) AS texts FROM numbers(3000)",
    )
    with serving(PageSettings(reader_url)) as address, clickhouse_client.connect(schema_url) as client:

        def running() -> int:
            return int(
                client.query(
                    "SELECT count() FROM system.processes WHERE query_id LIKE 'page-%' AND"
                    " current_database = currentDatabase()"
                ).result_rows[0][0]
            )

        began = time.monotonic()
        assert get(address, f"/api/overview?{WINDOW}")[0] == 200
        alone_s = time.monotonic() - began
        searches = []
        for number in range(40):
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
            connection.request("GET", f"{path}?{WINDOW}&search=absent-{number}")
            searches.append(connection)
        deadline = time.monotonic() + 60
        while not running():
            assert time.monotonic() < deadline
        assert max(running() for _ in range(20)) <= 2
        began = time.monotonic()
        assert get(address, f"/api/overview?{WINDOW}")[0] == 200
        held_up_s = time.monotonic() - began
        ((closed_at,),) = client.query("SELECT toString(now64(6))").result_rows
        for connection in searches:
            connection.close()
        while running():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client.command("SYSTEM FLUSH LOGS query_log")
        ((begun_after,),) = client.query(
            "SELECT count() FROM system.query_log WHERE type = 'QueryStart' AND query_id LIKE 'page-%'"
            f" AND current_database = currentDatabase() AND query_start_time_microseconds > '{closed_at}'"
        ).result_rows
    assert held_up_s < 5 + 4 * alone_s
    assert begun_after <= 4


def test_a_download_that_is_given_up_ends_and_gives_its_place_to_the_next(schema_url: str) -> None:
    fill(
        schema_url,
        "SELECT number, 'c' AS id, 'mobile' AS device, [randomPrintableASCII(100000)] AS texts FROM numbers(1000)",
    )
    with serving(PageSettings(schema_url)) as address:
        downloads = []
        for _ in range(4):
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
            connection.request("GET", "/api/export/transcript.csv?id=c")
            downloads.append(connection)
        first = downloads[0].getresponse()
        assert first.read(1000)
        assert get(address, "/api/about")[0] == 200
        for connection in downloads:
            connection.close()
        first.close()
        status, body = get(address, "/api/export/transcript.csv?id=c")
        assert status == 200 and len(body) > 100_000_000


def test_three_hundred_bodies_that_never_come_keep_nobody_out(kept_url: str) -> None:
    with serving(PageSettings(kept_url, token="secret")) as address, contextlib.ExitStack() as held:
        lines = "Host: 127.0.0.1", "Authorization: Bearer secret", "Content-Type: application/json", "Content-Length: 9"
        for path in ("/sign-in", "/api/escalation") * 150:
            connection = held.enter_context(socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=30))
            connection.sendall("\r\n".join((f"POST {path} HTTP/1.1", *lines, "", "")).encode())
        for _ in range(3):
            assert get(address, "/api/about", Authorization="Bearer secret")[0] == 200


def test_a_body_that_does_not_arrive_in_time_is_given_up(kept_page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_LONGEST_S", 0.2)
    with socket.create_connection(("127.0.0.1", urlsplit(kept_page).port), timeout=30) as connection:
        kind = "Content-Type: application/json\r\nContent-Length: 9"
        connection.sendall(f"POST /api/escalation HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_body_of_brackets_is_a_clear_error(kept_page: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(kept_page).netloc, timeout=60)
    connection.request("POST", "/api/escalation", "[" * 4096, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 400 and b"expected" in answer.read()


def test_a_window_beyond_what_a_database_can_hold_is_a_clear_error(kept_page: str) -> None:
    for path in ("/api/overview", "/api/conversations", "/api/export/metric_source.csv"):
        for window in (
            "from=0001-01-01&to=0001-02-01",
            "from=9999-12-01&to=9999-12-31",
            "from=1969-01-01&to=1969-02-01",
        ):
            status, body = get(kept_page, f"{path}?{window}")
            assert status == 400
            assert b"expected a time from 1970 to 2200" in body or b"expected a day" in body


def test_no_text_becomes_a_formula_in_a_spreadsheet(page_of: str, schema_url: str) -> None:
    signs = [
        "=",
        "+",
        "-",
        "@",
        "\t=",
        "\r=",
        "\x00=",
        "\x0b=",
        "\u00a0=",
        "\u3000=",
        "\ufeff=",
        "\u200b=",
        "＝",
        "＋",
        "＠",
        "－",
    ]
    with clickhouse_client.connect(schema_url) as client:
        client.command("CREATE TABLE signs (n UInt64, text String) ENGINE = Memory")
        client.insert("signs", [[number, f"{sign}1+1"] for number, sign in enumerate([*signs, "a", "1", "é"])])
    fill(schema_url, "SELECT n AS number, 'c' AS id, 'mobile' AS device, [text] AS texts FROM signs")
    _, body = get(page_of, "/api/export/transcript.csv?id=c")
    text = body.decode().replace("\0", "")  # which Python 3.10 does not read
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["content"][0] == "'" for row in rows] == [True] * len(signs) + [False] * 3
