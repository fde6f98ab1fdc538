"""A zone that wants water and gets none for long is told, whatever holds it up; one that need not have any is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, MORNING_MS, SITE, Play, site_of
from tests.edge.programs import crops
from tests.edge.programs.crops import BALANCE, Weathered, memory, told
from tests.edge.programs.test_holds import Outdoors, farm, field
from tests.edge.programs.test_light import LIGHT
from tests.edge.programs.test_slots_that_wait import TIMER, timed
from tests.edge.programs.test_solar import DIRECT, sunlit
from tests.edge.programs.test_weather_hold import damp
from tests.edge.switches import SwitchPlay, switched
from tonnam_edge.core.programs.thirst import CHANCE_H, KEPT_OFF_TIMES, LONG_H

EVERY_THIRD_DAY = TIMER.replace('at = "06:00"', 'at = "06:00"\nevery_days = 3\nfirst = "2026-11-21"')
BY_DAY = LIGHT.replace("most_interval_min = 360", 'most_interval_min = 180\nbetween = ["06:00", "18:00"]')
QUIET = 'quiet = ["19:00", "05:00"]\n'
METER = '[flow]\nrate = "flow/rate"\ntotal = "flow/total"\n'


def stands(play: Play) -> list[dict[str, Any]]:
    """The zones that were told last to thirst."""
    return list(told(play, "site.stands")[-1].body.get("thirsty", ()))


def ever(play: Play) -> bool:
    return any("thirsty" in event.body for event in told(play, "site.stands"))


def hours(play: Play, number: float) -> None:
    play.leap(number * 3600, at_most_s=600)


def dry(folder: Path, holds: str = "", program: str = BAND) -> Play:
    """Soil below its band since the first step, and a tank that is too low for any water."""
    play = farm(folder, holds, program=program)
    play.field.level_cm = 10.0
    return play


class Drying(Weathered):
    """Soil that loses 3 % a day, and rises with the water that it gets."""

    def __init__(self, play: Play) -> None:
        super().__init__(play)
        self.flow_l_min = 120.0

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        before = self.litres
        super().pass_time(from_ms, to_ms)
        lost = 3.0 * (to_ms - from_ms) / (24 * HOUR_MS)
        self.moisture = [(each or 0.0) - lost + (self.litres - before) / 250 for each in self.moisture]


@pytest.mark.parametrize(
    ("program", "grows", "edit"),
    [
        (TIMER, False, str),
        (EVERY_THIRD_DAY, False, str),
        (BAND, False, str),
        (BAND, True, lambda text: text.replace("[tank]\n", f"[holds]\n{QUIET}\n[tank]\n", 1)),
        (BALANCE + 'at = "05:30"\nbetween = ["05:00", "07:00"]\n', True, str),
        (BY_DAY, False, str),
        (LIGHT, False, lambda text: text.replace("[tank]\n", f"[holds]\n{QUIET}\n[tank]\n", 1)),
        (TIMER + BAND, True, str),
    ],
)
def test_nothing_is_told_in_a_normal_week(
    tmp_path: Path, program: str, grows: bool, edit: Callable[[str], str]
) -> None:
    play = crops.farm(tmp_path, program, grows=grows, edit=edit)
    play.field = Drying(play)
    play.leap(7 * crops.DAY_S, at_most_s=900)
    assert len(play.ended()) >= 2
    assert not ever(play)


@pytest.mark.parametrize("program", [BAND, TIMER, BALANCE], ids=["band", "timer", "balance"])
def test_a_tank_that_stays_low_is_told_once_and_ends_with_the_water(tmp_path: Path, program: str) -> None:
    play = crops.farm(tmp_path, program, grows=program is BALANCE)
    play.field.moisture, play.field.level_cm = [15.0, 15.0], 10.0
    hours(play, LONG_H - 1)
    assert not ever(play)
    hours(play, 9)  # the timer's hour is at six
    (zone,) = stands(play)
    assert (zone["zone"], zone["of"]) == ("zone-1", "no_water")
    assert "Zone 1 has wanted water for 26 hours and had none. " in zone["text"]["en"]
    assert "The tank holds 10 cm" in zone["text"]["en"]
    assert MIDNIGHT_MS <= zone["since_ms"] <= MIDNIGHT_MS + 7 * HOUR_MS
    before = len(told(play, "site.stands"))
    hours(play, 12)
    assert len(told(play, "site.stands")) == before
    play.field.level_cm = 150.0
    hours(play, 22)
    assert play.ended()
    assert stands(play) == []
    assert len(told(play, "site.stands")) == before + 1


def test_what_stands_survives_a_restart_and_is_counted_on(tmp_path: Path) -> None:
    play = dry(tmp_path)
    hours(play, 20)
    play.restart()
    hours(play, 7)
    before = stands(play)
    assert before
    play.restart()
    hours(play, 2)
    assert [event.body.get("thirsty", []) for event in told(play, "site.stands")][-2:] == [before, before]


def test_after_a_day_it_is_told_what_holds_it_up_by_then(tmp_path: Path) -> None:
    play = at_the_cabinet(tmp_path)
    play.field.level_cm = 10.0
    hours(play, LONG_H + 1)
    play.field.press()
    play.field.level_cm = 150.0
    hours(play, 12)
    assert "The tank holds 10 cm" in stands(play)[0]["text"]["en"]
    hours(play, 14)
    text = stands(play)[0]["text"]["en"]
    assert "for 50 hours" in text
    assert "The emergency stop" in text


def test_hours_without_power_count_but_the_zone_has_a_chance_first(tmp_path: Path) -> None:
    play = dry(tmp_path)
    hours(play, 2)
    play.reboot(play.now_ms, off_s=3 * crops.DAY_S)
    play.learn()
    hours(play, CHANCE_H - 0.5)
    assert not ever(play)
    hours(play, 1.5)
    assert ever(play)


def test_soil_that_is_wet_again_thirsts_no_more_but_a_probe_that_wavers_does(tmp_path: Path) -> None:
    play = dry(tmp_path)
    hours(play, LONG_H + 1)
    play.field.moisture[0] = 26.5
    hours(play, 2)
    assert stands(play)
    play.field.moisture[0] = 29.0
    hours(play, 2)
    assert stands(play) == []


def test_a_program_that_is_removed_wants_nothing(tmp_path: Path) -> None:
    play = dry(tmp_path, program=TIMER)
    hours(play, 50)
    assert stands(play)
    play.site = site_of(tmp_path, SITE)
    play.restart()
    hours(play, 1)
    assert stands(play) == []
    assert memory(play).kept.zones["zone-1"].thirst is None


def test_timers_that_are_left_out_for_rain_wake_nobody(tmp_path: Path) -> None:
    play = damp(tmp_path, TIMER)
    crops.days(play, 4)
    assert len(told(play, "program.skipped")) >= 2
    assert not ever(play)


def test_rain_ends_what_a_timer_lacks(tmp_path: Path) -> None:
    play = timed(tmp_path, "rain_mm = 8\n")
    play.field.level_cm = 10.0
    hours(play, 30)
    assert stands(play)
    field(play).rain_mm += 20.0
    hours(play, 2)
    assert stands(play) == []
    hours(play, 20)
    assert stands(play) == []


def test_a_slot_missed_without_power_is_one_that_the_zone_lacks(tmp_path: Path) -> None:
    play = farm(tmp_path, "", start_ms=MIDNIGHT_MS + 5 * HOUR_MS, program=EVERY_THIRD_DAY)
    hours(play, 6 + 48)
    play.reboot(play.now_ms, off_s=24 * 3600)  # from eleven to eleven, past the slot at six
    play.learn()
    hours(play, LONG_H + 1)
    (zone,) = stands(play)
    assert "The 06:00 watering was left out" in zone["text"]["en"]
    hours(play, 48)
    assert stands(play) == []


def test_substrate_is_told_after_its_longest_interval(tmp_path: Path) -> None:
    play = crops.farm(tmp_path, BY_DAY, grows=False)
    play.now_ms = MORNING_MS
    play.restart()
    hours(play, 1)
    play.field.level_cm = 10.0
    hours(play, 3)
    assert not ever(play)
    hours(play, 2)
    assert "Zone 1 has wanted water for 3 hours" in stands(play)[0]["text"]["en"]
    hours(play, 14)  # at night it stands on
    assert len(stands(play)) == 1
    play.field.level_cm = 150.0
    hours(play, 12)
    assert stands(play) == []


def test_a_zone_may_say_how_long_it_may_be_dry(tmp_path: Path) -> None:
    text = SITE.replace('id = "zone-1"\n', 'id = "zone-1"\nalert_dry_h = 6\n')
    text = text.replace('id = "zone-2"\n', 'id = "zone-2"\nalert_dry_h = 40\n')
    play = Play(site_of(tmp_path, text + BAND + BAND.replace('"band"', '"band-2"').replace("zone-1", "zone-2")))
    play.field.moisture, play.field.level_cm = [20.0, 20.0], 10.0
    hours(play, 5)
    assert not ever(play)
    hours(play, 34)
    assert [zone["zone"] for zone in stands(play)] == ["zone-1"]
    hours(play, 2)
    assert [zone["zone"] for zone in stands(play)] == ["zone-1", "zone-2"]


def test_a_pump_without_sun_is_told(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER, 5.9, holds=DIRECT)
    field(play).power_w, field(play).moisture = 0.0, [28.0, 28.0]
    hours(play, 24 + LONG_H)
    assert "The pump has nothing but the sun" in stands(play)[0]["text"]["en"] or play.ended()
    assert [zone["of"] for zone in stands(play)] == ["no_water"]


def at_the_cabinet(folder: Path, text: str = SITE) -> SwitchPlay:
    play = SwitchPlay(site_of(folder, switched(text) + BAND), start_ms=MORNING_MS)
    play.field.moisture = [20.0, 28.0]
    return play


@pytest.mark.parametrize("where", ["off", "hand"])
def test_who_keeps_a_zone_off_on_purpose_is_told_late_and_it_ends_when_it_is_on_auto(
    tmp_path: Path, where: str
) -> None:
    play = at_the_cabinet(tmp_path)
    play.field.turn(1, where)
    hours(play, KEPT_OFF_TIMES * LONG_H - 1)
    assert not ever(play)
    hours(play, 2)
    (zone,) = stands(play)
    assert zone["of"] == "kept_off"
    assert "kept off for 78 hours" in zone["text"]["en"]
    play.field.turn(1, "auto")
    play.field.level_cm = 10.0
    hours(play, 1)
    assert stands(play) == []
    hours(play, LONG_H)
    assert [zone["of"] for zone in stands(play)] == ["no_water"]


def test_what_is_watered_by_hand_without_a_meter_nobody_knows(tmp_path: Path) -> None:
    play = at_the_cabinet(tmp_path, SITE.replace(METER, ""))
    play.field.turn(1, "hand")
    hours(play, KEPT_OFF_TIMES * LONG_H + 4)
    assert not ever(play)


def test_water_by_hand_through_the_meter_is_water(tmp_path: Path) -> None:
    play = at_the_cabinet(tmp_path)
    play.field.turn(1, "hand")
    hours(play, 77)
    play.field.hand_l_min = 50.0
    hours(play, 0.5)
    play.field.hand_l_min = 0.0
    hours(play, 20)
    assert not ever(play)


def test_a_slot_that_a_person_has_stopped_is_not_lacking(tmp_path: Path) -> None:
    play = farm(tmp_path, "", start_ms=MIDNIGHT_MS + 5 * HOUR_MS + 3_540_000, program=EVERY_THIRD_DAY)
    play.step()
    play.stop()
    hours(play, 60)
    assert len(told(play, "program.skipped")) == 1
    assert play.ended() == []
    assert not ever(play)


def test_a_stop_ends_no_alert_and_one_a_day_does_not_keep_it_away(tmp_path: Path) -> None:
    play = dry(tmp_path)
    hours(play, 1)
    for _ in range(2):
        play.stop(command_id=f"stop {play.now_ms}")
        hours(play, 14)
    assert len(stands(play)) == 1
    before = len(told(play, "site.stands"))
    play.stop(command_id="last")
    hours(play, 2)
    assert len(told(play, "site.stands")) == before


def test_a_timers_slot_that_a_stop_takes_ends_no_alert(tmp_path: Path) -> None:
    play = farm(tmp_path, "", start_ms=MIDNIGHT_MS + 5 * HOUR_MS, program=TIMER)
    play.field.level_cm = 10.0
    hours(play, 48 + 0.9)
    (before,) = stands(play)
    play.stop()
    hours(play, 4)
    assert [zone["since_ms"] for zone in stands(play)] == [before["since_ms"]]


def test_sips_are_no_water(tmp_path: Path) -> None:
    play = farm(tmp_path, "")
    assert isinstance(play.field, Outdoors)
    for _ in range(20):
        play.field.level_cm = 150.0
        play.run(9)
        play.field.level_cm = 10.0
        hours(play, 1.5)
    assert len(play.ended()) >= 10
    assert [zone["zone"] for zone in stands(play)] == ["zone-1"]
