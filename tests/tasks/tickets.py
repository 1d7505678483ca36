"""Tickets as Celery 5.7.0 writes them into Redis, whole and spoilt."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

PAYLOAD = [["job-1"], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


def message(queue: str = "chat.m") -> dict[str, Any]:
    """A ticket for ``queue``, decoded."""
    task_id = str(uuid.uuid4())
    return {
        "body": base64.b64encode(json.dumps(PAYLOAD).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": "millrace.chat",
            "id": task_id,
            "shadow": None,
            "eta": None,
            "expires": None,
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [None, None],
            "root_id": task_id,
            "parent_id": None,
            "argsrepr": "['job-1']",
            "kwargsrepr": "{}",
            "origin": "gen1@host",
            "ignore_result": True,
            "replaced_task_nesting": 0,
            "stamped_headers": None,
            "stamps": {},
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": str(uuid.uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }


def ticket(queue: str = "chat.m") -> bytes:
    """A ticket for ``queue``."""
    return json.dumps(message(queue)).encode()


def changed(place: tuple[str, ...], value: Any, queue: str = "chat.m") -> bytes:
    """A ticket with another value in one place."""
    whole = message(queue)
    part = whole
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    return json.dumps(whole).encode()


def without(place: tuple[str, ...], queue: str = "chat.m") -> bytes:
    """A ticket that lacks one part."""
    whole = message(queue)
    part = whole
    for name in place[:-1]:
        part = part[name]
    del part[place[-1]]
    return json.dumps(whole).encode()
