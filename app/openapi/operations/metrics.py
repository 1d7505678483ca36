"""Metrics for Prometheus."""

from __future__ import annotations

from app.openapi.pieces import (
    JSON,
    STRING,
    Json,
    Operation,
    answer,
    array,
    content,
    mapping,
    record,
)

_TEXT: Json = {"text/plain": {"schema": STRING}}
_TARGET = record(
    "A process that serves its own numbers.",
    {"targets": array(STRING), "labels": mapping(STRING)},
)

OPERATIONS = (
    Operation(
        method="get",
        path="/metrics",
        id="getMetrics",
        tag="Health",
        summary="Everything that is counted here, of all processes together",
        description="Prometheus' text. On the loopback address no key is needed.",
        answers={200: answer("The numbers.", _TEXT)},
        errors=(500,),
    ),
    Operation(
        method="get",
        path="/admin/metrics",
        id="adminGetMetrics",
        tag="Admin",
        summary="The same, with the admin key",
        answers={200: answer("The numbers.", _TEXT)},
        errors=(500, 503),
        key="admin",
    ),
    Operation(
        method="get",
        path="/admin/metrics/targets",
        id="adminListMetricsTargets",
        tag="Admin",
        summary="Where each process can be asked by itself",
        description="As Prometheus' `http_sd_configs` read it.",
        answers={200: answer("The processes.", content(JSON, array(_TARGET)))},
        errors=(500, 503),
        key="admin",
    ),
)
