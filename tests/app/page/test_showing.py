"""What the page shows of the place, in a real browser: every state, with and without keys."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tasks.fleet import Placement
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, Message, new_id
from tasks.model import Model
from tests.app.admin.box import Box
from tests.app.files.api_server import ApiServer
from tests.app.page.conftest import ADMIN_KEY, Open
from tests.app.socket.conftest import api_over
from tests.browser import PHONE, Tab
from tests.pictures import picture

API_KEY = "the-key-of-a-stranger"


@pytest.fixture
def closed_api(
    page_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """An API of the same queue that asks for keys."""
    folder = tmp_path_factory.mktemp("closed")
    api = api_over(page_gateway, folder, MILLRACE_API_KEY=API_KEY)
    yield api
    api.stop()


def state_of(tab: Tab, model: str) -> str:
    """What stands behind the model's name, once it is listed."""
    return tab.page.inner_text(f"li[data-key='{model}'] .model-state")


def test_the_page_shows_what_is_served(open_tab: Open, api: ApiServer) -> None:
    """Each model with its state; everything it loads is its own, and nothing goes wrong."""
    tab = open_tab().live()
    assert state_of(tab, "slow") == "Ready"
    assert state_of(tab, "absent") == "Not served"
    assert "no worker serves it" in tab.page.inner_text("li[data-key=absent] .model-why")
    own = (api.url, api.url.replace("http", "ws"), "data:")
    assert [url for url in tab.asked if not url.startswith(own)] == []


def test_work_is_seen_while_it_is_done(open_tab: Open, page_gateway: Gateway) -> None:
    """Slots fill, the line behind the gate grows, and tokens per second are counted."""
    tab = open_tab().live()
    for _ in range(14):
        page_gateway.enqueue(
            ChatJob(id=new_id(), model="slow", messages=(Message("user", "water " * 40),))
        )
    row = "li[data-key=slow]"
    tab.page.wait_for_selector(f"{row} .race[data-open] .cells i.on")
    tab.page.wait_for_selector(f"{row} .line-up i")
    assert "waiting" in (tab.page.get_attribute(f"{row} .race", "aria-label") or "")
    assert tab.page.inner_text("#oldest") != "none"


def test_a_model_that_fits_nowhere_says_why(open_tab: Open, page_gateway: Gateway) -> None:
    """And one that loads says how far it is."""
    box, absent = Box(page_gateway), page_gateway.catalog.find("absent")
    box.place("absent", Placement("unplaceable", (), "no node has 9.0 GB to spare"))
    tab = open_tab().live()
    tab.page.wait_for_selector("li[data-key=absent][data-state=unplaceable]")
    assert "No node has 9.0 GB to spare." in tab.page.inner_text("li[data-key=absent]")
    box.child(absent, "running")
    box.worker(absent, "loading", progress=0.42)
    tab.page.wait_for_selector("li[data-key=absent][data-state=loading]")
    assert state_of(tab, "absent") == "Loading 42%"
    box.worker(absent, "failed", reason="the file is cut off after 3 tensors")
    box.child(absent, "paused", reason="it ended with code 3")
    tab.page.wait_for_selector("li[data-key=absent][data-state=failed]")
    assert "cut off after 3 tensors" in tab.page.inner_text("li[data-key=absent] .model-why")
    box.end(absent)
    box.place("absent", None)
    page_gateway.fleet.retire("box")


def test_the_admin_key_shows_nodes_and_loads_models(open_tab: Open, page_gateway: Gateway) -> None:
    """Its buttons are the admin API's: what is pressed is wished, what is refused is shown."""
    box, absent = Box(page_gateway), page_gateway.catalog.find("absent")
    box.serve(absent)
    tab = open_tab(key=ADMIN_KEY).live()
    assert "4 cores" in tab.page.inner_text("#nodes")
    tab.page.click("[aria-label='Unload absent']")
    tab.page.click("[aria-label='Load absent']")
    tab.page.wait_for_selector("[aria-label='Unload absent']")
    assert page_gateway.fleet.wishes()["absent"].wanted is True
    tab.page.click("[aria-label='Unload echo']")
    tab.page.wait_for_selector("li[data-key=echo] .model-said")
    assert "which no node keeps" in tab.page.inner_text("li[data-key=echo] .model-said")
    box.end(absent)
    page_gateway.fleet.retire("box")


def test_without_the_admin_key_there_are_no_nodes_and_no_buttons(open_tab: Open) -> None:
    """The page says what the key would show."""
    tab = open_tab().live()
    assert tab.page.is_hidden("#inside")
    assert tab.page.locator(".act button").count() == 0
    assert "admin key" in tab.page.inner_text("#more")


@pytest.mark.slow
def test_a_key_is_asked_for_where_it_is_needed(open_tab: Open, closed_api: ApiServer) -> None:
    """A wrong one is refused, the right one opens the page; it is kept in this tab alone."""
    tab = open_tab(url=closed_api.url)
    tab.link("key")
    assert tab.page.locator("#models li[data-key]").count() == 0
    tab.page.fill("#key", "a-key-of-somebody-else")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#key-sheet >> text=This key is not accepted here.")
    tab.page.fill("#key", API_KEY)
    tab.page.keyboard.press("Enter")
    tab.live()
    tab.ask("open sesame", "echo")
    assert tab.answered() == "open sesame"
    assert tab.page.evaluate("localStorage.length") == 0
    tab.page.reload()
    tab.live()


@pytest.mark.parametrize("colours", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_a_phone_shows_all_of_it(open_tab: Open, colours: str) -> None:
    """One part at a time, nothing wider than the screen, and every button is large enough."""
    tab = open_tab(size=PHONE, colours=colours).live()
    assert tab.page.get_attribute("html", "data-theme") == colours
    for part in ("live", "chat"):
        tab.page.click(f"[data-show={part}]")
        assert tab.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        boxes = [each.bounding_box() for each in tab.page.locator("button:visible").all()]
        assert all(box and box["height"] >= 24 and box["width"] >= 24 for box in boxes)


def test_every_control_has_a_name(open_tab: Open) -> None:
    """What a screen reader calls it: from its label, its text or an attribute."""
    tab = open_tab(key=ADMIN_KEY).live()
    tab.page.click("#settings-button")
    nameless = tab.page.evaluate(
        "[...document.querySelectorAll('button, input:not([hidden]), select, textarea')]"
        ".filter(each => !(each.labels?.[0]?.textContent || each.textContent"
        " || each.getAttribute('aria-label') || '').trim()).map(each => each.outerHTML)"
    )
    assert nameless == []


@pytest.mark.slow
def test_colours_can_be_chosen(open_tab: Open) -> None:
    """The choice outlives a reload; at first they are the system's."""
    tab = open_tab(colours="dark").live()
    assert tab.page.get_attribute("html", "data-theme") == "dark"
    tab.page.click("#theme-button")
    tab.page.reload()
    assert tab.page.get_attribute("html", "data-theme") == "light"
    assert re.search("Light", tab.page.get_attribute("#theme-button", "aria-label") or "")


@pytest.mark.slow
def test_the_queue_away_is_said(browser: Browser, api: ApiServer) -> None:
    """What was known stays, marked as old; the page works again by itself."""
    tab = Tab(browser, f"{api.url}/").live()
    tab.page.route_web_socket("**/live", lambda route: route.send('{"type":"away"}'))
    tab.page.evaluate("dispatchEvent(new Event('online'))")
    tab.link("away")
    assert "does not answer" in tab.page.inner_text("#live-hint")
    assert tab.page.locator("#models li[data-key]").count() == 3
    tab.close()


def test_a_picture_goes_to_a_model_that_sees(
    open_tab: Open, page_gateway: Gateway, tmp_path: Path
) -> None:
    """It is shown before it is sent, and no other model is offered one."""
    seer = Model(name="seer", kind="multimodal", source="echo:")
    page_gateway.fleet.define(seer)
    Box(page_gateway).serve(seer)
    file = tmp_path / "red.png"
    file.write_bytes(picture("red"))
    tab = open_tab().live()
    tab.page.wait_for_selector("li[data-key=seer]")
    tab.page.select_option("#model", "echo")
    assert tab.page.is_hidden("#picture-button")
    tab.page.select_option("#model", "seer")
    tab.page.set_input_files("#picture-file", file)
    tab.page.wait_for_selector("#pictures img")
    with tab.page.expect_request("**/v1/chat/completions") as sent:
        tab.ask("What is it?", "seer")
    [image, text] = json.loads(sent.value.post_data or "")["messages"][0]["content"]
    assert base64.b64decode(image["image_url"]["url"].partition(",")[2]) == file.read_bytes()
    assert text == {"type": "text", "text": "What is it?"}
    assert tab.page.locator(".asked .shots img").count() == 1
    tab.page.keyboard.press("Escape")
    tab.answered()
    page_gateway.fleet.forget("seer")
    page_gateway.fleet.retire("box")
