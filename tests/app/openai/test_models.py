from __future__ import annotations

import pytest
from openai.types import Model as OpenAIModel

from app.openai.errors import BadRequest
from app.openai.models import chat_model, embed_model, render_model, render_models
from tasks.catalog import Catalog
from tasks.errors import UnknownModel


def test_a_model_is_found_by_its_alias(catalog: Catalog) -> None:
    """An alias leads to the catalog's canonical entry."""
    assert chat_model(catalog, "gpt-4o").name == "talk"
    assert embed_model(catalog, "ada").name == "vec"


def test_an_unknown_name_is_an_unknown_model(catalog: Catalog) -> None:
    """The catalog's own error passes through, to become a 404."""
    with pytest.raises(UnknownModel):
        chat_model(catalog, "gpt-9")


def test_a_model_of_the_wrong_kind_is_refused_with_the_right_place(catalog: Catalog) -> None:
    """Each endpoint names the other for the models that belong there."""
    with pytest.raises(BadRequest, match=r"'vec'.*/v1/embeddings") as caught:
        chat_model(catalog, "vec")
    assert caught.value.param == "model"
    with pytest.raises(BadRequest, match=r"'talk'.*/v1/chat/completions") as caught:
        embed_model(catalog, "talk")
    assert caught.value.param == "model"


def test_a_model_reads_as_openais_with_our_fields_beside(catalog: Catalog) -> None:
    """The official client's type accepts the object; slots, context and state are ours."""
    shown = render_model(catalog.find("talk"), "ready")
    assert OpenAIModel.model_validate(shown).owned_by == "millrace"
    assert shown == {
        "id": "talk",
        "object": "model",
        "created": 0,
        "owned_by": "millrace",
        "kind": "chat",
        "aliases": ["gpt-4o"],
        "context": 2048,
        "slots": 4,
        "vision": False,
        "state": "ready",
    }


def test_the_list_keeps_the_catalogs_order(catalog: Catalog) -> None:
    """Models are listed as the file lists them, those of unknown state included."""
    listed = render_models((model, None) for model in catalog)
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["talk", "vec"]
