"""What a request's ``Cache-Control`` asks for. Pure.

As HTTP has it: directives that are not known are skipped, and an age that cannot be read is taken
for none, so that its client gets a fresh answer rather than one that it did not want.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADER = "Cache-Control"

# Ages are compared with seconds: what has more digits than this is as good as for ever.
_MOST_DIGITS = 10


@dataclass(frozen=True, slots=True)
class CacheControl:
    """``no_cache``: nothing that was computed before, not even by a request that is under way.

    ``no_store``: the answer is not kept, and not shared with others while it is computed.
    ``max_age_s`` is how old an answer may be; None for any age. ``only_if_cached``: an answer that
    is not there is not to be computed.
    """

    no_cache: bool = False
    no_store: bool = False
    max_age_s: int | None = None
    only_if_cached: bool = False


ANYTHING = CacheControl()


def cache_control_of(header: str | None) -> CacheControl:
    """What the header says; None is a request without one."""
    if not header:
        return ANYTHING
    asked = dict(_directive(part) for part in header.split(","))
    max_age_s = _age_s(asked["max-age"]) if "max-age" in asked else None
    return CacheControl(
        no_cache="no-cache" in asked or max_age_s == 0,
        no_store="no-store" in asked,
        max_age_s=max_age_s,
        only_if_cached="only-if-cached" in asked,
    )


def _directive(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _age_s(value: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        return 0
    return int(value[:_MOST_DIGITS])
