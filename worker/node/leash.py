"""What a worker's process runs first: it ties itself to its node, then becomes the worker.

Run as a file of its own, by ``python -I -S``: ``leash.py <pid of the node> <lock> <command>``.
Here and not between fork and exec in the node, which has threads: Python code there may wait for
a lock that no thread of the copy will ever give back.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CANNOT_START = 127


def main(node: int, lock: int, command: list[str]) -> None:
    """Become ``command``, which is told to stop when the node dies, and holds the lock."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != node:
        sys.exit("the node died before its worker began")
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    try:
        os.execv(command[0], command)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error}", file=sys.stderr)
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
