"""A process whose disk gets full: a limit on file sizes stands for it, lifted when somebody makes room."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from tests.link.harness import frame, identities
from tests.link.outboxes import contents, opened
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.outbox.outbox import Outbox


def full_at(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fill(path: Path, size: int) -> None:
    full_at(size)
    reasons: list[str] = []
    outbox = open_when_there_is_room(path, reasons)
    number = 0
    while not reasons:
        try:
            outbox.accept([frame(number)])
            number += 1
        except OutboxUnavailable as error:
            reasons.append(str(error))
    assert "cannot be" in reasons[0]
    assert number > 10 or not size
    if size:
        outbox.close()
        outbox = opened(path)
        assert outbox.backlog.readings == 4 * number, "a full disk can still be read"
    full_at(resource.RLIM_INFINITY)
    outbox.accept([frame(number)])
    outbox.close()
    check(path, number + 1)


def open_when_there_is_room(path: Path, reasons: list[str]) -> Outbox:
    try:
        return opened(path)
    except OutboxUnavailable as error:
        reasons.append(str(error))
        full_at(resource.RLIM_INFINITY)
        return opened(path)


def check(path: Path, frames: int) -> None:
    outbox = opened(path)
    assert outbox.set_aside is None
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(n) for n in range(frames)])


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
