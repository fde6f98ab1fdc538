"""A timer's slot whose hour has come is not lost for having to wait: it waters later, or is told what held it up."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.edge.farms import HOUR_MS, MIDNIGHT_MS, MINUTE_MS, SITE, Play, site_of
from tests.edge.programs import crops
from tests.edge.programs.crops import BALANCE, told
from tests.edge.programs.test_holds import farm, field, plan
from tests.edge.programs.test_timer import LOCAL
from tests.edge.programs.test_weather_hold import OUTSIDE, Outside
from tests.edge.switches import SwitchPlay, switched
from tonnam_edge.core.memory import Memory

TIMER = """
[[program]]
id = "t"
kind = "timer"
zone = "zone-1"
at = "06:00"
run_min = 10
"""
LONG = TIMER.replace("run_min = 10", "run_min = 35")
SECOND = LONG.replace('"t"', '"t2"').replace("zone-1", "zone-2")
FIVE = MIDNIGHT_MS + 5 * HOUR_MS


def waters(play: Play, zone: str = "zone-1") -> list[str]:
    """The day and hour of each run of a zone."""
    begun = [LOCAL.at(event.at_ms) for event in told(play, "run.started") if event.body["zone"] == zone]
    return [f"{(at.date() - date(2026, 11, 21)).days} {at:%H:%M}" for at in begun]


def left_out(play: Play) -> list[str]:
    return [event.body["text"]["en"] for event in told(play, "program.skipped")]


def timed(folder: Path, holds: str, program: str = TIMER) -> Play:
    play = farm(folder, holds, start_ms=FIVE, program=program)
    field(play).moisture = [29.0, 29.0]
    return play


def test_a_zone_behind_another_on_one_pump_waters_after_it_every_day(tmp_path: Path) -> None:
    text = SITE.replace("max_run_min = 20", "max_run_min = 40").replace("max_day_min = 60", "max_day_min = 90")
    play = Play(site_of(tmp_path, text + LONG + SECOND), start_ms=FIVE)
    play.leap(2 * 86_400, at_most_s=600)
    assert waters(play) == ["0 06:00", "1 06:00"]
    assert waters(play, "zone-2") == ["0 06:35", "1 06:35"]
    assert left_out(play) == []


def test_who_had_water_longest_ago_comes_first_when_there_is_time_for_one(tmp_path: Path) -> None:
    text = SITE.replace("max_run_min = 20", "max_run_min = 40").replace("max_day_min = 60", "max_day_min = 90")
    programs = (LONG + SECOND).replace('at = "06:00"', 'finish = "06:35"\nlate_min = 0')
    play = Play(site_of(tmp_path, text + programs), start_ms=FIVE)
    play.leap(3 * 86_400, at_most_s=600)
    assert (waters(play), waters(play, "zone-2")) == (["0 06:00", "2 06:00"], ["1 06:00"])
    assert "The 06:00 watering was left out. It was held up: Zone 1 is being watered" in left_out(play)[0]


def test_wind_of_a_morning_costs_no_watering_and_of_a_day_is_told_by_its_name(tmp_path: Path) -> None:
    play = timed(tmp_path, "wind_m_s = 5\n")
    field(play).wind_m_s = 8.0
    play.leap(1.7 * 3600)
    assert plan(play).startswith("Next watering tomorrow at 06:00 · The 06:00 watering waits. Wind over 5 m/s")
    field(play).wind_m_s = 1.0
    play.leap(600)
    assert waters(play) == ["0 06:42"]


def test_a_timer_that_wind_holds_day_after_day_is_told_and_waters_after_a_day(tmp_path: Path) -> None:
    play = timed(tmp_path, "wind_m_s = 5\n")
    for hour in range(50):
        field(play).wind_m_s = 8.0 + hour % 3 / 10
        play.leap(3600, at_most_s=900)
    assert [event.body["zone"] for event in told(play, "weather.holds")] == ["zone-1"]
    assert left_out(play) == [
        "The 06:00 watering was left out. It was held up: Wind over 5 m/s; waiting until it is calmer"
    ]
    assert waters(play) == ["1 06:00", "2 06:00"]


def test_rain_that_was_expected_and_did_not_fall_is_given_and_of_what_fell_only_the_rest(tmp_path: Path) -> None:
    play = timed(tmp_path, "forecast_mm = 10\nforecast_wait_h = 6\nrain_mm = 15\n")
    for day, fell_mm in enumerate((0.0, 5.0, 14.0)):
        play.leap((day * 24 + 5.5) * 3600 - (play.now_ms - MIDNIGHT_MS) / 1000, at_most_s=900)
        field(play).forecast_mm = 20.0 if day < 2 else 14.2
        play.leap(2 * 3600, at_most_s=900)
        field(play).rain_mm += fell_mm
        play.leap(6 * 3600, at_most_s=900)
        field(play).forecast_mm = 0.0
    assert [at[:4] for at in waters(play)] == ["0 11", "1 11"]
    planned = [event.body["planned_s"] for event in told(play, "run.started")]
    assert planned == [600, 450]
    assert left_out(play) == ["The 06:00 watering was left out: the rain that it waited for has fallen, 14 mm"]


def test_rain_that_fell_is_the_slots_water_and_is_told_as_such(tmp_path: Path) -> None:
    play = timed(tmp_path, "rain_mm = 5\n")
    play.leap(600)
    field(play).rain_mm += 8.0
    play.leap(14 * 3600, at_most_s=600)
    assert waters(play) == []
    assert left_out(play) == [
        "The 06:00 watering was left out. It was held up: 8 mm of rain in 24 hours, so no water"
    ]
    play.leap(12 * 3600, at_most_s=600)
    assert waters(play) == ["1 06:00"]


def test_rain_of_the_hour_that_is_not_over_holds(tmp_path: Path) -> None:
    play = timed(tmp_path, "rain_mm = 5\n", TIMER.replace("06:00", "05:50"))
    play.leap(300)
    for _ in range(8):
        field(play).rain_mm += 3.0
        play.leap(300)
    play.leap(900)
    assert waters(play) == []
    assert "24 mm of rain in 24 hours" in plan(play)


@pytest.mark.parametrize(("rain_mm_h", "begun"), [(0.0, ["1 05:50"]), (40.0, [])])
def test_a_balance_at_its_hour_counts_the_rain_of_the_hour_that_is_not_over(
    tmp_path: Path, rain_mm_h: float, begun: list[str]
) -> None:
    def edit(text: str) -> str:
        return text.replace('cover = "greenhouse"\n', "").replace("[weather]\n", OUTSIDE)

    play = crops.farm(tmp_path, BALANCE + 'at = "05:50"\n', edit=edit)
    outside = Outside(play, 1.0, 0.0)
    play.field, outside.moisture = outside, [None, None]
    play.leap(29.05 * 3600, at_most_s=900)
    outside.began_ms, outside.bounces_mm_h = play.now_ms, rain_mm_h
    play.leap(0.9 * 3600, at_most_s=120)
    assert [at for at in waters(play) if at[0] == "1"] == begun


def test_a_slot_in_quiet_hours_waters_when_they_end(tmp_path: Path) -> None:
    play = timed(tmp_path, 'quiet = ["21:00", "05:00"]\n', TIMER.replace("06:00", "03:00"))
    play.leap(24.2 * 3600, at_most_s=900)
    assert (waters(play), left_out(play)) == (["1 05:00"], [])


def test_what_is_to_be_done_by_a_time_is_told_why_it_was_not(tmp_path: Path) -> None:
    play = timed(
        tmp_path, 'quiet = ["21:00", "06:00"]\n', TIMER.replace('at = "06:00"', 'finish = "05:50"\nlate_min = 5')
    )
    play.leap(1.2 * 3600, at_most_s=300)
    assert waters(play) == []
    assert left_out(play) == ["The 05:40 watering was left out. It was held up: Quiet hours, until 06:00"]


@pytest.mark.parametrize(("who", "begun"), [("tank", ["0 07:30"]), ("person", [])])
def test_a_tank_that_fills_again_ends_the_wait_and_a_persons_stop_the_slot(
    tmp_path: Path, who: str, begun: list[str]
) -> None:
    play = Play(site_of(tmp_path, SITE + TIMER), start_ms=FIVE + 50 * MINUTE_MS)
    play.field.level_cm = 15.0 if who == "tank" else 150.0
    play.run(5)
    if who == "person":
        play.stop()
    play.leap(100 * 60 - 5, at_most_s=60)
    play.field.level_cm = 150.0
    play.leap(1800, at_most_s=60)
    assert waters(play) == begun
    assert len(left_out(play)) == (who == "person")


def test_a_wait_survives_a_restart(tmp_path: Path) -> None:
    play = timed(tmp_path, "wind_m_s = 5\n")
    field(play).wind_m_s = 8.0
    play.leap(3 * 3600, at_most_s=300)
    play.restart()
    play.leap(120)
    assert Memory.decode(play.memory or b"{}").kept.pending
    field(play).wind_m_s = 1.0
    play.leap(900)
    assert [at[:4] for at in waters(play)] == ["0 08"]


@pytest.mark.parametrize(("where", "begun"), [(None, ["0 06:45"]), ("off", [])])
def test_a_switch_that_is_silent_for_a_while_costs_no_slot_and_one_on_off_does(
    tmp_path: Path, where: str | None, begun: list[str]
) -> None:
    play = SwitchPlay(site_of(tmp_path, switched(SITE + TIMER)), start_ms=FIVE + 54 * MINUTE_MS)
    play.run(10)
    play.field.switches_answer = where is not None
    play.field.turn(1, where or "auto")
    play.leap(51 * 60 - 10, at_most_s=30)
    play.field.switches_answer = True
    play.field.turn(1, "auto")
    play.leap(1200, at_most_s=5)
    assert waters(play) == begun
    assert len(left_out(play)) == (where is not None)
