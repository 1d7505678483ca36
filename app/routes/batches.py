"""``/v1/batches``: many requests in a file, answered later."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState

from app.batches.errors import UnknownBatch
from app.batches.place import Batches
from app.batches.record import BatchRecord
from app.body import read_body
from app.openai.batch_body import batch_body, batch_list_body
from app.openai.batches import parse_batch, parse_batch_query, unknown_after
from app.owners import asking_key, asking_owner, owner_of
from app.services import Services, services

routes = Blueprint("batches", __name__)


@routes.record
def _open(state: BlueprintSetupState) -> None:
    services: Services = state.app.extensions["services"]
    state.app.extensions["batches"] = Batches(services.settings, services.gateway.redis)


@routes.post("/v1/batches")
def create_batch() -> Response:
    """Make a batch of a file that was uploaded before."""
    asked, key = parse_batch(read_body()), asking_key()
    services().limits.charge(key, g.job_id)
    models = key.models if key else ()
    return _json(batch_body(batches().make(asked, owner_of(key), models)))


@routes.get("/v1/batches")
def list_batches() -> Response:
    """A page of the owner's batches, newest first."""
    query, book = parse_batch_query(request.args), batches().book
    if query.after is not None:
        try:
            book.find(query.after, asking_owner())
        except UnknownBatch as error:
            raise unknown_after(query.after) from error
    page = book.page(asking_owner(), limit=query.limit, after=query.after)
    return _json(batch_list_body(page))


@routes.get("/v1/batches/<batch_id>")
def get_batch(batch_id: str) -> Response:
    """One batch as it stands."""
    return _json(batch_body(_find(batch_id)))


@routes.post("/v1/batches/<batch_id>/cancel")
def cancel_batch(batch_id: str) -> Response:
    """Cancel a batch; what it has answered by then is in its files."""
    batches().book.cancel(_find(batch_id).id)
    return _json(batch_body(_find(batch_id)))


def batches() -> Batches:
    """The batches of the application that handles this request."""
    return cast(Batches, current_app.extensions["batches"])


def _find(batch_id: str) -> BatchRecord:
    return batches().book.find(batch_id, asking_owner())


def _json(body: bytes) -> Response:
    return Response(body, mimetype="application/json")
