"""``python -m worker.probe``: one question from standard input, one answer to standard output.

This process is meant to be lost. It bounds itself before it imports anything that a file could
hurt: it dies with its asker, leaves no core file, is the first that the kernel takes when memory
runs out, and its memory ends where the machine's does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

import msgspec

from worker.probe.question import Answer, Question
from worker.runtimes.errors import LoadFailed

_PR_SET_PDEATHSIG = 1
_QUESTION_BYTES = 1 << 20
_CPU_S = 6 * 3600
"""Far beyond the asker's patience: for a process that lost its asker and outran every signal."""
_REASON_CHARS = 1000


def main() -> None:
    """Answer, and end without the destructors of libraries: what they do proves nothing."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    question = msgspec.json.decode(sys.stdin.buffer.read(_QUESTION_BYTES), type=Question)
    _bound(question)
    os.write(answers, msgspec.json.encode(_try(question)))
    os._exit(0)


def _bound(question: Question) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != question.asker:
        raise SystemExit("nobody waits for the answer")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    if question.device == "cpu":  # a GPU's driver maps more than there is
        memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    with contextlib.suppress(OSError):  # some containers forbid it
        Path("/proc/self/oom_score_adj").write_text("1000")


def _try(question: Question) -> Answer:
    from worker.probe.trial import attempt

    try:
        return Answer("sound", beside=tuple(str(path) for path in attempt(question)))
    except LoadFailed as error:
        return Answer("refused", str(error)[:_REASON_CHARS])
    except BaseException as error:  # noqa: BLE001 - a panic in Rust is no Exception
        told = f"{type(error).__name__}: {error}"
        return Answer("refused", f"{question.source} cannot be loaded: {told}"[:_REASON_CHARS])


if __name__ == "__main__":
    main()
