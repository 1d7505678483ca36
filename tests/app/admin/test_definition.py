"""Definitions that come over the network, and the orders around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.admin.definition import Definition, model_of
from app.admin.orders import parse_load, parse_unload
from app.openai.errors import BadRequest, InvalidJSON
from tasks.model import Model

LEAST = {"name": "added", "kind": "chat", "source": "echo:"}


def defined(**fields: Any) -> Model:
    """The model that a body with the least of fields and these defines."""
    order = parse_load(json.dumps({"model": LEAST | fields}).encode())
    assert isinstance(order.model, Definition)
    return model_of(order.model, folders=[Path("/models")], created_at=12)


def refused(**fields: Any) -> BadRequest:
    """The refusal of these fields."""
    with pytest.raises(BadRequest) as error:
        defined(**fields)
    return error.value


def test_a_definition_has_every_field_of_the_catalog() -> None:
    """But for those that the server sets."""
    assert set(Definition.__struct_fields__) == set(Model.__struct_fields__) - {
        "created_at",
        "restricted",
    }


def test_what_is_left_out_or_null_has_the_catalogs_default() -> None:
    """And the model is restricted, whatever else is given."""
    expected = Model(**LEAST, created_at=12, restricted=True)  # type: ignore[arg-type]
    assert defined() == expected
    assert defined(slots=None, device=None, aliases=None) == expected


def test_every_field_arrives() -> None:
    """As the catalog's file would say it."""
    fields: dict[str, Any] = {
        "kind": "multimodal",
        "source": "path:/models/m.gguf",
        "mmproj": "path:/models/deep/../p.gguf",
        "runtime": "llama",
        "sha256": "0" * 64,
        "device": "cuda:1",
        "slots": 2,
        "context": 512,
        "threads": 3,
        "n_gpu_layers": 7,
        "kv_type": "q8_0",
        "flash_attention": True,
        "tokens_per_s": 1.5,
        "speculative": 4,
        "max_waiting": 5,
        "memory_mb": 6,
        "ttl_s": 60,
        "preload": False,
        "pinned": True,
        "replicas": 2,
        "tokenizer": "hf:o/r/tokenizer.json",
    }
    given = fields | {"mmproj": "path:/models/p.gguf"}
    assert defined(**fields, aliases=["other"]) == Model(
        name="added", **given, aliases=("other",), created_at=12, restricted=True
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"kind": "talk"}, "model.kind"),
        ({"runtime": "torch"}, "model.runtime"),
        ({"kv_type": "q2"}, "model.kv_type"),
        ({"slots": 0}, "model.slots"),
        ({"slots": "8"}, "model.slots"),
        ({"slots": 1.5}, "model.slots"),
        ({"slots": 10**30}, "model.slots"),
        ({"context": 1}, "model.context"),
        ({"threads": -1}, "model.threads"),
        ({"ttl_s": -1}, "model.ttl_s"),
        ({"memory_mb": 0}, "model.memory_mb"),
        ({"replicas": 0}, "model.replicas"),
        ({"device": "tpu"}, "model.device"),
        ({"sha256": "abc"}, "model.sha256"),
        ({"name": "a b"}, "model.name"),
        ({"name": ""}, "model.name"),
        ({"name": "../etc"}, "model.name"),
        ({"name": "a//b"}, "model.name"),
        ({"name": "a/"}, "model.name"),
        ({"name": "n" * 129}, "model.name"),
        ({"name": 5}, "model.name"),
        ({"aliases": ["added"]}, "model.aliases"),
        ({"aliases": ["x", "x"]}, "model.aliases"),
        ({"aliases": ["x/../y"]}, "model.aliases"),
        ({"aliases": "x"}, "model.aliases"),
        ({"source": "path:/etc/passwd"}, "model.source"),
        ({"tokenizer": "path:/etc/passwd"}, "model.tokenizer"),
        ({"kind": "multimodal", "mmproj": "path:/models/../x"}, "model.mmproj"),
        ({"source": "path:/models/m.onnx"}, "model.kind"),
        ({"mmproj": "path:/models/p.gguf"}, "model.mmproj"),
        ({"pinned": 1}, "model.pinned"),
        ({"restricted": False}, "model.restricted"),
        ({"created_at": 0}, "model.created_at"),
        ({"contxt": 512}, "model.contxt"),
    ],
)
def test_a_refusal_names_the_field(fields: dict[str, Any], param: str) -> None:
    """As the client wrote it, below 'model'."""
    assert refused(**fields).param == param


def test_an_unknown_field_is_told_with_those_that_there_are() -> None:
    """A client's own word comes back shortened."""
    error = refused(**{"x" * 1_000: 1})
    assert error.code == "unknown_parameter"
    assert "n_gpu_layers" in error.message
    assert len(error.message) < 600


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"model": ["echo"]}, "model"),
        ({"model": {"name": "a", "kind": "chat"}}, "model.source"),
        ({"model": "m", "wait_s": -1}, "wait_s"),
        ({"model": "m", "wait_s": 601}, "wait_s"),
        ({"model": "m", "wait_s": "5"}, "wait_s"),
        ({"model": "m", "wait": 5}, "wait"),
        ({"model": "m" * 257}, "model"),
    ],
)
def test_an_order_to_load_is_read_strictly(body: dict[str, Any], param: str) -> None:
    """A mistyped field is not passed over."""
    with pytest.raises(BadRequest) as error:
        parse_load(json.dumps(body).encode())
    assert error.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"force": "yes"}, "force"),
        ({"force": 1}, "force"),
        ({"forget": "true"}, "forget"),
        ({"forse": True}, "forse"),
        ({"model": LEAST}, "model"),
        ({"wait_s": 1e9}, "wait_s"),
    ],
)
def test_an_order_to_unload_is_read_strictly(fields: dict[str, Any], param: str) -> None:
    """A definition is nothing to unload."""
    with pytest.raises(BadRequest) as error:
        parse_unload(json.dumps({"model": "m"} | fields).encode())
    assert error.value.param == param


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"echo"', b'{"model": NaN}', b"\xff", b"[" * 10_000]
)
def test_what_is_no_order_is_a_bad_request(body: bytes) -> None:
    """Never another error."""
    for parse in (parse_load, parse_unload):
        with pytest.raises(BadRequest):
            parse(body)


def test_broken_json_is_told_as_such() -> None:
    """With the code that every other route has for it."""
    with pytest.raises(InvalidJSON):
        parse_load(b'{"model": ')


def test_null_stands_for_what_is_left_out() -> None:
    """As everywhere."""
    order = parse_unload(b'{"model": "m", "force": null, "forget": null, "wait_s": null}')
    assert (order.force, order.forget, order.wait_s) == (None, None, None)
