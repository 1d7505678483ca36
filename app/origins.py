"""Origins of web pages, as ``MILLRACE_CORS_ORIGINS`` lists them. Pure."""

from __future__ import annotations

import re
from typing import Final

ANY: Final = "*"

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/,*?#@\\]+")


def origins_of(setting: str) -> frozenset[str]:
    """The origins in the setting; ``ValueError`` that says how they are written."""
    origins = frozenset(each.strip().lower() for each in setting.split(",") if each.strip())
    for origin in origins - {ANY}:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                "MILLRACE_CORS_ORIGINS must be * or origins such as https://chat.example,"
                f" without a path, separated by commas; {origin!r} is none"
            )
    return origins
