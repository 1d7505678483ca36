"""A question asked of a process of its own, which may crash, hang or write without end."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from worker.probe.question import Answer, Question

_LEAST_S = 60.0
_BYTES_PER_S = 20_000_000
"""A slow disk across a network."""
_ANSWER_BYTES = 64 * 1024
_LAST_WORDS_BYTES = 4096
_LAST_WORDS_CHARS = 300
_ROOT = Path(__file__).resolve().parents[2]
_COMMAND = (sys.executable, "-m", "worker.probe")
_BUILD_FOLDER = re.compile(r"\S*/(?=[^\s/]+:\d+:)")
"""Before a line of somebody's source: where it was compiled tells nobody anything."""


def ask(
    question: Question, *, patience_s: float | None = None, command: Sequence[str] = _COMMAND
) -> Answer:
    """The answer of a new process; one that gives none has crashed or is hung, and is ended.

    It has ``patience_s``, or what the size of its files asks for.
    """
    patience_s = patience_s or _patience_s(question)
    with tempfile.TemporaryFile() as asked:
        asked.write(msgspec.json.encode(question))
        asked.seek(0)
        process = subprocess.Popen(
            command,
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_ROOT,
            # ggml would start a debugger on itself before it aborts.
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},
            start_new_session=True,
        )
    try:
        heard = _listen(process, time.monotonic() + patience_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
    if heard.hung:
        return Answer("hung", f"the loader was still busy with it after {patience_s:.0f} s")
    return _answer(heard, process.returncode)


def _patience_s(question: Question) -> float:
    return _LEAST_S + sum(path.stat().st_size for path in question.files) / _BYTES_PER_S


@dataclass(slots=True)
class _Heard:
    said: bytearray = field(default_factory=bytearray)
    last_words: bytearray = field(default_factory=bytearray)
    hung: bool = False


def _listen(process: subprocess.Popen[bytes], until: float) -> _Heard:
    """The beginning of what the process says and the end of what it complains of, until it ends."""
    heard = _Heard()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout or -1, selectors.EVENT_READ, heard.said)
        selector.register(process.stderr or -1, selectors.EVENT_READ, heard.last_words)
        while selector.get_map() and not heard.hung:
            heard.hung = time.monotonic() >= until
            for key, _ in selector.select(max(0.0, until - time.monotonic())):
                if not (piece := os.read(key.fd, _ANSWER_BYTES)):
                    selector.unregister(key.fileobj)
                key.data.extend(piece)
            del heard.said[_ANSWER_BYTES:]
            del heard.last_words[:-_LAST_WORDS_BYTES]
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        heard.hung = True
    return heard


def _answer(heard: _Heard, code: int) -> Answer:
    if code < 0:
        return Answer("crashed", f"the loader crashed on it ({_name(-code)}){_words(heard)}")
    try:
        return msgspec.json.decode(heard.said, type=Answer)
    except msgspec.MsgspecError:
        return Answer("crashed", f"the loader ended with code {code} on it{_words(heard)}")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _words(heard: _Heard) -> str:
    """The last line that the process complained of, in printable characters."""
    lines = heard.last_words.decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    said = _BUILD_FOLDER.sub("", said)
    shown = "".join(each if each.isprintable() else "?" for each in said[-_LAST_WORDS_CHARS:])
    return f": {shown}" if shown else ""
