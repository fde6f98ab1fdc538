"""A small farm with weather, for tests of programs: the field of `farms` with a thermometer and a pyranometer."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from tests.edge.farms import HOUR_MS, MIDNIGHT_MS, SITE, Field, Play, site_of
from tonnam_edge.core import Observation
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.programs.fields import Fields, Growing
from tonnam_edge.core.programs.kept import ZoneKept
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_link.messages import Event

DEVICES = """
[[device]]
id = "air"
bus = "soil"
unit = 11
profile = "sht20-x10"
name = { th = "อากาศ", en = "Air" }

[[device]]
id = "sun"
bus = "soil"
unit = 12
profile = "dfrobot-sen0640"
name = { th = "แสง", en = "Sun" }

[weather]
air_temperature = "air/air_temperature"
humidity = "air/humidity"
radiation = "sun/solar_radiation"
"""
GROWING = (
    'growing = { crop = "melon-greenhouse", planted = "2026-10-20", soil = "clay-loam", wetted_pct = 40 }\n'
    "flow_l_min = 120"
)
BALANCE = """
[[program]]
id = "water"
kind = "balance"
zone = "zone-1"
"""
DAY_S = 86_400


def farm(
    folder: Path, *programs: str, grows: bool = True, weather: bool = True, edit: Callable[[str], str] = str
) -> Play:
    """A farm of two zones whose first one has 400 m2 and, if it `grows`, melons of a month."""
    text = SITE.replace("max_day_min = 60", "max_day_min = 600").replace("area_m2 = 1600", "area_m2 = 400")
    text = text.replace("longitude = 101.8\n", 'longitude = 101.8\ncover = "greenhouse"\n')
    text = text.replace("flow_l_min = 60", GROWING if grows else "flow_l_min = 120", 1)
    text = edit(text.replace("[tank]", DEVICES + "\n[tank]" if weather else "[tank]"))
    play = Play(site_of(folder, text + "".join(programs)), start_ms=MIDNIGHT_MS)
    play.field = Weathered(play) if weather else Field()
    play.field.flow_l_min = 120.0
    return play


class Weathered(Field):
    """Days of one kind: `t_max_c` at two in the afternoon, up to 700 W/m2 at noon. Moisture wavers a little."""

    def __init__(self, play: Play) -> None:
        super().__init__()
        self.play = play
        self.t_max_c: float = 34.0
        self.air_answers = True
        self.night_w_m2 = 0.0
        self.sun_share = 1.0  # of the light, what its sensor says
        self.wavers = True

    def observe(self, mono_ms: int) -> list[Observation]:
        hour = (self.play.now_ms - MIDNIGHT_MS) / HOUR_MS % 24
        warm = math.cos(math.pi * (hour - 14) / 12)
        air_c = self.t_max_c - 6 * (1 - warm) + 0.1 * math.sin(mono_ms / 1e6)
        sun = max(0.0, 700 * math.sin(math.pi * (hour - 6) / 12)) if 6 < hour < 18 else self.night_w_m2
        air = {"air_temperature": air_c, "humidity": 70 - 20 * warm} if self.air_answers else None
        light = {"solar_radiation": sun * self.sun_share} if self.air_answers else None
        seen = super().observe(mono_ms)
        if self.wavers:
            seen = [self._wavering(each, mono_ms) for each in seen]
        return [*seen, Observation("air", mono_ms, air), Observation("sun", mono_ms, light)]

    def _wavering(self, seen: Observation, mono_ms: int) -> Observation:
        if not seen.device.startswith("probe") or seen.values is None:
            return seen
        moisture = seen.values["soil_moisture"] or 0.0
        return seen._replace(values={"soil_moisture": abs(moisture + 0.1 * math.sin(mono_ms / 3e6))})


def days(play: Play, number: float) -> None:
    play.leap(number * DAY_S, at_most_s=900)


def litres_of(play: Play, zone: str = "zone-1") -> list[tuple[int, float]]:
    """When runs of a zone ended, and their litres."""
    return [(e.at_ms, e.body["litres"]) for e in play.ended() if e.body["zone"] == zone and e.body["litres"]]


def most_in_24_h(play: Play) -> float:
    """The most litres that any 24 hours had."""
    given = litres_of(play)
    return max(
        (sum(litres for at, litres in given if 0 <= at - begin < DAY_S * 1000) for begin, _ in given), default=0.0
    )


def told(play: Play, kind: str) -> list[Event]:
    return [event for event in play.events if event.kind == kind]


def rungs(play: Play) -> list[str]:
    return [event.body["rung"] for event in told(play, "program.stepped") if event.body["zone"] == "zone-1"]


def memory(play: Play) -> Memory:
    assert play.memory is not None
    return Memory.decode(play.memory)


def zone_kept(play: Play) -> ZoneKept:
    return memory(play).kept.zones["zone-1"]


def growing(play: Play) -> Growing:
    found = Fields(play.site, LocalTime(play.site.file.site)).of("zone-1", memory(play).kept)
    assert found is not None
    return found


def etc_l_day(play: Play) -> float:
    """What the crop used within the last 24 hours, litres."""
    kept = memory(play).kept
    return kept.zones["zone-1"].etc_mm(kept.hours, 24) * 400
