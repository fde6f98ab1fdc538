"""A process that accepts frames into an outbox as fast as it can, and says so after each: to be killed.

Every third frame has no time yet. Arguments: the outbox, the first number, and how many bytes it may take.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from tests.link.harness import ORIGIN, SPECS, frame
from tests.link.outboxes import stamped
from tonnam_link.messages import Event, Frame, Sample
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.outbox import Outbox

EVENT_EVERY = 50


def numbered(number: int) -> Frame:
    """A frame that can be told by a value, too: its temperature is its number, and a little more."""
    whole = frame(number)
    return Frame(whole.observed_at_ms, {**whole.samples, SPECS[3].datastream: Sample(number + random.random() / 2)})


def accept_for_ever(path: Path, first: int, limits: Limits) -> None:
    outbox = Outbox(path, ORIGIN, limits)
    outbox.register(SPECS)
    boot = f"boot-{first}"
    outbox.begin(boot)
    number = first
    while True:
        one = numbered(number)
        events = [Event(f"e{number}", "run.ended", one.observed_at_ms, {})] if number % EVENT_EVERY == 0 else []
        outbox.accept([one if number % 3 else stamped(one, boot, number * 1000, guess_ms=number * 1000)], events)
        number += 1
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        if number % 20 == 0:
            outbox.seal()


if __name__ == "__main__":
    accept_for_ever(Path(sys.argv[1]), int(sys.argv[2]), Limits(bytes=int(sys.argv[3])))
