"""A real Chromium for the tests of the page, and tabs in it that remember what went wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# Whoever else computes on the machine may have it for a while.
PATIENCE_MS = 40_000
DESKTOP, PHONE = (1280, 800), (360, 740)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; the test is skipped where none is installed, which fails in CI."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


class Tab:
    """The page, opened as a new visitor would."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        key: str = "",
        size: tuple[int, int] = DESKTOP,
        colours: str = "light",
    ) -> None:
        width, height = size
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if colours == "dark" else "light",
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.url = url
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self._heard(said.type, said.text))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("response", lambda answer: self._came(answer.url, answer.status))
        if key:
            self.page.add_init_script(f"sessionStorage.setItem('millrace.key', '{key}')")
        self.page.goto(url)

    def _heard(self, kind: str, text: str) -> None:
        # Failed and refused requests are what some tests are about; the browser says so by itself.
        ordinary = ("ERR_", "WebSocket connection", "responded with a status of")
        if kind == "error" and not any(each in text for each in ordinary):
            self.errors.append(text)

    def _came(self, url: str, status: int) -> None:
        if "/page/" in url and status >= 400:
            self.errors.append(f"{status}: {url}")

    def live(self) -> Tab:
        """Wait until the page shows what there is now."""
        self.link("live")
        return self

    def link(self, state: str) -> None:
        """Wait until the page says so of its connection."""
        self.page.wait_for_selector(f"#link[data-state={state}]")

    def ask(self, text: str, model: str) -> None:
        """Send a question, as one does who types."""
        self.page.select_option("#model", model)
        self.page.fill("#question", text)
        self.page.keyboard.press("Enter")

    def answered(self, number: int = 1) -> str:
        """The text of the answer of this number, once it has ended."""
        self.page.wait_for_function(
            "number => document.querySelectorAll('.answer[data-phase=ended]').length >= number",
            arg=number,
        )
        return self.page.locator(".answer .said").nth(number - 1).inner_text()

    def length(self) -> int:
        """How many characters of the last answer are there."""
        return len(self.page.locator(".answer .said").last.inner_text())

    def until_longer(self, least: int) -> None:
        """Wait until so many characters of the last answer are there."""
        self.page.wait_for_function(
            "least => [...document.querySelectorAll('.answer .said')].at(-1)"
            "?.textContent.length > least",
            arg=least,
        )

    @property
    def facts(self) -> str:
        """What is said of the last answer."""
        return self.page.locator(".answer .facts").last.inner_text()

    def close(self) -> None:
        """Close it; nothing must have gone wrong in it."""
        self.context.close()
        assert self.errors == []
