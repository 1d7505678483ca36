"""A model's files, read in a process of their own: ``python -m worker.node.reading``.

What it reads is mapped into memory. Where a file is cut short meanwhile, or its disk fails, the
kernel ends the process that reads it, and that must not be the node: with it every worker of the
machine would end, again at each of its starts.

In goes one question a line, out comes one answer a line, as soon as it is known.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from tasks.model import RuntimeName
from worker.runtimes import gguf, onnx_check
from worker.runtimes.errors import LoadFailed


class Question(msgspec.Struct, frozen=True):
    """Which files, by their absolute paths, and the runtime that is to read them."""

    engine: RuntimeName
    source: str
    mmproj: str | None = None


class FileFacts(msgspec.Struct, frozen=True):
    """Sizes and shapes; 0 where the file says nothing. ``fault``: it cannot be served.

    ``is_here`` is false while it has to be fetched first: then nothing else is known.
    """

    weights_bytes: int = 0
    projector_bytes: int = 0
    kv_bytes_per_token: int = 0
    layers: int = 0
    vocabulary: int = 0
    is_here: bool = True
    fault: str = ""


def read(question: Question) -> FileFacts:
    """What the files say, as far as it concerns the memory that they will need."""
    path = Path(question.source)
    try:
        if question.engine == "onnx":
            weights = [path, *onnx_check.check(path)]
            return FileFacts(weights_bytes=sum(each.stat().st_size for each in weights))
        found = gguf.check(path)
        return FileFacts(
            weights_bytes=found.size_bytes,
            projector_bytes=gguf.check(Path(question.mmproj)).size_bytes if question.mmproj else 0,
            kv_bytes_per_token=found.kv_bytes_per_token,
            layers=found.layers,
            vocabulary=found.vocabulary,
        )
    except LoadFailed as error:
        return FileFacts(fault=str(error))
    except OSError as error:  # it went away while it was looked at
        return FileFacts(fault=f"{path} cannot be read: {error.strerror}")


def main() -> None:
    for line in sys.stdin.buffer:
        answer = read(msgspec.json.decode(line, type=Question))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
