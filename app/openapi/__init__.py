"""The API described as OpenAPI 3.1 has it: the document behind ``/openapi.json`` and ``/docs``.

The law of this package: it states what the server does, and nothing that it could do. Bodies are
described by the very structs that read and write them, so that a limit stands in one place. What
only code can say (how fields go together, which status comes when) is written by hand, and held
against the server by tests: every route is described, every description is a route, and thousands
of generated requests get no answer that is not here. Pure: no Flask, no Redis.
"""

from __future__ import annotations
