"""``/v1/chat/completions``."""

from __future__ import annotations

import time

from flask import Blueprint, Response, g

from app import respond
from app.body import read_body
from app.openai.chat import parse_chat
from app.openai.chat_render import ChatAnswer, ChatStream
from app.services import services

routes = Blueprint("chat", __name__)


@routes.post("/v1/chat/completions")
def create_chat_completion() -> Response:
    """Answer a conversation, whole or as a stream."""
    asked = parse_chat(
        read_body(),
        catalog=services().gateway.catalog,
        job_id=g.job_id,
        owner="local",
        created_at=time.time(),
    )
    subscription = services().submit(asked.job)
    if asked.stream:
        chunks = ChatStream(asked.job, asked.include_usage, asked.timings)
        return respond.stream(subscription, chunks, services().settings.ping_s)
    return respond.whole(subscription, ChatAnswer(asked.job, asked.timings))
