"""Elapsed time through restarts, clocks that are set, and days without power; and what 24 hours count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tonnam_edge.core.image import Now
from tonnam_edge.core.programs import clock
from tonnam_edge.core.programs.kept import Kept, ZoneKept, add

HOUR_MS = clock.HOUR_MS
START_MS = 1_795_194_000_000


class Machine:
    """A machine with a true time, a clock that may be wrong, and boots."""

    def __init__(self) -> None:
        self.kept, self.true_ms, self.booted_ms, self.boots = Kept(), START_MS, START_MS - 1000, 0
        self.sure, self.skew_ms, self.counted_ms = True, 0, 0
        self.watered_ms: list[int] = []
        clock.begin(self.kept, self.now)

    @property
    def now(self) -> Now:
        wall_ms = self.true_ms + self.skew_ms
        return Now(wall_ms, self.true_ms - self.booted_ms, f"boot {self.boots}", self.sure)

    def reckon(self) -> None:
        elapsed = clock.elapsed_ms(self.kept, self.now)
        assert elapsed >= 0
        self.counted_ms += elapsed
        if off := clock.off_ms(self.kept, self.now, elapsed):
            with clock.while_off(self.kept, off, elapsed):
                pass
        self.kept.hours += (elapsed - off) / HOUR_MS
        clock.turn(self.kept, self.now, elapsed)

    def water(self) -> None:
        """Give a litre, between two reckonings."""
        hours = self.kept.hours + clock.elapsed_ms(self.kept, self.now) / HOUR_MS
        self.kept.zone("zone-1").given.append((round(hours, 3), 1.0))
        self.watered_ms.append(self.true_ms)

    def run(self, minutes: int) -> None:
        self.true_ms += minutes * 60_000
        self.reckon()

    def power_cut(self, minutes: int, *, sure: bool) -> None:
        self.true_ms += minutes * 60_000
        self.booted_ms, self.boots, self.sure = self.true_ms - 20_000, self.boots + 1, sure
        self.skew_ms = 0 if sure else -START_MS
        self.reckon()

    def learn(self) -> None:
        self.sure, self.skew_ms = True, 0
        self.reckon()


turns = st.lists(
    st.tuples(st.sampled_from(["run", "water", "cut", "cut, no clock", "learn"]), st.integers(1, 3000)),
    min_size=1,
    max_size=20,
)


@given(turns)
def test_once_the_time_is_known_all_that_passed_was_counted_once(turned: list[tuple[str, int]]) -> None:
    machine = Machine()
    for what, minutes in turned:
        if what == "run":
            machine.run(minutes)
        elif what == "water":
            machine.true_ms += minutes * 1000
            machine.water()
        elif what == "learn":
            machine.learn()
        else:
            machine.power_cut(minutes, sure=what == "cut")
    assert machine.counted_ms <= machine.true_ms - START_MS + 20_000 * len(turned)
    machine.learn()
    passed_ms = machine.true_ms - START_MS
    assert abs(machine.counted_ms - passed_ms) <= 20_000 * len(turned)
    for (hour, _), at_ms in zip(machine.kept.zone("zone-1").given, machine.watered_ms, strict=True):
        age_ms = (machine.kept.hours - hour) * HOUR_MS
        assert -20_000 * len(turned) <= age_ms <= machine.true_ms - at_ms + 25_000 * len(turned)


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=20))
def test_a_clock_that_is_set_within_a_boot_moves_nothing(skews_h: list[int]) -> None:
    machine = Machine()
    for skew_h in skews_h:
        machine.skew_ms = skew_h * HOUR_MS
        machine.run(60)
    assert machine.counted_ms == len(skews_h) * HOUR_MS


@given(st.lists(st.tuples(st.floats(0.01, 30), st.floats(0, 500)), min_size=1, max_size=120))
def test_24_hours_of_water_are_exact_and_the_week_is_bounded(given_: list[tuple[float, float]]) -> None:
    zone, hours, all_of_it = ZoneKept(), 0.0, []
    for after_h, litres in given_:
        hours += after_h
        zone.give(hours, litres)
        all_of_it.append((hours, litres))
    exact = sum(litres for at, litres in all_of_it if hours - at < 23.99)
    upper = sum(litres for at, litres in all_of_it if hours - at < 24.01)
    assert exact - 0.1 <= zone.given_l(hours, 24) <= upper + 0.1
    assert len(zone.given) <= 170 + 120


def test_buckets_of_hours_are_bounded() -> None:
    buckets: list[tuple[int, float]] = []
    for hour in range(1000):
        add(buckets, hour + 0.5, 1.0)
    assert len(buckets) <= 170
