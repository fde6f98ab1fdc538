"""What a node believes of the time: short trips before long ones, nothing absurd, and never a step once it knows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnam_link.machine import boot_id, ms_since_boot, synced_by_kernel
from tonnam_link.messages import Stamp
from tonnam_link.node.node_clock import NodeClock

TRUTH_MS = 1_795_000_000_000
IN_1970_MS = 40_000
IN_2036_MS = 2_085_978_496_000
HOUR_MS = 3_600_000


class Machine:
    """A machine whose clocks are turned by hand. It booted a minute ago; its own clock shows 1970."""

    def __init__(self, wall_ms: int = IN_1970_MS, kernel: bool | None = None) -> None:
        self.wall_ms, self.mono, self.kernel = wall_ms, 60_000, kernel
        self.clock = NodeClock(lambda: self.wall_ms, lambda: self.mono, "boot-1", lambda: self.kernel)

    def passes(self, ms: int) -> None:
        self.mono += ms
        self.wall_ms += ms

    @property
    def truth(self) -> int:
        return TRUTH_MS + self.mono

    def asks(self, there_ms: int = 50, back_ms: int = 50, wrong_by_ms: int = 0) -> None:
        """A trip to a receiver whose clock is wrong by so much."""
        sent = self.mono
        self.passes(there_ms)
        utc_ms = self.truth + wrong_by_ms
        self.passes(back_ms)
        self.clock.learn(utc_ms, sent, self.mono)

    def is_told(self, utc_ms: int) -> None:
        self.clock.learn(utc_ms, self.mono, self.mono)


def test_before_anybody_has_told_it_a_node_only_guesses() -> None:
    machine = Machine()
    assert not machine.clock.synced
    assert machine.clock.instant() == (IN_1970_MS, 60_000, Stamp("boot-1", 60_000))
    machine.wall_ms = IN_2036_MS
    assert machine.clock.now_ms() == IN_2036_MS


def test_one_quick_reply_is_enough() -> None:
    machine = Machine()
    machine.asks()
    assert machine.clock.instant() == (machine.truth, machine.mono, None)
    assert machine.clock.stamp() is None


def test_steps_of_the_machines_clock_do_nothing_after_that() -> None:
    machine = Machine()
    machine.asks()
    for wall_ms in (IN_2036_MS, IN_1970_MS, TRUTH_MS - HOUR_MS):
        machine.wall_ms = wall_ms
        machine.passes(1000)
        assert machine.clock.now_ms() == machine.truth


def test_what_was_stamped_before_gets_its_right_time() -> None:
    machine = Machine()
    stamp, truth = machine.clock.stamp(), machine.truth
    assert machine.clock.time_of(machine.wall_ms, stamp) is None
    machine.passes(5 * HOUR_MS)
    machine.asks()
    assert machine.clock.time_of(7, stamp) == truth
    assert machine.clock.time_of(7, None) == 7
    assert machine.clock.time_of(7, Stamp("another boot", 5)) is None


@pytest.mark.parametrize("absurd", [0, IN_1970_MS, -5, 1_700_000_000_000])
def test_a_time_before_this_program_was_written_teaches_nothing(absurd: int) -> None:
    machine = Machine()
    machine.is_told(absurd)
    assert not machine.clock.synced
    machine.asks()
    machine.is_told(absurd)
    assert machine.clock.now_ms() == machine.truth
    assert machine.clock.disagreement() is None


def test_one_word_of_2036_is_not_believed_but_an_hour_of_them_is() -> None:
    machine = Machine()
    machine.is_told(IN_2036_MS)
    assert not machine.clock.synced
    machine.asks()
    assert machine.clock.now_ms() == machine.truth
    late = Machine()
    began = late.mono
    while not late.clock.synced:
        late.is_told(IN_2036_MS + late.mono - began)
        late.passes(60_000)
    assert late.mono - began == HOUR_MS + 60_000
    assert late.clock.now_ms() == IN_2036_MS + late.mono - began


def test_a_reply_that_was_on_its_way_for_long_waits_for_a_better_one() -> None:
    machine = Machine()
    machine.asks(there_ms=100, back_ms=30_000)
    assert not machine.clock.synced
    machine.asks()
    assert machine.clock.now_ms() == machine.truth


def test_on_a_slow_line_the_best_of_some_replies_must_do() -> None:
    machine = Machine()
    for there_ms, back_ms in ((9_000, 4_000), (3_000, 3_500), (12_000, 1_000), (100, 9_000)):
        assert not machine.clock.synced
        machine.asks(there_ms, back_ms)
    assert abs(machine.clock.now_ms() - machine.truth) <= 6_500 / 2


def test_a_reply_of_minutes_ago_never_sets_a_clock() -> None:
    machine = Machine()
    for _ in range(10):
        machine.asks(there_ms=100, back_ms=120_000)
    assert not machine.clock.synced


def test_a_clock_that_is_more_than_an_hour_away_is_told_once_and_not_followed() -> None:
    machine = Machine()
    machine.asks()
    machine.asks(wrong_by_ms=2 * HOUR_MS)
    found = machine.clock.disagreement()
    assert found is not None
    assert abs(found.utc_ms - found.now_ms - 2 * HOUR_MS) < 1000
    machine.asks(wrong_by_ms=-9 * HOUR_MS)
    machine.passes(10 * HOUR_MS)
    assert machine.clock.disagreement() is None
    assert machine.clock.now_ms() == machine.truth


def test_a_clock_that_is_minutes_away_is_followed_slowly() -> None:
    machine = Machine()
    machine.asks()
    machine.asks(wrong_by_ms=120_000)
    machine.passes(600_000)
    assert abs(machine.clock.now_ms() - machine.truth - 60_000) <= 100
    machine.passes(600_000)
    assert abs(machine.clock.now_ms() - machine.truth - 120_000) <= 100
    machine.passes(HOUR_MS)
    assert abs(machine.clock.now_ms() - machine.truth - 120_000) <= 100


@pytest.mark.parametrize("kernel", [None, False])
def test_kernel_that_does_not_know_leaves_it_a_guess(kernel: bool | None) -> None:
    machine = Machine(TRUTH_MS, kernel)
    assert machine.clock.stamp() is not None


def test_kernel_that_is_synced_is_believed_also_when_that_comes_late() -> None:
    machine = Machine(IN_1970_MS, False)
    assert machine.clock.stamp() is not None
    machine.kernel, machine.wall_ms = True, machine.truth
    assert machine.clock.instant() == (machine.truth, machine.mono, None)


@pytest.mark.parametrize("wall_ms", [IN_1970_MS, IN_2036_MS])
def test_kernel_that_calls_an_absurd_time_synced_is_not_believed(wall_ms: int) -> None:
    machine = Machine(wall_ms, kernel=True)
    assert machine.clock.stamp() is not None
    machine.asks()
    assert machine.clock.now_ms() == machine.truth


def test_another_process_of_this_boot_goes_on_with_what_was_known() -> None:
    machine = Machine()
    machine.clock.resume(TRUTH_MS)
    assert machine.clock.instant() == (machine.truth, machine.mono, None)
    machine.clock.resume(TRUTH_MS + 5_000)
    assert machine.clock.offset_ms == TRUTH_MS


def test_stamps_are_told_by_the_time_as_it_was_when_it_became_known_so_that_none_overtakes_another() -> None:
    machine = Machine()
    stamp = machine.clock.stamp()
    machine.asks()
    told, first = machine.clock.time_of(0, stamp), machine.clock.now_ms()
    machine.asks(wrong_by_ms=120_000)
    machine.passes(600_000)
    assert (machine.clock.offset_ms or 0) - (machine.clock.learned_ms or 0) > 50_000
    assert machine.clock.time_of(0, stamp) == told
    assert told is not None
    assert told < first


def test_time_begins_after_readings_that_are_there_already_and_then_goes_slowly_to_where_it_should_be() -> None:
    machine = Machine()
    stamp = machine.clock.stamp()
    last_ms = machine.truth + 1_500
    machine.clock.heed([(0, 10), (last_ms - 100, last_ms)], None)
    machine.passes(10_000)
    machine.asks()
    assert machine.clock.time_of(0, stamp) == last_ms + 1
    machine.passes(60_000)
    assert machine.clock.now_ms() == machine.truth


def test_time_of_a_process_begins_after_the_readings_of_the_one_before() -> None:
    machine = Machine()
    last_ms = machine.truth + 900
    machine.clock.heed([(last_ms - HOUR_MS, last_ms)], None)
    machine.clock.resume(TRUTH_MS)
    assert machine.clock.now_ms() == last_ms + 1


def test_what_waits_on_the_disk_begins_after_readings_that_are_there_already() -> None:
    machine = Machine()
    first_ms = machine.truth - 30_000
    machine.clock.heed([(first_ms - HOUR_MS, first_ms + 700)], machine.mono - 30_000)
    machine.asks()
    assert machine.clock.time_of(0, Stamp("boot-1", 30_000)) == first_ms + 701


@pytest.mark.parametrize("ahead_ms", [-1, 2_200, HOUR_MS])
def test_readings_that_are_further_ahead_than_it_may_be_wrong_do_not_move_it(ahead_ms: int) -> None:
    machine = Machine()
    machine.clock.heed([(machine.truth - HOUR_MS, machine.truth + ahead_ms)], None)
    machine.asks()
    assert machine.clock.now_ms() == machine.truth


def test_the_machine_says_what_its_clocks_are() -> None:
    assert 0 < ms_since_boot() <= ms_since_boot()
    assert boot_id() == boot_id()
    assert synced_by_kernel() in {None, False, True}


trip = st.tuples(st.integers(0, 40_000), st.integers(0, 40_000))


@given(first=st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)), trips=st.lists(trip, max_size=20))
def test_whatever_replies_come_a_right_receiver_leaves_it_no_further_off_than_the_first_trip(
    first: tuple[int, int], trips: Sequence[tuple[int, int]]
) -> None:
    machine = Machine()
    machine.asks(*first)
    shortest = sum(first)
    for there_ms, back_ms in trips:
        machine.asks(there_ms, back_ms)
        shortest = min(shortest, there_ms + back_ms)
        machine.passes(60_000)
        assert abs(machine.clock.now_ms() - machine.truth) <= shortest + 1


word = st.one_of(
    st.tuples(st.just("told"), st.integers(-3 * HOUR_MS, 3 * HOUR_MS), st.integers(0, 90_000)),
    st.tuples(st.just("absurd"), st.sampled_from([0, IN_1970_MS, IN_2036_MS, -(10**15), 10**17]), st.integers(0, 10)),
    st.tuples(st.just("wall"), st.sampled_from([IN_1970_MS, IN_2036_MS, TRUTH_MS]), st.integers(0, 10)),
    st.tuples(st.just("passes"), st.integers(0, HOUR_MS), st.integers(0, 10)),
)


@given(st.lists(word, max_size=30))
def test_once_known_time_never_goes_back_and_never_runs_more_than_a_tenth_off(
    words: Sequence[tuple[str, int, int]],
) -> None:
    machine = Machine()
    machine.asks()
    for kind, amount, trip_ms in words:
        before, mono = machine.clock.now_ms(), machine.mono
        if kind == "told":
            machine.asks(trip_ms // 2, trip_ms - trip_ms // 2, amount)
        elif kind == "absurd":
            machine.clock.learn(amount, machine.mono, machine.mono + trip_ms)
        elif kind == "wall":
            machine.wall_ms = amount
        machine.passes(amount if kind == "passes" else trip_ms)
        passed = machine.mono - mono
        assert 0.9 * passed - 2 <= machine.clock.now_ms() - before <= 1.1 * passed + 2
        assert machine.clock.stamp() is None
