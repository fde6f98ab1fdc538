"""Substrate watered by the light: doses by J/cm2, intervals, drain, restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import HOUR_MS, MIDNIGHT_MS, Play
from tests.edge.programs.crops import Weathered, farm, litres_of, memory, told
from tonnam_edge.core import Observation
from tonnam_edge.site.check import BadSiteFile

LIGHT = """
[[program]]
id = "drip"
kind = "light"
zone = "zone-1"
plants = 800
dose_ml_plant = 150
dose_j_cm2 = 150
least_interval_min = 20
most_interval_min = 360
"""
NOON_MS = MIDNIGHT_MS + 10 * HOUR_MS


def substrate(folder: Path, program: str = LIGHT) -> Play:
    play = farm(folder, program, grows=False)
    play.now_ms = NOON_MS
    play.restart()
    return play


def reasons(play: Play) -> list[str]:
    return [event.body["reason"]["en"] for event in told(play, "run.started")]


def test_doses_follow_the_light_and_have_litres(tmp_path: Path) -> None:
    play = substrate(tmp_path)
    play.leap(4 * 3600, at_most_s=60)
    assert set(reasons(play)) == {"150 J/cm2 of light: 150 mL a plant"}
    # about 650 W/m2 are 234 J/cm2 an hour, so a dose every 38 minutes
    assert 5 <= len(litres_of(play)) <= 7
    assert all(litres == pytest.approx(120, abs=4) for _, litres in litres_of(play))


def test_at_night_the_longest_interval_waters(tmp_path: Path) -> None:
    play = substrate(tmp_path)
    play.leap(8 * 3600, at_most_s=60)
    before = len(litres_of(play))
    play.leap(9 * 3600, at_most_s=60)
    assert 1 <= len(litres_of(play)) - before <= 3
    assert reasons(play)[-1] == "360 minutes without water: 150 mL a plant"


def test_without_any_light_known_doses_follow_what_is_usual_at_the_hour(tmp_path: Path) -> None:
    play = substrate(tmp_path)
    assert isinstance(play.field, Weathered)
    play.field.air_answers = False
    play.leap(8 * 3600, at_most_s=60)
    assert 4 <= len(litres_of(play)) <= 14
    assert "by the light that is usual at this hour" in reasons(play)[-2]


def test_a_sensor_that_says_darkness_at_noon_is_not_believed(tmp_path: Path) -> None:
    play = substrate(tmp_path)
    assert isinstance(play.field, Weathered)
    play.field.sun_share = 0.0
    play.leap(6 * 3600, at_most_s=60)
    assert len(litres_of(play)) >= 4  # half of what comes from above the air, through a film: less than this sun
    assert "by the light that is usual at this hour" in reasons(play)[-1]


def test_a_dose_that_was_cut_off_leaves_its_light_to_the_next(tmp_path: Path) -> None:
    play = substrate(tmp_path)
    play.leap(3600, at_most_s=60)
    for _ in range(6):
        play.leap(1500, at_most_s=10)
        if play.core.running:
            play.restart()
    play.leap(3 * 3600, at_most_s=60)
    given_l = sum(litres for _, litres in litres_of(play))
    # about 650 W/m2 are 1.56 doses of 120 L an hour
    assert given_l >= 0.8 * 1.56 * 120 * 6.5 - 2 * 120


def test_hours_keep_the_night_dry(tmp_path: Path) -> None:
    play = substrate(tmp_path, LIGHT + 'between = ["06:00", "17:00"]\n')
    play.leap(7 * 3600, at_most_s=60)
    before = len(litres_of(play))
    play.leap(11 * 3600, at_most_s=60)
    assert len(litres_of(play)) == before
    play.leap(3 * 3600, at_most_s=60)
    assert len(litres_of(play)) > before


def test_a_restart_keeps_light_and_intervals(tmp_path: Path) -> None:
    play = substrate(tmp_path)
    for _ in range(16):
        play.leap(15 * 60, at_most_s=60)
        play.restart()
    assert 3 <= len(litres_of(play)) <= 8


class Drained(Weathered):
    """A tipping gauge under the bags that counts what runs out."""

    share = 0.0

    def observe(self, mono_ms: int) -> list[Observation]:
        seen = super().observe(mono_ms)
        drained = {"total": float(int(1000 + self.share * (self.litres - 5000))), "rate": 0.0}
        return [*seen, Observation("drain", mono_ms, drained)]


DRAIN = """
[[device]]
id = "drain"
bus = "soil"
unit = 31
profile = "pulse-counter"
tells = ["total"]
name = { th = "น้ำทิ้ง", en = "Drain" }
"""


@pytest.mark.parametrize(("share", "more"), [(0.02, True), (0.6, False)])
def test_drain_trims_the_dose_from_day_to_day(tmp_path: Path, share: float, more: bool) -> None:
    program = LIGHT + 'drain = "drain/total"\ndrain_pct = 25\n'
    play = farm(tmp_path, program, grows=False, edit=lambda text: text.replace("[tank]", DRAIN + "\n[tank]"))
    play.field = Drained(play)
    play.field.flow_l_min, Drained.share = 120.0, share
    play.leap(4 * 86_400, at_most_s=120)
    trim = memory(play).kept.zones["zone-1"].light["trim"]
    assert trim > 1.03 if more else trim < 0.97


def test_intervals_the_wrong_way_round_and_doses_too_long_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSiteFile, match="least_interval_min is more than"):
        farm(tmp_path, LIGHT.replace("= 20", "= 400"), grows=False)
    with pytest.raises(BadSiteFile, match="max_run_min"):
        farm(tmp_path, LIGHT.replace("dose_ml_plant = 150", "dose_ml_plant = 5000"), grows=False)


class Salted(Drained):
    """The drain's EC cell, which says rubbish while nothing runs."""

    salt_ms_cm = 2.0

    def observe(self, mono_ms: int) -> list[Observation]:
        ran, self.seen_l = self.litres != getattr(self, "seen_l", 0.0), self.litres
        return [
            *super().observe(mono_ms),
            Observation("cell", mono_ms, {"soil_ec": self.salt_ms_cm if ran else 19.0}),
        ]


CELL = (
    DRAIN
    + """
[[device]]
id = "cell"
bus = "soil"
unit = 32
profile = "cwt-soil-7in1"
tells = ["soil_ec"]
name = { th = "ความเค็มน้ำทิ้ง", en = "Drain EC" }
"""
)
SALTY = LIGHT + 'drain = "drain/total"\ndrain_pct = 25\ndrain_ec = "cell/soil_ec"\ndrain_ec_max = 3.0\n'


def salted(folder: Path) -> Play:
    play = farm(folder, SALTY, grows=False, edit=lambda text: text.replace("[tank]", CELL + "\n[tank]"))
    play.field = Salted(play)
    play.field.flow_l_min, Drained.share = 120.0, 0.25
    return play


@pytest.mark.parametrize(("salt_ms_cm", "trim"), [(2.0, 1.0), (5.0, 1.1)])
def test_salt_is_that_of_the_water_that_ran_and_trims_once_a_day(
    tmp_path: Path, salt_ms_cm: float, trim: float
) -> None:
    play = salted(tmp_path)
    assert isinstance(play.field, Salted)
    play.field.salt_ms_cm = salt_ms_cm
    play.leap(2 * 86_400 + 600, at_most_s=180)
    assert memory(play).kept.zones["zone-1"].light["trim"] == pytest.approx(trim)


def test_a_clock_that_is_turned_to_and_fro_trims_no_more_than_once_a_day(tmp_path: Path) -> None:
    play = salted(tmp_path)
    assert isinstance(play.field, Salted)
    play.field.salt_ms_cm = 5.0
    for turn in range(8):
        play.leap(3 * 3600, at_most_s=60)
        play.skew_ms = 24 * HOUR_MS if turn % 2 == 0 else 0
    assert memory(play).kept.zones["zone-1"].light["trim"] <= 1.05
