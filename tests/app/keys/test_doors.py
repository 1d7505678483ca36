"""Which routes need which key: closed, unless named here."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tasks.api_keys import Register
from tests.app.keys.conftest import ADMIN_KEY, API_KEY, Build, Make, bearer

OPEN = re.compile(r"/|/health|/ready|/live|/openapi\.json|/docs|/(docs|page|static)/(<[\w:]+>/?)*")
"""What anybody may ask. Whoever adds a route to it has thought about what it tells to whom."""

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}

_VARIABLE = re.compile(r"<(?:\w+:)?\w+>")


def routes(flask: Flask) -> Iterator[tuple[str, str, str]]:
    """Every route: its rule, a method, and a URL."""
    for rule in flask.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.rule, method, _VARIABLE.sub("x", rule.rule)


def closed(http: Any) -> list[tuple[str, str]]:
    """Method and URL of every route that needs a key."""
    found = routes(http.application)
    return [(method, url) for rule, method, url in found if not OPEN.fullmatch(rule)]


def asked(http: Any, method: str, url: str) -> int:
    """The status of an answer to nobody; of a socket's route, to a handshake."""
    headers = UPGRADE if url.endswith("/ws") else {}
    return int(http.open(url, method=method, headers=headers).status_code)


def test_every_other_route_is_closed(build: Build) -> None:
    """Those of the API, of the administrator, and those that will be added."""
    http = build(api_host="0.0.0.0", admin_key=ADMIN_KEY)
    answers = {(method, url): asked(http, method, url) for method, url in closed(http)}
    assert len(answers) > 30
    assert {each for each, status in answers.items() if status != 401} == set()


def test_what_is_wrong_with_a_key_is_not_told(build: Build, make: Make) -> None:
    """Missing, unknown, expired and revoked: the same bytes and headers, at every route."""
    http = build(api_key=API_KEY)
    expired, revoked = make(expires_after_s=0.001), make()
    http.application.extensions["keys"].who(f"Bearer {revoked.secret}")
    gateway = http.application.extensions["services"].gateway
    fresh = build(api_key=API_KEY)
    Register(gateway.redis, gateway.settings).revoke(revoked.key.id)
    sent = [
        {},
        bearer("none"),
        bearer("mr-" + "x" * 43),
        bearer(expired.secret),
        bearer(revoked.secret),
        {"Authorization": API_KEY},
        {"Authorization": f"Basic {API_KEY}"},
        bearer(f"{API_KEY}, Bearer {API_KEY}"),
    ]
    answers = [fresh.get("/v1/models", headers=headers) for headers in sent]
    assert {each.status_code for each in answers} == {401}
    assert len({each.data for each in answers}) == 1
    assert {each.headers["WWW-Authenticate"] for each in answers} == {"Bearer"}
    error = answers[0].json["error"]
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")


def test_a_key_opens_what_is_not_the_administrators(build: Build, make: Make) -> None:
    """A made one and the environment's; neither opens /admin."""
    made = make()
    http = build(api_key=API_KEY, admin_key=ADMIN_KEY)
    for secret in (made.secret, API_KEY):
        assert http.get("/v1/models", headers=bearer(secret)).status_code == 200
        assert http.get("/admin/keys", headers=bearer(secret)).status_code == 401


def test_the_admin_key_opens_everything(build: Build) -> None:
    """An administrator need not make a key first."""
    http = build(api_key=API_KEY, admin_key=ADMIN_KEY)
    for url in ("/v1/models", "/v1/jobs", "/v1/files", "/admin/keys"):
        assert http.get(url, headers=bearer(ADMIN_KEY)).status_code == 200


def test_what_watches_a_process_needs_no_key(build: Build) -> None:
    """A load balancer has none."""
    http = build(api_host="0.0.0.0")
    assert http.get("/health").status_code == 200
    assert http.get("/ready").status_code in (200, 503)


def test_figures_are_for_this_machine_or_for_who_has_a_key(build: Build, make: Make) -> None:
    """A scraper on the loopback address needs none; beyond it any key will do."""
    made = make()
    assert build(api_key=API_KEY).get("/metrics").status_code == 200
    beyond = build(api_host="0.0.0.0", api_key=API_KEY, admin_key=ADMIN_KEY)
    assert beyond.get("/metrics").status_code == 401
    for secret in (made.secret, API_KEY, ADMIN_KEY):
        assert beyond.get("/metrics", headers=bearer(secret)).status_code == 200


def test_metrics_are_not_shown_to_pages_of_strangers(build: Build) -> None:
    """A name that anybody could let lead to this machine is refused, also where keys are."""
    asked = build(api_key=API_KEY).get("/metrics", headers={"Host": "evil.example"})
    assert asked.status_code == 403
    assert asked.json is not None
    assert asked.json["error"]["code"] == "origin_not_allowed"


def test_what_there_is_not_is_no_secret(build: Build) -> None:
    """404 and 405 as without keys: the URLs are in the documentation."""
    http = build(api_key=API_KEY)
    assert http.get("/v1/nothing").status_code == 404
    assert http.put("/v1/models").status_code == 405
    assert http.get("//v1//models").status_code in (308, 404)


def test_the_body_is_not_read_before_the_key(build: Build) -> None:
    """A stranger's body costs nothing, however large or broken it is."""
    http = build(api_key=API_KEY)
    for url in ("/v1/chat/completions", "/v1/files", "/v1/batches", "/tokenize"):
        body = io.BytesIO(b"[" * 1_000)
        response = http.post(url, input_stream=body, content_length=10**9)
        assert response.status_code == 401
        assert body.tell() == 0


def test_a_key_in_a_query_or_a_body_is_none(build: Build) -> None:
    """URLs end in logs and histories."""
    http = build(api_key=API_KEY)
    for url in (f"/v1/models?key={API_KEY}", f"/v1/models?api_key={API_KEY}"):
        assert http.get(url).status_code == 401
    assert http.post("/v1/chat/completions", json={"api_key": API_KEY}).status_code == 401


@pytest.fixture
def logged(build: Build) -> Any:
    """An API with both keys of the environment, whose log the test reads."""
    return build(api_key=API_KEY, admin_key=ADMIN_KEY)


def test_a_refusal_is_in_the_log_and_no_key_is(
    logged: Any, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """With where it came from; of hundreds the log has a line a second."""
    caplog.set_level(logging.DEBUG)
    made, began = make(), time.monotonic()
    logged.get("/v1/models", headers=bearer(made.secret))
    for number in range(300):
        logged.get("/v1/models", headers=bearer(f"{API_KEY}{number}"))
    seconds = int(time.monotonic() - began) + 1
    assert 1 <= caplog.text.count("api key refused") <= seconds
    assert "/v1/models" in caplog.text
    for secret in (API_KEY, ADMIN_KEY, made.secret, made.secret[3:]):
        assert secret not in caplog.text


def test_who_tries_many_admin_keys_fills_no_disk(
    logged: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A line a second, as with other keys; and no key is in it."""
    began = time.monotonic()
    for number in range(100):
        logged.get("/admin/keys", headers=bearer(f"{ADMIN_KEY}{number}"))
    seconds = int(time.monotonic() - began) + 1
    assert 1 <= caplog.text.count("admin key refused") <= seconds
    assert ADMIN_KEY not in caplog.text


def test_redis_being_away_is_told_as_such(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with a time to come again, for a key that this process has not seen of late."""
    http = build(queue_url="redis://127.0.0.1:1/0")

    def away(*_: object) -> Any:
        import redis

        raise redis.ConnectionError

    gateway = http.application.extensions["services"].gateway
    monkeypatch.setattr(gateway.redis, "hget", away)
    response = http.get("/v1/models", headers=bearer("mr-" + "x" * 43))
    assert response.status_code == 503
    assert response.json["error"]["code"] == "queue_unavailable"
    assert int(response.headers["Retry-After"]) >= 1


def test_two_owners_share_nothing(build: Build, make: Make, workers: object) -> None:
    """Jobs, files and batches of one are not there for the other, by any of their ids."""
    alice, bob = (bearer(make(owner).secret) for owner in ("alice", "bob"))
    http = build()
    body = {"model": "echo", "messages": [{"role": "user", "content": "x"}], "background": True}
    job = http.post("/v1/chat/completions", json=body, headers=alice).json["id"]
    line = (
        b'{"custom_id":"a","method":"POST","url":"/v1/embeddings",'
        b'"body":{"model":"echo-embed","input":"x"}}\n'
    )
    form = {"purpose": "batch", "file": (io.BytesIO(line), "in.jsonl")}
    file = http.post("/v1/files", data=form, headers=alice).json["id"]
    order = {
        "input_file_id": file,
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
    }
    batch = http.post("/v1/batches", json=order, headers=alice).json["id"]
    urls = [f"/v1/jobs/{job}", f"/v1/files/{file}", f"/v1/batches/{batch}"]
    for url in (*urls, f"/v1/files/{file}/content"):
        assert http.get(url, headers=alice).status_code == 200, url
        assert http.get(url, headers=bob).status_code == 404, url
    assert http.get(f"/v1/jobs/{job}/events", headers=bob).status_code == 404
    assert http.delete(f"/v1/jobs/{job}", headers=bob).status_code == 404
    assert http.delete(f"/v1/files/{file}", headers=bob).status_code == 404
    assert http.post(f"/v1/batches/{batch}/cancel", headers=bob).status_code == 404
    assert http.post("/v1/batches", json=order, headers=bob).status_code == 400
    for url in ("/v1/jobs", "/v1/files", "/v1/batches"):
        assert len(http.get(url, headers=alice).json["data"]) == 1
        assert http.get(url, headers=bob).json["data"] == []
