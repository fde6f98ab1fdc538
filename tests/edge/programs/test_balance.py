"""The water balance's program: by what the crop uses, through restarts, set clocks and days without power."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, Play
from tests.edge.programs.crops import (
    BALANCE,
    Weathered,
    days,
    etc_l_day,
    farm,
    growing,
    litres_of,
    memory,
    told,
    zone_kept,
)
from tonnam_edge.agronomy import observer
from tonnam_edge.core.programs.kept import Kept, ZoneKept, add
from tonnam_link.messages import Command, CommandAction


def test_the_balance_gives_back_what_the_crop_uses_and_lets_it_never_suffer(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE)
    depletions = []
    for _ in range(12 * 4):
        days(play, 0.25)
        depletions.append(growing(play).water.depletion_mm / growing(play).reserves.raw_mm)
    assert max(depletions) < 1.15
    mean_l = sum(litres for at, litres in litres_of(play) if at > MIDNIGHT_MS + 4 * 24 * HOUR_MS) / 8
    assert mean_l == pytest.approx(etc_l_day(play) / 0.9, rel=0.3)
    reason = told(play, "run.started")[0].body["reason"]
    assert "The crop has used" in reason["en"]
    assert "พืชใช้น้ำไปแล้ว" in reason["th"]


def test_every_no_is_explained(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE)
    days(play, 0.1)
    plan = [e for e in told(play, "zone.planned") if e.body["zone"] == "zone-1"][-1].body["text"]
    assert "The crop has used" in plan["en"]
    assert "waters at" in plan["en"]
    assert "พืชใช้น้ำไป" in plan["th"]


def test_litres_end_the_run_where_they_are_metered(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE.replace('"zone-1"', '"zone-1"\nat = "05:00"'))
    play.field.moisture[0] = 27.0
    days(play, 2)
    asked = [e.body["reason"]["en"] for e in told(play, "run.started")]
    given = litres_of(play)
    assert given
    wanted = float(asked[0].split(": ")[1].split(" ")[0])
    parts = math.ceil(wanted / (20 * 120))
    assert parts > 1
    assert [litres for _, litres in given[:parts]] == pytest.approx([wanted / parts] * parts, rel=0.05)
    assert (given[0][0] - MIDNIGHT_MS) / HOUR_MS == pytest.approx(5.0, abs=0.5)


def test_a_chosen_hour_at_which_too_little_is_missing_is_left_out(tmp_path: Path) -> None:
    """Else what the first sun takes would be given back a little later, in a run that only fills the pipes."""
    play = farm(tmp_path, BALANCE.replace('"zone-1"', '"zone-1"\nat = "05:00"'))
    play.field.moisture[0] = 32.0
    days(play, 1)
    assert litres_of(play) == []
    assert growing(play).water.depletion_mm > 0.1 * growing(play).reserves.raw_mm
    days(play, 0.5)
    assert litres_of(play)
    assert all((at - MIDNIGHT_MS) / HOUR_MS == pytest.approx(29.5, abs=1.5) for at, _ in litres_of(play))


def total(play: Play) -> float:
    return sum(litres for _, litres in litres_of(play))


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    straight, broken = farm(tmp_path, BALANCE), farm(tmp_path, BALANCE)
    days(straight, 3)
    for _ in range(6):
        days(broken, 0.5)
        broken.restart()
    assert growing(broken).water.depletion_mm == pytest.approx(growing(straight).water.depletion_mm, abs=1.5)
    assert total(broken) == pytest.approx(total(straight), rel=0.35)


def without_water(play: Play) -> Play:
    """A farm whose tank is empty: the soil only dries."""
    play.field.level_cm = 5.0
    return play


def test_days_without_power_are_reckoned_when_the_time_is_known_again(tmp_path: Path) -> None:
    play = without_water(farm(tmp_path, BALANCE))
    days(play, 2)
    before, hours = growing(play).water.depletion_mm, memory(play).kept.hours
    play.reboot(wall_ms=1_000, off_s=2 * 86_400)
    days(play, 0.4)
    unknown = growing(play).water.depletion_mm
    assert memory(play).kept.hours == pytest.approx(hours + 9.6, abs=1.5)
    play.learn()
    days(play, 0.1)
    after = growing(play).water.depletion_mm
    assert memory(play).kept.hours == pytest.approx(hours + 48 + 12, abs=1.5)
    assert before < unknown < after
    assert after - before > 3.0


def test_a_clock_that_is_wrong_or_set_moves_no_water(tmp_path: Path) -> None:
    play = without_water(farm(tmp_path, BALANCE))
    days(play, 1)
    hours = memory(play).kept.hours
    for skew_h in (5, -9, 400, 0):
        play.skew_ms = skew_h * HOUR_MS
        play.leap(1800)
    assert memory(play).kept.hours == pytest.approx(hours + 2, abs=1.1)


@pytest.mark.parametrize("weather", [True, False], ids=["by its instruments", "as the day before"])
@pytest.mark.parametrize("hour", [7.0, 18.6])
def test_the_balance_goes_on_as_before_with_an_unset_clock(tmp_path: Path, hour: float, weather: bool) -> None:
    play = farm(tmp_path, BALANCE)
    days(play, 3 + hour / 24)
    before_mm = memory(play).kept.et0_mm(24)
    play.reboot(wall_ms=5_000_000)
    assert isinstance(play.field, Weathered)
    play.field.air_answers = weather
    days(play, 10)
    assert memory(play).kept.et0_mm(24) == pytest.approx(before_mm, rel=0.05)
    wanted_l = (13 + hour / 24) * etc_l_day(play) / 0.9
    assert sum(litres for _, litres in litres_of(play)) == pytest.approx(wanted_l, rel=0.1)


def test_by_day_only_and_with_an_unset_clock_the_light_says_that_it_is_day(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE)
    days(play, 3 + 19 / 24)
    used_mm = memory(play).kept.zones["zone-1"].etc_mm(memory(play).kept.hours, 24)
    for _ in range(4):
        play.reboot(wall_ms=5_000_000, off_s=11 * 3600)
        days(play, 13 / 24)
    kept = memory(play).kept
    by_day_mm = kept.zones["zone-1"].etc_mm(kept.hours, 4 * 13) / 4
    assert by_day_mm == pytest.approx(used_mm, rel=0.1)


def test_a_pyranometer_that_hangs_high_with_an_unset_clock_gives_no_more_than_a_day_may_have(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE)
    days(play, 3)
    play.reboot(wall_ms=5_000_000)
    assert isinstance(play.field, Weathered)
    play.field.night_w_m2 = 600.0
    days(play, 3)
    assert 5.0 < memory(play).kept.et0_mm(24) <= 8.0


def test_a_farm_that_was_never_told_the_time_takes_the_days_as_usual_ones(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE, weather=False)
    play.reboot(wall_ms=5_000_000)
    play.leap(300)
    at_first_mm = memory(play).kept.et0_mm(24)
    days(play, 10)
    assert memory(play).kept.et0_mm(24) == pytest.approx(at_first_mm, rel=0.02)


def test_a_day_has_twenty_four_hours_whenever_they_are_reckoned() -> None:
    for begun in (0.0, 0.3, 0.5, 0.7):
        kept = Kept(hours=begun)
        for hour in range(60):
            kept.hours = begun + hour + 1
            add(kept.et0, kept.hours - 0.5, 1.0 if hour % 24 >= 12 else 0.0)
        assert kept.et0_mm(24) == 12.0
        assert kept.et0_a_day_ago_mm(1.0) == 1.0
        zone = ZoneKept(etc=kept.et0)
        assert (zone.etc_mm(kept.hours, 24), zone.etc_mm(kept.hours, 48)) == (12.0, 24.0)
        assert (zone.etc_ahead_mm(kept.hours, 12), zone.etc_ahead_mm(kept.hours, 14)) == (12.0, 12.0)


def test_a_probe_pulls_the_balance_before_dawn_and_no_more_than_it_may(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE)
    play.field.moisture[0] = 24.0
    days(play, 1.4)
    kept = zone_kept(play)
    assert kept.probe["last_day"] is not None
    plain = farm(tmp_path, BALANCE)
    plain.field.moisture[0] = 24.0
    plain.leap(5 * 60)
    plain.field.moisture[0] = None
    days(plain, 1.4)
    assert abs(growing(play).water.depletion_mm - growing(plain).water.depletion_mm) <= growing(play).reserves.raw_mm


def test_a_good_watering_by_hand_is_known_to_fill_the_soil_and_a_refill_is_not(tmp_path: Path) -> None:
    """What a probe says after it is field capacity only when the whole root zone was filled."""
    play = farm(tmp_path, BALANCE)
    days(play, 1.2)
    assert litres_of(play)
    assert zone_kept(play).surplus_mm < 0.2
    now = play.now_ms
    play.core.command(Command("c1", CommandAction.WATER, "zone-1", now, now + 60_000, 1200, play.key))
    play.leap(1500)
    kept = zone_kept(play)
    assert kept.surplus_mm > observer.FILLED_OVER_RAW * growing(play).reserves.raw_mm
    assert kept.after_water == []


def planted_on(day: str) -> Callable[[str], str]:
    return lambda text: text.replace("2026-10-20", day)


def test_roots_drink_less_of_a_young_crops_use_than_of_a_grown_ones(tmp_path: Path) -> None:
    """Most of a seedling's coefficient is bare soil, which dries above the probes."""
    shares = []
    for planted in ("2026-11-15", "2026-10-01"):
        play = without_water(farm(tmp_path, BALANCE, edit=planted_on(planted)))
        days(play, 0.5)
        kept = zone_kept(play)
        shares.append(kept.used_mm / kept.etc_mm(memory(play).kept.hours, 12))
    assert shares[0] == pytest.approx(0.3, abs=0.05)
    assert shares[1] == pytest.approx(0.95, abs=0.05)


def test_a_new_planting_begins_a_new_balance(tmp_path: Path) -> None:
    old = without_water(farm(tmp_path, BALANCE))
    days(old, 3)
    new = farm(tmp_path, BALANCE, edit=lambda text: text.replace("2026-10-20", "2026-11-24"))
    new.core, new.now_ms, new.memory = new.core, old.now_ms, old.memory
    new.restart()
    new.field.moisture[0] = 31.0
    new.leap(3600)
    assert zone_kept(new).planted == "2026-11-24"
    assert growing(new).water.depletion_mm < 1.5


def test_a_band_with_a_crop_still_goes_by_its_probe(tmp_path: Path) -> None:
    play = farm(tmp_path, BAND)
    play.field.moisture[0] = 25.0
    play.leap(1200)
    assert "The soil is dry: 25." in told(play, "run.started")[0].body["reason"]["en"]
