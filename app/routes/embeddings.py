"""``/v1/embeddings``."""

from __future__ import annotations

from flask import Blueprint, Response

from app.answering import answer, read_order
from app.openai.embeddings import parse_embeddings
from app.services import services

routes = Blueprint("embeddings", __name__)


@routes.post("/v1/embeddings")
def create_embeddings() -> Response:
    """Vectors for one or many inputs, now or later."""
    order = read_order(parse_embeddings)
    submission = services().submit(order)
    return answer(order, submission)
