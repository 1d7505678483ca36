"""``/tokenize`` and ``/detokenize``, which llama-server and vLLM have outside of ``/v1``."""

from __future__ import annotations

from flask import Blueprint, Response, g

from app.body import read_body
from app.images.configured import images_of
from app.openai.tokens import parse_detokenize, parse_tokenize, text_body, tokens_body
from app.owners import asking_catalog
from app.services import services
from tasks.questions import Text, Tokens

routes = Blueprint("tokens", __name__)


@routes.post("/tokenize")
def tokenize() -> Response:
    """The token ids of a text or of a conversation."""
    images = images_of(services().settings)
    asked = parse_tokenize(read_body(), catalog=asking_catalog(), images=images)
    answer = services().ask(asked.model, g.job_id, asked.question)
    assert isinstance(answer, Tokens)
    return Response(tokens_body(asked, answer), mimetype="application/json")


@routes.post("/detokenize")
def detokenize() -> Response:
    """The text of token ids."""
    asked = parse_detokenize(read_body(), catalog=asking_catalog())
    answer = services().ask(asked.model, g.job_id, asked.question)
    assert isinstance(answer, Text)
    return Response(text_body(answer), mimetype="application/json")
