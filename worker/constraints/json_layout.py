"""How the JSON of an answer is laid out.

Small models fall into writing spaces for ever where a grammar lets them: white space is matched
at most once wherever JSON allows it, and has a length.
"""

from __future__ import annotations

import json
from typing import Any

LAID_OUT = r"( |\n[ \t]{0,20})"
"""One space, or a new line and its indentation."""

ON_ONE_LINE = " "


def with_layout(schema: dict[str, Any], space: str) -> str:
    r"""The schema as JSON, with the library's own options at its top.

    Escapes as ``\u0061`` are not offered: a property named ``"\u0061"`` would be ``a`` to every
    reader, and something else to the library.
    """
    options = {"whitespace_pattern": space, "json_allowed_escapes": 'nrbtf\\"'}
    return json.dumps({"x-guidance": options, **schema}, ensure_ascii=False)
