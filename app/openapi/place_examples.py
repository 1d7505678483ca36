"""Files, batches, models and keys as they were asked for and shown."""

from __future__ import annotations

from app.openapi.pieces import Json

FILE: Json = {
    "id": "file-01a2057049121c7db874797dd22ed29e",
    "object": "file",
    "bytes": 629,
    "created_at": 1_795_387_574,
    "filename": "questions.jsonl",
    "purpose": "batch",
    "status": "processed",
    "expires_at": 1_797_979_574,
}

BATCH_REQUEST: Json = {
    "input_file_id": FILE["id"],
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
    "metadata": {"night": "1"},
}
BATCH: Json = {
    "object": "batch",
    "id": "batch_01a20570495ba0c614ec38349d6b99ca",
    "endpoint": "/v1/chat/completions",
    "model": "smollm2-135m",
    "errors": None,
    "input_file_id": FILE["id"],
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-01a20570495ba0c614ec38349d6b99ca0",
    "error_file_id": "file-01a20570495ba0c614ec38349d6b99ca1",
    "created_at": 1_795_387_574,
    "in_progress_at": 1_795_387_574,
    "expires_at": 1_795_473_974,
    "finalizing_at": 1_795_387_575,
    "completed_at": 1_795_387_575,
    "failed_at": None,
    "expired_at": None,
    "cancelling_at": None,
    "cancelled_at": None,
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
    "usage": {
        "input_tokens": 77,
        "input_tokens_details": {"cached_tokens": 39},
        "output_tokens": 49,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 126,
    },
    "metadata": {"night": "1"},
}

MODEL: Json = {
    "id": "smollm2-135m",
    "object": "model",
    "created": 1_795_376_388,
    "owned_by": "millrace",
    "kind": "chat",
    "aliases": ["smollm2"],
    "context": 2048,
    "slots": 8,
    "vision": False,
    "state": "ready",
}
READINESS: Json = {
    "status": "ok",
    "models": {
        "smollm2-135m": {"state": "ready", "reason": None},
        "minilm-l6": {"state": "ready", "reason": None},
        "pictures": {"state": "unloaded", "reason": None},
    },
    "keeper": "ready",
}

LOAD_REQUEST: Json = {
    "wait_s": 30,
    "model": {"name": "mine", "kind": "chat", "source": "echo:", "slots": 2, "context": 600},
}
ADMIN_MODEL: Json = {
    "object": "model",
    "name": "mine",
    "aliases": [],
    "kind": "chat",
    "source": "echo:",
    "defined": "admin",
    "device": "cpu",
    "slots": 2,
    "context": 600,
    "ttl_s": 0.0,
    "pinned": False,
    "replicas": 1,
    "state": "ready",
    "reason": None,
    "progress": 1.0,
    "state_since": 1_795_376_540.608,
    "wanted": True,
    "why": "admin",
    "since": 1_795_376_538.686,
    "idle_since": 1_795_376_540.608,
    "memory_bytes": 91_070_464,
    "nodes": ["box"],
    "workers": [
        {
            "node": "chat.mine@box",
            "fleet_node": "box",
            "pid": 25_465,
            "state": "ready",
            "reason": None,
            "device": "cpu",
            "busy": 0,
            "progress": 1.0,
            "memory_bytes": 91_070_464,
            "since": 1_795_376_540.608,
        }
    ],
    "queue": {
        "waiting": {"interactive": 0, "background": 0, "batch": 0},
        "resuming": 0,
        "running": 0,
        "oldest_s": None,
        "per_s": 0.0,
    },
    "loads": 1,
    "attempts": 1,
}

KEY_REQUEST: Json = {
    "owner": "team-search",
    "name": "nightly",
    "requests_per_minute": 600,
    "tokens_per_minute": 100_000,
    "most_open": 50,
}
KEY: Json = {
    "object": "api_key",
    "id": "key_01a2057049121c7db874797dd22ed29e",
    "owner": "team-search",
    "name": "nightly",
    "hint": "x4Qe",
    "models": None,
    "requests_per_minute": 600,
    "tokens_per_minute": 100_000,
    "most_open": 50,
    "priority": "interactive",
    "created_at": 1_795_387_574,
    "expires_at": None,
    "expired": False,
}
