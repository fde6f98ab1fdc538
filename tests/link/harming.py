"""What disks and kills do to the files of an outbox, and what must be left of it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.link.harness import ORIGIN, SPECS, START_MS, Identity, frame, identities
from tests.link.outboxes import Arrived, batches, tidy
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Event
from tonnam_link.outbox.outbox import Outbox

PAGE = 4096


class Told:
    """What was given to an outbox, and must be in it or in a gap."""

    def __init__(self) -> None:
        self.readings: set[Identity] = set()
        self.events: dict[str, int] = {}

    def fill(self, outbox: Outbox, seed: int, calls: int) -> None:
        """Make it a random one: sealed and waiting, large and small, with some of it written through to the file."""
        dice, number = random.Random(seed), 0
        for call in range(calls):
            frames = [frame(number + n) for n in range(dice.randint(1, 20))]
            number += len(frames)
            at = frames[-1].observed_at_ms
            events = [Event(f"e{seed}-{call}", "run.ended", at, {"x": dice.random()})] if dice.random() < 0.3 else []
            outbox.accept(frames, events)
            self.readings |= identities(frames)
            self.events |= {event.id: event.at_ms for event in events}
            if dice.random() < 0.3:
                outbox.seal()
            if dice.random() < 0.05:
                outbox._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def lost(self, found: Arrived) -> set[object]:
        """What neither came nor lies in a gap."""
        words = {name for name, at in self.events.items() if name not in found.events and not found.covers(at)}
        return {*found.lacks(self.readings), *words}


def as_after_kill(path: Path, copy: Path) -> Path:
    """The files of an open outbox as a kill would leave them."""
    copy.parent.mkdir(exist_ok=True)
    for suffix in ("", "-wal", ".lock"):
        shutil.copy(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
    return copy


def harm(file: Path, dice: random.Random) -> None:
    """What disks do to a file."""
    content = bytearray(file.read_bytes())
    page = dice.randrange(max(1, len(content) // PAGE)) * PAGE
    match dice.choice(("bit", "byte", "page", "zeros", "many")):
        case "bit":
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        case "byte":
            content[dice.randrange(len(content))] = dice.randrange(256)
        case "page":
            content[page : page + PAGE] = dice.randbytes(len(content[page : page + PAGE]))
        case "zeros":
            content[page : page + PAGE] = bytes(len(content[page : page + PAGE]))
        case "many":
            for _ in range(20):
                content[dice.randrange(len(content))] = dice.randrange(256)
    file.write_bytes(content)


def used_again(path: Path) -> Outbox:
    """The outbox as a node opens and uses it, trying again as nodes do."""
    outbox = Outbox(path, ORIGIN)
    for _ in range(20):
        try:
            outbox.register(SPECS)
            outbox.begin("next")
            outbox.accept([frame(10_000_000)])
            outbox.seal()
            tidy(outbox)
            batches(outbox)
            return outbox
        except OutboxUnavailable:
            continue
    raise AssertionError("it is damaged again and again")


def damage(outbox: Outbox) -> None:
    """Let it find a garbled batch, which held nothing else."""
    outbox.accept(events=[Event("garbled", "log", START_MS, {})])
    sequence = outbox.accept(events=[Event("garbled", "log", START_MS, {})])[0].sequence
    outbox._db.execute("UPDATE batch SET payload = zeroblob(50) WHERE sequence = ?", (sequence,))
    with pytest.raises(OutboxUnavailable):
        outbox.payload(sequence)
