"""The pure parts: groups, the plan of a run, caps, and the correction of a set point."""

from __future__ import annotations

from functools import partial
from itertools import combinations, pairwise
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnam_edge.core.dosing.kept import Kept
from tonnam_edge.core.dosing.ledger import DAY_MS, HOUR_MS, Ledger
from tonnam_edge.core.dosing.liquids import INCOMPATIBLE, compatible, groups
from tonnam_edge.core.dosing.loop import Failing, Loop
from tonnam_edge.core.dosing.plan import planned
from tonnam_edge.core.image import Now
from tonnam_edge.site.dosing_file import DosePart, EcPart, InjectorPart, Liquid
from tonnam_edge.site.profile import Words

LIQUIDS = get_args(Liquid)
NAME = Words(th="ถัง", en="Tank")


def injector(**changes: object) -> InjectorPart:
    keys: dict[str, object] = {
        "id": "a",
        "name": NAME,
        "actuator": "doser",
        "line": "line",
        "liquid": "a",
        "ml_min": 600,
        "stock_l": 5,
        "max_pulse_ml": 100,
        "max_hour_ml": 500,
        "max_day_ml": 1500,
        "ec_per_ml_l": 0.2,
    }
    return InjectorPart.model_validate({**keys, **changes})


@given(st.lists(st.sampled_from(LIQUIDS), min_size=1, max_size=6, unique=True))
def test_nothing_in_a_group_fights_and_everything_has_its_turn(names: list[str]) -> None:
    found = groups(names, {name: name for name in names})
    assert {name for group in found for name in group} == set(names)
    for group in found:
        assert all(frozenset(pair) not in INCOMPATIBLE for pair in combinations(group, 2))


def test_acid_goes_with_a_and_again_with_b() -> None:
    liquids = {name: name for name in ("a", "b", "acid")}
    assert groups(["a", "acid", "b"], liquids) == (("a", "acid"), ("b", "acid"))
    assert not compatible("hypochlorite", ["acid"])
    assert compatible("hypochlorite", [])


@given(st.integers(1, 3), st.floats(1, 2000), st.floats(5, 200), st.integers(0, 5), st.integers(1, 7))
def test_every_group_of_a_run_is_followed_by_a_whole_rinse(
    count: int, run_l: float, rinse_l: float, turn: int, step_l: int
) -> None:
    names = [(f"i{number}",) for number in range(count)]
    plan = planned(names, turn, run_l, rinse_l)
    if plan is None:
        assert run_l < 2 * rinse_l
        return
    dosed: list[tuple[float, tuple[str, ...]]] = []

    def clean(rinsed_l: float, group: tuple[str, ...]) -> bool:
        return rinsed_l >= rinse_l

    last = -1e9
    passed = 0.0
    while passed < run_l:
        before = dosed[-1] if dosed else None
        group = plan.advance(passed, run_l - passed, partial(clean, passed - last))
        if group:
            if before is not None and before[1] != group:
                assert passed - before[0] >= rinse_l
            dosed.append((passed, group))
            last = passed
        passed += step_l
    assert not dosed or run_l - dosed[-1][0] >= rinse_l - 1e-6
    assert len({group for _, group in dosed}) <= len(plan.order)


@given(st.lists(st.tuples(st.integers(0, 3 * HOUR_MS), st.floats(1, 100), st.booleans()), min_size=1, max_size=60))
def test_no_window_of_true_time_holds_more_than_its_cap(steps: list[tuple[int, float, bool]]) -> None:
    kept, part = Kept(), injector()
    ledger = Ledger(lambda: kept)
    true_ms, mono_ms, boot = 0, 0, 0
    doses: list[tuple[int, float]] = []
    for wait_ms, ml, reboots in steps:
        true_ms, mono_ms = true_ms + wait_ms, mono_ms + wait_ms
        if reboots:  # which took a part of the wait
            boot, mono_ms = boot + 1, wait_ms // 3
        now = Now(-true_ms, mono_ms, f"boot {boot}", sure=False)
        ledger.look(now)
        if ml <= ledger.room(part, now).ml:
            ledger.book("a", ml, now)
            doses.append((true_ms, ml))
    for window_ms, most in ((HOUR_MS, part.max_hour_ml), (DAY_MS, part.max_day_ml)):
        for at, _ in doses:
            assert sum(ml for when, ml in doses if at <= when < at + window_ms) <= most + 0.01
    assert sum(ml for _, ml in doses) <= part.stock_l * 1000 + 0.01


def test_room_comes_back_when_the_hour_is_over() -> None:
    kept, part = Kept(), injector()
    ledger = Ledger(lambda: kept)
    for minute in range(0, 60, 6):
        ledger.book("a", 50, Now(0, minute * 60_000, "b"))
    assert ledger.room(part, Now(0, 59 * 60_000, "b")) == (0.0, "hour")
    left = msgspec.json.decode(msgspec.json.encode(kept), type=Kept)
    assert Ledger(lambda: left).room(part, Now(0, 130 * 60_000, "b")) == (500.0, "hour")
    assert ledger.room(part, Now(0, 1, "another boot")).ml == 0.0
    assert ledger.room(part, Now(0, HOUR_MS + 1, "another boot")).ml == 500.0


def test_a_machine_that_is_off_every_night_is_not_kept_from_dosing_for_good() -> None:
    """Twelve hours a day: each cap counts hours in which the machine was on, and those that are surely over."""
    disk, part = [Kept()], injector()
    ledger = Ledger(lambda: disk[0])
    given = []
    for day in range(8):
        disk, today = [msgspec.json.decode(msgspec.json.encode(disk[0]), type=Kept)], 0.0
        for minute in range(0, 720, 10):
            now = Now((day * 1440 + minute) * 60_000, minute * 60_000, f"boot {day}")
            ledger.look(now)
            if 120 <= minute < 180 and ledger.room(part, now).ml >= 80:
                ledger.book("a", 80, now)
                today += 80
        given.append(today)
    assert sum(given) == 8 * 480
    assert len(disk[0].stock("a").day) <= 3


def test_how_long_a_boot_was_counts_only_as_far_as_it_was_written() -> None:
    kept, part = Kept(), injector()
    ledger = Ledger(lambda: kept)
    ledger.book("a", 500, Now(0, HOUR_MS, "b"))
    ledger.look(Now(0, HOUR_MS + 1_800_000, "b"))
    ledger.look(Now(0, HOUR_MS + 2_300_000, "b"))  # not written: it is too soon after the last time
    assert ledger.room(part, Now(0, 1_799_000, "c")).ml == 0.0
    assert ledger.room(part, Now(0, 1_801_000, "c")).ml == 500.0
    ledger.book("a", 500, Now(0, 1_802_000, "c"))
    assert ledger.room(part, Now(10**12, 3_500_000, "d")).ml == 0.0  # whatever the clock says


def loop(target: float = 2.0, most: float = 12.0) -> Loop:
    return Loop("ec", EcPart(target=target), [(DosePart(injector="a", ml_per_l=4, most_ml_per_l=most), injector())])


@given(st.floats(0.2, 1.0), st.floats(0.5, 1.9), st.floats(1.2, 3.0))
def test_a_correction_settles_whatever_the_stock_is_really_like(base: float, strength: float, target: float) -> None:
    one = loop(target)
    wanted = (target - base) / (0.2 * strength)
    if wanted > 12:
        return
    one.begun(base, 4 * 0.2)
    seen = []
    for _ in range(25):
        value = base + one.shares["a"].rate * 0.2 * strength
        seen.append(abs(value - target))
        one.correct(value, ["a"])
    assert seen[-1] <= one.dead_band + 1e-9
    assert all(later <= max(before, one.dead_band) + 1e-9 for before, later in pairwise(seen))
    assert one.failing is None


def test_a_probe_that_does_not_move_is_no_reason_to_dose_more_and_more() -> None:
    one = loop()
    one.begun(0.6, 0.8)
    for _ in range(4):
        one.correct(0.6, ["a"])
    assert one.failing is Failing.NO_ANSWER
    assert one.shares["a"].rate <= 12.0


def test_a_limit_keeps_no_debt() -> None:
    one = loop(target=5.0, most=5.0)
    for _ in range(50):
        one.correct(1.6, ["a"])
    assert one.failing is not None
    one.correct(6.0, ["a"])
    assert one.shares["a"].rate == pytest.approx(5.0 - 0.5 * 1.0 / 0.2)
