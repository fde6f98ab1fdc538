"""A farm that does not know the time: in 1970, in 2036, or an hour off, and then it is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, MORNING_MS, SITE, TIMER, Play, site_of
from tests.edge.test_safety import Witness
from tonnam_edge.core import Core
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandAction, Stamp

IN_1970_MS = 25_000
IN_2036_MS = 2_085_978_496_000
DAWN_MS = MIDNIGHT_MS + 6 * HOUR_MS
DAY_S = 86_400
WRONG = [IN_1970_MS, IN_2036_MS, DAWN_MS - HOUR_MS]
wrong_clock = pytest.mark.parametrize("wall_ms", WRONG, ids=["1970", "2036", "an hour lost"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("untold"), SITE + TIMER)


@pytest.fixture(scope="module")
def thirsty(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("thirsty"), SITE + TIMER + BAND)


def starts(play: Play) -> list[str]:
    """Which program began a run, in order; "" for a person."""
    return [event.body["program"] or "" for event in play.events if event.kind == "run.started"]


def booted(site: Site, wall_ms: int, start_ms: int, memory: bytes | None = None) -> Play:
    play = Play(site, start_ms=start_ms, memory=memory)
    play.reboot(wall_ms)
    return play


@wrong_clock
def test_time_that_jumps_at_the_first_word_runs_no_timer_of_the_days_between(site: Site, wall_ms: int) -> None:
    play = booted(site, wall_ms, MORNING_MS)
    play.run(90)
    play.learn()
    play.leap(3600)
    assert starts(play) == []
    play.leap(DAY_S)
    assert starts(play) == ["morning"]
    assert (play.events[-1].at_ms - DAWN_MS) // HOUR_MS >= 24


@wrong_clock
def test_slot_that_was_used_before_a_power_cut_is_not_used_again(site: Site, wall_ms: int) -> None:
    play = Play(site, start_ms=DAWN_MS)
    play.run(17 * 60)
    assert starts(play) == ["morning"]
    play.reboot(wall_ms)
    play.run(60)
    play.learn()
    play.leap(3 * 3600)
    assert starts(play) == ["morning"]


@wrong_clock
def test_slot_that_a_power_cut_hid_is_made_up_when_the_time_is_told(site: Site, wall_ms: int) -> None:
    play = Play(site, start_ms=DAWN_MS)
    play.run(9 * 60)
    play.reboot(wall_ms, off_s=120)
    play.run(10)
    assert starts(play) == []
    play.learn()
    play.leap(3600)
    assert starts(play) == ["morning"]


def test_run_by_a_guess_stands_for_the_slot_that_it_was_nearest_to(site: Site) -> None:
    """By its clock it is 06:05, in truth 05:30: it waters at 05:35, and not again at 06:10."""
    play = booted(site, DAWN_MS + 5 * 60_000, DAWN_MS - 31 * 60_000)
    play.run(10 * 60)
    assert starts(play) == ["morning"]
    play.learn()
    play.leap(3600)
    assert starts(play) == ["morning"]
    play.leap(DAY_S)
    assert starts(play) == ["morning"] * 2


@pytest.mark.parametrize("wall_ms", [IN_1970_MS, IN_2036_MS])
def test_farm_that_is_never_told_waters_once_a_day_by_its_own_count(site: Site, wall_ms: int) -> None:
    play = booted(site, wall_ms, MORNING_MS)
    play.leap(3 * DAY_S)
    assert starts(play) == ["morning"] * 3
    play.restart(play.now_ms + play.skew_ms)
    play.leap(DAY_S - 600)
    assert starts(play) == ["morning"] * 4
    assert all(event.stamp is not None for event in play.events)


def test_nothing_that_goes_by_the_clock_begins_before_there_was_time_to_be_told(site: Site) -> None:
    play = booted(site, DAWN_MS + 10 * 60_000 - 10_000, MORNING_MS)
    play.run(25)
    assert starts(play) == []
    play.run(30)
    assert starts(play) == ["morning"]


@wrong_clock
def test_water_in_progress_is_not_touched_when_the_time_is_told(thirsty: Site, wall_ms: int) -> None:
    play = booted(thirsty, wall_ms, MORNING_MS)
    play.field.moisture[0] = 20.0
    play.run(120)
    assert starts(play) == ["band"]
    play.learn()
    play.run(460)
    assert play.field.coils[:2] == [True, True]
    play.run(60)
    (ended,) = play.ended()
    assert ended.body["outcome"] == "done"
    assert 595 <= ended.body["duration_s"] <= 602
    assert ended.stamp is None


@wrong_clock
def test_days_limit_counts_what_was_used_before_and_while_the_time_was_not_known(site: Site, wall_ms: int) -> None:
    play = Play(site)
    play.run(5)
    for number in range(2):
        play.water(seconds=1200, command_id=f"c{number}")
        play.leap(1300)
    play.reboot(wall_ms)
    play.run(10)
    play.learn()
    play.run(5)
    play.water(seconds=1200, command_id="c2")
    play.leap(1300)
    play.reboot(wall_ms)
    play.run(10)
    play.learn()
    play.water(seconds=1200, command_id="c3")
    play.run(5)
    assert play.states("c3") == ["refused"]
    assert play.memory is not None
    assert Memory.decode(play.memory).known.used["zone-1"].day == "2026-11-21"


@wrong_clock
def test_bands_limit_holds_over_boots_that_know_nothing(thirsty: Site, wall_ms: int) -> None:
    play = booted(thirsty, wall_ms, MORNING_MS)
    play.field.moisture[0] = 5.0
    for boot in range(4):
        play.leap(2 * 3600, at_most_s=10)
        play.reboot(WRONG[(WRONG.index(wall_ms) + boot) % 3])
    play.learn()
    play.leap(3 * 3600, at_most_s=10)
    assert 3500 <= sum(each.body["duration_s"] for each in play.ended()) <= 3650


@pytest.mark.parametrize("wall_ms", [IN_1970_MS, IN_2036_MS])
def test_command_of_before_the_power_cut_never_acts_again(site: Site, wall_ms: int) -> None:
    play = Play(site)
    play.run(5)
    play.water(seconds=300, lives_s=3600)
    play.run(60)
    play.reboot(wall_ms)
    play.run(30)
    play.learn()
    play.run(30)
    play.water(seconds=300, lives_s=3600)
    play.run(60)
    assert starts(play) == [""]
    assert play.states()[-1] == "failed"


def test_command_to_water_waits_unanswered_until_its_expiry_can_be_judged(site: Site) -> None:
    play = booted(site, IN_1970_MS, MORNING_MS)
    play.water(lives_s=60)
    play.run(30)
    assert play.states() == []
    play.learn()
    play.water(lives_s=60)
    play.run(30)
    assert play.states()[:1] == ["accepted"]
    assert starts(play) == [""]


@wrong_clock
def test_stop_is_obeyed_without_the_time_and_holds_programs_for_its_hour(thirsty: Site, wall_ms: int) -> None:
    play = booted(thirsty, wall_ms, MORNING_MS)
    play.field.moisture[0] = 20.0
    play.run(120)
    play.stop()
    play.run(30)
    assert play.states("s1")[-1] == "done"
    assert play.field.coils[:3] == [False] * 3
    play.run(20 * 60)
    play.learn()
    play.run(39 * 60)
    assert starts(play) == ["band"]
    play.run(2 * 60)
    assert starts(play) == ["band"] * 2


def test_hold_of_before_a_power_cut_is_kept(thirsty: Site) -> None:
    play = Play(thirsty)
    play.field.moisture[0] = 20.0
    play.run(30)
    play.stop()
    play.run(30)
    play.reboot(IN_1970_MS)
    play.run(30)
    play.learn()
    play.run(50 * 60)
    assert starts(play) == ["band"]


def test_all_that_is_said_without_the_time_is_stamped_and_its_count_rises(thirsty: Site) -> None:
    play = booted(thirsty, IN_2036_MS, MORNING_MS)
    play.field.moisture[0] = 20.0
    play.run(60)
    play.stop()
    play.run(60)
    frames = [step.frame for step in play.steps if step.frame is not None]
    counts = [frame.stamp.mono_ms for frame in frames if frame.stamp is not None]
    assert len(counts) == len(frames) > 10
    assert counts == sorted(set(counts))
    stamps = [event.stamp for event in play.events] + [outcome.stamp for outcome in play.outcomes]
    assert {None if stamp is None else stamp.boot for stamp in stamps} == {play.boot}
    assert all(event.body["next_at_ms"] is None for event in play.events if event.kind == "zone.planned")
    play.learn()
    play.run(60)
    later = [step.frame for step in play.steps if step.frame is not None][len(frames) :]
    assert all(frame.stamp is None for frame in later)
    times = [frame.observed_at_ms for frame in later]
    assert times == sorted(set(times))
    assert times[0] >= play.now_ms - 60_000


def test_what_was_last_said_of_a_command_gets_its_true_time(thirsty: Site) -> None:
    play = booted(thirsty, IN_1970_MS, MORNING_MS)
    play.stop()
    play.run(30)
    play.learn()
    play.run(30)
    play.stop()
    play.run(2)
    again = [outcome for outcome in play.outcomes if outcome.command_id == "s1"][-1]
    assert again.stamp is None
    assert 0 <= play.now_ms - again.at_ms <= 70_000


def test_memory_that_could_not_be_read_is_taken_over_when_it_can(thirsty: Site) -> None:
    before = Play(thirsty)
    before.field.moisture[0] = 20.0
    before.run(60)
    assert starts(before) == ["band"]
    play = Play(thirsty, start_ms=before.now_ms + 5_000)
    play.core = Core(thirsty, now_ms=play.now_ms, unread=True)
    play.field.moisture[0] = 20.0
    play.run(60)
    assert (starts(play), play.memory) == ([], None)
    assert play.core.unread
    play.field.meter_answers = False
    play.core.recall(before.memory, play.now_ms, play.now_ms, boot="", sure=True)
    play.run(125)
    assert [each.body["outcome"] for each in play.ended()] == ["interrupted"]
    assert not play.core.unread
    assert play.memory is not None
    assert Memory.decode(play.memory).known.used["zone-1"].seconds == 600


def test_a_thirsty_zone_need_not_rest_when_there_was_no_memory_to_read(thirsty: Site) -> None:
    play = Play(thirsty)
    play.core = Core(thirsty, now_ms=play.now_ms, unread=True)
    play.field.moisture[0] = 20.0
    play.run(60)
    assert starts(play) == []
    play.core.recall(None, play.now_ms, play.now_ms, boot="", sure=True)
    play.run(20)
    assert starts(play) == ["band"]


def test_a_stop_that_was_obeyed_before_the_memory_could_be_read_still_overtakes_earlier_water(thirsty: Site) -> None:
    before = Play(thirsty)
    before.run(3)
    before.water(command_id="earlier", seconds=30)
    before.run(60)
    play = Play(thirsty, start_ms=before.now_ms + 5_000)
    play.core = Core(thirsty, now_ms=play.now_ms, unread=True)
    play.run(5)
    issued_ms = play.now_ms
    play.run(5)
    play.stop()
    play.run(5)
    play.core.recall(before.memory, play.now_ms, play.now_ms, boot="", sure=True)
    play.core.command(Command("late", CommandAction.WATER, "zone-1", issued_ms, issued_ms + 60_000, 60, play.key))
    play.run(5)
    assert (play.states("s1"), play.states("late")) == (["done"], ["refused"])


def test_memory_that_is_read_late_and_without_the_time_still_limits_the_day(thirsty: Site) -> None:
    before = Play(thirsty)
    before.field.moisture[0] = 5.0
    before.leap(4 * 3600, at_most_s=10)
    used_s = sum(each.body["duration_s"] for each in before.ended())
    assert used_s > 3500
    play = Play(thirsty, start_ms=before.now_ms + 60_000)
    play.reboot(IN_1970_MS)
    mono_ms = play.now_ms - play.booted_ms
    play.core = Core(thirsty, now_ms=IN_1970_MS, mono_ms=mono_ms, boot=play.boot, sure=False, unread=True)
    play.field.moisture[0] = 5.0
    play.run(30)
    play.stop()
    play.run(30)
    mono_ms = play.now_ms - play.booted_ms
    play.core.recall(before.memory, play.now_ms + play.skew_ms, mono_ms, boot=play.boot, sure=False)
    play.leap(3 * 3600, at_most_s=10)
    play.learn()
    play.leap(2 * 3600, at_most_s=10)
    assert used_s + sum(each.body["duration_s"] for each in play.ended()) <= 3600 + 30


def test_stamp_survives_the_disk() -> None:
    memory = Memory.decode(
        b'{"guess": {"boot": "b", "book": {}, "done": [{"at": ["b", 5], "zone": "zone-1", "seconds": 3.0}]}}'
    )
    assert memory.guess is not None
    assert memory.guess.done[0].at == Stamp("b", 5)
    assert Memory.decode(memory.encode()) == memory


happening = st.one_of(
    st.tuples(st.just("reboot"), st.sampled_from(WRONG)),
    st.tuples(st.just("restart"), st.just(0)),
    st.tuples(st.just("learn"), st.just(0)),
    st.tuples(st.just("wall"), st.sampled_from(WRONG)),
    st.tuples(st.just("stop"), st.just(0)),
    st.tuples(st.just("moisture"), st.sampled_from([5, 28, 35])),
)
pause = st.sampled_from([1, 15, 70, 700, 2500])


def happen(play: Play, kind: str, amount: int, number: int) -> None:
    if kind == "reboot":
        play.reboot(amount)
    elif kind == "restart":
        play.restart(None if play.sure else play.now_ms + play.skew_ms)
    elif kind == "learn":
        play.learn()
    elif kind == "wall" and not play.sure:
        play.skew_ms = amount - play.now_ms
    elif kind == "stop":
        play.stop(command_id=f"s{number}")
    elif kind == "moisture":
        play.field.moisture[0] = float(amount)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(happening, pause), max_size=12))
def test_whatever_clocks_do_a_days_water_and_a_runs_length_stay_within_their_limits(
    thirsty: Site, plot: Sequence[tuple[tuple[str, int], int]]
) -> None:
    witness, play = Witness(), Play(thirsty, start_ms=DAWN_MS)
    play.watch = witness.look
    play.field.moisture[0] = 5.0
    for number, ((kind, amount), seconds) in enumerate(plot):
        if kind in {"reboot", "restart"}:
            witness.begin_anew()
        happen(play, kind, amount, number)
        play.leap(seconds, at_most_s=60)
    play.learn()
    play.core.shut_down()
    play.leap(60, at_most_s=1)
    assert play.core.safe
    ended = play.ended()
    assert sum(each.body["duration_s"] for each in ended) <= 3600 + 30
    assert sorted(each.body["run_id"] for each in ended) == sorted(
        event.body["run_id"] for event in play.events if event.kind == "run.started"
    )
