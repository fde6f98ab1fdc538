"""Commands that come again: nothing that a holder of the broker repeats or holds up makes the farm act twice."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import HOUR_MS, MORNING_MS, Play, site_of
from tonnam_edge.core.memory import Memory
from tonnam_edge.limits import COMMAND_AHEAD_S
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandAction

DAY_S = 86_400
KEY = "5a" * 8


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("site"))


def water(command_id: str, issued_ms: int, seconds: int = 30) -> Command:
    return Command(command_id, CommandAction.WATER, "zone-1", issued_ms, issued_ms + 60_000, seconds, KEY)


def stop(command_id: str, issued_ms: int) -> Command:
    return Command(command_id, CommandAction.STOP, "zone-1", issued_ms, issued_ms + 60_000, signed_by=KEY)


def refused(play: Play) -> Counter[str]:
    """What was told of refusals, by reason."""
    told: Counter[str] = Counter()
    for event in play.events:
        if event.kind == "command.rejected":
            assert event.body["text"]["th"]
            told[event.body["why"]] += event.body["count"]
    return told


def ready(site: Site, start_ms: int = MORNING_MS, memory: bytes | None = None) -> Play:
    play = Play(site, start_ms=start_ms, memory=memory)
    play.run(3)
    return play


def waterings(play: Play) -> int:
    return play.kinds().count("run.started")


def test_the_cloud_that_asks_again_in_time_is_told_again_and_nothing_is_reported(site: Site) -> None:
    play = ready(site)
    order = water("c1", play.now_ms)
    for _ in range(3):
        play.core.command(order)
        play.run(5)
    assert waterings(play) == 1
    assert play.states()[0] == "accepted"
    assert len(play.states()) == 4
    assert refused(play) == {}


def test_a_command_repeated_after_its_expiry_is_refused_counted_and_told(site: Site) -> None:
    play = ready(site)
    order, halt = water("c1", play.now_ms), stop("s1", play.now_ms)
    play.core.command(order)
    play.run(70)
    play.core.command(halt)
    play.run(70)
    said = len(play.outcomes)
    for _ in range(5):
        play.core.command(order)
        play.core.command(halt)
        play.run(1)
    play.run(70)
    assert waterings(play) == 1
    assert len(play.outcomes) == said
    assert refused(play) == {"repeated": 10}


def test_refusals_are_told_at_most_once_a_minute(site: Site) -> None:
    play = ready(site)
    order = water("c1", play.now_ms)
    play.core.command(order)
    play.run(100)
    before = len(play.events)
    for _ in range(600):
        play.core.command(order)
        play.step()
    told = [event.at_ms for event in play.events[before:] if event.kind == "command.rejected"]
    assert 3 <= len(told) <= 5
    assert min(later - sooner for sooner, later in itertools.pairwise(told)) >= 60_000


@pytest.mark.parametrize("action", ["water", "stop"])
@pytest.mark.parametrize("back_s", [0, 60, 2 * DAY_S, 3 * DAY_S, 57 * 365 * DAY_S])
def test_a_command_whose_id_was_forgotten_never_acts_again_whatever_the_clock_says(
    site: Site, action: str, back_s: int
) -> None:
    play = ready(site)
    order = water("x1", play.now_ms) if action == "water" else stop("x1", play.now_ms)
    play.core.command(order)
    play.run(60)
    play.leap(3 * DAY_S, at_most_s=3600)
    assert play.memory is not None
    assert "x1" not in Memory.decode(play.memory).heard
    play.water(command_id="now", seconds=300)
    play.run(20)
    assert play.field.coils[:2] == [True, True]
    again = ready(site, start_ms=play.now_ms - back_s * 1000, memory=play.memory)
    for one in (play, again):
        started = waterings(one)
        coils = list(one.field.coils)
        one.core.command(order)
        one.run(5)
        assert waterings(one) == started
        assert one.field.coils[:3] == coils[:3], "a stop from the past has stopped the water of today"
        assert refused(one)["repeated"] == 1
        assert one.states("x1")[-1] == "refused"


def test_a_kill_at_any_moment_makes_no_command_act_again(site: Site) -> None:
    """The state is on disk before anything opens: whenever the power goes, the id is known or nothing has begun."""
    order = water("c1", MORNING_MS + 3_000, seconds=20)
    seen = 0
    for killed_after_s in range(45):
        play = ready(site)
        play.core.command(order)
        play.run(killed_after_s)
        again = ready(site, start_ms=play.now_ms, memory=play.memory)
        again.core.command(order)
        again.run(30)
        assert waterings(play) + waterings(again) == 1
        seen += waterings(again)
    assert seen == 1, "only the command that was never decided on may still act"


def test_a_command_that_was_held_up_does_not_act_when_the_clock_is_turned_back(site: Site) -> None:
    """Who holds the broker keeps a command back, and turns the clock back by false replies after a power cut."""
    play = ready(site)
    held_up = water("old", play.now_ms)
    play.run(600)
    play.core.command(water("new", play.now_ms))
    play.run(60)
    back = ready(site, start_ms=held_up.issued_at_ms + 10_000, memory=play.memory)
    back.core.command(held_up)
    back.run(10)
    assert waterings(back) == 0
    assert "clocks" in back.outcomes[-1].reason["en"]
    slightly = ready(site, start_ms=held_up.expires_at_ms + 400_000, memory=play.memory)
    slightly.core.command(msgspec.structs.replace(held_up, expires_at_ms=play.now_ms - 61_000))
    slightly.run(10)
    assert waterings(slightly) == 0


def test_a_wish_to_water_that_comes_after_a_later_stop_opens_nothing(site: Site) -> None:
    play = ready(site)
    held_up, elsewhere = water("c1", play.now_ms), msgspec.structs.replace(water("c2", play.now_ms), zone="zone-2")
    play.run(5)
    play.core.command(stop("s1", play.now_ms))
    play.run(5)
    for order in (held_up, elsewhere):
        play.core.command(order)
        play.run(2)
    play.run(40)
    assert (play.states("c1"), play.states("c2")[0]) == (["refused"], "accepted")
    play.water(command_id="c3")
    play.run(5)
    assert play.states("c3")[0] == "accepted"


def test_water_dated_ahead_is_refused_with_a_reason_and_a_stop_is_obeyed(site: Site) -> None:
    play = ready(site)
    play.core.command(water("c1", play.now_ms + round(COMMAND_AHEAD_S * 1000) + 2_000))
    play.core.command(water("c2", play.now_ms + round(COMMAND_AHEAD_S * 1000) - 2_000, seconds=300))
    play.run(20)
    assert (play.states("c1"), play.states("c2")) == (["refused"], ["accepted", "running"])
    assert "clocks" in next(o for o in play.outcomes if o.command_id == "c1").reason["en"]
    play.core.command(stop("s1", play.now_ms + 30 * DAY_S * 1000))
    play.run(10)
    assert play.states("s1") == ["running", "done"]
    assert refused(play) == {"ahead": 1}


def test_a_stop_dated_far_ahead_does_not_make_later_commands_look_old(site: Site) -> None:
    play = ready(site)
    play.core.command(stop("s1", play.now_ms + 30 * DAY_S * 1000))
    play.run(3)
    play.leap(5 * DAY_S, at_most_s=3600)
    play.water(command_id="c1")
    play.run(20)
    play.stop(command_id="s2")
    play.run(10)
    assert (play.states("c1")[0], play.states("s2")[-1]) == ("accepted", "done")


def test_a_cloud_whose_clock_was_ahead_is_obeyed_again_with_a_new_key(site: Site) -> None:
    play = ready(site, start_ms=MORNING_MS + 400 * DAY_S * 1000)
    play.core.command(water("c1", play.now_ms))
    play.run(60)
    right = ready(site, memory=play.memory)
    right.core.command(water("c2", right.now_ms))
    right.core.command(msgspec.structs.replace(water("c3", right.now_ms), signed_by="6b" * 8))
    right.run(10)
    assert (right.states("c2"), right.states("c3")[0]) == (["refused"], "accepted")


def test_a_stop_counts_whichever_key_has_signed_it(site: Site) -> None:
    """The key changes while a command to water is on its way, and it comes only after a stop."""
    for first, second in ((KEY, "6b" * 8), ("6b" * 8, KEY)):
        play = ready(site)
        for key in (KEY, "6b" * 8):
            play.core.command(msgspec.structs.replace(water(f"before-{key}", play.now_ms, seconds=25), signed_by=key))
            play.run(40)
        held_up = msgspec.structs.replace(water("c1", play.now_ms), signed_by=first)
        play.run(5)
        play.core.command(msgspec.structs.replace(stop("s1", play.now_ms), signed_by=second))
        play.run(5)
        play.core.command(held_up)
        play.run(10)
        assert (play.states("c1"), play.states("s1")) == (["refused"], ["done"])


def test_what_a_newer_key_has_signed_tells_the_time_for_an_older_one(site: Site) -> None:
    """A command is held up over a change of the key, and the clock is turned back to when it was signed."""
    play = ready(site)
    play.core.command(water("first", play.now_ms))
    play.run(60)
    held_up = water("old", play.now_ms)
    play.run(600)
    play.key = "6b" * 8
    play.water(command_id="new", seconds=30)
    play.run(60)
    back = ready(site, start_ms=held_up.issued_at_ms + 10_000, memory=play.memory)
    back.core.command(held_up)
    back.run(10)
    assert waterings(back) == 0


def test_a_stop_of_just_now_is_obeyed_though_commands_from_a_clock_ahead_were_forgotten(site: Site) -> None:
    ahead = ready(site, start_ms=MORNING_MS + 400 * DAY_S * 1000)
    ahead.core.command(water("c1", ahead.now_ms))
    ahead.leap(3 * DAY_S, at_most_s=3600)
    right = ready(site, memory=ahead.memory)
    right.core.command(msgspec.structs.replace(water("c2", right.now_ms, seconds=300), signed_by="6b" * 8))
    right.run(10)
    assert right.field.coils[:2] == [True, True]
    right.stop()
    right.run(10)
    assert right.states("s1") == ["running", "done"]
    assert right.field.coils[:2] == [False, False]


def test_while_the_time_is_not_known_water_waits_for_it_and_a_stop_does_not(site: Site) -> None:
    play = ready(site)
    play.reboot(wall_ms=5_000)
    play.run(20)
    order = water("c1", play.now_ms)
    play.core.command(order)
    play.core.command(stop("s1", play.now_ms - 1))
    play.run(3)
    assert (waterings(play), play.states("c1"), play.states("s1")) == (0, [], ["done"])
    play.learn()
    play.core.command(order)
    play.run(5)
    assert waterings(play) == 1
    assert refused(play) == {}


def test_a_stop_heard_before_the_time_was_known_does_not_stop_again_a_week_later(site: Site) -> None:
    play = ready(site)
    play.reboot(wall_ms=5_000)
    play.run(20)
    halt = stop("s1", play.now_ms)
    play.core.command(halt)
    play.run(3)
    play.learn()
    play.run(3)
    play.core.command(stop("s0", halt.issued_at_ms - 1_000))
    play.run(3)
    assert play.states("s0") == ["done"], "one that was issued before it is obeyed still"
    play.leap(7 * DAY_S, at_most_s=3600)
    play.water(command_id="now")
    play.run(20)
    play.core.command(halt)
    play.run(5)
    assert play.field.coils[:2] == [True, True]


def test_what_is_refused_without_being_remembered_is_told_once(site: Site) -> None:
    """Else a repeated command would fill the outbox, in which outcomes are never thinned."""
    play = ready(site)
    order = water("c1", play.now_ms + HOUR_MS)
    for _ in range(200):
        play.core.command(order)
        play.step()
    assert play.states() == ["refused"]
    assert refused(play)["ahead"] >= 60


moves = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(["water", "stop"])),
    st.tuples(st.just("again"), st.integers(0, 9)),
    st.tuples(st.just("pass"), st.sampled_from([1, 5, 40, 100])),
    st.tuples(st.just("leap"), st.sampled_from([DAY_S // 2, DAY_S, 3 * DAY_S])),
    st.tuples(st.just("clock"), st.sampled_from([-400 * DAY_S, -2 * DAY_S, -3600, 3600, 400 * DAY_S])),
    st.tuples(st.just("kill"), st.just(0)),
)


@given(st.lists(moves, max_size=16))
@settings(max_examples=80, deadline=None)
def test_whatever_is_repeated_and_however_the_clock_jumps_no_command_acts_twice(
    site: Site, script: list[tuple[str, int | str]]
) -> None:
    play = ready(site)
    orders: list[Command] = []
    started: Counter[str] = Counter()
    stopped: dict[str, set[int]] = {}
    turned_back = 0
    for kind, how in script:
        if kind == "order":
            make = water if how == "water" else stop
            orders.append(make(f"{how}-{len(orders)}", play.now_ms))
            play.core.command(orders[-1])
        elif kind == "again" and orders:
            play.core.command(orders[int(how) % len(orders)])
        elif kind == "leap":
            play.leap(float(how), at_most_s=3600)
        elif kind == "clock":
            turned_back += int(how) * 1000 < play.skew_ms
            play.skew_ms = int(how) * 1000
        elif kind == "kill":
            skew_ms, moment = play.skew_ms, play.now_ms
            note(play, started, stopped)
            play = Play(site, start_ms=moment, memory=play.memory)
            play.skew_ms = skew_ms
        play.run(float(how) if kind == "pass" else 2)
    note(play, started, stopped)
    assert max(started.values(), default=0) <= 1
    assert all(len(times) <= 1 + turned_back for times in stopped.values())


def note(play: Play, started: Counter[str], stopped: dict[str, set[int]]) -> None:
    """Which commands have begun a watering, and when stops were taken up."""
    started.update(event.body["command_id"] for event in play.events if event.kind == "run.started")
    for outcome in play.outcomes:
        if outcome.command_id.startswith("stop") and "กำลังปิด" in outcome.reason["th"]:
            stopped.setdefault(outcome.command_id, set()).add(outcome.at_ms)
        if outcome.command_id.startswith("stop") and "อยู่แล้ว" in outcome.reason["th"]:
            stopped.setdefault(outcome.command_id, set()).add(outcome.at_ms)


def test_the_memory_of_commands_survives_being_written_and_read(tmp_path: Path) -> None:
    play = ready(site_of(tmp_path))
    play.water()
    play.stop()
    play.run(5)
    assert play.memory is not None
    memory = Memory.decode(play.memory)
    assert memory.heard["c1"].signed_by == play.key
    assert memory.past[play.key].newest_ms >= memory.heard["c1"].issued_at_ms > 0
    assert Memory.decode(memory.encode()) == memory
