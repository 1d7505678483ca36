"""``/``: the page, and the files that it is made of."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from app.page.bundle import Bundle, Piece
from app.page.headers import GUARDS

routes = Blueprint("page", __name__)

FOREVER = "public, max-age=31536000, immutable"

_bundle = Bundle.read()


@routes.get("/")
def show_page() -> Response:
    """The page; what it shows, it asks for by itself."""
    return _answer(_bundle.page, "no-cache")


@routes.get("/page/<version>/<path:name>")
def get_piece(version: str, name: str) -> Response:
    """One of the page's files. Its address changes with its content, so it is kept for ever."""
    piece = _bundle.pieces.get(name)
    if piece is None:
        raise NotFound
    # While a new release takes over, the old one may be asked for the new one's files.
    return _answer(piece, FOREVER if version == _bundle.version else "no-cache")


def _answer(piece: Piece, kept: str) -> Response:
    packed = piece.packed is not None and request.accept_encodings["gzip"] > 0
    response = Response(piece.packed if packed else piece.content, mimetype=piece.kind)
    response.headers.update(GUARDS)
    response.headers["Cache-Control"] = kept
    response.headers["Vary"] = "Accept-Encoding"
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    return response
