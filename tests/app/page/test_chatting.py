"""Chatting on the page, in a real browser, while the network and the server fail under it."""

from __future__ import annotations

import json
import time

import pytest

from tasks.gateway import Gateway
from tasks.records import Records
from tests.app.admin.box import eventually
from tests.app.files.api_server import ApiServer
from tests.app.page.conftest import Open

LONG = " ".join(f"drop {number}" for number in range(30))
HOSTILE = (
    "<img src=x onerror=\"document.title='broken'\"> <script>document.title='broken'</script> "
    "[click](javascript:alert(1)) [web](https://example.org/a) **bold** `<b>code</b>`"
)


def test_an_answer_streams_and_says_how_fast_it_came(open_tab: Open) -> None:
    """It grows while it is written; at its end the time to the first token and tokens/s stand."""
    tab = open_tab().live()
    tab.ask(LONG, "slow")
    tab.until_longer(20)
    assert tab.length() < len(LONG)
    assert tab.answered() == LONG
    assert "to the first token" in tab.facts
    assert "tokens/s" in tab.facts


def test_the_conversation_goes_on(open_tab: Open) -> None:
    """The next question brings what was said before it."""
    tab = open_tab().live()
    tab.page.click("#settings-button")
    tab.page.fill("#system", "be brief")
    tab.ask("one", "echo")
    tab.answered()
    with tab.page.expect_request("**/v1/chat/completions") as sent:
        tab.ask("two", "echo")
    body = json.loads(sent.value.post_data or "")
    said = [(each["role"], each["content"]) for each in body["messages"]]
    assert said == [
        ("system", "be brief"),
        ("user", "one"),
        ("assistant", "one"),
        ("user", "two"),
    ]
    assert tab.answered(2) == "two"


def test_an_answer_goes_on_when_the_api_was_killed(open_tab: Open, api: ApiServer) -> None:
    """kill -9 of all its processes in mid-stream: not a letter is missing, and none comes twice."""
    tab = open_tab().live()
    tab.ask(LONG, "slow")
    tab.until_longer(40)
    api.kill()
    tab.page.wait_for_selector(".answer[data-phase=cut]")
    api.start()
    assert tab.answered() == LONG
    assert "resumed once" in tab.facts
    tab.live()


@pytest.mark.slow
def test_an_answer_goes_on_after_a_restart_in_order(open_tab: Open, api: ApiServer) -> None:
    """SIGTERM: the stream's last event says where it goes on, and the page goes there."""
    tab = open_tab().live()
    tab.ask(f"{LONG} {LONG} {LONG}", "slow")
    tab.until_longer(40)
    api.stop()
    api.start()
    assert tab.answered() == f"{LONG} {LONG} {LONG}"
    assert "resumed" in tab.facts


@pytest.mark.slow
def test_an_answer_goes_on_after_the_network_was_away(open_tab: Open) -> None:
    """Offline it says so; back again it picks up what was written meanwhile."""
    tab = open_tab().live()
    tab.ask(LONG, "slow")
    tab.until_longer(40)
    tab.context.set_offline(True)
    tab.link("offline")
    assert "offline" in tab.page.inner_text(".answer .doing")
    assert "offline" in tab.page.inner_text("#notice")
    tab.context.set_offline(False)
    assert tab.answered() == LONG
    tab.live()


@pytest.mark.slow
def test_a_question_that_found_no_server_is_sent_again(open_tab: Open, api: ApiServer) -> None:
    """Under the same name: it is answered once."""
    tab = open_tab().live()
    api.kill()
    tab.ask("anybody there", "echo")
    tab.page.wait_for_selector(".answer[data-phase=cut]")
    api.start()
    assert tab.answered() == "anybody there"


@pytest.mark.slow
def test_an_answer_goes_on_after_a_reload(open_tab: Open) -> None:
    """The page that is loaded anew knows the conversation, and the job that is answering."""
    tab = open_tab().live()
    tab.ask(LONG, "slow")
    tab.until_longer(40)
    tab.page.reload()
    assert tab.answered() == LONG
    assert tab.page.inner_text(".asked .said") == LONG


def test_escape_stops_the_answer_and_its_job(open_tab: Open, page_gateway: Gateway) -> None:
    """The worker writes no further: the job is cancelled, what was written stays."""
    tab = open_tab().live()
    with tab.page.expect_response("**/v1/chat/completions") as answer:
        tab.ask(LONG, "slow")
    tab.until_longer(10)
    tab.page.keyboard.press("Escape")
    assert LONG.startswith(tab.answered())
    assert "stopped" in tab.facts
    job = answer.value.headers["x-request-id"]
    records = Records(page_gateway.redis, page_gateway.settings)
    eventually(lambda: records.find(job, None).state == "cancelled", 10)


def test_what_a_model_writes_is_never_markup(open_tab: Open) -> None:
    """Its tags are shown as text; a link leads to the web or is none; its Markdown is drawn."""
    tab = open_tab().live()
    tab.ask(HOSTILE, "echo")
    shown = tab.answered()
    assert "<img src=x" in shown
    assert "<b>code</b>" in shown
    said = tab.page.locator(".answer .said")
    assert said.locator("img, script, b").count() == 0
    assert [link.get_attribute("href") for link in said.locator("a").all()] == [
        "https://example.org/a"
    ]
    assert said.locator("strong").inner_text() == "bold"
    assert tab.page.title() == "Millrace"


def test_a_refusal_is_shown_and_the_question_can_be_asked_again(open_tab: Open) -> None:
    """In the server's words, with a way on."""
    tab = open_tab().live()
    tab.page.click("#settings-button")
    tab.page.fill("#most", "400000")
    tab.ask("too much", "echo")
    tab.answered()
    assert "lower max_tokens" in tab.page.inner_text(".answer .wrong")
    tab.page.fill("#most", "")
    tab.page.click("text=Ask again")
    tab.page.wait_for_function("() => document.querySelector('.answer .said').textContent")
    assert tab.answered() == "too much"


def test_everything_can_be_done_without_a_mouse(open_tab: Open) -> None:
    """From the top: the skip link leads to the question, Enter sends, Shift+Enter does not."""
    tab = open_tab().live()
    keys = tab.page.keyboard
    keys.press("Tab")
    keys.press("Enter")
    tab.page.wait_for_function("() => document.activeElement.id === 'question'")
    keys.type("first")
    keys.press("Shift+Enter")
    keys.type("second")
    keys.press("Enter")
    assert tab.answered().split() == ["first", "second"]
    assert tab.page.evaluate("document.activeElement.id") == "question"


@pytest.mark.slow
def test_a_screen_reader_hears_each_answer_once(open_tab: Open) -> None:
    """The polite region says the whole at its end: pieces that are still coming are not read."""
    tab = open_tab().live()
    tab.page.evaluate(
        "window.heard = []; new MutationObserver(() => heard.push(spoken.textContent))"
        ".observe(spoken, {childList: true, characterData: true, subtree: true})"
    )
    tab.ask("three small words", "slow")
    tab.answered()
    time.sleep(0.2)
    assert tab.page.evaluate("heard") == ["Asked.", "Answer: three small words"]
