"""``/openapi.json``, and ``/docs`` for whoever wants to read and try it in a browser."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from app.conditional import made_conditional
from app.openapi.document import document_json
from app.openapi.page import ASSETS, HEADERS, PAGE, asset, packed

routes = Blueprint("openapi", __name__)

# A day: the names of the assets say nothing of their release.
_ASSET_AGE_S = 86_400


@routes.get("/openapi.json")
def get_openapi() -> Response:
    """The description of this API."""
    response = Response(document_json(), mimetype="application/json")
    return _revalidated(response)


@routes.get("/docs")
def docs() -> Response:
    """The page that shows the description."""
    return _revalidated(Response(PAGE, mimetype="text/html", headers=HEADERS))


@routes.get("/docs/<name>")
def docs_asset(name: str) -> Response:
    """A style or a script of that page."""
    if name not in ASSETS:
        raise NotFound
    if request.accept_encodings.quality("gzip"):
        response = Response(packed(name), mimetype=ASSETS[name], headers=HEADERS)
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = Response(asset(name), mimetype=ASSETS[name], headers=HEADERS)
    response.headers["Vary"] = "Accept-Encoding"
    response.cache_control.public = True
    response.cache_control.max_age = _ASSET_AGE_S
    return _unless_known(response)


def _revalidated(response: Response) -> Response:
    response.cache_control.no_cache = True
    return _unless_known(response)


def _unless_known(response: Response) -> Response:
    response.add_etag()
    return made_conditional(response)
