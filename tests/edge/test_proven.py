"""A farm whose clock is never set, or wrong at every boot: what counts is the time that has surely passed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, SITE, TIMER, Play, site_of
from tests.edge.test_unknown_time import DAWN_MS, DAY_S, IN_1970_MS, IN_2036_MS, booted, starts, wrong_clock
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import DayUse, Memory, Turn
from tonnam_edge.core.programs.unset import gaps_h
from tonnam_edge.core.proven import told
from tonnam_edge.site.program_file import TimerPart
from tonnam_edge.site.site import Site

DAY_MS = 24 * HOUR_MS
Wall = Callable[[Play], int]
ran_on_clock = pytest.param(lambda play: play.now_ms + play.skew_ms, id="from where it stopped")
a_day_ahead = pytest.param(lambda play: play.now_ms + play.skew_ms + 2 * DAY_MS, id="two days further each time")
in_1970 = pytest.param(lambda _: IN_1970_MS, id="1970")


@pytest.fixture(scope="module")
def timer(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("timer"), SITE + TIMER)


@pytest.fixture(scope="module")
def band(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("band"), SITE + BAND)


@pytest.fixture(scope="module")
def thirsty(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("thirsty"), SITE + TIMER + BAND)


def watered_s(play: Play) -> float:
    return sum(float(each.body["duration_s"]) for each in play.ended())


def skipped(play: Play) -> list[str]:
    return [event.body["text"]["en"] for event in play.events if event.kind == "program.skipped"]


def live(play: Play, days: int, up_h: int, wall: Wall) -> list[float]:
    """Days of so many hours with power; returns what each of them had, in seconds."""
    found = []
    for _ in range(days):
        before_s = watered_s(play)
        play.leap(up_h * 3600, at_most_s=240)
        found.append(watered_s(play) - before_s)
        play.reboot(wall(play), off_s=DAY_S - up_h * 3600)
    return found


@pytest.mark.parametrize("wall", [in_1970, ran_on_clock, a_day_ahead])
def test_days_limit_is_free_again_after_a_days_uptime_and_not_before(band: Site, wall: Wall) -> None:
    play = Play(band, start_ms=MIDNIGHT_MS + 7 * HOUR_MS)
    play.field.moisture[0] = 5.0
    assert live(play, 6, 10, wall) == [3600, 0, 3600, 0, 0, 3600]


@pytest.mark.parametrize("ahead_ms", [70 * 60_000, DAY_MS, 20 * DAY_MS])
def test_days_limit_is_no_other_for_a_clock_that_is_ahead(band: Site, ahead_ms: int) -> None:
    play = Play(band, start_ms=MIDNIGHT_MS + 15 * HOUR_MS)
    play.field.moisture[0] = 5.0
    for _ in range(3):
        play.leap(3 * 3600, at_most_s=60)
        play.reboot(play.now_ms + play.skew_ms + ahead_ms)
    assert watered_s(play) == 3600
    assert play.now_ms < MIDNIGHT_MS + 25 * HOUR_MS


def test_clock_that_is_set_by_guess_again_makes_no_new_day(thirsty: Site) -> None:
    play = Play(thirsty, start_ms=DAWN_MS)
    play.field.moisture[0] = 5.0
    play.leap(5000, at_most_s=60)
    play.reboot(IN_1970_MS)
    play.leap(1800, at_most_s=60)
    for wall_ms in (IN_2036_MS, IN_1970_MS, DAWN_MS):
        play.skew_ms = wall_ms - play.now_ms
        play.leap(4 * 3600, at_most_s=60)
    assert 3400 < watered_s(play) <= 3600 + 30


@wrong_clock
def test_run_that_a_power_cut_ends_adds_to_what_the_day_had_before(thirsty: Site, wall_ms: int) -> None:
    play = Play(thirsty, start_ms=DAWN_MS)
    play.field.moisture[0] = 5.0
    play.leap(5000, at_most_s=60)
    assert play.field.coils[:2] == [True, True]
    play.reboot(wall_ms)
    play.leap(8 * 3600, at_most_s=60)
    play.learn()
    play.leap(2 * 3600, at_most_s=60)
    assert play.ended()[4].body["outcome"] == "interrupted"
    assert 3400 < watered_s(play) <= 3600 + 30


def test_use_of_a_document_that_knows_the_day_only_counts_as_new(band: Site) -> None:
    memory = Memory()
    memory.known.used["zone-1"] = DayUse("2026-11-19", 3600.0)
    play = booted(band, IN_1970_MS, MIDNIGHT_MS, memory.encode())
    play.field.moisture[0] = 5.0
    play.leap(20 * 3600)
    assert watered_s(play) == 0
    play.leap(8 * 3600)
    assert watered_s(play) == 3600


@pytest.mark.parametrize("wall", [in_1970, ran_on_clock, a_day_ahead])
def test_timer_that_no_clock_reaches_has_its_turn_by_own_count(timer: Site, wall: Wall) -> None:
    play = Play(timer, start_ms=MIDNIGHT_MS + 7 * HOUR_MS)
    began_ms: list[int] = []
    play.watch = lambda each, step: began_ms.extend(each.now_ms for e in step.events if e.kind == "run.started")
    live(play, 8, 10, wall)
    assert len(began_ms) == 3
    assert all(later - before >= DAY_MS for before, later in pairwise(began_ms))
    reasons = [event.body["reason"]["en"] for event in play.events if event.kind == "run.started"]
    assert all("clock is not set" in reason for reason in reasons)


def test_timer_of_a_right_clock_that_nobody_vouches_for_waters_every_day(timer: Site) -> None:
    play = Play(timer, start_ms=MIDNIGHT_MS + 5 * HOUR_MS)
    live(play, 4, 12, lambda each: each.now_ms + 12 * HOUR_MS)
    assert starts(play) == ["morning"] * 4


def test_clock_that_shows_the_same_hour_at_every_boot_waters_once(timer: Site) -> None:
    play = booted(timer, DAWN_MS, MIDNIGHT_MS)
    for _ in range(6):
        play.leap(3000)
        play.reboot(DAWN_MS)
    assert starts(play) == ["morning"]


def test_timer_that_gets_no_water_is_told_though_no_clock_reaches_it(timer: Site) -> None:
    play = Play(timer, start_ms=MIDNIGHT_MS + 7 * HOUR_MS)
    play.field.level_cm = 5.0
    live(play, 7, 10, lambda _: IN_1970_MS)
    told_of = [event.body.get("thirsty", []) for event in play.events if event.kind == "site.stands"]
    assert [each["of"] for each in told_of[-1]] == ["no_water"]


@pytest.mark.parametrize("wall_ms", [IN_1970_MS, IN_2036_MS, MIDNIGHT_MS + 12 * HOUR_MS])
def test_hold_after_a_stop_lasts_its_hour_whatever_the_next_boot_believes(band: Site, wall_ms: int) -> None:
    play = Play(band)
    play.field.moisture[0] = 20.0
    play.run(30)
    play.stop()
    play.run(30)
    play.reboot(wall_ms)
    play.leap(57 * 60)
    assert starts(play) == ["band"]
    play.leap(4 * 60)
    assert starts(play) == ["band"] * 2


@pytest.mark.parametrize("wall_ms", [IN_2036_MS, DAWN_MS])
def test_hold_after_a_stop_lasts_its_hour_when_a_clock_is_set_by_hand(band: Site, wall_ms: int) -> None:
    play = booted(band, IN_1970_MS, MIDNIGHT_MS)
    play.field.moisture[0] = 20.0
    play.run(60)
    play.stop()
    play.run(30)
    play.skew_ms = wall_ms - play.now_ms
    play.leap(58 * 60)
    assert starts(play) == ["band"]
    play.leap(3 * 60)
    assert starts(play) == ["band"] * 2


def test_hold_of_a_boot_without_the_time_is_kept_in_the_next_and_none_that_is_surely_over(band: Site) -> None:
    play = booted(band, IN_2036_MS, MIDNIGHT_MS)
    play.field.moisture[0] = 20.0
    play.run(60)
    play.stop()
    play.run(30)
    play.reboot(IN_1970_MS)
    play.leap(57 * 60)
    assert starts(play) == ["band"]
    play.field.moisture[0] = 35.0
    play.leap(2 * 3600)
    play.reboot(IN_2036_MS)
    play.field.moisture[0] = 20.0
    play.leap(20 * 60)
    assert starts(play) == ["band"] * 2


def test_slot_of_a_boot_that_ran_on_for_long_does_not_use_up_tomorrows(timer: Site) -> None:
    play = Play(timer, start_ms=DAWN_MS - 30 * 60_000)
    play.run(60)
    play.reboot(play.now_ms + 60_000)
    play.leap(14 * 3600)
    assert starts(play) == ["morning"]
    play.reboot(play.now_ms + 60_000)
    play.run(60)
    play.learn()
    play.leap(DAY_S)
    assert (starts(play), skipped(play)) == (["morning"] * 2, [])


def test_slot_that_may_have_been_given_lately_is_left_out_and_told(timer: Site) -> None:
    play = Play(timer, start_ms=DAWN_MS - 30 * 60_000)
    play.run(60)
    play.reboot(play.now_ms + 60_000)
    play.leap(3600)
    play.reboot(play.now_ms + 14 * HOUR_MS, off_s=14 * 3600)
    play.run(60)
    play.learn()
    play.leap(12 * 3600)
    assert starts(play) == ["morning"]
    assert [text for text in skipped(play) if "while the clock was not set" in text] == skipped(play) != []
    assert play.memory is not None
    assert Memory.decode(play.memory).kept.zones["zone-1"].thirst is not None
    play.leap(DAY_S)
    assert starts(play) == ["morning"] * 2


def test_boots_of_a_minute_let_no_hours_pass(band: Site) -> None:
    play = booted(band, IN_1970_MS, MIDNIGHT_MS)
    play.leap(1.2 * 3600)
    for _ in range(5):
        play.reboot(IN_1970_MS)
        play.run(5)
    assert play.memory is not None
    assert 1.0 < Memory.decode(play.memory).kept.hours <= (play.now_ms - MIDNIGHT_MS) / HOUR_MS


def test_days_limit_is_free_again_though_the_power_goes_every_half_hour(band: Site) -> None:
    play = Play(band)
    play.field.moisture[0] = 5.0
    play.leap(4 * 3600)
    assert watered_s(play) == 3600
    for _ in range(80):
        play.reboot(IN_1970_MS)
        play.leap(1800, at_most_s=240)
    assert watered_s(play) > 3600 + 1200


def test_hours_without_power_make_nothing_older_that_may_have_come_after_them() -> None:
    memory = Memory(lately={"zone-1": [(5.0, 60.0)]}, turns={"morning": Turn(1.0, 5.0)})
    memory.kept.et0, memory.kept.hours, memory.kept.boot = [(0, 0.1)], 6.0, "b"
    memory.kept.wall_ms, memory.kept.mono_ms = MIDNIGHT_MS, HOUR_MS
    told(memory, Now(MIDNIGHT_MS + 9 * HOUR_MS, 2 * HOUR_MS, "b", sure=True))
    assert memory.lately == {"zone-1": [(13.0, 60.0)]}
    assert memory.turns == {"morning": Turn(9.0, 13.0)}


@pytest.mark.parametrize(
    ("days", "every", "expected"),
    [
        (("mon", "wed", "fri"), 1, (48, 72)),
        (("mon", "tue", "wed", "thu", "fri"), 1, (24, 72)),
        (("sun",), 1, (168, 168)),
        (("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 3, (72, 72)),
    ],
)
def test_a_timers_own_count_is_the_longest_that_there_is_between_two_slots(
    days: tuple[str, ...], every: int, expected: tuple[float, float]
) -> None:
    part = {"id": "t", "kind": "timer", "zone": "z", "at": "06:10", "run_min": 5, "days": days, "every_days": every}
    assert gaps_h(TimerPart.model_validate(part)) == expected
