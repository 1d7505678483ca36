"""Requests that schemathesis makes up from the description, sent to a real stack.

Left to itself it would be refused nearly always: no model and no job is called as it guesses, and
few fields go together. So each request is sent in one of three ways: as it was made up, with the
names of what exists, or with what its fields cannot decide taken from a request that is served.
What may rightly end in a 5xx (a deadline of a microsecond) is taken out of all of them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from typing import Any

import httpx2 as httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from app.openapi.document import document
from app.openapi.page import ASSETS
from app.openapi.shapes import asked_schemas
from tests.acceptance.stack import ADMIN_KEY, Stack

AnyCase = Case[Any]
AnyOperation = APIOperation[Any, Any, Any, Any]
Make = Callable[[], str]

QUESTION = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
LATER = {"background": True}
LINE = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": QUESTION}

SERVED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": QUESTION,
    "/v1/completions": {"model": "echo", "prompt": "hi", "max_tokens": 4},
    "/v1/responses": {"model": "echo", "input": "hi", "max_output_tokens": 4},
    "/v1/embeddings": {"model": "echo-embed", "input": ["hi", "you"]},
    "/tokenize": {"model": "echo", "content": "hi"},
    "/detokenize": {"model": "echo", "tokens": [104, 105]},
    "/v1/batches": {"endpoint": "/v1/chat/completions", "completion_window": "1h"},
    "/admin/keys": {"owner": "somebody", "models": ["echo"]},
    "/admin/models/load": {"model": "spare"},
    "/admin/models/unload": {"model": "spare"},
}
"""What is served in any case, whatever the fields beside these say, but for those below."""

KINDS = ("/v1/completions", "/v1/embeddings", "/v1/responses")

UNDECIDED = (
    *("response_format", "grammar", "json_schema", "text", "tools", "tool_choice", "functions"),
    *("function_call", "logit_bias", "stream_options", "logprobs", "top_logprobs", "best_of"),
    *("suffix", "n", "stop", "ignore_eos", "webhook_url", "prompt", "messages", "include"),
    *("dimensions", "with_pieces", "expires_after_s", "forget", "conversation", "truncation"),
    *("instructions",),
)
"""Fields that go with some others only, or with some models."""

# Sockets are no requests, and have tests of their own.
LEFT_OUT = ("chatOverSocket", "watchLive")
# Longer waits would only make it slow.
LONGEST_WAIT_S = 0.2
LEAST_TIMEOUT_S = 60

load_all_checks()
NAMES = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
DESCRIBED: list[Any] = list(CHECKS.get_by_names(list(NAMES)))
NO_FAULT: list[Any] = [not_a_server_error, *DESCRIBED]


def strict(described: dict[str, Any]) -> dict[str, Any]:
    """The description, taken for all that there is: a field that it does not name is a fault."""
    copy: dict[str, Any] = json.loads(json.dumps(described))
    asked = asked_schemas()
    for name, schema in copy["components"]["schemas"].items():
        if name not in asked:
            _close(schema)
    return copy


def _close(node: Any) -> None:
    if isinstance(node, list):
        for each in node:
            _close(each)
    elif isinstance(node, dict):
        if "properties" in node:
            node.setdefault("additionalProperties", False)
        for each in node.values():
            _close(each)


class Existing:
    """What there is to be asked for: made once to be read, and anew to be taken away."""

    def __init__(self, http: httpx.Client, admin: dict[str, str]) -> None:
        self._http = http
        key = self._post("/admin/keys", headers=admin, json={"owner": "fuzzer"})
        self.key = {"Authorization": f"Bearer {key['key']}"}
        self._admin = admin
        found = re.search(r"page/(\w+)/([\w.-]+)", http.get("/").text)
        version, piece = found.groups() if found else ("0", "none")
        self._makers: dict[str, Make] = {
            "job_id": lambda: self._asked("/v1/chat/completions", {**QUESTION, **LATER}),
            "response_id": lambda: self._asked(
                "/v1/responses", {**SERVED["/v1/responses"], **LATER}
            ),
            "file_id": self._file,
            "batch_id": self._batch,
            "key_id": lambda: str(
                self._post("/admin/keys", headers=admin, json=SERVED["/admin/keys"])["id"]
            ),
        }
        self._names = {
            "/docs/{name}": {"name": next(iter(ASSETS))},
            "/page/{version}/{name}": {"version": version, "name": piece},
        }
        self._made = {name: make() for name, make in self._makers.items()}
        # Of each kind of job there is: their streams are different ones.
        self._jobs = cycle([self._made["job_id"], *map(self._job, KINDS)])

    def value(self, case: AnyCase, name: str) -> str:
        """What the part ``name`` of the case's path may be."""
        if case.path in self._names:
            return self._names[case.path][name]
        if name not in self._makers:
            return "echo"
        if case.method != "GET":
            return self._makers[name]()
        return next(self._jobs) if name == "job_id" else self._made[name]

    @property
    def file_id(self) -> str:
        """A file with a batch's input."""
        return self._made["file_id"]

    def _asked(self, path: str, body: dict[str, Any]) -> str:
        return str(self._post(path, headers=self.key, json=body)["id"])

    def _job(self, path: str) -> str:
        return self._asked(path, {**SERVED[path], **LATER}).removeprefix("resp_")

    def _file(self) -> str:
        form = {"file": ("a.jsonl", json.dumps(LINE).encode())}
        data = {"purpose": "batch"}
        return str(self._post("/v1/files", headers=self.key, files=form, data=data)["id"])

    def _batch(self) -> str:
        order = {**SERVED["/v1/batches"], "input_file_id": self._file()}
        return self._asked("/v1/batches", order)

    def _post(self, path: str, **sent: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._http.post(path, **sent).raise_for_status().json()
        return answer


class Generated:
    """Sends what is generated for each operation, and keeps what was wrong with the answers."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.url
        self._http = httpx.Client(base_url=stack.url, timeout=60)
        self._admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
        self._existing = Existing(self._http, self._admin)
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.failures: dict[str, str] = {}

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    @property
    def sent(self) -> int:
        """How many requests were sent."""
        return self.statuses.total()

    def all_operations(self, *, valid: int, broken: int) -> None:
        """Send so many requests to each operation that keep to its schema, and that do not."""
        described = schemathesis.openapi.from_dict(strict(document()))
        for result in described.get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()
            raw = operation.definition.raw
            if raw["operationId"] in LEFT_OUT:
                continue
            self._operation(operation, GenerationMode.POSITIVE, valid)
            if "requestBody" in raw or _asks_in_query(raw):
                self._operation(operation, GenerationMode.NEGATIVE, broken)

    def one(self, method: str, path: str, key: str | None, **sent: Any) -> int:
        """Send one request, which is checked as all others are; the status of its answer."""
        described = schemathesis.openapi.from_dict(strict(document()))
        case = described[path][method].Case(**sent)
        return self._send(case, {"Authorization": f"Bearer {key}"} if key else {}, DESCRIBED)

    def key(self, **worth: Any) -> str:
        """A new API key."""
        made = self._http.post(
            "/admin/keys", headers=self._admin, json={"owner": "limited", **worth}
        )
        return str(made.raise_for_status().json()["key"])

    def _operation(self, operation: AnyOperation, mode: GenerationMode, count: int) -> None:
        ways = [None, self._name]
        if mode is GenerationMode.POSITIVE:
            ways += [self._settle, self._settle]

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), way=st.sampled_from(ways))
        def send(case: AnyCase, way: Callable[[AnyCase], None] | None) -> None:
            if way is not None:
                way(case)
            key = self._admin if case.path.startswith("/admin/") else self._existing.key
            self._send(case, key, NO_FAULT)

        send()

    def _name(self, case: AnyCase) -> None:
        """Names of what exists in the place of made up ones."""
        for name in case.path_parameters or {}:
            case.path_parameters[name] = self._existing.value(case, name)
        for place in (case.body, case.query):
            if isinstance(place, dict) and isinstance(place.get("model"), str):
                place["model"] = SERVED.get(case.path, QUESTION).get("model", "echo")

    def _settle(self, case: AnyCase) -> None:
        """So that it is served, unless what is left of it is a reason not to."""
        self._name(case)
        if isinstance(case.body, dict) and case.path in SERVED:
            kept = {name: value for name, value in case.body.items() if name not in UNDECIDED}
            case.body = {**kept, **SERVED[case.path]}
            if case.path == "/v1/batches":
                case.body["input_file_id"] = self._existing.file_id
        if case.query:
            case.query.pop("after", None)

    def _send(self, case: AnyCase, key: dict[str, str], checks: list[Any]) -> int:
        calm(case)
        response = case.call(base_url=self._url, headers=key, timeout=60)
        label = f"{case.method} {case.path}"
        self.statuses[label, response.status_code] += 1
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as group:
            told = "\n".join(str(each) for each in group.exceptions)
            self.failures.setdefault(f"{label} {response.status_code}", told)
        return response.status_code


def _asks_in_query(raw: dict[str, Any]) -> bool:
    # Any text is an id: a path alone cannot be broken.
    return any(each["in"] == "query" for each in raw.get("parameters", []))


def calm(case: AnyCase) -> None:
    """Take out what asks for a long wait, or for an answer that can only be late."""
    for asked in (case.body, case.query):
        if not isinstance(asked, dict):
            continue
        wait_s, timeout_s = asked.get("wait_s"), asked.get("timeout_s")
        if isinstance(wait_s, int | float):
            asked["wait_s"] = min(wait_s, LONGEST_WAIT_S)
        if isinstance(timeout_s, int | float):
            asked["timeout_s"] = max(timeout_s, LEAST_TIMEOUT_S)
