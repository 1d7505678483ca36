"""``/v1/completions``."""

from __future__ import annotations

import time

from flask import Blueprint, Response, g

from app import respond
from app.body import read_body
from app.openai.completion_render import CompletionAnswer, CompletionStream
from app.openai.completions import parse_completion
from app.services import services

routes = Blueprint("completions", __name__)


@routes.post("/v1/completions")
def create_completion() -> Response:
    """Continue one or many prompts, whole or as a stream."""
    asked = parse_completion(
        read_body(),
        catalog=services().gateway.catalog,
        job_id=g.job_id,
        owner="local",
        created_at=time.time(),
    )
    subscription = services().submit(asked.job)
    if asked.stream:
        chunks = CompletionStream(asked.job, asked.include_usage, asked.timings)
        return respond.stream(subscription, chunks, services().settings.ping_s)
    return respond.whole(subscription, CompletionAnswer(asked.job, asked.timings))
