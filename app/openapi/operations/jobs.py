"""Jobs: reading, waiting for, following and cancelling what was asked earlier."""

from __future__ import annotations

from app.openai.job_query import DEFAULT_LIMIT, MAX_LIMIT, MAX_WAIT_S, STATES
from app.openapi import examples
from app.openapi.operations.answers import JOB_LINKS
from app.openapi.parameters import AFTER, LAST_EVENT_ID, ORDER, STARTING_AFTER, limit
from app.openapi.pieces import (
    JSON,
    STRING,
    Json,
    Operation,
    answer,
    content,
    events_of,
    in_path,
    in_query,
    one_of,
    ref,
)

_ID = in_path("job_id", "The job's id.", examples.JOB_DONE["id"])
_JOB = content(JSON, ref("Job"), {"done": examples.JOB_DONE})
_WAIT: Json = {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0}

OPERATIONS = (
    Operation(
        method="get",
        path="/v1/jobs",
        id="listJobs",
        tag="Jobs",
        summary="A page of jobs",
        description="By what their records say: without what was asked and answered.",
        parameters=(
            in_query("state", "Only those in this state.", one_of(*STATES)),
            in_query("model", "Only those of this model, by name or alias.", STRING),
            limit(MAX_LIMIT, DEFAULT_LIMIT),
            AFTER,
            ORDER,
        ),
        answers={200: answer("The page.", content(JSON, ref("JobList")))},
        errors=(400, 500, 503),
    ),
    Operation(
        method="get",
        path="/v1/jobs/{job_id}",
        id="getJob",
        tag="Jobs",
        summary="One job with its result",
        parameters=(_ID, in_query("wait_s", "How long to wait for its end.", _WAIT)),
        answers={200: answer("The job.", _JOB, links=JOB_LINKS)},
        errors=(400, 404, 499, 500, 503),
    ),
    Operation(
        method="delete",
        path="/v1/jobs/{job_id}",
        id="cancelJob",
        tag="Jobs",
        summary="Cancel a job",
        description="One that has ended is answered as it is.",
        parameters=(_ID,),
        answers={200: answer("The job.", _JOB)},
        errors=(404, 499, 500, 503),
    ),
    Operation(
        method="get",
        path="/v1/jobs/{job_id}/events",
        id="followJob",
        tag="Jobs",
        summary="A job's stream, from any of its events on",
        description="The same bytes as the stream that its client got or would have got.",
        parameters=(
            _ID,
            STARTING_AFTER,
            LAST_EVENT_ID,
        ),
        answers={
            200: answer(
                "The events.",
                events_of(
                    "ChatCompletionChunk",
                    "Completion",
                    "EmbeddingList",
                    "ResponseEvent",
                    shown=examples.STREAM_ANSWER,
                ),
            )
        },
        errors=(400, 404, 410, 500, 503),
    ),
)
