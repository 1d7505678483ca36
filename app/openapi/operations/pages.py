"""The pages, their files, and this description."""

from __future__ import annotations

from app.openapi.page import ASSETS
from app.openapi.pieces import JSON, STRING, Json, Operation, answer, content, in_path

_PAGE: Json = {"text/html": {"schema": STRING}}
_STYLE_OR_SCRIPT: Json = {"text/css": {"schema": STRING}, "text/javascript": {"schema": STRING}}
_FILE: Json = {
    **_STYLE_OR_SCRIPT,
    "image/svg+xml": {"schema": {}},
    "image/png": {"schema": {}},
    "font/woff2": {"schema": {}},
}
_SAME = answer("The client has it.", headers=("ETag",))

OPERATIONS = (
    Operation(
        method="get",
        path="/",
        id="showPage",
        tag="Pages",
        summary="The live view and the playground",
        answers={200: answer("The page.", _PAGE)},
        errors=(500,),
        key="none",
    ),
    Operation(
        method="get",
        path="/page/{version}/{name}",
        id="getPagePiece",
        tag="Pages",
        summary="A file of that page",
        parameters=(
            in_path("version", "Changes with the file's content.", "0"),
            in_path("name", "The file's name.", "page.css"),
        ),
        answers={200: answer("The file.", _FILE)},
        errors=(404, 500),
        key="none",
    ),
    Operation(
        method="get",
        path="/openapi.json",
        id="getOpenapi",
        tag="Pages",
        summary="This description",
        answers={
            200: answer("It.", content(JSON, {"type": "object"}), headers=("ETag",)),
            304: _SAME,
        },
        errors=(412, 500),
        key="none",
    ),
    Operation(
        method="get",
        path="/docs",
        id="showDocs",
        tag="Pages",
        summary="This description for people",
        answers={200: answer("The page.", _PAGE, headers=("ETag",)), 304: _SAME},
        errors=(412, 500),
        key="none",
    ),
    Operation(
        method="get",
        path="/docs/{name}",
        id="getDocsAsset",
        tag="Pages",
        summary="A style or a script of that page",
        parameters=(in_path("name", f"One of {', '.join(ASSETS)}.", next(iter(ASSETS))),),
        answers={200: answer("The file.", _STYLE_OR_SCRIPT, headers=("ETag",)), 304: _SAME},
        errors=(404, 412, 500),
        key="none",
    ),
)
