"""Farms that measure little: FAO-56's fall-backs by the day, reckoned by the hour, drive the balance."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edge.farms import HOUR_MS, MIDNIGHT_MS, Play
from tests.edge.programs.crops import BALANCE, Weathered, days, farm, memory, told
from tonnam_edge.agronomy import radiation, reference_et, sky
from tonnam_edge.agronomy.air import Humidity
from tonnam_edge.agronomy.place import Place
from tonnam_edge.agronomy.radiation import Outside
from tonnam_edge.agronomy.reference_et import DayAir
from tonnam_edge.core import Observation
from tonnam_edge.core.programs import climate
from tonnam_edge.core.programs.kept import Kept

PLACE = Place(latitude_deg=14.4, longitude_deg=101.8)
DAY_OF_YEAR = 326
SUN_MJ_M2 = 700 * 12 * 3600 * 2 / math.pi / 1e6  # of the field's day: half a sine of twelve hours
HUMIDITY = Humidity(rh_max_pct=90, rh_min_pct=50)
# The hours' saturation deficits come to less than FAO-56's mean of the day's two extremes: a sine's do by so much.
HOURS_OF_A_DAY = 0.95

AIR = 'air_temperature = "air/air_temperature"\n'
HYGROMETER, PYRANOMETER = 'humidity = "air/humidity"\n', 'radiation = "sun/solar_radiation"\n'
COVER = 'cover = "greenhouse"\n'


def measuring(folder: Path, instruments: str, *, place: str = "") -> Play:
    """A farm, in the open unless its `place` says otherwise, whose only instruments are those."""

    def edit(text: str) -> str:
        text = text[: text.index("[weather]")] + "[weather]\n" + instruments + text[text.index("\n[tank]") :]
        return text.replace(COVER, place)

    return farm(folder, BALANCE, edit=edit)


def by_the_day_mm(play: Play, humidity: Humidity, pyranometer_mj_m2: float | None) -> float:
    """ET0 of the field's day by FAO-56's own daily method."""
    assert isinstance(play.field, Weathered)
    high, low = play.field.t_max_c, play.field.t_max_c - 12
    coastal = play.site.file.site.coastal
    seen = Outside(pyranometer_mj_m2=pyranometer_mj_m2, t_max_c=high, t_min_c=low, coastal=coastal)
    light = radiation.outside(sky.of_day(PLACE, DAY_OF_YEAR), seen)
    air = DayAir(t_max_c=high, t_min_c=low, humidity=humidity)
    return reference_et.daily(PLACE, air, light, under_cover=False).mm


@pytest.mark.parametrize(
    ("instruments", "place", "humidity", "light_mj_m2"),
    [
        (AIR + HYGROMETER + PYRANOMETER, "", HUMIDITY, SUN_MJ_M2),
        (AIR + HYGROMETER, "", HUMIDITY, None),
        (AIR + PYRANOMETER, "", Humidity(), SUN_MJ_M2),
        (AIR, "", Humidity(), None),
        (AIR, "coastal = true\n", Humidity(), None),
    ],
    ids=["all", "no pyranometer", "no hygrometer", "thermometer only", "at the sea"],
)
def test_what_is_not_measured_follows_from_the_days_temperatures(
    tmp_path: Path, instruments: str, place: str, humidity: Humidity, light_mj_m2: float | None
) -> None:
    play = measuring(tmp_path, instruments, place=place)
    days(play, 3)
    expected_mm = HOURS_OF_A_DAY * by_the_day_mm(play, humidity, light_mj_m2)
    assert memory(play).kept.et0_mm(24) == pytest.approx(expected_mm, rel=0.03)


def test_people_are_told_what_stands_in(tmp_path: Path) -> None:
    play = measuring(tmp_path, AIR)
    days(play, 3.1)
    said = told(play, "weather.stand_ins")[-1].body["text"]
    assert "light from the day's range of temperature" in said["en"]
    assert "humidity from the lowest temperature" in said["en"]
    assert "แสงจากอุณหภูมิสูงสุดและต่ำสุดของวัน" in said["th"]


def test_under_a_cover_the_range_says_nothing_of_the_light(tmp_path: Path) -> None:
    play = measuring(tmp_path, AIR, place=COVER)
    days(play, 3.1)
    said = told(play, "weather.stand_ins")[-1].body["text"]["en"]
    assert "range of temperature" not in said
    assert "half of the light above the air" in said
    assert "humidity from the lowest temperature" in said


def test_a_day_of_which_five_hours_are_missing_has_no_extremes() -> None:
    kept = Kept()
    for hour in range(1, 72):
        kept.hours = float(hour)
        climate.note_warmth(kept, None if 40 <= hour < 46 else 20.0 + hour % 24)
        if hour == 24:
            assert climate.extremes_c(kept) == (21.0, 42.0)
        if 45 <= hour < 60:
            assert climate.extremes_c(kept) is None
    assert climate.extremes_c(kept) == (21.0, 42.0)
    assert len(kept.warmth) <= 25


class Askew(Weathered):
    """Its thermometer says other than the air is."""

    def __init__(self, play: Play, says: Callable[[float, float], float]) -> None:
        super().__init__(play)
        self.says, self.flow_l_min = says, 120.0

    def observe(self, mono_ms: int) -> list[Observation]:
        hour = (self.play.now_ms - MIDNIGHT_MS) / HOUR_MS % 24
        return [self._said(seen, hour) for seen in super().observe(mono_ms)]

    def _said(self, seen: Observation, hour: float) -> Observation:
        if seen.device != "air" or seen.values is None:
            return seen
        air_c = self.says(hour, seen.values["air_temperature"] or 0.0)
        return seen._replace(values={**seen.values, "air_temperature": air_c})


@pytest.mark.parametrize(
    "says",
    [
        lambda hour, air_c: 28 + (air_c - 28) / 4,
        lambda hour, air_c: 28 + (air_c - 28) / 60,
        lambda hour, air_c: 0.0 if 3 <= hour < 3.5 else air_c,
    ],
    ids=["in a cabinet", "in a well", "half an hour of frost each night"],
)
def test_a_thermometer_that_does_not_feel_the_sky_starves_no_crop(
    tmp_path: Path, says: Callable[[float, float], float]
) -> None:
    play = measuring(tmp_path, AIR)
    true_mm = by_the_day_mm(play, Humidity(), None)
    play.field = Askew(play, says)
    days(play, 4)
    assert 0.8 * true_mm < memory(play).kept.et0_mm(24) < 1.2 * true_mm


def test_pieces_of_an_hour_are_one_hour_of_the_day() -> None:
    kept = Kept()
    for piece in range(40):
        kept.hours = 10 + piece / 40
        climate.note_warmth(kept, 20.0 + piece % 2)
    assert len(kept.warmth) == 1
    assert climate.extremes_c(kept) is None


def test_a_restart_keeps_the_days_temperatures(tmp_path: Path) -> None:
    play = measuring(tmp_path, AIR)
    days(play, 1.5)
    before = climate.extremes_c(memory(play).kept)
    play.restart()
    play.run(30)
    assert before is not None
    assert climate.extremes_c(memory(play).kept) == before
