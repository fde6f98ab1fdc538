"""What the core does by clock and by moisture, and what it tells of it, second by second against a small field."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, MINUTE_MS, SITE, TIMER, Play, site_of
from tonnam_edge.site.site import Site
from tonnam_link.messages import Event
from tonnam_link.quality import Quality


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path)


def reason(event: Event) -> str:
    return str(event.body["reason"]["en"])


def test_the_days_limit_holds_across_runs_and_clocks_that_go_back(site: Site) -> None:
    play = Play(site)
    play.run(3)
    for number in range(4):
        play.water(seconds=1200, command_id=f"c{number}")
        play.leap(1230)
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
