"""What every program is asked with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.programs.fields import Fields, Growing
from tonnam_edge.core.programs.kept import Kept, ZoneKept
from tonnam_edge.core.programs.price import Prices
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.core.wishes import Decision, Need, Passing, Why, Wish
from tonnam_edge.limits import SHORTEST_RUN_S
from tonnam_edge.site.site import Zone

# A run that ends by the meter may last this much longer than its litres should take.
SLOW_FLOW = 1.25
# Of a pulse: so little over asks for no pulse more.
A_LITTLE = 0.05


@dataclass(frozen=True)
class Asked:
    """The image, what is remembered, and the decision that is being made."""

    image: Image
    memory: Memory
    resting_until: Mapping[str, int]
    fields: Fields
    local: LocalTime
    prices: Prices
    latest: Mapping[str, str]  # by when the programs water that may wait for cheaper electricity
    between: Mapping[str, tuple[str, str]]  # the hours of the programs that have some
    decision: Decision
    passing: Passing

    @property
    def kept(self) -> Kept:
        return self.memory.kept

    @property
    def sun_runs_the_pump(self) -> bool:
        """Whether the roof gives what the pump takes: then the price of the grid is nobody's."""
        site = self.fields.site
        solar = site.file.holds.solar
        power = None if solar is None else self.image.value(f"{site.id}/{solar.power}")
        return solar is not None and power is not None and power >= solar.least

    def of(self, zone: Zone) -> ZoneKept:
        """What is remembered of a zone."""
        return self.kept.zones.get(zone.id) or ZoneKept()

    def growing(self, zone: Zone) -> Growing | None:
        """A zone's balance with the rain that has just fallen; None without a crop, or before it has begun."""
        growing = self.fields.of(zone.id, self.kept)
        return None if growing is None else growing.after_rain(self.passing.rain_mm)

    def flow_l_min(self, zone: Zone) -> float:
        """What a zone is found to take, else what the site file says."""
        return self.memory.flows_l_min.get(zone.id, zone.part.flow_l_min)

    def least_l(self, zone: Zone) -> float:
        """Less than this is not worth filling the pipe."""
        return self.flow_l_min(zone) * SHORTEST_RUN_S / 60

    def say(self, zone: Zone, text: Text, until_ms: int | None = None) -> None:
        self.decision.why[zone.id] = Why(text, until_ms)

    def thirsts(self, zone: Zone) -> bool:
        """Whether a zone has wanted water, and had none since."""
        return self.of(zone).thirst is not None

    def need(self, zone: Zone, need: Need) -> None:
        """What a program that looks knows of a zone's need; it knows better than the zone's timers."""
        self.decision.needs[zone.id] = need

    def pause(self, zone: str) -> None:
        """What a zone needs waits for an hour that its farm has chosen."""
        if self.decision.needs.get(zone, Need.NONE) is not Need.NONE:
            self.decision.needs[zone] = Need.PAUSED

    def waits(self, program: str, between: tuple[str, str] | None) -> bool:
        """Whether a program that wants water waits, for its water to soak in or for its hours."""
        now = self.image.now
        rest_ms = self.resting_until.get(program, 0) - now.mono_ms
        if rest_ms > 0:
            self.decision.due(now.wall_ms + rest_ms)
            return True
        if in_window(between, now.wall_ms, self.local):
            return False
        self.decision.due(opens_at(between, now.wall_ms, self.local))
        return True

    def wish_litres(self, zone: Zone, wish: Wish, litres: float, pulse_s: float | None) -> Wish:
        """The wish for so many litres, or an equal part of more than a pulse gives; by the meter where it is good."""
        flow_l_min, most_s = self.flow_l_min(zone), zone.max_run_s
        seconds, pulse_s = litres / flow_l_min * 60, most_s if pulse_s is None else min(pulse_s, most_s)
        parts = max(math.ceil(seconds / pulse_s - A_LITTLE), 1)
        seconds = min(seconds / parts, pulse_s)
        litres = seconds * flow_l_min / 60
        site = self.fields.site
        trusted = site.paths.meter(zone.id) not in self.memory.unproven_l
        metered = trusted and self.image.value(site.total_of(zone.id)) is not None
        return wish._replace(seconds=min(seconds * (SLOW_FLOW if metered else 1.0), most_s), litres=litres)


def in_window(between: tuple[str, str] | None, wall_ms: int, local: LocalTime) -> bool:
    return between is None or between[0] <= local.clock(wall_ms) < between[1]


def opens_at(between: tuple[str, str] | None, wall_ms: int, local: LocalTime) -> int:
    """The next time at which a program's hours begin; now for one without hours."""
    return wall_ms if between is None else local.next(between[0], wall_ms)
