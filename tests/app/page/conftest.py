"""The page under gunicorn with echo workers, and a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tasks.gateway import Gateway
from tests.app.files.api_server import ApiServer
from tests.app.socket.conftest import api_over, served
from tests.browser import Tab, chromium
from tests.conftest import RedisServer

ADMIN_KEY = "the-key-of-the-operator"

Open = Callable[..., Tab]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page_gateway(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The queue of a module's tests, with a worker each of ``echo`` and ``slow``."""
    with served(redis_server, tmp_path_factory.mktemp("page"), "echo", "slow") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def api(page_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The API, which tests may kill and start again."""
    folder = tmp_path_factory.mktemp("api")
    api = api_over(page_gateway, folder, MILLRACE_ADMIN_KEY=ADMIN_KEY)
    yield api
    api.stop()


@pytest.fixture
def open_tab(browser: Browser, api: ApiServer) -> Iterator[Open]:
    """Opens tabs, which are closed at the end of the test."""
    tabs: list[Tab] = []

    def open_tab(url: str = api.url, **facts: object) -> Tab:
        tabs.append(Tab(browser, f"{url}/", **facts))  # type: ignore[arg-type]
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.close()
