"""A process that accepts frames into an outbox as fast as it can, and says so after each: to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.link.harness import ORIGIN, SPECS, frame
from tonnam_link.outbox import Outbox


def accept_for_ever(path: Path, first: int) -> None:
    outbox = Outbox(path, ORIGIN)
    outbox.register(SPECS)
    number = first
    while True:
        outbox.accept([frame(number), frame(number + 1)])
        number += 2
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        if number % 20 == 0:
            outbox.seal()


if __name__ == "__main__":
    accept_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
