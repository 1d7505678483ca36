"""How figures, times and other people's text are written, the same in every view."""

from __future__ import annotations

from datetime import UTC, datetime

# Each unit is used from two of it on: "95 s" says more than "1 min".
_UNITS_S = (("d", 86_400), ("h", 3_600), ("min", 60))
# Below it the tenths count; it is what rounds to 10.0.
_BRIEF_S = 9.95

_SIZES = ("KiB", "MiB", "GiB", "TiB")
_STEP = 1024
# Below it the tenths count, as with seconds.
_SMALL = 9.95

_SHOWN_AS_THEY_ARE = "\n\t"


def span(seconds: float | None) -> str:
    """A length of time in its largest unit that fits twice; a dash when there is none."""
    if seconds is None:
        return "-"
    seconds = max(seconds, 0.0)
    for unit, length_s in _UNITS_S:
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < _BRIEF_S else f"{seconds:.0f} s"


def size(number_bytes: int) -> str:
    """A number of bytes in the largest binary unit that fits once."""
    if number_bytes < _STEP:
        return f"{number_bytes} B"
    amount = number_bytes / _STEP
    for unit in _SIZES[:-1]:
        # What rounds to 1024 of a unit is one of the next.
        if amount < _STEP - 0.5:
            return f"{amount:.1f} {unit}" if amount < _SMALL else f"{amount:.0f} {unit}"
        amount /= _STEP
    return f"{amount:.1f} {_SIZES[-1]}"


def moment(time_s: float, now_s: float) -> str:
    """A time since the epoch, in UTC, and how far it is from now."""
    stamp = datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    distance = span(abs(now_s - time_s))
    return f"{stamp} ({distance} ago)" if time_s <= now_s else f"{stamp} (in {distance})"


def clock(time_s: float) -> str:
    """The time of day, in UTC."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%H:%M:%S UTC")


def counted(number: int, noun: str, nouns: str = "") -> str:
    """A number and what it counts, ``nouns`` if there are more and an s is not enough."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def clean(text: str) -> str:
    """``text`` with its control characters written out: a terminal obeys those of anybody."""
    return "".join(
        letter if letter.isprintable() or letter in _SHOWN_AS_THEY_ARE else ascii(letter)[1:-1]
        for letter in text
    )


def one_line(text: str) -> str:
    """``clean`` text without its line breaks."""
    return " ".join(clean(text).split())
