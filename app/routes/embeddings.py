"""``/v1/embeddings``."""

from __future__ import annotations

import time

from flask import Blueprint, Response, g

from app import respond
from app.body import read_body
from app.openai.embeddings import EmbeddingsAnswer, parse_embeddings
from app.services import services

routes = Blueprint("embeddings", __name__)


@routes.post("/v1/embeddings")
def create_embeddings() -> Response:
    """Vectors for one or many inputs."""
    asked = parse_embeddings(
        read_body(),
        catalog=services().gateway.catalog,
        job_id=g.job_id,
        owner="local",
        created_at=time.time(),
    )
    subscription = services().submit(asked.job)
    return respond.whole(subscription, EmbeddingsAnswer(asked.job, asked.base64))
