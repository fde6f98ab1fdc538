"""What the core does with programs, people and faults, second by second against a small field."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, MINUTE_MS, SITE, TIMER, Play, site_of
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site
from tonnam_link.messages import Event
from tonnam_link.quality import Quality


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path)


def reason(event: Event) -> str:
    return str(event.body["reason"]["en"])


def test_everything_is_turned_off_first_and_repeated_until_read_back(site: Site) -> None:
    play = Play(site)
    play.field.coils = [True] * 8
    play.field.relay_answers = False
    offs = [action for _ in range(6) for action in play.step().actions]
    assert [action.actuator for action in offs[:3]] == ["pump", "valve-1", "valve-2"]
    assert len(offs) == 9  # at 0, 2 and 4 seconds
    assert not play.core.safe
    play.field.relay_answers = True
    play.run(4)
    assert play.core.safe
    assert play.field.coils[:3] == [False] * 3


def test_a_manual_run_opens_valve_then_pump_and_stops_pump_then_valve(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=60)
    play.run(90)
    moves = [(a.actuator, a.open) for step in play.steps for a in step.actions][-4:]
    assert moves == [("valve-1", True), ("pump", True), ("pump", False), ("valve-1", False)]
    assert play.states() == ["accepted", "running", "done"]
    ended = play.ended()[0].body
    assert ended["outcome"] == "done"
    assert ended["duration_s"] == 60
    assert ended["litres"] == pytest.approx(60, abs=2)


def test_a_run_is_remembered_in_the_step_that_opens_the_valve(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water()
    step = next(step for step in (play.step() for _ in range(3)) if any(a.open for a in step.actions))
    assert step.memory is not None
    assert "zone-1" in Memory.decode(step.memory).runs


def test_a_valve_is_opened_only_with_a_deadline_that_outlasts_the_pumps(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=300)
    play.run(10)
    opened = {a.actuator: a for step in play.steps for a in step.actions if a.open}
    valve, pump = opened["valve-1"], opened["pump"]
    assert valve.hold_s is not None
    assert pump.hold_s is not None
    assert 300 < pump.hold_s <= 310
    assert valve.decided_mono_ms + valve.hold_s * 1000 > pump.decided_mono_ms + pump.hold_s * 1000
    assert valve.hold_s < 340


def test_no_water_starts_while_the_disk_takes_nothing_and_what_runs_comes_to_its_end(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=60)
    play.run(10)
    play.core.remembers = False
    play.run(80)
    assert play.states("c1")[-1] == "done"
    play.water(command_id="c2")
    play.run(2)
    assert play.states("c2") == ["refused"]
    assert "cannot write to its disk" in play.outcomes[-1].reason["en"]


def test_the_longest_run_of_the_zone_cuts_a_command_short(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=7200)
    play.run(10)
    started = next(event for event in play.events if event.kind == "run.started")
    assert started.body["planned_s"] == 1200
    assert "cut to 20 minutes" in reason(started)


def test_stop_by_hand_ends_the_run_and_holds_the_programs(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + BAND))
    play.field.moisture[0] = 20.0
    play.run(10)
    assert play.field.coils[:2] == [True, True]
    play.stop()
    play.run(20)
    assert play.states("s1") == ["running", "done"]
    assert play.ended()[0].body["outcome"] == "stopped"
    play.leap(59 * 60 - 60)
    assert play.kinds().count("run.started") == 1
    play.leap(10 * 60)
    assert play.kinds().count("run.started") == 2


def test_stop_without_water_is_done_at_once(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.stop()
    play.step()
    assert play.states("s1") == ["done"]


@pytest.mark.parametrize(
    ("zone", "seconds", "lives_s", "state", "words"),
    [
        ("zone-9", 60, 60, "refused", "There is no zone zone-9"),
        ("zone-1", 0, 60, "refused", "No watering time"),
        ("zone-1", 60, -1, "expired", "too late"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(
    site: Site, zone: str, seconds: int, lives_s: int, state: str, words: str
) -> None:
    play = Play(site)
    play.run(3)
    play.water(zone, seconds, lives_s=lives_s)
    play.run(3)
    assert play.states() == [state]
    assert words in play.outcomes[0].reason["en"]
    assert play.outcomes[0].reason["th"]


def test_the_same_command_never_acts_twice_not_even_after_a_restart(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=30)
    play.run(60)
    play.water(seconds=30)
    play.run(10)
    assert play.kinds().count("run.started") == 1
    assert play.states()[-1] == "done"
    again = Play(site, start_ms=play.now_ms, memory=play.memory)
    again.run(3)
    again.water(seconds=30)
    again.run(10)
    assert again.kinds().count("run.started") == 0
    assert again.states() == ["done"]


def test_one_zone_at_a_time(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water("zone-1", 120, "c1")
    play.run(10)
    play.water("zone-2", 120, "c2")
    play.run(3)
    assert play.states("c2") == ["refused"]
    assert "Zone 1 is being watered" in play.outcomes[-1].reason["en"]


def test_a_low_tank_refuses_and_ends_runs(site: Site) -> None:
    play = Play(site)
    play.field.level_cm = 21.0
    play.run(3)
    play.water(command_id="c1")
    play.step()
    assert play.states("c1") == ["refused"]
    play.field.level_cm = 60.0
    play.water(command_id="c2")
    play.run(20)
    play.field.level_cm = 19.0
    play.run(10)
    assert play.ended()[0].body["outcome"] == "stopped"
    assert play.states("c2")[-1] == "failed"
    assert "down to 19 cm" in play.outcomes[-1].reason["en"]
    assert play.field.coils[:2] == [False, False]


def test_an_unknown_tank_level_means_a_short_run(site: Site) -> None:
    play = Play(site)
    play.field.level_cm = None
    play.run(40)
    play.water(seconds=1200)
    play.run(5)
    started = next(event for event in play.events if event.kind == "run.started")
    assert started.body["planned_s"] == 300
    assert "level is unknown" in reason(started)


def test_no_flow_ends_the_run_in_a_time_that_follows_from_the_pulse(site: Site) -> None:
    play = Play(site)
    play.field.flow_l_min = 0.0
    play.run(3)
    play.water(seconds=300)
    play.run(60)
    ended = play.ended()[0].body
    assert ended["outcome"] == "failed"
    assert 15 < ended["duration_s"] < 30
    assert play.states() == ["accepted", "running", "failed"]
    assert play.field.coils[:2] == [False, False]


def test_slow_drip_with_large_pulses_is_not_called_broken(tmp_path: Path) -> None:
    text = SITE.replace("flow_l_min = 60", "flow_l_min = 4").replace(
        'profile = "pulse-counter"', 'profile = "pulse-counter"\nparameters = { pulse_l = 10 }'
    )
    play = Play(site_of(tmp_path, text))
    play.field.flow_l_min = 4.0
    play.run(3)
    play.water(seconds=900)
    play.run(960)
    assert play.ended()[0].body["outcome"] == "done"


def test_a_silent_meter_leaves_litres_unknown_and_stops_nothing(site: Site) -> None:
    play = Play(site)
    play.field.meter_answers = False
    play.run(3)
    play.water(seconds=60)
    play.run(90)
    assert play.ended()[0].body["outcome"] == "done"
    assert play.ended()[0].body["litres"] is None


def test_litres_survive_a_counter_that_wraps(site: Site) -> None:
    play = Play(site)
    play.field.litres = 2**32 - 20
    play.run(3)
    play.water(seconds=60)
    while not play.ended():
        play.step()
        play.field.litres %= 2**32
    assert play.ended()[0].body["litres"] == pytest.approx(60, abs=2)


def test_a_relay_that_drops_out_turns_everything_off_and_is_told(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=300)
    play.run(20)
    play.field.coils = [False] * 8
    play.run(6)
    assert "actuator.fault" in play.kinds()
    assert play.ended()[0].body["outcome"] == "failed"
    play.water(command_id="c2")
    play.run(2)
    assert play.states("c2") == ["refused"]


def test_a_coil_that_goes_on_by_itself_turns_everything_off(site: Site) -> None:
    play = Play(site)
    play.run(5)
    play.field.coils[2] = True
    play.run(3)
    assert play.field.coils[:3] == [False] * 3
    faults = [event for event in play.events if event.kind == "actuator.fault"]
    assert [fault.body["actuator"] for fault in faults] == ["valve-2"]
    assert "without being told" in faults[0].body["text"]["en"]


def test_a_valve_that_does_not_confirm_fails_the_run_before_the_pump_starts(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.field.welded = {1: False}
    play.water()
    play.run(30)
    assert not any(a.actuator == "pump" and a.open for step in play.steps for a in step.actions)
    assert play.ended()[0].body["outcome"] == "failed"


def test_a_valve_that_will_not_close_is_told_to_for_ever(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=30)
    play.run(20)
    play.field.welded = {1: True}
    play.run(120)
    offs = [a for step in play.steps[-60:] for a in step.actions]
    assert len([a for a in offs if a.actuator == "valve-1" and not a.open]) >= 25
    assert not any(a.open for a in offs)
    assert play.ended()[0].body["outcome"] == "failed"
    assert play.kinds().count("actuator.fault") == 1


def test_a_silent_cabinet_during_a_run_is_told_to_close_until_it_answers(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=300)
    play.run(20)
    play.field.relay_answers = False
    play.run(60)
    assert play.ended()[0].body["outcome"] == "failed"
    play.field.relay_answers = True
    play.run(5)
    assert play.field.coils[:3] == [False] * 3


def test_a_run_cut_off_by_a_kill_ends_as_interrupted_and_counts_in_full(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=600)
    play.run(30)
    later = Play(site, start_ms=play.now_ms + 60_000, memory=play.memory)
    later.field.coils = list(play.field.coils)
    later.run(5)
    assert later.field.coils[:3] == [False] * 3
    assert later.ended()[0].body["outcome"] == "interrupted"
    assert later.states() == ["failed"]
    assert later.memory is not None
    assert Memory.decode(later.memory).known.used["zone-1"].seconds == 600


def test_the_days_limit_holds_across_runs_and_clocks_that_go_back(site: Site) -> None:
    play = Play(site)
    play.run(3)
    for number in range(4):
        play.water(seconds=1200, command_id=f"c{number}")
        play.run(1230)
    assert play.states("c3") == ["refused"]
    yesterday = Play(site, start_ms=play.now_ms - 24 * HOUR_MS, memory=play.memory)
    yesterday.run(3)
    yesterday.water(command_id="late")
    yesterday.run(2)
    assert yesterday.states("late") == ["refused"]


def test_a_timer_runs_once_a_day_whatever_the_clock_does(tmp_path: Path) -> None:
    site = site_of(tmp_path, SITE + TIMER)
    play = Play(site, start_ms=MIDNIGHT_MS + 6 * HOUR_MS)
    play.leap(30 * 60)
    assert [reason(e) for e in play.events if e.kind == "run.started"] == ["The 06:10 watering, 5 minutes"]
    back = Play(site, start_ms=MIDNIGHT_MS + 6 * HOUR_MS, memory=play.memory)
    back.leap(20 * 60)
    assert "run.started" not in back.kinds()
    tomorrow = Play(site, start_ms=MIDNIGHT_MS + 30 * HOUR_MS, memory=back.memory)
    tomorrow.leap(20 * 60)
    assert tomorrow.kinds().count("run.started") == 1


def test_a_timer_missed_by_a_short_power_cut_is_made_up_and_a_long_one_is_not(tmp_path: Path) -> None:
    site = site_of(tmp_path, SITE + TIMER)
    night = Play(site, start_ms=MIDNIGHT_MS)
    night.run(3)
    soon = Play(site, start_ms=MIDNIGHT_MS + 6 * HOUR_MS + 30 * MINUTE_MS, memory=night.memory)
    soon.run(40)  # after a restart programs wait a little
    assert soon.kinds().count("run.started") == 1
    late = Play(site, start_ms=MIDNIGHT_MS + 9 * HOUR_MS, memory=night.memory)
    late.run(40)
    assert "run.started" not in late.kinds()


def test_a_year_wrong_clock_does_not_silence_timers_for_a_year(tmp_path: Path) -> None:
    site = site_of(tmp_path, SITE + TIMER)
    wrong = Play(site, start_ms=MIDNIGHT_MS + 365 * 24 * HOUR_MS)
    wrong.run(3)
    right = Play(site, start_ms=MIDNIGHT_MS + 6 * HOUR_MS, memory=wrong.memory)
    right.leap(30 * 60)
    assert right.kinds().count("run.started") == 1


def test_a_dry_zone_is_watered_in_pulses_until_the_top_of_its_band(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + BAND))
    play.field.moisture[0] = 25.0
    play.leap(15 * 60)
    play.field.moisture[0] = 28.0
    play.leap(15 * 60)
    play.field.moisture[0] = 31.5
    play.leap(60 * 60)
    reasons = [reason(e) for e in play.events if e.kind == "run.started"]
    assert reasons == ["The soil is dry: 25.0%, below 26%", "Watering on up to 31%; now 28.0%"]
    assert play.ended()[1].body["reason"]["en"].startswith("The soil is wet enough")


@pytest.mark.parametrize("moisture", [0.0, None])
def test_zero_moisture_is_dry_but_unknown_moisture_waters_nothing(tmp_path: Path, moisture: float | None) -> None:
    play = Play(site_of(tmp_path, SITE + BAND))
    play.field.moisture[0] = moisture
    play.run(60)
    assert ("run.started" in play.kinds()) == (moisture is not None)


def test_a_stale_reading_is_unknown_with_its_reason_and_never_an_old_number(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.field.moisture[0] = None
    play.run(60)
    frame = next(step.frame for step in reversed(play.steps) if step.frame and len(step.frame.samples) > 5)
    sample = frame.samples["plot/zone-1/soil_moisture"]
    assert (sample.value, sample.quality) == (None, Quality.STALE)
    assert "device.lost" in play.kinds()
    play.field.moisture[0] = 27.0
    play.run(3)
    assert "device.back" in play.kinds()


def test_a_number_outside_the_sensors_range_is_kept_as_raw_only(site: Site) -> None:
    play = Play(site)
    play.field.moisture[0] = 6553.5
    step = play.step()
    assert step.frame is not None
    sample = step.frame.samples["plot/probe-1/soil_moisture"]
    assert (sample.value, sample.quality, sample.raw) == (None, Quality.OUT_OF_RANGE, 6553.5)


def test_frames_come_at_the_beat_and_at_once_for_valves(site: Site) -> None:
    play = Play(site)
    play.run(25)
    assert [len(step.frame.samples) for step in play.steps[2:] if step.frame] == [10, 10]
    play.water(seconds=60)
    play.run(3)
    urgent = [step.frame for step in play.steps if step.frame and step.urgent]
    assert any("plot/zone-1/valve_open" in frame.samples for frame in urgent)
    times = [step.frame.observed_at_ms for step in play.steps if step.frame]
    assert times == sorted(set(times))


def frame_times(site: Site, *clock: tuple[int, int]) -> list[float]:
    """Times of frames, in seconds after the first, for wall and boot clocks at so many seconds."""
    play, times = Play(site), []
    for wall_s, mono_s in clock:
        play.core.observe(play.field.observe(play.now_ms + mono_s * 1000))
        frame = play.core.step(play.now_ms + wall_s * 1000, play.now_ms + mono_s * 1000).frame
        assert frame is not None
        times.append((frame.observed_at_ms - play.now_ms) / 1000)
    return times


def test_frame_times_grow_even_when_the_clock_goes_back_a_little(site: Site) -> None:
    assert frame_times(site, (0, 0), (-30, 20), (-10, 40)) == [0, 0.001, 0.002]


def test_a_clock_that_was_hours_ahead_does_not_freeze_readings_in_the_future(site: Site) -> None:
    ahead = 7 * 3600
    assert frame_times(site, (ahead, 0), (20, 20), (40, 40)) == [ahead, 20, 40]


def test_shutting_down_ends_the_run_and_turns_everything_off_within_three_seconds(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.water(seconds=300)
    play.run(20)
    play.core.shut_down()
    play.run(4)
    assert play.core.safe
    assert play.ended()[0].body["outcome"] == "interrupted"


def test_the_whole_site_is_described_for_the_cloud(tmp_path: Path) -> None:
    body = Play(site_of(tmp_path, SITE + TIMER + BAND)).core.describe(0).body
    zone = body["zones"][0]
    assert zone["moisture"] == "plot/zone-1/soil_moisture"
    assert zone["valve"] == "plot/zone-1/valve_open"
    assert zone["max_run_s"] == 1200
    assert [program["text"]["en"] for program in zone["programs"]] == [
        "Every day at 06:10, 5 minutes",
        "Below 26%: 10 minutes, rest 15 minutes, until 31%",
    ]
    assert body["tank"] == {"datastream": "plot/tank/level", "full_cm": 200}
    assert msgspec.json.decode(msgspec.json.encode(body)) == body


def test_the_plan_is_told_when_it_changes_and_only_then(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + TIMER + BAND))
    play.run(120)
    plans = [e.body for e in play.events if e.kind == "zone.planned" and e.body["zone"] == "zone-1"]
    assert len(plans) == 1
    assert plans[0]["text"]["en"] == "Next watering tomorrow at 06:10 · Waters when the soil is below 26%"
    assert plans[0]["next_at_ms"] == MIDNIGHT_MS + 30 * HOUR_MS + 10 * MINUTE_MS


def test_a_plan_that_says_wait_is_told_anew_when_water_runs_after_all(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + TIMER + BAND))
    play.run(3)
    play.water()
    play.run(20)
    play.stop()
    play.run(60)
    play.water(command_id="c2")
    play.run(60)
    plans = [
        (e.at_ms, e.body["text"]["en"])
        for e in play.events
        if e.kind == "zone.planned" and e.body["zone"] == "zone-1"
    ]
    began = [e.at_ms for e in play.events if e.kind == "run.started"]
    assert plans[-2][1].startswith("Held because it was stopped by hand")
    assert plans[-1] == (began[-1], "Next watering tomorrow at 06:10 · Waters when the soil is below 26%")


def test_leaping_from_due_to_due_gives_the_same_runs_as_every_second(tmp_path: Path) -> None:
    site = site_of(tmp_path, SITE + TIMER + BAND)
    told = []
    for leaping in (False, True):
        play = Play(site, start_ms=MIDNIGHT_MS + 6 * HOUR_MS)
        play.field.moisture[0] = 25.0
        (play.leap if leaping else play.run)(3000)
        told.append([(e.body["planned_s"]) for e in play.events if e.kind == "run.started"])
        litres = [e.body["litres"] for e in play.ended()]
        told.append([round(each / 10) for each in litres])
    assert told[0] == told[2]
    assert told[1] == told[3]
