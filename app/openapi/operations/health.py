"""Health and readiness, which need no key."""

from __future__ import annotations

from app.openapi import place_examples
from app.openapi.pieces import JSON, Operation, answer, content, ref

_READY = content(JSON, ref("Readiness"), {"ok": place_examples.READINESS})

OPERATIONS = (
    Operation(
        method="get",
        path="/health",
        id="health",
        tag="Health",
        summary="The process answers",
        answers={200: answer("It does.", content(JSON, ref("Health"), {"ok": {"status": "ok"}}))},
        errors=(500,),
        key="none",
    ),
    Operation(
        method="get",
        path="/ready",
        id="ready",
        tag="Health",
        summary="A request would be served now",
        answers={
            200: answer("Redis answers, and every model that is due is served.", _READY),
            503: answer("Something is missing, or this process is being stopped.", _READY),
        },
        errors=(500,),
        key="none",
    ),
)
