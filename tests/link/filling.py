"""A process whose disk gets full: a limit on file sizes stands for it, lifted when somebody makes room."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from tests.link.harness import ORIGIN, SPECS, frame, identities
from tests.link.test_outbox import contents
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.outbox import Outbox

FULL_AT_BYTES = 150_000


def fill(path: Path) -> None:
    outbox = Outbox(path, ORIGIN)
    outbox.register(SPECS)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_AT_BYTES, resource.RLIM_INFINITY))
    number, reason = 0, ""
    while not reason:
        try:
            outbox.accept([frame(number)])
            number += 1
        except OutboxUnavailable as error:
            reason = str(error)
    assert "cannot be written" in reason
    assert number > 10
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    outbox.accept([frame(number)])
    outbox.close()
    check(path, number + 1)


def check(path: Path, frames: int) -> None:
    outbox = Outbox(path, ORIGIN)
    assert outbox.set_aside is None
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(n) for n in range(frames)])


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
