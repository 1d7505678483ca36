"""A keeper that makes one round and says how long it took: ``python -m faults.controls.one_round``.

No protection is switched off here. It stands among these entries because it is a process of the
server, the only kind of module here that may load ``app``.
"""

from __future__ import annotations

import json
import sys
import time

from app.keeper import reconciler

ROUNDS = 3


def main() -> None:
    """Print the seconds of each round: the first of them looks at every open job."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        reconciler.round()
        seconds.append(round(time.perf_counter() - began, 4))
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main()
