"""A small server of the contract of files and batches, with faults: an API that answers at once."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 4
_FIELD = re.compile(rb'name="([^"]+)"(?:; filename="([^"]*)")?')


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    key: str


@dataclass
class Api:
    """Files and batches, and what goes wrong next.

    A batch ends after being looked at ``looks`` times. ``refuse`` are statuses of the next answers
    by method and path, ``drop`` those whose answers are lost after they were done. Texts that begin
    with BAD fail their line; ``end`` is how batches end.
    """

    kind: str = "embed"
    looks: int = 1
    floats: bool = False
    end: str = "completed"
    lost: list[str] = field(default_factory=list)
    refuse: dict[str, list[int]] = field(default_factory=dict)
    retry_after_ms: int = 1
    drop: dict[str, int] = field(default_factory=dict)
    needs_key: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    looked: dict[str, int] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    held: bool = False
    most_open: int = 0
    url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def lines(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        """What a batch's input asks for."""
        return [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]

    def inputs(self) -> list[list[dict[str, Any]]]:
        """The lines of every batch, oldest first."""
        return [self.lines(batch) for batch in self.batches.values()]

    def made(self) -> int:
        """How many batches there are."""
        return len(self.batches)


def vector_of(text: str) -> NDArray[np.float32]:
    """The vector that the server has for a text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
    return np.random.default_rng(seed).standard_normal(DIMENSIONS).astype("<f4")


@contextmanager
def serving(api: Api, port: int = 0) -> Iterator[Api]:
    """The API, on a port of its own."""
    server = _Server(api, port)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield api
    finally:
        server.is_gone = True
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, api: Api, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.api = api
        self.is_gone = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one: Nagle's algorithm would let each answer wait.
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""

    def _answer(self) -> None:
        api = self.server.api
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.is_gone:
            self.close_connection = True
            return
        key = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        with api.lock:
            api.asked.append(Asked(self.command, self.path, key))
            name = f"{self.command} {path}"
            if api.needs_key and key != api.needs_key:
                self._send(401, _error("This key is not known."))
                return
            if api.refuse.get(name):
                self._send(api.refuse[name].pop(0), _error("Not now."))
                return
            status, answer = self._done(path, body)
            if api.drop.get(name):
                api.drop[name] -= 1
                self.close_connection = True
                return
        self._send(status, answer)

    def _done(self, path: str, body: bytes) -> tuple[int, bytes]:
        api = self.server.api
        done: tuple[int, bytes] = 404, _error(f"There is no {path}.")
        match (self.command, path.strip("/").split("/")[1:]):
            case ("GET", ["models", name]):
                done = 200, json.dumps({"id": name, "kind": api.kind}).encode()
            case ("POST", ["files"]):
                done = self._uploaded(body)
            case ("GET", ["files", name, "content"]) if name in api.files:
                done = 200, api.files[name]
            case ("POST", ["batches"]):
                done = self._created(json.loads(body))
            case ("GET", ["batches"]):
                done = self._page()
            case ("GET", ["batches", name]) if name in api.batches:
                done = 200, json.dumps(_looked(api, name)).encode()
            case ("POST", ["batches", name, "cancel"]) if name in api.batches:
                done = self._cancelled(name)
        return done

    def _uploaded(self, body: bytes) -> tuple[int, bytes]:
        api = self.server.api
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        form: dict[str, str] = {}
        content = b""
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, value = part[2:-2].partition(b"\r\n\r\n")
            found = _FIELD.search(head)
            assert found
            if found[2] is None:
                form[found[1].decode()] = value.decode()
            else:
                form["filename"], content = found[2].decode(), value
        api.forms.append(form)
        file_id = f"file-{len(api.files):04}"
        api.files[file_id] = content
        return 200, json.dumps({"id": file_id, "object": "file"}).encode()

    def _created(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        api = self.server.api
        batch_id = f"batch_{len(api.batches):04}"
        total = len(api.files[asked["input_file_id"]].splitlines())
        api.batches[batch_id] = {
            "id": batch_id,
            "status": "in_progress",
            "created_at": 1_700_000_000 + len(api.batches),
            "request_counts": {"total": total, "completed": 0, "failed": 0},
            "output_file_id": None,
            "error_file_id": None,
            **asked,
        }
        is_open = [b for b in api.batches.values() if b["status"] == "in_progress"]
        api.most_open = max(api.most_open, len(is_open))
        return 200, json.dumps(api.batches[batch_id]).encode()

    def _page(self) -> tuple[int, bytes]:
        after = re.search(r"after=(\w+)", self.path)
        names = sorted(self.server.api.batches, reverse=True)
        names = [name for name in names if after is None or name < after[1]]
        data = [self.server.api.batches[name] for name in names[:2]]
        return 200, json.dumps({"data": data, "has_more": len(names) > 2}).encode()

    def _cancelled(self, name: str) -> tuple[int, bytes]:
        batch = self.server.api.batches[name]
        if batch["status"] != "in_progress":
            return 409, _error(f"The batch {name!r} is {batch['status']}.")
        batch["status"] = "cancelling"
        return 200, json.dumps(batch).encode()

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        if status in {429, 503}:
            self.send_header("retry-after-ms", str(self.server.api.retry_after_ms))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _looked(api: Api, name: str) -> dict[str, Any]:
    """The batch, which goes on by being looked at."""
    batch = api.batches[name]
    api.looked[name] = api.looked.get(name, 0) + 1
    if not api.held and batch.get("status") == "in_progress" and api.looked[name] >= api.looks:
        _compute(api, batch)
    return batch


def _compute(api: Api, batch: dict[str, Any]) -> None:
    batch["status"] = api.end
    if api.end == "failed":
        error = {"code": "invalid_json", "message": "No JSON.", "line": 1}
        batch["errors"] = {"object": "list", "data": [error]}
        return
    lines = [line for line in api.lines(batch) if line["body"].get("input") != api.lost]
    results = [_result(api, line) for line in lines]
    if api.end == "expired":
        late = {"code": "batch_expired", "message": "It took too long."}
        for result in results[len(results) // 2 :]:
            result.update(response=None, error=late)
    random.Random(1).shuffle(results)
    for name, is_good in (("output", True), ("error", False)):
        chosen = [result for result in results if _is_good(result) == is_good]
        if chosen:
            file_id = f"file-{batch['id']}-{name}"
            api.files[file_id] = "".join(f"{json.dumps(each)}\n" for each in chosen).encode()
            batch[f"{name}_file_id"] = file_id
        batch["request_counts"]["completed" if is_good else "failed"] = len(chosen)


def _result(api: Api, line: dict[str, Any]) -> dict[str, Any]:
    body = line["body"]
    texts = body.get("input") or [body.get("prompt") or body["messages"][-1]["content"]]
    texts = [texts] if isinstance(texts, str) else texts
    status, answer = 200, {}
    if any(text.startswith("BAD") for text in texts):
        status, answer = 400, json.loads(_error("It is too long.", "context_length_exceeded"))
    elif "input" in body:
        answer = {"object": "list", "data": list(_vectors(api, texts))}
    else:
        content = texts[0].upper()
        answer = {"choices": [{"index": 0, "finish_reason": "stop"}]}
        if "prompt" in body:
            answer["choices"][0]["text"] = content
        else:
            answer["choices"][0]["message"] = {"role": "assistant", "content": content}
    response = {"status_code": status, "request_id": "r", "body": answer}
    custom_id = line["custom_id"]
    return {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": None}


def _vectors(api: Api, texts: list[str]) -> Iterator[dict[str, Any]]:
    for index, text in reversed(list(enumerate(texts))):
        vector = vector_of(text)
        packed = base64.b64encode(vector.tobytes()).decode()
        embedding = [float(each) for each in vector] if api.floats else packed
        yield {"object": "embedding", "index": index, "embedding": embedding}


def _is_good(result: dict[str, Any]) -> bool:
    return bool(result["response"] and result["response"]["status_code"] == 200)


def _error(message: str, code: str | None = None) -> bytes:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return json.dumps({"error": error}).encode()
