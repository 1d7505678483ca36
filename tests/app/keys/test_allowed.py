"""What a key may not use is not there for it, wherever a model is named."""

from __future__ import annotations

import io
from typing import Any

import pytest

from app.batches.checking import Checker
from app.batches.record import Line, Order
from app.keys.allowed import allowed
from tasks.catalog import Catalog
from tasks.errors import UnknownModel
from tasks.gateway import Gateway
from tasks.jobs import Priority
from tasks.model import CatalogError, Model
from tests.app.keys.conftest import Build, Make, bearer

CATALOG = Catalog(
    (
        Model(name="mine", kind="chat", source="echo:", aliases=("my-alias",)),
        Model(name="other", kind="chat", source="echo:", aliases=("other-alias",)),
        Model(name="vectors", kind="embed", source="echo:"),
    )
)


def test_a_view_has_the_models_that_are_named_and_no_others() -> None:
    """By name and by alias, in the catalog's order."""
    seen = allowed(CATALOG, ["vectors", "mine", "gone"])
    assert [model.name for model in seen] == ["mine", "vectors"]
    assert seen.find("my-alias").name == "mine"
    assert (seen.has("my-alias"), seen.has("other-alias"), seen.has("nothing")) == (
        True,
        False,
        False,
    )
    assert seen.of_queue(CATALOG.find("mine").queue).name == "mine"
    with pytest.raises(CatalogError):
        seen.of_queue(CATALOG.find("other").queue)


def test_no_names_are_all_models() -> None:
    """As a key without any is worth."""
    assert allowed(CATALOG, ()) is CATALOG


def test_other_models_and_none_are_refused_in_the_same_words() -> None:
    """But for the name, which the client wrote itself."""
    seen = allowed(CATALOG, ["mine"])
    said = set()
    for name in ("other", "other-alias", "vectors", "nothing"):
        with pytest.raises(UnknownModel) as refused:
            seen.find(name)
        said.add((refused.value.message.replace(repr(name), "X"), refused.value.param))
    assert len(said) == 1


MESSAGES = [{"role": "user", "content": "x"}]
ASKED = [
    ("POST", "/v1/chat/completions", {"messages": MESSAGES}),
    ("POST", "/v1/chat/completions", {"messages": MESSAGES, "stream": True}),
    ("POST", "/v1/chat/completions", {"messages": MESSAGES, "background": True}),
    (
        "POST",
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
    ),
    ("POST", "/v1/completions", {"prompt": "x"}),
    ("POST", "/v1/completions", {"prompt": "x", "max_tokens": 10**9}),
    ("POST", "/v1/embeddings", {"input": "x"}),
    ("POST", "/v1/embeddings", {"input": "x", "dimensions": 9999}),
    ("POST", "/tokenize", {"content": "x"}),
    ("POST", "/tokenize", {"messages": MESSAGES}),
    ("POST", "/detokenize", {"tokens": [1]}),
    ("GET", "/props", None),
    ("GET", "/slots", None),
    ("GET", "/v1/models/{}", None),
]


@pytest.mark.parametrize(("method", "url", "body"), ASKED)
def test_no_endpoint_tells_a_hidden_model_from_none(
    build: Build, make: Make, method: str, url: str, body: dict[str, Any] | None
) -> None:
    """A chat model, an embedding model and a model that is not there: the same answer."""
    mine = bearer(make(models=("absent",)).secret)
    http, seen = build(), set()
    for name in ("echo", "echo-embed", "none"):
        target = url.format(name) if "{}" in url else url
        if body is None and "{}" not in url:
            target = f"{url}?model={name}"
        given = None if body is None else body | {"model": name}
        response = http.open(target, method=method, json=given, headers=mine)
        seen.add((response.status_code, response.text.replace(repr(name), "X")))
    assert len(seen) == 1, seen


def test_models_are_listed_as_a_key_may_use_them(build: Build, make: Make) -> None:
    """And all for a key that may use all."""
    http = build()
    some, all_of_them = make(models=("echo",)).secret, make().secret
    listed = [
        [each["id"] for each in http.get("/v1/models", headers=bearer(secret)).json["data"]]
        for secret in (some, all_of_them)
    ]
    assert listed == [["echo"], ["echo", "echo-embed", "absent"]]


def test_the_only_chat_model_is_the_only_one_that_a_key_may_use(build: Build, make: Make) -> None:
    """Who names none is not told how many others there are."""
    http = build()
    assert http.get("/props", headers=bearer(make(models=("echo",)).secret)).status_code == 200
    refused = http.get("/props", headers=bearer(make(models=("echo-embed",)).secret))
    assert refused.status_code == 400
    assert "there are 0 chat models" in refused.json["error"]["message"]


def order_of(http: Any, headers: dict[str, str], gateway: Gateway) -> Order:
    """The order of a batch that was made over HTTP."""
    from app.batches.book import Book

    form = {"purpose": "batch", "file": (io.BytesIO(b"{}\n"), "in.jsonl")}
    file = http.post("/v1/files", data=form, headers=headers).json["id"]
    body = {"input_file_id": file, "endpoint": "/v1/embeddings", "completion_window": "1h"}
    made = http.post("/v1/batches", json=body, headers=headers).json["id"]
    return Book(gateway.redis, gateway.settings).find(made, "alice").order


def line(model: str) -> bytes:
    """A request of a batch."""
    return (
        f'{{"custom_id":"{model}","method":"POST","url":"/v1/embeddings",'
        f'"body":{{"model":"{model}","input":"x"}}}}'
    ).encode()


def test_a_batch_keeps_to_the_models_of_its_key(build: Build, make: Make, gateway: Gateway) -> None:
    """When its input is read, long after the request: by line, and as if there were no such."""
    http = build()
    order = order_of(http, bearer(make(models=("absent",)).secret), gateway)
    assert order.models == ("absent",)
    checker = Checker(order, gateway.catalog, max_lines=9, max_inputs=9)
    for number, name in enumerate(("echo-embed", "none"), 1):
        checker.add(Line(number, 0, 0), line(name))
    hidden, none = checker.result().errors
    assert (hidden.line, none.line) == (1, 2)
    assert (hidden.code, hidden.param) == (none.code, none.param)
    assert (hidden.code, hidden.param) == ("model_not_found", "body.model")
    assert hidden.message.replace("'echo-embed'", "'none'") == none.message


def test_a_batch_of_a_key_for_all_models_is_of_all(
    build: Build, make: Make, gateway: Gateway
) -> None:
    """Nothing is remembered that would have to be kept to."""
    order = order_of(build(), bearer(make().secret), gateway)
    assert order.models == ()
    checker = Checker(order, gateway.catalog, max_lines=9, max_inputs=9)
    checker.add(Line(1, 0, 0), line("echo-embed"))
    assert checker.result().errors == ()


@pytest.mark.parametrize("most", list(Priority))
@pytest.mark.parametrize("background", [False, True])
def test_a_job_is_no_more_urgent_than_its_key(
    build: Build, make: Make, gateway: Gateway, most: Priority, background: bool
) -> None:
    """And no more than it would be by itself."""
    http, headers = build(), bearer(make(priority=most).secret)
    body = {"model": "absent", "messages": MESSAGES, "background": background}
    if background:
        job_id = http.post("/v1/chat/completions", json=body, headers=headers).json["id"]
    else:
        stream = http.post(
            "/v1/chat/completions", json=body | {"stream": True}, headers=headers, buffered=False
        )
        job_id = stream.headers["x-request-id"]
    asked = Priority.BACKGROUND if background else Priority.INTERACTIVE
    assert gateway.records.job(job_id).priority == max(asked, most)
    assert gateway.records.job(job_id).owner == "alice"
    if not background:
        stream.close()
