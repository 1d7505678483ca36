"""The errors, which many operations have in common: one answer for each status."""

from __future__ import annotations

from collections.abc import Mapping

from app.openai.errors import INVALID_REQUEST, RATE_LIMIT, SERVER, UNAVAILABLE
from app.openapi.headers import RATE_LIMITS
from app.openapi.pieces import JSON, Json, answer, content, ref

AUTHENTICATION = "authentication_error"


def _said(message: str, kind: str, param: str | None, code: str | None) -> Json:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _error(title: str, codes: str, headers: tuple[str, ...], example: Json) -> Json:
    """An error answer with OpenAI's shape, and one such as it was given."""
    description = f"{title} `code`: {codes}." if codes else title
    name = example["error"]["code"] or "error"
    shown = content(JSON, ref("Error"), {name: example})
    return answer(description, shown, headers=headers)


_CODES_400 = (
    "`invalid_json`, `invalid_type`, `invalid_value`, `missing_required_parameter`,"
    " `unsupported_value`, `unknown_parameter`, `context_length_exceeded`, `invalid_file_purpose`,"
    " `invalid_image_url`, `image_fetch_failed`, `image_too_large`, `unsupported_image`,"
    " `image_parse_error`, `too_many_images`, `tokens_per_minute_exceeded` or `wrong_protocol`"
)

ERRORS: Mapping[int, tuple[str, Json]] = {
    400: (
        "BadRequest",
        _error(
            "The request is not as it should be; the message says what to change.",
            _CODES_400,
            (),
            _said(
                "'temperature' must be at most 2.", INVALID_REQUEST, "temperature", "invalid_value"
            ),
        ),
    ),
    401: (
        "Unauthorized",
        _error(
            "The key is missing, unknown, revoked or expired; which of these is not told.",
            "`invalid_api_key`",
            ("WWW-Authenticate",),
            _said(
                "The admin key is missing or wrong: send it as 'Authorization: Bearer <key>'.",
                AUTHENTICATION,
                None,
                "invalid_api_key",
            ),
        ),
    ),
    403: (
        "Forbidden",
        _error(
            "No admin key is configured; or a page of another site asks where no key is needed.",
            "`admin_disabled` or `origin_not_allowed`",
            ("x-should-retry",),
            _said(
                "There is no admin key here: set MILLRACE_ADMIN_KEY (at least 16 characters)"
                " for the API and start it again. The command line needs none: `millrace models`.",
                INVALID_REQUEST,
                None,
                "admin_disabled",
            ),
        ),
    ),
    404: (
        "NotFound",
        _error(
            "There is no such thing, or not for this key.",
            "`model_not_found`, `job_not_found`, `response_not_found`, `file_not_found`,"
            " `batch_not_found`, `key_not_found` or `unknown_url`",
            (),
            _said(
                "The model 'nobody' does not exist. GET /v1/models lists those that do.",
                INVALID_REQUEST,
                "model",
                "model_not_found",
            ),
        ),
    ),
    408: (
        "TooSlow",
        _error(
            "The body did not come in time; the connection is closed.",
            "`request_timeout`",
            (),
            _said(
                "The request body did not come in time: send it at 10000 bytes a second at least.",
                INVALID_REQUEST,
                None,
                "request_timeout",
            ),
        ),
    ),
    409: (
        "Conflict",
        _error(
            "What is asked goes against how things stand.",
            "`job_cancelled`, `idempotency_conflict` or `batch_ended`; of the admin API"
            " `defined_by_file`, `model_in_use`, `name_taken` or `not_kept_by_a_node`",
            ("x-should-retry",),
            _said(
                "The batch has ended: it is completed.",
                INVALID_REQUEST,
                None,
                "batch_ended",
            ),
        ),
    ),
    410: (
        "Gone",
        _error(
            "What was computed is not kept any more.",
            "`log_expired`",
            (),
            _said(
                "The events of job '01a203fd82db4e4aaa93c7d6451cf9ed' have been forgotten"
                " since its end: send the request again.",
                INVALID_REQUEST,
                "job_id",
                "log_expired",
            ),
        ),
    ),
    412: (
        "Changed",
        _error(
            "The condition of `If-Match` does not hold.",
            "",
            (),
            _said(
                "The condition of 'If-Match' does not hold: this is another.",
                INVALID_REQUEST,
                None,
                None,
            ),
        ),
    ),
    413: (
        "TooLarge",
        _error(
            "The body, or the file in it, is too large.",
            "`request_too_large` or `file_too_large`",
            (),
            _said(
                "The request body is larger than 16777216 bytes. Send less, or in several"
                " requests.",
                INVALID_REQUEST,
                None,
                "request_too_large",
            ),
        ),
    ),
    416: (
        "NoSuchRange",
        _error(
            "The `Range` lies outside of the file.",
            "",
            (),
            _said("The requested range is not satisfiable.", INVALID_REQUEST, None, None),
        ),
    ),
    429: (
        "TooManyRequests",
        _error(
            "Nothing was accepted; the headers say when to come again.",
            "`queue_full` or `rate_limit_exceeded`",
            ("Retry-After", "retry-after-ms", *RATE_LIMITS),
            _said(
                "The model 'narrow' has 3 jobs waiting, as many as may. Send the request again"
                " later.",
                RATE_LIMIT,
                None,
                "queue_full",
            ),
        ),
    ),
    499: (
        "ClientClosed",
        answer("No body: the client closed its connection, or the sending half of it, too soon."),
    ),
    500: (
        "ServerError",
        _error(
            "The request could not be computed.",
            "`model_error`, `job_failed_repeatedly`, `unsupported_version` or `internal_error`",
            ("x-should-retry",),
            _said("The server failed on this request.", SERVER, None, "internal_error"),
        ),
    ),
    503: (
        "Unavailable",
        _error(
            "Not at the moment; the headers say when to come again.",
            "`queue_unavailable`, `queue_out_of_memory`, `server_restarting`, `model_unavailable`,"
            " `model_unplaceable`, `file_store_unavailable` or `cache_unavailable`",
            ("Retry-After", "retry-after-ms"),
            _said(
                "The queue does not answer at the moment.",
                UNAVAILABLE,
                None,
                "queue_unavailable",
            ),
        ),
    ),
    504: (
        "TooLate",
        _error(
            "The request's own deadline passed, or it would take an answer from the cache alone.",
            "`deadline_exceeded` or `not_cached`",
            ("x-should-retry",),
            _said(
                "The deadline passed while the job waited for the model. Send it again with a"
                " longer 'timeout_s', or when less is waiting.",
                SERVER,
                None,
                "deadline_exceeded",
            ),
        ),
    ),
}


def error_of(status: int) -> Json:
    """The error answer of ``status``."""
    name, _ = ERRORS[status]
    return ref(name, "responses")
