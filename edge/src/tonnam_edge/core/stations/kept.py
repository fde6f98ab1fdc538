"""What of a station must survive a restart."""

from __future__ import annotations

from collections.abc import Set

import msgspec

from tonnam_edge.core.boots import DRIFT_MS
from tonnam_edge.core.image import Now
from tonnam_edge.site.site import Site


class StationKept(msgspec.Struct):
    """One station. `above`: whether its level last said start, or stop. `turn`: its pumps, next to run first."""

    above: bool | None = None
    flooded: bool = False  # `all_cm` was reached, and it has not fallen to `stop_cm` since
    dry: bool = False
    apart: bool = False  # its two gauges contradicted each other, and have not been near for long since
    locked: bool | None = None  # the key switch, as it was last seen
    mode: str | None = None  # the switch off/hand/auto, as it was last seen
    turn: list[str] = []
    order: str | None = None  # the id of a command from afar that it follows
    booted_ms: dict[str, int] = {}  # when the boots of its pumps' starts began, UTC: the latest that a clock said
    forgotten: bool = False  # what its switches said is lost: it counts as locked until all of them were read

    def note_boot(self, now: Now, of_starts: Set[str]) -> None:
        """Note by a clock that is sure when this boot began, and forget the boots that no start was in."""
        for boot in self.booted_ms.keys() - of_starts:
            del self.booted_ms[boot]
        began_ms = now.wall_ms - now.mono_ms
        if now.boot in of_starts and began_ms > self.booted_ms.get(now.boot, -DRIFT_MS) + DRIFT_MS:
            self.booted_ms[now.boot] = began_ms

    def after(self, older: StationKept | None) -> StationKept:
        """What is known now, and of an earlier process what is not."""
        if older is None:
            return self
        return StationKept(
            above=older.above if self.above is None else self.above,
            flooded=self.flooded or older.flooded,
            dry=self.dry or older.dry,
            apart=self.apart or older.apart,
            locked=older.locked if self.locked is None else self.locked,
            mode=self.mode or older.mode,
            turn=self.turn or older.turn,
            order=older.order,
            booted_ms=older.booted_ms | self.booted_ms,
            forgotten=older.forgotten,
        )


def leave_unknown(stations: dict[str, StationKept], site: Site) -> None:
    """After a memory that is less than what was: leave stations with a key or switch alone. A copy may be of before
    the key was turned, or of a version that did not copy it."""
    for part in site.stations.values():
        if part.lock is not None or part.mode is not None:
            stations.setdefault(part.id, StationKept()).forgotten = True
