"""The page in a thread, and a browser to look at it."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from agentsight_otel.local.page import PageSettings, page_app
from agentsight_otel.local.serving import serving_apart
from tests.backends import missing

DEADLINE_MS = 60_000
expect.set_options(timeout=DEADLINE_MS)
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def serving(settings: PageSettings) -> Iterator[str]:
    """The page's address."""
    listening = socket.create_server(("127.0.0.1", 0))
    with serving_apart(page_app(settings), listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium: Debian's, or what CHROMIUM names."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        missing("Chromium", "apt-get install chromium, or name a browser by CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Visitor:
    """A browser's tab that notes what goes wrong on the page."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(
            **{
                "viewport": {"width": 1400, "height": 1000},
                "timezone_id": "Europe/Athens",
                "locale": "en-GB",
                **options,
            }
        )
        self.context.set_default_timeout(DEADLINE_MS)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.requested: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.problems.append(said.text))
        self.page.on("dialog", lambda dialog: (self.problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def open(self, address: str) -> Page:
        """Opens an address and waits until everything on it is there."""
        self.page.goto(address)
        self.loaded()
        return self.page

    def loaded(self) -> None:
        """Waits until the page has loaded all it asked for."""
        self.page.wait_for_selector("body[data-loaded]:not(.loading)", state="attached")
        self.page.wait_for_function("!document.querySelector('main .skeleton')")
