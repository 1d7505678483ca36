"""The API's description in a browser, under its policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.app.files.api_server import ApiServer
from tests.browser import Tab


@pytest.fixture
def docs(browser: Browser, api: ApiServer) -> Iterator[Tab]:
    """The page, with its operations on it."""
    tab = Tab(browser, f"{api.url}/docs")
    tab.page.wait_for_selector("#operations-Health-health")
    yield tab
    tab.close()


def test_the_description_is_shown_and_nothing_is_fetched_from_elsewhere(docs: Tab) -> None:
    """Whole, with no word of complaint from the browser."""
    expect(docs.page.locator("h1")).to_contain_text("Millrace")
    assert docs.page.locator(".opblock").count() > 30
    assert [url for url in docs.asked if not url.startswith((docs.url, "data:"))] == [
        docs.url.replace("/docs", "/openapi.json")
    ]
    assert docs.errors == []


def test_an_operation_can_be_tried(docs: Tab) -> None:
    """A request is sent to this server, and its answer shown."""
    health = docs.page.locator("#operations-Health-health")
    health.locator("button.opblock-summary-control").click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    expect(health.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    assert docs.errors == []
