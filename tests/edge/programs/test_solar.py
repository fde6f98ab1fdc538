"""Solar first: a pump that has nothing but the sun waits, pauses and goes on; nobody waits longer than is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, Play
from tests.edge.programs.crops import told
from tests.edge.programs.test_holds import Outdoors, farm, field, plan
from tests.edge.programs.test_slots_that_wait import TIMER, left_out, waters
from tests.edge.test_several_pumps import latches
from tonnam_edge.core import Observation

SOLAR = 'solar = { power = "roof/active_power", least = 1500, latest = "14:00" }\n'
DIRECT = SOLAR.replace(" }", ", direct = true }")


class Sunlit(Outdoors):
    """Its pump gives nothing without power, unless the power is a lie."""

    def __init__(self, *, lies: bool = False) -> None:
        super().__init__()
        self.lies = lies

    def observe(self, mono_ms: int) -> list[Observation]:
        self.flow_l_min = 60.0 if self.lies or (self.power_w or 0.0) >= 1500 else 0.0
        return super().observe(mono_ms)


def sunlit(folder: Path, program: str, hour: float, *, holds: str = DIRECT, lies: bool = False) -> Play:
    play = farm(folder, holds, start_ms=MIDNIGHT_MS + round(hour * HOUR_MS), program=program)
    play.field = Sunlit(lies=lies)
    return play


def test_a_cloud_is_a_pause_the_run_goes_on_and_its_rest_is_given_after_it(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER.replace("06:00", "10:00"), 9.99)
    field(play).moisture = [29.0, 29.0]
    play.run(240)
    field(play).power_w = 200.0
    play.run(60)
    assert not play.field.coil(0)
    assert play.field.coil(1)
    field(play).power_w = 2000.0
    play.run(600)
    assert [event.kind for event in play.events if event.kind.startswith("pump.")] == ["pump.held", "pump.resumed"]
    first, rest = play.ended()
    assert (first.body["outcome"], rest.body["outcome"], latches(play)) == ("done", "done", [])
    assert first.body["litres"] == pytest.approx(525, abs=10)
    assert first.body["litres"] + rest.body["litres"] == pytest.approx(600, abs=15)


def test_a_timer_waits_with_its_start_until_there_is_power(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER, 5.9)
    field(play).moisture, field(play).power_w = [29.0, 29.0], 0.0
    play.leap(2.1 * 3600)
    assert waters(play) == []
    assert plan(play).endswith("Not enough sun to run the pump yet; waters at 14:00 all the same")
    field(play).power_w = 2000.0
    play.leap(1200, at_most_s=10)
    assert waters(play) == ["0 08:00"]
    assert play.ended()[0].body["litres"] == pytest.approx(600, abs=10)


def test_a_power_that_is_always_said_to_be_none_holds_nothing_after_the_latest_hour(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER + BAND, 5.9, lies=True)
    field(play).power_w = 0.0
    play.leap(8.6 * 3600, at_most_s=300)
    assert waters(play)[0] == "0 14:00"
    assert play.ended()[0].body["litres"] == pytest.approx(600, abs=10)


def test_without_any_sun_a_try_at_the_latest_hour_is_told_and_is_no_fault(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER, 5.9)
    field(play).power_w = 0.0
    play.leap(9 * 3600, at_most_s=300)
    (ended,) = play.ended()
    assert (ended.body["outcome"], ended.body["reason"]["en"]) == (
        "stopped",
        "The pump stood all the time: the zone had no water",
    )
    assert (latches(play), play.core.safe) == ([], True)


def test_no_latest_hour_runs_a_pump_at_night_and_that_is_said_and_told_after_a_day(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER + BAND, 5.9, holds=DIRECT.replace("14:00", "20:00"))
    field(play).power_w = 0.0
    play.leap(25 * 3600, at_most_s=600)
    assert waters(play) == []
    assert "The pump has nothing but the sun, and that is too little or not known" in plan(play)
    assert [event.body["zone"] for event in told(play, "zone.waits")] == ["zone-1"]
    assert "It was held up: The pump has nothing but the sun" in left_out(play)[0]


def test_a_person_waters_whatever_the_power_is_said_to_be(tmp_path: Path) -> None:
    play = sunlit(tmp_path, "", 10, lies=True)
    field(play).power_w = 0.0
    play.run(15)
    play.water(seconds=200)
    play.run(300)
    assert play.states()[-1] == "done"
    assert play.ended()[0].body["litres"] == pytest.approx(200, abs=10)


def test_no_flow_with_power_is_a_fault_and_less_of_it_under_a_thin_cloud_is_none(tmp_path: Path) -> None:
    play = farm(tmp_path, DIRECT)
    field(play).flow_l_min = 25.0
    play.run(400)
    assert not play.ended()
    field(play).flow_l_min = 0.0
    play.run(120)
    assert play.ended()[0].body["outcome"] == "failed"


@pytest.mark.parametrize("holds", [SOLAR, DIRECT])
def test_the_latest_hour_leaves_a_program_some_of_its_own_hours(tmp_path: Path, holds: str) -> None:
    play = sunlit(tmp_path, BAND + 'between = ["06:00", "12:00"]\n', 6.1, holds=holds, lies=True)
    field(play).power_w = 100.0
    play.leap(600)
    assert plan(play).endswith("Not enough sun to run the pump yet; waters at 11:00 all the same")
    play.leap(5 * 3600, at_most_s=300)
    assert waters(play)[0] == "0 11:00"


def test_a_latest_hour_in_quiet_ones_is_said_as_it_will_be(tmp_path: Path) -> None:
    play = sunlit(tmp_path, BAND, 9, holds=SOLAR + 'quiet = ["13:00", "15:30"]\n', lies=True)
    field(play).power_w = 100.0
    play.leap(600)
    assert plan(play) == "Not enough sun to run the pump yet; waters at 15:30 all the same"


EARLY = """
[[program]]
id = "early"
kind = "moisture"
zone = "zone-2"
pulse_min = 5
rest_min = 15
between = ["05:00", "08:00"]
"""


def test_one_programs_hours_take_the_wait_for_sun_from_no_other(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER.replace("06:00", "08:30") + EARLY, 8.4)
    field(play).moisture, field(play).power_w = [29.0, 35.0], 0.0
    play.leap(1.1 * 3600, at_most_s=10)
    assert waters(play) == []
    assert plan(play).endswith("waters at 14:00 all the same")
    field(play).power_w = 2000.0
    play.leap(1200, at_most_s=10)
    assert waters(play) == ["0 09:30"]
    assert play.ended()[0].body["litres"] == pytest.approx(600, abs=10)


def test_a_slot_for_which_the_pump_had_no_sun_at_all_waters_when_it_has_that_day(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER.replace("06:00", "14:10"), 13.9)
    field(play).moisture, field(play).power_w = [29.0, 29.0], 0.0
    play.leap(3600, at_most_s=10)
    assert (waters(play), play.ended()[0].body["litres"]) == (["0 14:10"], 0)
    assert plan(play).endswith(
        "The 14:10 watering waits. The pump has nothing but the sun, and that is too little or not known"
    )
    field(play).power_w = 2000.0
    play.leap(1200, at_most_s=10)
    assert waters(play) == ["0 14:10", "0 14:54"]
    assert play.ended()[1].body["litres"] == pytest.approx(600, abs=10)
    assert told(play, "run.started")[1].body["reason"]["en"].startswith("The 14:10 watering, for which the pump had")


def test_a_slot_without_sun_is_not_given_on_the_next_day(tmp_path: Path) -> None:
    play = sunlit(tmp_path, TIMER.replace("06:00", "14:10"), 13.9)
    field(play).moisture, field(play).power_w = [29.0, 29.0], 0.0
    play.leap(15 * 3600, at_most_s=300)
    field(play).power_w = 2000.0
    play.leap(9 * 3600, at_most_s=300)
    assert waters(play) == ["0 14:10"]
