"""The level that a station goes by.

What unknown means, in this order: the witness, then the declared safe state, of which somebody is told.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tonnam_edge.core.image import Image
from tonnam_edge.core.stations.kept import StationKept
from tonnam_edge.site.station_file import StationPart


class Level(NamedTuple):
    """Centimetres by the station's own gauge, by its witness, or None. `apart`: they contradict each other."""

    cm: float | None
    by: Literal["gauge", "witness", "nobody"]
    apart: bool = False


def level_of(station: StationPart, site: str, image: Image, *, safe_above: bool) -> Level:
    """What counts now. `safe_above`: its safe state is what it does from `start_cm` up."""
    own, witness = image.value(f"{site}/{station.level}"), station.witness
    other = None if witness is None else image.value(f"{site}/{witness.level}")
    if witness is None or other is None:
        return Level(own, "nobody" if own is None else "gauge")
    other += witness.plus_cm
    if own is None:
        return Level(other, "witness")
    if witness.apart_cm is None or abs(own - other) <= witness.apart_cm:
        return Level(own, "gauge")
    chosen = max(own, other) if safe_above else min(own, other)
    return Level(chosen, "gauge" if chosen == own else "witness", apart=True)


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


def follow_intake(station: StationPart, site: str, image: Image, kept: StationKept) -> float | None:
    """The level at the pumps' intake, or None. What was dry is no longer known to be when nobody measures it."""
    dry = station.dry
    level_cm = None if dry is None else image.value(f"{site}/{dry.level}")
    if dry is None or level_cm is None:
        kept.dry = False
    elif level_cm < dry.below_cm:
        kept.dry = True
    elif level_cm >= dry.again_cm:
        kept.dry = False
    return level_cm
