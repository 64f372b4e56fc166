"""How long the page takes in a real Chromium: first paint, the figures, all panels.

    python -m benchmarks.page_load --spans 1000000

Generates the conversations of generated_spans.py over 90 days in an embedded ClickHouse, opens the overview for several
windows, each time in a fresh browser profile (nothing cached) and a browser window that is open already, and prints
medians in milliseconds since navigation.
"""

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import tempfile
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.local.page import PageSettings, page_app
from benchmarks.generated_spans import END, SPANS_PER_CONVERSATION
from benchmarks.views_at_scale import fill

FIGURES = (
    "() => [...document.querySelectorAll('.tile .value')].length === 8 && !document.querySelector('.tile .skeleton')"
)
PANELS = "() => !document.querySelector('main .skeleton') && document.querySelector('.world .known')"
WINDOW_OPENS_MS = 2_000
"""A window's own tab strip and toolbar are pages, too: on two processors they take a second beside ours."""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--spans", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--data", type=Path, help="keep the data here, and use what is there")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary, EmbeddedClickHouse(options.data or temporary) as server:
        url = server.url("benchmark")
        schema.apply(url)
        with clickhouse_client.connect(url) as client:
            if not client.query("SELECT count() FROM otel_traces").result_rows[0][0]:
                conversations = int(options.spans / SPANS_PER_CONVERSATION)
                fill(client, conversations, 0, conversations)
        address = serve(url)
        with sync_playwright() as playwright:
            path = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            print(f"{'window':8} {'first paint':>12} {'8 figures':>12} {'all panels':>12}")
            for days in (1, 7, 14, 30, 90):
                runs = [visit(browser, address, days) for _ in range(options.runs)]
                print(
                    f"{days:5} d  " + " ".join(f"{statistics.median(each):12.0f}" for each in zip(*runs, strict=True))
                )
            browser.close()


def serve(url: str) -> str:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(page_app(PageSettings(url)), log_level="warning", access_log=False))
    threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def visit(browser: Browser, address: str, days: int) -> tuple[float, float, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page: Any = context.new_page()
    page.wait_for_timeout(WINDOW_OPENS_MS)
    begin, end = (END - timedelta(days=days)).isoformat(), END.isoformat()
    page.goto(f"{address}/?from={begin}&to={end}&timezone=UTC".replace("+", "%2B"), wait_until="commit")
    times = []
    for condition in (FIGURES, PANELS):
        page.wait_for_function(condition, polling="raf", timeout=120_000)
        times.append(page.evaluate("performance.now()"))
    paint = page.evaluate(PAINT)
    context.close()
    return (paint, *times)


if __name__ == "__main__":
    main()
