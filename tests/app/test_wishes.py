"""What headers and body ask about a job, and the terms that it gets."""

from __future__ import annotations

import base64

import pytest
from werkzeug.datastructures import Headers

from app.openai.asked import Asked
from app.openai.errors import BadRequest
from app.settings import ApiSettings
from app.wishes import Order, Wishes, order_of, wishes_of
from tasks.jobs import ChatJob, Message, Priority
from tasks.model import Model
from tasks.terms import Repeat

JOB = ChatJob(id="j", model="m", messages=(Message("user", "x"),))
MODEL = Model(name="m", kind="chat", source="echo:", max_waiting=7)
SIGNING = ApiSettings.model_validate(
    {"webhook_secret": "whsec_" + base64.b64encode(bytes(32)).decode()}
)


def read(**headers: str) -> Wishes:
    """The wishes in these headers, whose hyphens are written as underscores."""
    return wishes_of(Headers({name.replace("_", "-"): value for name, value in headers.items()}))


def order(
    wishes: Wishes | None = None,
    *,
    stream: bool = False,
    background: bool = False,
    webhook_url: str | None = None,
    repeat: Repeat | None = None,
) -> Order:
    """The order of a body with these fields."""
    asked = Asked(job=JOB, stream=stream, background=background, webhook_url=webhook_url)
    return order_of(asked, wishes or Wishes(), repeat, MODEL, SIGNING)


def test_without_headers_nothing_is_wished() -> None:
    """Official clients send none of them."""
    assert read() == Wishes(background=False, resume_s=0, key=None)


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("respond-async", True),
        ("Respond-Async", True),
        ("wait=10, respond-async", True),
        ("respond-async; foo=bar", True),
        ('note="a, respond-async", wait=5', False),
        ("return=minimal", False),
        ("respond-asynchronously", False),
        ("", False),
        (",;=,", False),
    ],
)
def test_prefer_is_a_list_of_preferences(header: str, asked: bool) -> None:
    """One of them is known here, in any case and with any parameter; the others are skipped."""
    assert read(Prefer=header).background is asked


@pytest.mark.parametrize(("header", "seconds"), [("1", 1), ("060", 60), ("3600", 3600)])
def test_a_client_may_take_up_to_an_hour_to_come_back(header: str, seconds: int) -> None:
    """Whole seconds, both ends included."""
    assert read(Millrace_Resume=header).resume_s == seconds


@pytest.mark.parametrize(
    "header", ["0", "3601", "-1", "+5", "1.5", "", "60 s", "1e3", "٣", "99999", "nan"]
)
def test_a_wrong_resume_names_the_header(header: str) -> None:
    """The refusal says what may be sent instead."""
    with pytest.raises(BadRequest) as caught:
        read(Millrace_Resume=header)
    assert caught.value.param == "Millrace-Resume"
    assert "from 1 to 3600" in caught.value.message


@pytest.mark.parametrize("key", ["k", '"quoted"', "0b9c5a0e-8f0b-4a37", "!~" * 127 + "x"])
def test_a_key_is_any_visible_text(key: str) -> None:
    """Up to 255 characters, kept as they are."""
    assert read(Idempotency_Key=key).key == key


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "schlüssel", "a\tb"])
def test_a_wrong_key_names_the_header(key: str) -> None:
    """The refusal says what may be sent instead."""
    with pytest.raises(BadRequest) as caught:
        read(Idempotency_Key=key)
    assert caught.value.param == "Idempotency-Key"
    assert "1 to 255" in caught.value.message


def test_a_key_gives_a_minute_to_come_back_unless_the_client_says_otherwise() -> None:
    """Who names a request means to send it again after a cut."""
    assert read(Idempotency_Key="k").resume_s == 60
    assert read(Idempotency_Key="k", Millrace_Resume="5").resume_s == 5


def test_a_plain_request_is_listened_to_and_interactive() -> None:
    """It lives for as long as somebody listens, and its model's own limit holds."""
    plain = order()
    assert plain.terms.listen_s == SIGNING.listener_lease_s
    assert plain.terms.keep_s == SIGNING.answered_ttl_s
    assert plain.terms.max_waiting == 7
    assert (plain.job.priority, plain.later) == (Priority.INTERACTIVE, False)


def test_a_resumable_request_outlives_its_client_and_is_kept_longer() -> None:
    """For as long as was asked, and then its answer can still be fetched."""
    terms = order(Wishes(resume_s=600)).terms
    assert (terms.resume_s, terms.listen_s) == (600, 600)
    assert terms.keep_s == SIGNING.job_ttl_s
    assert order(Wishes(resume_s=5)).terms.listen_s == SIGNING.listener_lease_s


@pytest.mark.parametrize(
    ("header", "body", "stream", "later", "preferred"),
    [
        (True, False, False, True, True),
        (False, True, False, True, False),
        (True, True, False, True, True),
        (True, False, True, False, True),
        (False, True, True, False, False),
    ],
)
def test_work_in_the_background_needs_no_listener(
    *, header: bool, body: bool, stream: bool, later: bool, preferred: bool
) -> None:
    """However it was asked for; only what nobody streams is less urgent and answered later."""
    made = order(Wishes(background=header), background=body, stream=stream)
    assert made.terms.listen_s == 0
    assert (made.terms.keep_s, made.terms.max_waiting) == (SIGNING.job_ttl_s, 7)
    assert (made.later, made.preferred) == (later, preferred)
    assert made.job.priority == (Priority.BACKGROUND if later else Priority.INTERACTIVE)


@pytest.mark.parametrize("background", [False, True])
def test_key_and_webhook_are_in_the_terms(background: bool) -> None:
    """Both of jobs that somebody listens to and of others."""
    repeat, url = Repeat.of("k", b"/v1", b"{}"), "https://example.com/hook"
    terms = order(background=background, repeat=repeat, webhook_url=url).terms
    assert (terms.repeat, terms.webhook_url) == (repeat, url)
    assert terms.keep_s == SIGNING.job_ttl_s


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com", "http://127.0.0.1/hook"])
def test_a_wrong_webhook_names_the_field(url: str) -> None:
    """Nothing is accepted whose end could not be told."""
    with pytest.raises(BadRequest) as caught:
        order(webhook_url=url)
    assert caught.value.param == "webhook_url"


def test_a_host_that_the_operator_names_may_be_private() -> None:
    """The settings say which; all others stay refused."""
    allowing = SIGNING.model_copy(update={"webhook_hosts": "127.0.0.1"})
    asked = Asked(job=JOB, webhook_url="http://127.0.0.1:9/hook")
    made = order_of(asked, Wishes(), None, MODEL, allowing)
    assert made.terms.webhook_url == "http://127.0.0.1:9/hook"
