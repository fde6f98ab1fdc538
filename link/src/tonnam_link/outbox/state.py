"""What an outbox remembers besides what waits in it: one small row of its file, written with its transactions."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from tonnam_link.outbox.gaps import Gap
from tonnam_link.outbox.spans import Span
from tonnam_link.topics import Origin

BOOTS_REMEMBERED = 16


class Boot(msgspec.Struct, frozen=True, array_like=True):
    """What is known of UTC minus time since boot, in milliseconds.

    `learned_ms` is what somebody said who knew; `suspect_ms` is a guess, made for good when the boot ended untold.
    `runs_ms` is what has become of the first since: a clock that runs for weeks is put right little by little.
    """

    name: str
    learned_ms: int | None = None
    suspect_ms: int | None = None
    runs_ms: int | None = None


class Timing(NamedTuple):
    """How a time since boot becomes one of UTC, and whether that is only a guess."""

    offset_ms: int
    suspect: bool


class Salvage(msgspec.Struct, frozen=True, array_like=True):
    """How far a file that was set aside has been read: up to row `last` of its table number `table`.

    `batches` is how many batches were found, `known` how many it had when it was whole, if that could be read;
    `lost` whether rows could not be read and nobody knows of when they were.
    """

    file: str
    table: int = 0
    last: int = 0
    batches: int = 0
    known: int | None = None
    lost: bool = False


class State(msgspec.Struct, array_like=True):
    """The row. Its tuples are replaced, never changed, so that a shallow copy is a whole one.

    `next` is the sequence of the next batch; `batches`, `readings` and `size` count what is sealed; `ran_ms` is how
    long this outbox has been open in all its life; `spans` are the times of all readings sealed.
    """

    tenant: str
    node: str
    epoch: int
    next: int = 1
    batches: int = 0
    readings: int = 0
    size: int = 0
    ran_ms: int = 0
    spans: tuple[Span, ...] = ()
    boots: tuple[Boot, ...] = ()
    gaps: tuple[Gap, ...] = ()
    salvage: Salvage | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.tenant, self.node)

    def boot(self, name: str) -> Boot:
        """What is known of a boot, which may be nothing."""
        return next((boot for boot in self.boots if boot.name == name), Boot(name))

    def remember(self, boot: Boot, needed: Collection[str]) -> None:
        """Keep this; of boots that are not `needed` only the last few are remembered."""
        others = [other for other in self.boots if other.name != boot.name]
        old = others[: max(0, len(others) - BOOTS_REMEMBERED)]
        self.boots = (*(other for other in others if other not in old or other.name in needed), boot)

    def timing(self, name: str, current: str | None) -> Timing | None:
        """How to tell the times of a boot; None while that may still become known."""
        boot = self.boot(name)
        if boot.learned_ms is not None:
            return Timing(boot.learned_ms, suspect=False)
        if boot.suspect_ms is not None and name != current:
            return Timing(boot.suspect_ms, suspect=True)
        return None
