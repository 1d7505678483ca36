"""``/v1/completions``."""

from __future__ import annotations

from flask import Blueprint, Response

from app.answering import answer, read_order
from app.openai.completions import parse_completion
from app.services import services

routes = Blueprint("completions", __name__)


@routes.post("/v1/completions")
def create_completion() -> Response:
    """Continue one or many prompts, whole or as a stream, now or later."""
    order = read_order(parse_completion)
    submission = services().submit(order)
    return answer(order, submission)
