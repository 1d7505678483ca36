"""Tool calls read out of an answer's text as it comes in.

The text is told as soon as it is certain: what could be the beginning of a marker is held back,
and white space until it is known not to stand before one. How the text is cut into pieces makes
no difference to what is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from enum import Enum, auto

from tasks.events import CallDelta
from worker.constraints.json_scan import ObjectScan
from worker.constraints.tool_syntax import ToolSyntax
from worker.engine.constraint import Read

_HEAD = re.compile(
    r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)'
)


class _At(Enum):
    START = auto()
    TEXT = auto()
    HEAD = auto()
    ARGUMENTS = auto()
    TAIL = auto()


class CallReader:
    """A ``Reader`` of one choice. With ``silent`` nothing is content: the answer must be calls."""

    def __init__(self, syntax: ToolSyntax, names: Collection[str], *, silent: bool) -> None:
        self._syntax = syntax
        self._names = frozenset(names)
        self._silent = silent
        self._at = _At.START
        self._text = ""
        self._before = ""
        self._calls = 0
        self._after_call = False
        self._scan = ObjectScan()
        self._content: list[str] = []
        self._deltas: list[CallDelta] = []
        self._steps: dict[_At, Callable[[], bool]] = {
            _At.START: self._start,
            _At.TEXT: self._read_text,
            _At.HEAD: self._read_head,
            _At.ARGUMENTS: self._read_arguments,
            _At.TAIL: self._read_tail,
        }

    @property
    def called(self) -> bool:
        """Whether the answer holds a tool call."""
        return self._calls > 0

    def push(self, text: str) -> Read:
        """Add text; what is certain by now."""
        self._text += text
        while self._steps[self._at]():
            pass
        return self._take()

    def finish(self) -> Read:
        """The text has ended: what was held back."""
        if self._at is _At.HEAD:
            self._give_up(self._text)
        elif self._at in (_At.START, _At.TEXT) and (self._text.strip() or not self.called):
            self._tell(self._text)
        self._text = ""
        return self._take()

    def _take(self) -> Read:
        read = Read("" if self._silent else "".join(self._content), tuple(self._deltas))
        self._content, self._deltas = [], []
        return read

    def _start(self) -> bool:
        """Where there is no marker, the first character tells a call from text."""
        if self._syntax.marker:
            self._at = _At.TEXT
            return True
        stripped = self._text.lstrip()
        if not stripped:
            return False
        self._at = _At.HEAD if stripped.startswith("{") else _At.TEXT
        return True

    def _read_text(self) -> bool:
        marker = self._syntax.marker
        found = self._text.find(marker) if marker else -1
        if found >= 0:
            words = self._text[:found].rstrip()
            self._tell(words)
            self._before = self._text[len(words) : found + len(marker)]
            self._text = self._text[found + len(marker) :]
            self._at = _At.HEAD
            return True
        held = _held_back(self._text, marker)
        self._tell(self._text[: len(self._text) - held])
        self._text = self._text[len(self._text) - held :]
        return False

    def _read_head(self) -> bool:
        if (head := _HEAD.match(self._text)) and (name := _name(head[1])) in self._names:
            self._deltas.append(CallDelta(self._calls, name, ""))
            self._calls += 1
            self._text = self._text[head.end() :]
            self._scan = ObjectScan()
            self._at = _At.ARGUMENTS
            return True
        end = self._syntax.end_marker
        if not end or (found := self._text.find(end)) < 0:
            return False
        self._give_up(self._text[:found], end)
        self._text = self._text[found + len(end) :]
        self._at = _At.TEXT
        return True

    def _read_arguments(self) -> bool:
        if not self._text:
            return False
        length = self._scan.push(self._text)
        if piece := self._text[:length]:
            self._deltas.append(CallDelta(self._calls - 1, None, piece))
        self._text = self._text[length:]
        if self._scan.over:
            self._at = _At.TAIL
        return self._scan.over

    def _read_tail(self) -> bool:
        end = self._syntax.end_marker or "}"
        found = self._text.find(end)
        if found < 0:
            return False
        self._text = self._text[found + len(end) :]
        self._at = _At.TEXT
        self._after_call = True
        return True

    def _tell(self, words: str) -> None:
        if self._after_call:
            words = words.lstrip()
        if words:
            self._content.append(words)
            self._after_call = False

    def _give_up(self, body: str, end: str = "") -> None:
        """A call that does not come in its usual order: read as a whole, or else as text."""
        if (call := _whole_call(body, self._names)) is not None:
            name, arguments = call
            self._deltas.append(CallDelta(self._calls, name, ""))
            self._deltas.append(CallDelta(self._calls, None, arguments))
            self._calls += 1
            self._after_call = True
        else:
            self._tell(self._before + body + end)


def _held_back(text: str, marker: str) -> int:
    """How much of the text's end may yet turn out to be a marker and the space before it."""
    words = text.rstrip()
    if len(words) < len(text):
        return len(text) - len(words)
    for length in range(min(len(marker) - 1, len(text)), 0, -1):
        if text.endswith(marker[:length]):
            return len(text) - len(text[:-length].rstrip())
    return 0


def _name(quoted: str) -> str:
    try:
        name = json.loads(quoted)
    except ValueError:
        return ""
    return name if isinstance(name, str) else ""


def _whole_call(body: str, names: Collection[str]) -> tuple[str, str] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("name") not in names:
        return None
    arguments = found.get("arguments", found.get("parameters"))
    if not isinstance(arguments, dict):
        return None
    return found["name"], json.dumps(arguments, ensure_ascii=False)
