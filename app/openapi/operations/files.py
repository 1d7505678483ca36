"""Files: what batches read and write."""

from __future__ import annotations

from typing import get_args

from app.files.record import UPLOADED, Purpose
from app.openai.files import (
    DEFAULT_LIMIT,
    LEAST_EXPIRY_S,
    MAX_LIMIT,
    MOST_EXPIRY_S,
)
from app.openapi import place_examples
from app.openapi.parameters import AFTER, ORDER, limit
from app.openapi.pieces import (
    BYTES,
    JSON,
    STRING,
    Json,
    Operation,
    answer,
    body,
    content,
    in_header,
    in_path,
    in_query,
    one_of,
    record,
    ref,
)

_ID = in_path("file_id", "The file's id.", place_examples.FILE["id"])
_FILE = content(JSON, ref("File"), {"file": place_examples.FILE})
_LINKS: Json = {
    name: {"operationId": operation, "parameters": {"file_id": "$response.body#/id"}}
    for name, operation in (
        ("file", "getFile"),
        ("content", "getFileContent"),
        ("delete", "deleteFile"),
    )
}
_FORM = record(
    "The parts of the form.",
    {
        "file": {"type": "string", "format": "binary", "description": "With a filename."},
        "purpose": {
            **one_of(*UPLOADED),
            "description": "`batch` for the input of a batch; the others are kept and given back.",
        },
        "expires_after[anchor]": one_of("created_at"),
        "expires_after[seconds]": {
            "type": "integer",
            "minimum": LEAST_EXPIRY_S,
            "maximum": MOST_EXPIRY_S,
        },
    },
    optional=("expires_after[anchor]", "expires_after[seconds]"),
)
_FORM["dependentRequired"] = {
    "expires_after[anchor]": ["expires_after[seconds]"],
    "expires_after[seconds]": ["expires_after[anchor]"],
}
_BYTES: Json = {BYTES: {"schema": {}}}
_RANGE: Json = {"type": "string", "pattern": "^bytes=([0-9]{1,15}-[0-9]{0,15}|-[0-9]{1,15})$"}
_SENT = ("ETag", "Content-Disposition")

OPERATIONS = (
    Operation(
        method="post",
        path="/v1/files",
        id="uploadFile",
        tag="Files",
        summary="Keep a file",
        body=body({"multipart/form-data": {"schema": _FORM}}),
        answers={200: answer("The file.", _FILE, links=_LINKS)},
        errors=(400, 413, 500, 503),
    ),
    Operation(
        method="get",
        path="/v1/files",
        id="listFiles",
        tag="Files",
        summary="A page of files",
        parameters=(
            in_query("purpose", "Only those of this purpose.", one_of(*get_args(Purpose))),
            limit(MAX_LIMIT, DEFAULT_LIMIT),
            AFTER,
            ORDER,
        ),
        answers={200: answer("The page.", content(JSON, ref("FileList")))},
        errors=(400, 500, 503),
    ),
    Operation(
        method="get",
        path="/v1/files/{file_id}",
        id="getFile",
        tag="Files",
        summary="What is known of a file",
        parameters=(_ID,),
        answers={200: answer("The file.", _FILE)},
        errors=(404, 500, 503),
    ),
    Operation(
        method="delete",
        path="/v1/files/{file_id}",
        id="deleteFile",
        tag="Files",
        summary="Forget a file",
        description="A batch that reads it goes on to its end.",
        parameters=(_ID,),
        answers={200: answer("It is gone.", content(JSON, ref("DeletedFile")))},
        errors=(404, 500, 503),
    ),
    Operation(
        method="get",
        path="/v1/files/{file_id}/content",
        id="getFileContent",
        tag="Files",
        summary="The bytes of a file",
        parameters=(
            _ID,
            in_header("Range", "Only these bytes: `bytes=0-99`.", _RANGE),
            in_header("If-Match", "An `ETag`: a 412 unless it is the file's.", STRING),
            in_header("If-None-Match", "An `ETag`: nothing is sent when it is the file's.", STRING),
        ),
        answers={
            200: answer("All of them.", _BYTES, headers=_SENT),
            206: answer("Those of the range.", _BYTES, headers=(*_SENT, "Content-Range")),
            304: answer("The client has them.", headers=("ETag",)),
        },
        errors=(404, 412, 416, 500, 503),
    ),
)
