"""``/v1/chat/completions``."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response

from app.answering import answer, read_order
from app.images.configured import images_of
from app.openai.chat import parse_chat
from app.services import services

routes = Blueprint("chat", __name__)


@routes.post("/v1/chat/completions")
def create_chat_completion() -> Response:
    """Answer a conversation, whole or as a stream, now or later."""
    order = read_order(partial(parse_chat, images=images_of(services().settings)))
    submission = services().submit(order)
    return answer(order, submission)
