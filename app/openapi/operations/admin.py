"""The admin API: models, nodes, queues, slots and the cache, with a key of their own."""

from __future__ import annotations

from app.openapi import place_examples
from app.openapi.pieces import (
    JSON,
    NUMBER,
    STRING,
    Operation,
    answer,
    body,
    content,
    in_path,
    in_query,
    ref,
)

_NAME = in_path("name", "Name or alias of a model; it may have slashes.", "smollm2-135m")
_MODEL = content(JSON, ref("AdminModel"), {"ready": place_examples.ADMIN_MODEL})
_SEEN = (500, 503)
_CHANGED = (400, 404, 409, 413, 499, 500, 503)

OPERATIONS = (
    Operation(
        method="get",
        path="/admin/models",
        id="adminListModels",
        tag="Admin",
        summary="Every model: where it is, what it does, what waits for it",
        answers={200: answer("The models.", content(JSON, ref("AdminModelList")))},
        errors=_SEEN,
        key="admin",
    ),
    Operation(
        method="get",
        path="/admin/models/{name}",
        id="adminGetModel",
        tag="Admin",
        summary="One model",
        parameters=(_NAME,),
        answers={200: answer("The model.", _MODEL)},
        errors=(404, *_SEEN),
        key="admin",
    ),
    Operation(
        method="post",
        path="/admin/models/load",
        id="adminLoadModel",
        tag="Admin",
        summary="Load a model of the catalog, or one that is defined here",
        body=body(
            content(
                JSON,
                ref("LoadRequest"),
                {"defined": place_examples.LOAD_REQUEST, "known": {"model": "smollm2-135m"}},
            )
        ),
        answers={
            200: answer("It serves.", _MODEL),
            202: answer("It is being loaded.", _MODEL, headers=("Location",)),
        },
        errors=_CHANGED,
        key="admin",
    ),
    Operation(
        method="post",
        path="/admin/models/unload",
        id="adminUnloadModel",
        tag="Admin",
        summary="Unload a model, and forget it where that is asked for",
        body=body(content(JSON, ref("UnloadRequest"), {"drain": {"model": "mine", "wait_s": 30}})),
        answers={
            200: answer("No process of it is left.", _MODEL),
            202: answer("It is being unloaded.", _MODEL, headers=("Location",)),
        },
        errors=_CHANGED,
        key="admin",
    ),
    Operation(
        method="get",
        path="/admin/nodes",
        id="adminListNodes",
        tag="Admin",
        summary="Every node",
        answers={200: answer("The nodes.", content(JSON, ref("NodeList")))},
        errors=_SEEN,
        key="admin",
    ),
    Operation(
        method="get",
        path="/admin/queues",
        id="adminListQueues",
        tag="Admin",
        summary="Every queue",
        answers={200: answer("The queues.", content(JSON, ref("QueueList")))},
        errors=_SEEN,
        key="admin",
    ),
    Operation(
        method="get",
        path="/admin/slots",
        id="adminListSlots",
        tag="Admin",
        summary="What each ready worker's slots do",
        parameters=(in_query("model", "Only those of this model, by name or alias.", STRING),),
        answers={200: answer("The slots.", content(JSON, ref("WorkerSlotsList")))},
        errors=(404, *_SEEN),
        key="admin",
    ),
    Operation(
        method="get",
        path="/admin/cache",
        id="adminGetCache",
        tag="Admin",
        summary="What the cache of answers did and holds",
        answers={200: answer("The cache.", content(JSON, ref("Cache")))},
        errors=_SEEN,
        key="admin",
    ),
    Operation(
        method="delete",
        path="/admin/cache",
        id="adminClearCache",
        tag="Admin",
        summary="Forget answers and vectors",
        description="All that is named together, or everything. Any other parameter is refused.",
        parameters=(
            in_query("model", "Of this model, by name or alias.", {**STRING, "minLength": 1}),
            in_query("owner", "Of this owner.", {**STRING, "minLength": 1}),
            in_query("older_than_s", "Older than so many seconds.", {**NUMBER, "minimum": 0}),
        ),
        answers={200: answer("They are gone.", content(JSON, ref("CacheCleared")))},
        errors=(400, 404, *_SEEN),
        key="admin",
    ),
)
