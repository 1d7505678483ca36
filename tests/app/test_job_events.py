"""/v1/jobs/{id}/events: a stream that is read again, or on, by any process of the API."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.catalog import load_catalog
from tasks.events import CallDelta, Done, Event, Finished, Started, Token, Usage
from tasks.gateway import Gateway
from tasks.jobs import EmbedJob, Shown, Tool, new_id
from tasks.settings import QueueSettings
from tests.app.by_hand import BROKEN, HELLO, Hand, waiting_job
from tests.app.conftest import MODELS

WORDS = "one two three four five six seven eight"
CHAT = {"model": "echo", "stream": True, "messages": [{"role": "user", "content": WORDS}]}
PROMPT = {"model": "echo", "stream": True, "prompt": WORDS}
STREAMS = [
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", CHAT | {"n": 2, "stream_options": {"include_usage": True}}),
    ("/v1/chat/completions", CHAT | {"logprobs": True, "top_logprobs": 2}),
    ("/v1/completions", PROMPT),
    ("/v1/completions", PROMPT | {"logprobs": 2, "echo": True, "n": 2}),
]
# Both calls of the second choice come in pieces.
CALLS: tuple[Event, ...] = (
    Started(2),
    Token(0, (1,), "well"),
    Token(1, (2,), "", calls=(CallDelta(0, "f", '{"a"'),)),
    Token(1, (3,), "", calls=(CallDelta(0, None, ":1}"), CallDelta(1, "f", "{"))),
    Token(1, (4,), "", calls=(CallDelta(1, None, "}"),)),
    Finished(0, "stop", 1),
    Finished(1, "tool_calls", 3),
    Done(Usage(2, 4)),
)


@pytest.fixture
def gateway(settings: QueueSettings, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose echo takes its time: otherwise its whole answer may be one event."""
    models = tmp_path / "models.toml"
    models.write_text(MODELS.replace("slots = 2", "slots = 2\ntokens_per_s = 100"))
    gateway = Gateway(settings, load_catalog(settings.model_copy(update={"models_file": models})))
    yield gateway
    gateway.close()


def follow(
    http: FlaskClient, job_id: str, after: int | None = None, header: str | None = None
) -> str:
    """The stream's text without comments, as a client that has ``after`` events gets it."""
    query = "" if after is None else f"?starting_after={after}"
    headers = {} if header is None else {"Last-Event-ID": header}
    response = http.get(f"/v1/jobs/{job_id}/events{query}", headers=headers)
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    return without_comments(response.text)


def without_comments(stream: str) -> str:
    """What is left when waiting and the job's id are not told."""
    return re.sub(r"^: .*\n", "", stream, flags=re.MULTILINE)


def tails(stream: str) -> dict[int, str]:
    """What follows each event, the last one excepted: cut right after its blank line."""
    starts = [found.start() for found in re.finditer(r"^id: ", stream, flags=re.MULTILINE)]
    return {number: stream[start:] for number, start in enumerate(starts)}


@pytest.mark.usefixtures("lane")
@pytest.mark.parametrize(("url", "asked"), STREAMS)
def test_wherever_a_stream_is_cut_the_rest_is_the_originals(
    http: FlaskClient, url: str, asked: dict[str, Any]
) -> None:
    """Byte for byte, after every event of it."""
    original = http.post(url, json=asked)
    assert original.status_code == 200
    job_id = original.headers["x-request-id"]
    cuts = tails(without_comments(original.text))
    assert len(cuts) >= 8
    with ThreadPoolExecutor(len(cuts)) as pool:
        rests = pool.map(lambda cut: follow(_other(http), job_id, cut), cuts)
    assert dict(zip(cuts, rests, strict=True)) == cuts


def test_calls_of_tools_are_resumed_between_their_pieces(
    http: FlaskClient, gateway: Gateway
) -> None:
    """Ids and names of calls are those of the whole stream, though their first piece is gone."""
    job_id = waiting_job(gateway, n=2, tools=(Tool("f"),), shown=Shown(include_usage=True))
    Hand(gateway.ledger).say(*CALLS, state="done")
    cuts = tails(follow(http, job_id))
    assert len(cuts) == len(CALLS)
    with ThreadPoolExecutor(len(cuts)) as pool:
        rests = pool.map(lambda cut: follow(_other(http), job_id, cut), cuts)
    assert dict(zip(cuts, rests, strict=True)) == cuts


@pytest.mark.parametrize("cut", range(len(HELLO)))
def test_a_stream_is_resumed_while_it_runs(http: FlaskClient, gateway: Gateway, cut: int) -> None:
    """What is in the log, then what comes: nothing twice, nothing missing."""
    job_id = waiting_job(gateway)
    hand = Hand(gateway.ledger)
    hand.say(*HELLO[:cut])
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(follow, _other(http), job_id, cut)
        time.sleep(0.05)
        for event in HELLO[cut:-1]:
            hand.say(event)
            time.sleep(0.02)
        hand.say(HELLO[-1], state="done")
        assert rest.result() == tails(follow(http, job_id))[cut]


def test_two_followers_get_the_same(http: FlaskClient, gateway: Gateway) -> None:
    """One from the beginning and one that comes later, both to the end."""
    job_id = waiting_job(gateway)
    hand = Hand(gateway.ledger)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(follow, _other(http), job_id)
        for number, event in enumerate(HELLO[:-1]):
            hand.say(event)
            if number == 1:
                second = pool.submit(follow, _other(http), job_id)
            time.sleep(0.1)
        hand.say(HELLO[-1], state="done")
        assert first.result() == second.result()
    assert first.result().count("id: ") == len(HELLO)


def test_the_query_wins_over_the_header(http: FlaskClient, gateway: Gateway) -> None:
    """Whoever writes a URL means it; browsers send the header by themselves."""
    job_id = waiting_job(gateway)
    Hand(gateway.ledger).say(*HELLO, state="done")
    by_header = follow(http, job_id, header="3")
    assert by_header == follow(http, job_id, 3)
    assert by_header.startswith("id: 4\n")
    assert follow(http, job_id, 2, header="3").startswith("id: 3\n")
    assert follow(http, job_id, 0, header="x").startswith("id: 1\n")


@pytest.mark.parametrize("given", ["-1", "x", "1.0", "", "+1", "1_0", "٣", "9" * 5_000])
def test_no_event_has_such_a_number(http: FlaskClient, gateway: Gateway, given: str) -> None:
    """400, naming where it was given."""
    url = f"/v1/jobs/{waiting_job(gateway)}/events"
    by_query: Any = http.get(url, query_string={"starting_after": given})
    assert (by_query.status_code, by_query.json["error"]["param"]) == (400, "starting_after")
    if given.isascii():
        by_header: Any = http.get(url, headers={"Last-Event-ID": given})
        assert (by_header.status_code, by_header.json["error"]["param"]) == (400, "Last-Event-ID")


def test_whoever_has_everything_gets_the_end(http: FlaskClient, gateway: Gateway) -> None:
    """At once, and no event again."""
    job_id = waiting_job(gateway)
    Hand(gateway.ledger).say(*HELLO, state="done")
    began = time.monotonic()
    assert "id: " not in follow(http, job_id, len(HELLO))
    assert time.monotonic() - began < 2


def test_a_failed_jobs_stream_ends_with_its_error(http: FlaskClient, gateway: Gateway) -> None:
    """As the original did."""
    job_id = waiting_job(gateway)
    Hand(gateway.ledger).say(*HELLO[:2], BROKEN, state="failed")
    rest = follow(http, job_id, 2)
    assert rest.startswith("id: 3\ndata: ")
    assert '"code":"model_error"' in rest
    assert "[DONE]" not in rest


def test_a_log_that_is_gone_is_a_410(http: FlaskClient, gateway: Gateway) -> None:
    """While the record is there: the job was, and its events are no more."""
    job_id = waiting_job(gateway)
    Hand(gateway.ledger).say(*HELLO, state="done")
    gateway.redis.delete(gateway.ledger.keys.log(job_id))
    response: Any = http.get(f"/v1/jobs/{job_id}/events")
    assert (response.status_code, response.json["error"]["code"]) == (410, "log_expired")


def test_a_job_that_waits_is_followed_from_its_place_in_the_line(
    http: FlaskClient, gateway: Gateway
) -> None:
    """It has no log yet, which is not a lost one."""
    waiting_job(gateway)
    job_id = waiting_job(gateway)
    response = http.get(f"/v1/jobs/{job_id}/events", buffered=False)
    chunks = response.iter_encoded()
    assert next(chunks) == b": job %b\n" % job_id.encode()
    assert next(chunks) == b": queued, position 2\n"
    response.close()


def test_leaving_a_followed_job_does_not_cancel_it(http: FlaskClient, gateway: Gateway) -> None:
    """It was accepted for somebody else, or for later."""
    job_id = waiting_job(gateway)
    response = http.get(f"/v1/jobs/{job_id}/events", buffered=False)
    next(response.iter_encoded())
    response.close()
    assert gateway.ledger.state(job_id) == "queued"


@pytest.mark.usefixtures("workers")
def test_embeddings_are_followed_to_their_whole_answer(http: FlaskClient, gateway: Gateway) -> None:
    """One event with all vectors, then the end."""
    job = EmbedJob(id=new_id(), model="echo-embed", texts=("a", "b"))
    gateway.enqueue(job)
    [event, end] = follow(http, job.id).strip().split("\n\n")
    found: Any = http.get(f"/v1/jobs/{job.id}")
    assert len(found.json["result"]["data"]) == 2
    assert event.split("data: ")[1].encode() in found.data
    assert end == "data: [DONE]"


def test_many_followers_leave_no_subscription(http: FlaskClient, gateway: Gateway) -> None:
    """Whether they read to the end, left early or never began."""
    job_id = waiting_job(gateway)
    hand = Hand(gateway.ledger)
    for begun in (True, False):
        response = http.get(f"/v1/jobs/{job_id}/events", buffered=False)
        if begun:
            next(response.iter_encoded())
        response.close()
    hand.say(*HELLO, state="done")
    follow(http, job_id)
    channel = gateway.ledger.keys.channel(job_id)
    give_up_at = time.monotonic() + 5
    while gateway.redis.pubsub_numsub(channel)[0][1] and time.monotonic() < give_up_at:
        time.sleep(0.01)
    assert gateway.redis.pubsub_numsub(channel)[0][1] == 0


def _other(http: FlaskClient) -> FlaskClient:
    # A test client is of one thread; the application behind it is not.
    return http.application.test_client()
