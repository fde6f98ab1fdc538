"""The level that a station goes by.

What unknown means, in this order: the witness, then the declared safe state, of which somebody is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from tonnam_edge.core.image import Image
from tonnam_edge.core.stations.kept import StationKept
from tonnam_edge.site.station_file import StationPart, WitnessPart

# Gauges that contradict each other do so until they are nearer than this share of `apart_cm`, for so long: else the
# waves on a difference of about `apart_cm` would move a station again and again.
NEAR_SHARE = 0.7
NEAR_S = 300.0
# Gauges none of which has changed by so much in so long may all hang alike, of which no comparison tells.
STILL_CM = 1.0
STILL_H = 24.0


class Level(NamedTuple):
    """Centimetres by the station's own gauge, by its witness, or None. `apart`: they contradict each other."""

    cm: float | None
    by: Literal["gauge", "witness", "nobody"]
    apart: bool = False


class Gauges:
    """Both gauges of a station. Times are since boot, in milliseconds."""

    def __init__(self, station: StationPart, site: str) -> None:
        self._station, self._site = station, site
        self._near_since: int | None = None
        self._still: dict[str, tuple[float, int]] = {}  # what each has said since when, but for small waves

    def level(self, image: Image, kept: StationKept, *, safe_above: bool) -> Level:
        """What counts now. `safe_above`: its safe state is what it does from `start_cm` up."""
        self._watch(image)
        own, witness = image.value(f"{self._site}/{self._station.level}"), self._station.witness
        other = None if witness is None else image.value(f"{self._site}/{witness.level}")
        if witness is None or other is None:
            return self._one(own, "gauge")
        other += witness.plus_cm
        if own is None:
            return self._one(other, "witness")
        if not self._apart(witness, abs(own - other), kept, image.now.mono_ms):
            return Level(own, "gauge")
        chosen = max(own, other) if safe_above else min(own, other)
        return Level(chosen, "gauge" if chosen == own else "witness", apart=True)

    def frozen(self, image: Image) -> bool:
        """Whether none of those that are read has changed in a day, as far as this process knows."""
        since = [at for name, (_, at) in self._still.items() if image.value(name) is not None]
        return bool(since) and image.now.mono_ms - max(since) >= STILL_H * 3_600_000

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When they must be looked at again."""
        yield from (at + round(STILL_H * 3_600_000) for _, at in self._still.values())
        if self._near_since is not None:
            yield self._near_since + round(NEAR_S * 1000)

    def _watch(self, image: Image) -> None:
        """Note when each has changed."""
        witness = self._station.witness
        for name in (self._station.level, *(() if witness is None else (witness.level,))):
            cm = image.value(f"{self._site}/{name}")
            before = self._still.get(f"{self._site}/{name}")
            if cm is not None and (before is None or abs(cm - before[0]) >= STILL_CM):
                self._still[f"{self._site}/{name}"] = cm, image.now.mono_ms

    def _one(self, cm: float | None, by: Literal["gauge", "witness"]) -> Level:
        """Only one is known, or none: that says nothing of how far they are apart."""
        self._near_since = None
        return Level(cm, "nobody" if cm is None else by)

    def _apart(self, witness: WitnessPart, difference_cm: float, kept: StationKept, mono_ms: int) -> bool:
        """Whether they contradict each other; they do still while they are not near for long enough."""
        if witness.apart_cm is None:
            kept.apart = False
        elif difference_cm > witness.apart_cm:
            kept.apart, self._near_since = True, None
        elif difference_cm >= NEAR_SHARE * witness.apart_cm or not kept.apart:
            self._near_since = None
        elif self._near_since is None:
            self._near_since = mono_ms
        elif mono_ms - self._near_since >= NEAR_S * 1000:
            kept.apart, self._near_since = False, None
        return kept.apart


def follow(station: StationPart, level: Level, kept: StationKept) -> None:
    """Keep in mind whether the level has come up to start, or down to stop. In between what was stays."""
    if level.cm is None:
        return
    if level.cm >= station.start_cm:
        kept.above = True
    elif level.cm <= station.stop_cm:
        kept.above = kept.flooded = False
    if station.all_cm is not None and level.cm >= station.all_cm:
        kept.flooded = True
