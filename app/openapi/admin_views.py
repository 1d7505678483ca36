"""Schemas of what the admin API shows: models, nodes, queues, slots and the cache."""

from __future__ import annotations

from typing import get_args

from app.openapi.pieces import (
    BOOLEAN,
    COUNT,
    INTEGER,
    NUMBER,
    STRING,
    Json,
    array,
    described,
    just,
    listed,
    mapping,
    nullable,
    one_of,
    record,
    ref,
)
from app.openapi.views import KIND, SHARE, STATE
from tasks.fleet import Why

_MAYBE_SECONDS = described(nullable(NUMBER), "Seconds since the epoch; null where there is none.")
_BYTES = COUNT

_WAITING: dict[str, Json] = {
    "waiting": record(
        "Jobs that wait, by priority.",
        {"interactive": COUNT, "background": COUNT, "batch": COUNT},
    ),
    "resuming": described(COUNT, "Jobs that were interrupted and wait to go on."),
    "running": COUNT,
    "oldest_s": described(nullable(NUMBER), "For how long the oldest has waited."),
    "per_s": described(NUMBER, "Jobs that ended of late, a second."),
}

_COUNTED: dict[str, Json] = {
    **dict.fromkeys(("hits", "misses", "stores", "coalesced", "bypassed"), COUNT),
    "hit_rate": nullable(SHARE),
}

_PROCESS: dict[str, Json] = {
    "model": STRING,
    "order": described(nullable(STRING), "What the node is to do with it."),
    "device": nullable(STRING),
    "state": described(nullable(STRING), "Null where there is no process."),
    "pid": nullable(INTEGER),
    "since": _MAYBE_SECONDS,
    "restarts": COUNT,
    "reason": nullable(STRING),
    "host_bytes": _BYTES,
    "gpu_bytes": _BYTES,
}

_MODEL: dict[str, Json] = {
    "object": just("model"),
    "name": STRING,
    "aliases": array(STRING),
    "kind": KIND,
    "source": STRING,
    "defined": described(one_of("file", "admin"), "Whether it was added at run time."),
    "device": STRING,
    "slots": COUNT,
    "context": COUNT,
    "ttl_s": described(NUMBER, "Idleness after which it is unloaded; 0 is never."),
    "pinned": BOOLEAN,
    "replicas": COUNT,
    "state": STATE,
    "reason": nullable(STRING),
    "progress": SHARE,
    "state_since": _MAYBE_SECONDS,
    "wanted": described(BOOLEAN, "Whether it should be loaded now."),
    "why": described(one_of(*get_args(Why)), "What the wish came from."),
    "since": _MAYBE_SECONDS,
    "idle_since": _MAYBE_SECONDS,
    "memory_bytes": _BYTES,
    "nodes": array(STRING),
    "workers": array(ref("Worker")),
    "queue": record("What waits for it, and what runs.", _WAITING),
    "loads": described(COUNT, "How often it was given a place."),
    "attempts": described(COUNT, "How often its processes of now were started."),
    "forgotten": described(BOOLEAN, "After an unload with `forget`: whether that is done."),
}

ADMIN_VIEWS: dict[str, Json] = {
    "AdminModel": record(
        "A model: its definition, where it is, and what waits for it.",
        _MODEL,
        optional=("forgotten",),
    ),
    "AdminModelList": listed("AdminModel", "Every model."),
    "Worker": record(
        "A process that serves a model.",
        {
            "node": STRING,
            "fleet_node": nullable(STRING),
            "pid": INTEGER,
            "state": STRING,
            "reason": nullable(STRING),
            "device": STRING,
            "busy": COUNT,
            "progress": SHARE,
            "memory_bytes": _BYTES,
            "since": _MAYBE_SECONDS,
        },
    ),
    "Node": record(
        "A machine: what it is, what its models take of it, and what it cannot serve.",
        {
            "object": just("node"),
            "name": STRING,
            "alive": BOOLEAN,
            "pid": INTEGER,
            "started": _MAYBE_SECONDS,
            "engines": array(STRING),
            "cores": COUNT,
            "memory_bytes": _BYTES,
            "budget_bytes": _BYTES,
            "used_bytes": _BYTES,
            "gpus": array(ref("Gpu")),
            "models": array(ref("NodeModel")),
            "cannot_serve": mapping(described(STRING, "The reason.")),
        },
    ),
    "Gpu": record(
        "A GPU of a node.",
        {
            "index": COUNT,
            "name": STRING,
            "memory_bytes": _BYTES,
            "free_bytes": _BYTES,
            "budget_bytes": _BYTES,
            "used_bytes": _BYTES,
        },
    ),
    "NodeModel": record(
        "A model's process on a node, and what the node is to do with it.",
        _PROCESS,
        optional=("pid", "since", "restarts", "reason", "host_bytes", "gpu_bytes"),
    ),
    "NodeList": listed("Node", "Every node that reports, or did not long ago."),
    "Queue": record(
        "A queue of jobs.",
        {
            "object": just("queue"),
            "queue": STRING,
            "model": described(nullable(STRING), "Null where no model leads to it any more."),
            **_WAITING,
            "tickets": described(COUNT, "Messages that tell workers of jobs."),
            "workers_ready": COUNT,
            "slots": COUNT,
        },
    ),
    "QueueList": listed("Queue", "The catalog's queues, and those that ever took a job."),
    "WorkerSlots": record(
        "What each slot of a worker is doing.",
        {
            "object": just("worker.slots"),
            "model": STRING,
            "node": STRING,
            "fleet_node": nullable(STRING),
            "answered": described(BOOLEAN, "False where the worker said nothing within 2 s."),
            "total": COUNT,
            "slots": array({"type": "object", "description": "As the worker tells it."}),
        },
    ),
    "WorkerSlotsList": listed("WorkerSlots", "The ready workers' slots."),
    "Cache": record(
        "What the cache of answers did and holds.",
        {
            "object": just("cache"),
            "keeps": one_of("off", "deterministic", "all"),
            "ttl_s": COUNT,
            "entry_limit_bytes": _BYTES,
            "server": record(
                "The cache's Redis; all but `answers` is null while it does not answer.",
                {
                    "answers": BOOLEAN,
                    "entries": nullable(COUNT),
                    "used_bytes": nullable(_BYTES),
                    "limit_bytes": nullable(_BYTES),
                    "evictions": nullable(COUNT),
                },
            ),
            **_COUNTED,
            "models": array(record("A model's share.", {"model": STRING, **_COUNTED})),
        },
    ),
    "CacheCleared": record(
        "What was to be forgotten, and how many entries that were.",
        {
            "object": just("cache.cleared"),
            "model": nullable(STRING),
            "owner": nullable(STRING),
            "older_than_s": nullable(NUMBER),
            "deleted": COUNT,
        },
    ),
}
