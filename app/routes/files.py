"""``/v1/files``: what batches read and write."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import BinaryIO, cast
from urllib.parse import quote

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.wsgi import FileWrapper

from app.conditional import made_conditional
from app.files.errors import UnknownFile
from app.files.guarded import PIECE_BYTES
from app.files.place import Files
from app.openai.files import (
    deleted_body,
    file_body,
    list_body,
    parse_file_query,
    parse_upload,
    unknown_after,
)
from app.owners import asking_owner
from app.services import Services
from app.uploading import FileTooLarge, receive

routes = Blueprint("files", __name__)


@routes.record
def _open(state: BlueprintSetupState) -> None:
    services: Services = state.app.extensions["services"]
    state.app.extensions["files"] = Files(services.settings, services.gateway.redis)


@routes.post("/v1/files")
def upload_file() -> Response:
    """Keep the file that the form holds."""
    place = files()
    with place.store.staging.place() as path:
        form = receive(path, place.settings.file_limit_bytes)
        order = parse_upload(form.fields, form.filename)
        most_bytes = place.settings.batch_file_limit_bytes
        if order.purpose == "batch" and form.bytes > most_bytes:
            raise FileTooLarge(most_bytes, "The input of a batch")
        record = place.add(
            str(path),
            owner=asking_owner(),
            filename=order.filename,
            purpose=order.purpose,
            size_bytes=form.bytes,
            expires_after_s=order.expires_after_s,
        )
    return _json(file_body(record))


@routes.get("/v1/files")
def list_files() -> Response:
    """A page of the owner's files, newest first unless asked otherwise."""
    query, register = parse_file_query(request.args), files().register
    if query.after is not None:
        try:
            register.find(query.after, asking_owner())
        except UnknownFile as error:
            raise unknown_after(query.after) from error
    page = register.page(
        asking_owner(),
        limit=query.limit,
        after=query.after,
        newest_first=query.newest_first,
        purpose=query.purpose,
    )
    return _json(list_body(page))


@routes.get("/v1/files/<file_id>")
def get_file(file_id: str) -> Response:
    """What is known of one file."""
    return _json(file_body(files().register.find(file_id, asking_owner())))


@routes.delete("/v1/files/<file_id>")
def delete_file(file_id: str) -> Response:
    """Forget a file; its bytes go once no batch reads them any more."""
    register = files().register
    register.delete(register.find(file_id, asking_owner()))
    return _json(deleted_body(file_id))


@routes.get("/v1/files/<file_id>/content")
def get_content(file_id: str) -> Response:
    """The bytes of a file, or the part of them that a ``Range`` names."""
    place = files()
    record = place.register.find(file_id, asking_owner())
    with ExitStack() as unless_answered:
        content = _Content(place.store.reader(record.blob))
        unless_answered.callback(content.close)
        response = Response(content, mimetype="application/octet-stream", direct_passthrough=True)
        response.content_length = record.bytes
        response.headers["Content-Disposition"] = _attachment(record.filename)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.set_etag(record.id)
        made_conditional(response, complete_length=record.bytes)
        unless_answered.pop_all()
    return response


class _Content(FileWrapper):
    """Pieces of a file, which is closed with them: of a range, the response itself is not."""

    def __init__(self, reader: AbstractContextManager[BinaryIO]) -> None:
        self._opened = ExitStack()
        super().__init__(self._opened.enter_context(reader), PIECE_BYTES)

    def close(self) -> None:
        self._opened.close()


def files() -> Files:
    """The files of the application that handles this request."""
    return cast(Files, current_app.extensions["files"])


def _attachment(filename: str) -> str:
    """RFC 6266: a plain name for whoever reads only that, and the true one."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _json(body: bytes) -> Response:
    return Response(body, mimetype="application/json")
