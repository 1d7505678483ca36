"""The page on the real stack, with real models, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser

from tests.acceptance.stack import ADMIN_KEY, Stack
from tests.acceptance.test_vision import MODELS, SEES
from tests.browser import Tab, chromium
from tests.pictures import picture

MODEL = "smollm2-135m"
QUESTION = "Explain what a message queue is."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as browser:
        yield browser


def test_a_real_answer_goes_on_in_the_browser_when_the_api_is_killed(
    browser: Browser, stack: Stack
) -> None:
    """The runner starts the API again; the page has the very text that a whole answer has."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": QUESTION}],
        "temperature": 0,
        "max_tokens": 120,
    }
    answer = httpx.post(f"{stack.url}/v1/chat/completions", json=body, timeout=60).json()
    whole = answer["choices"][0]["message"]["content"]
    tab = Tab(browser, f"{stack.url}/", key=ADMIN_KEY).live()
    tab.page.click("#settings-button")
    tab.page.fill("#temperature", "0")
    tab.page.fill("#most", "120")
    tab.ask(QUESTION, MODEL)
    tab.until_longer(30)
    pid = stack.kill("gunicorn")
    stack.wait_for("gunicorn", other_than=pid)
    assert "".join(tab.answered().split()) == "".join(whole.split())
    assert "resumed" in tab.facts
    tab.live()
    # The first answer may have been computed while nobody watched.
    tab.ask("And what is it good for?", MODEL)
    tab.page.wait_for_function("() => Number(document.getElementById('tokens').textContent) > 0")
    assert "cores" in tab.page.inner_text("#nodes")
    tab.close()
    stack.wait_ready()


@pytest.mark.slow
def test_a_model_is_loaded_by_its_first_question_and_unloaded_by_a_button(
    browser: Browser, tmp_path: Path
) -> None:
    """A picture is sent from the page to a real model that sees, and it answers."""
    folder = tmp_path / "data"
    folder.mkdir()
    models = tmp_path / "models.toml"
    text = MODELS.format(mmproj=SEES)
    models.write_text(text.replace("slots = 8", "slots = 8\npreload = false"))
    file = tmp_path / "red.png"
    file.write_bytes(picture("red", "wall"))
    with Stack(folder, models) as stack:
        stack.start()
        tab = Tab(browser, f"{stack.url}/", key=ADMIN_KEY).live()
        tab.page.wait_for_selector("li[data-key=seer][data-state=unloaded]")
        tab.page.select_option("#model", "seer")
        # The little model names colours surely only where nothing is drawn by chance.
        tab.page.click("#settings-button")
        tab.page.fill("#temperature", "0")
        tab.page.set_input_files("#picture-file", file)
        tab.page.wait_for_selector("#pictures img")
        tab.page.set_default_timeout(60_000)
        tab.ask("What is the color?", "seer")
        assert "red" in tab.answered().lower()
        tab.page.click("[aria-label='Unload seer']")
        tab.page.wait_for_selector("li[data-key=seer][data-state=unloaded]")
        tab.close()
