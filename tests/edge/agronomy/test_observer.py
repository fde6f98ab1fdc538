"""How far a probe may correct the balance."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.agronomy.absurd import anything
from tonnam_edge.agronomy import balance, defaults, observer
from tonnam_edge.agronomy.balance import Soil
from tonnam_edge.agronomy.observer import Correction, Outcome, Reading, State, Watched

MELON = defaults.crops()["melon-greenhouse"].crop
MIDDLE = MELON.middle_of_season
SOIL = Soil(field_capacity=0.32, wilting_point=0.18, area_m2=1600, rained_on=False)
LEARNED = State(field_capacity=0.32)
TAW, RAW = 56.0, 22.4  # 1000 * 0.14 * 0.40 m, and 0.4 of it at 5 mm/day


def reading_of(depletion_mm: float, day: int = 1, **said: Any) -> Reading:
    """What a perfect probe says at a depletion."""
    return Reading(0.32 - depletion_mm / 400, day, **{"hours_before_sunrise": 1.0, "hours_since_water": 8.0, **said})


def correct(state: State, depletion_mm: float, reading: Reading, demand_mm_day: float = 5.0) -> Correction:
    water = balance.State(depletion_mm, demand_mm_day)
    return observer.correct(state, water, SOIL, MELON, crop_day=MIDDLE, reading=reading)


@pytest.mark.parametrize(
    ("measured_mm", "step_mm"),
    [(20, 2), (0, -2), (36, 5.2), (37.9, 5.58)],
)
def test_the_depletion_moves_a_fifth_of_the_way(measured_mm: float, step_mm: float) -> None:
    found = correct(LEARNED, 10, reading_of(measured_mm))
    assert found.outcome is Outcome.CORRECTED
    assert found.step_mm == pytest.approx(step_mm)
    assert found.water.depletion_mm == pytest.approx(10 + step_mm)


def test_a_small_raw_bounds_the_step() -> None:
    """At 12 mm/day p falls to 0.12: RAW is 6.72 mm, and a quarter of that is less than a fifth of the difference."""
    found = correct(LEARNED, 10, reading_of(36), demand_mm_day=12)
    assert found.step_mm == pytest.approx(0.25 * 0.12 * TAW)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"hours_since_water": 5.9}, Outcome.TOO_SOON_AFTER_WATER),
        ({"hours_since_water": None}, Outcome.TOO_SOON_AFTER_WATER),
        ({"hours_since_water": math.nan}, Outcome.TOO_SOON_AFTER_WATER),
        ({"hours_since_water": 6.0}, Outcome.CORRECTED),
        ({"hours_since_water": math.inf}, Outcome.CORRECTED),
        ({"hours_before_sunrise": -0.1}, Outcome.NOT_BEFORE_DAWN),
        ({"hours_before_sunrise": 4.1}, Outcome.NOT_BEFORE_DAWN),
        ({"hours_before_sunrise": None}, Outcome.NOT_BEFORE_DAWN),
    ],
)
def test_a_probe_is_heard_before_dawn_and_six_hours_after_water(said: dict[str, Any], outcome: Outcome) -> None:
    found = correct(LEARNED, 10, reading_of(20, **said))
    assert found.outcome is outcome
    assert (found.step_mm != 0) == (outcome is Outcome.CORRECTED)


def test_a_probe_is_heard_once_a_day_and_again_after_the_clock_went_back() -> None:
    first = correct(LEARNED, 10, reading_of(20, day=100))
    assert correct(first.state, 10, reading_of(20, day=100)).outcome is Outcome.DONE_TODAY
    assert correct(first.state, 10, reading_of(20, day=101)).outcome is Outcome.CORRECTED
    assert correct(first.state, 10, reading_of(20, day=3)).outcome is Outcome.CORRECTED
    turned = reading_of(20, day=101)._replace(hours_since_heard=1.0)
    assert correct(first.state, 10, turned).outcome is Outcome.DONE_TODAY


@pytest.mark.parametrize("moisture", [None, math.nan, math.inf, -0.1, 26.0])
def test_no_reading_changes_nothing_and_is_no_rejection(moisture: float | None) -> None:
    found = correct(LEARNED, 10, Reading(moisture, 1, 1.0, 8.0))
    assert found == (LEARNED, balance.State(10), Outcome.NO_READING, 0, 0)


def test_three_rejections_in_a_row_are_an_alert_which_ends_with_a_good_reading() -> None:
    state, alerts = LEARNED, []
    for day in range(1, 5):
        found = correct(state, 10, reading_of(10 + 0.51 * TAW, day))
        assert found.outcome is Outcome.REJECTED
        assert found.water.depletion_mm == 10
        state = found.state
        alerts.append(state.alert)
    assert alerts == [False, False, True, True]
    assert correct(state, 10, reading_of(12, 5)).state.alert is False


def test_a_probe_pulled_out_of_the_soil_is_never_believed() -> None:
    for depletion in (0.0, 10.0, 22.4, 40.0, 56.0):
        for moisture in (0.0, 0.03, 0.08):
            assert correct(LEARNED, depletion, Reading(moisture, 1, 1.0, 8.0)).outcome is Outcome.REJECTED


def test_a_lasting_sign_trims_kc_by_two_per_cent_a_day_within_bounds() -> None:
    state, trims = LEARNED, []
    for day in range(1, 30):
        state = correct(state, 20, reading_of(20 + 0.25 * TAW, day)).state
        trims.append(state.kc_trim)
    assert trims[:6] == pytest.approx([1, 1, 1, 1, 1.02, 1.04])
    assert trims[-1] == 1.3
    for day in range(30, 90):
        state = correct(state, 30, reading_of(30 - 0.25 * TAW, day)).state
        trims.append(state.kc_trim)
    assert trims[-1] == 0.7
    assert max(abs(b - a) for a, b in pairwise(trims)) <= 0.02 + 1e-12


def test_a_sign_that_changes_or_is_slight_trims_nothing() -> None:
    state = LEARNED
    for day in range(1, 30):
        state = correct(state, 20, reading_of(20 + (6 if day % 3 else -6), day)).state
    assert state.kc_trim == 1
    for day in range(30, 60):
        state = correct(state, 20, reading_of(20 + 0.015 * TAW, day)).state
    assert state.kc_trim == 1


def test_a_probe_stuck_wet_cuts_below_70_per_cent_of_etc_on_two_days_of_seven_only() -> None:
    """The probe says: nothing is missing. Each day 3 mm are used, the probe takes away up to 5; 2.1 must remain."""
    state, water, cut = LEARNED, balance.State(27.0), []
    for day in range(1, 15):
        water = balance.State(27.0, 3.0 * state.kc_trim)
        found = observer.correct(state, water, SOIL, MELON, crop_day=MIDDLE, reading=reading_of(0, day))
        assert found.outcome in (Outcome.CORRECTED, Outcome.LIMITED)
        state = found.state
        cut.append((found.outcome is Outcome.LIMITED, state.kc_trim * 3.0 + found.step_mm))
    below = [left < 0.7 * 3.0 - 1e-9 for _, left in cut]
    assert below == [True, True, *[False] * 5, True, True, *[False] * 5]
    assert [limited for limited, _ in cut] == [not low for low in below]
    assert [left for limited, left in cut if limited] == pytest.approx([0.7 * 3.0] * 10)
    assert state.kc_trim >= 0.7


def test_the_soil_that_dries_is_followed_though_the_model_uses_too_little() -> None:
    """The crop drinks 6 mm a day, the model says 5: the probe closes the gap and Kc is trimmed towards it."""
    state, water, truth = LEARNED, balance.State(5.0), 5.0
    for day in range(1, 40):
        truth += 6.0
        water = balance.advance(water, SOIL, MELON, day=MIDDLE, days=1, et0_mm=5 / 1.05, kc_trim=state.kc_trim).state
        found = observer.correct(state, water, SOIL, MELON, crop_day=MIDDLE, reading=reading_of(truth, day))
        state, water = found.state, found.water
        if water.depletion_mm > 20:  # water what the balance says is missing
            truth, water = max(truth - water.depletion_mm, 0.0), replace(water, depletion_mm=0.0)
    assert truth - water.depletion_mm < 6
    assert 1.1 < state.kc_trim <= 1.3


def test_until_field_capacity_is_learned_a_probe_may_ask_for_more_water_and_for_no_less() -> None:
    assert correct(State(), 20, reading_of(10)).outcome is Outcome.LIMITED
    assert correct(State(), 20, reading_of(10)).step_mm == 0
    assert correct(State(), 10, reading_of(20)).step_mm == pytest.approx(2)
    state = State()
    for day in range(20):
        state = correct(state, 20, reading_of(10, day)).state
    assert state.kc_trim == 1


def test_until_then_a_probe_that_says_wetter_contradicts_only_what_no_offset_explains() -> None:
    """Offsets go up to a quarter of field capacity: 32 mm of 400 mm. What says drier is judged as ever."""
    state = State()
    for day in range(10):
        found = correct(state, 40, reading_of(5, day))
        assert (found.outcome, found.step_mm) == (Outcome.LIMITED, 0)
        state = found.state
    assert not state.alert
    assert correct(State(), 50, reading_of(-15)).outcome is Outcome.REJECTED
    assert correct(State(), 5, reading_of(40)).outcome is Outcome.REJECTED
    assert correct(LEARNED, 40, reading_of(5)).outcome is Outcome.REJECTED


def test_a_least_field_capacity_leaves_room_until_soil_was_full() -> None:
    """A probe that was not asked while the balance drifted contradicts nothing on the day it may speak."""
    least = observer.learn_field_capacity(State(), SOIL, 0.33, filled=False)
    assert least.field_capacity == pytest.approx(0.33)
    assert least.at_least
    assert correct(least, 40, reading_of(5)).outcome is not Outcome.REJECTED
    assert correct(least, 20, reading_of(10)).step_mm == 0
    for day in range(20):
        least = correct(least, 20, reading_of(10, day)).state
    assert least.kc_trim == 1
    learned = observer.learn_field_capacity(least, SOIL, 0.33, filled=True)
    assert learned.knows_full
    assert correct(learned, 45, reading_of(5)).outcome is Outcome.REJECTED
    assert observer.learn_field_capacity(learned, SOIL, 0.36, filled=False).knows_full


def aftermath(moistures: list[float], first_h: int = 8, used_mm_h: float = 0.0) -> list[Watched]:
    return [Watched(first_h + n, moisture, n * used_mm_h) for n, moisture in enumerate(moistures)]


def test_field_capacity_is_the_plateau_after_drainage() -> None:
    drained = aftermath([0.40, 0.37, 0.352, 0.3515, 0.351, 0.3508, 0.3505])
    assert observer.plateau(drained, 400) == 0.3505
    assert observer.plateau(aftermath([0.40, 0.39, 0.38, 0.37, 0.36, 0.35, 0.34]), 400) is None  # still draining
    assert observer.plateau(aftermath([0.351] * 7), 400) is None  # never had more
    assert observer.plateau(drained[:4], 400) is None  # 11 h after water
    assert observer.plateau([w._replace(hours=w.hours + 23) for w in drained], 400) is None  # too long after
    assert observer.plateau(aftermath([0.40, 0.37, 0.356, 0.354, 0.352]), 400) is None  # 0.2 % by volume an hour
    assert observer.plateau(aftermath([0.3605, 0.3515, 0.3512, 0.351, 0.351]), 400) is None  # too slight a peak
    assert observer.plateau(aftermath([0.3615, 0.3515, 0.3512, 0.351, 0.351]), 400) == 0.351
    assert observer.plateau(drained[:1] + drained[-2:], 400) is None  # not watched long enough
    assert observer.plateau([*drained, Watched(30, 0.3505, 0)], 400) is None  # nor lately
    assert observer.plateau([], 400) is None


def test_what_the_crop_used_is_added_back_and_is_no_drainage() -> None:
    """400 mm of root zone, 0.4 mm an hour: soil that only dries falls by 0.001 an hour."""
    dries = [0.34 - 0.001 * hour for hour in range(24)]
    assert observer.plateau(aftermath(dries, 0, used_mm_h=0.4), 400) is None
    drains = [moisture + 0.05 * 0.7**hour for hour, moisture in enumerate(dries)]
    assert observer.plateau(aftermath(drains, 0, used_mm_h=0.4), 400) == pytest.approx(0.34, abs=0.0005)


def test_the_first_plateau_counts_whole_later_ones_a_quarter_within_25_per_cent_of_nominal() -> None:
    state = observer.learn_field_capacity(State(), SOIL, 0.36)
    assert state.field_capacity == pytest.approx(0.36)
    state = observer.learn_field_capacity(state, SOIL, 0.32)
    assert state.field_capacity == pytest.approx(0.35)
    for _ in range(20):
        state = observer.learn_field_capacity(state, SOIL, 0.45)
    assert state.field_capacity == pytest.approx(0.40)
    assert observer.learn_field_capacity(state, SOIL, None) is state
    assert observer.learn_field_capacity(state, SOIL, 0.9) is state


def test_a_plateau_of_soil_that_was_not_filled_is_at_most_field_capacity() -> None:
    """Water that leaves a probe for drier soil below falls and then stands still, as drainage does."""
    assert observer.learn_field_capacity(State(), SOIL, 0.29, filled=False) == State()
    learned = observer.learn_field_capacity(State(), SOIL, 0.36, filled=False)
    assert learned.field_capacity == pytest.approx(0.36)
    for reached in (0.33, 0.30, 0.27):  # a crop that drinks more than it gets
        assert observer.learn_field_capacity(learned, SOIL, reached, filled=False) is learned
    assert observer.learn_field_capacity(learned, SOIL, 0.32, filled=True).field_capacity == pytest.approx(0.35)


def test_a_learned_field_capacity_takes_a_probes_offset_out() -> None:
    offset = State(field_capacity=0.36)
    said = Reading(0.32 - 10 / 400 + 0.04, 1, 1.0, 8.0)
    assert correct(offset, 10, said).innovation_mm == pytest.approx(0, abs=1e-9)
    assert correct(State(), 10, said).innovation_mm == pytest.approx(-10)


def test_the_state_comes_back_from_json() -> None:
    state = State(739_000, 2, -7, 0.94, (738_999, 738_998), 0.33)
    assert observer.restored(json.loads(json.dumps(asdict(state)))) == state
    assert observer.restored({}) == State()
    nonsense = {"last_day": "x", "kc_trim": 40, "below": 7, "field_capacity": math.nan, "rejections": -4}
    assert observer.restored(nonsense) == State()


@settings(deadline=None)
@given(
    st.lists(st.tuples(anything, anything, anything), min_size=1, max_size=12), st.floats(0, 56), st.floats(0.5, 12)
)
def test_whatever_a_probe_says_steps_and_trims_stay_bounded(
    said: list[tuple[float, float, float]], depletion: float, demand: float
) -> None:
    state, water = State(), balance.State(depletion, demand)
    for day, (moisture, before, since) in enumerate(said):
        raw = balance.reserves(SOIL, MELON, MIDDLE, demand).raw_mm
        found = observer.correct(
            state, water, SOIL, MELON, crop_day=MIDDLE, reading=Reading(moisture, day, before, since)
        )
        assert abs(found.step_mm) <= 0.25 * raw + 1e-9
        assert 0 <= found.water.depletion_mm <= TAW
        assert abs(found.state.kc_trim - state.kc_trim) <= 0.02 + 1e-12
        state = observer.learn_field_capacity(found.state, SOIL, moisture)
        assert 0.7 <= state.kc_trim <= 1.3
        assert state.field_capacity is None or 0.24 - 1e-9 <= state.field_capacity <= 0.40 + 1e-9
        water = found.water
        assert observer.restored(json.loads(json.dumps(asdict(state)))) == state


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=10, max_size=40), st.floats(1, 10))
def test_on_no_more_than_two_days_of_seven_a_probe_leaves_less_than_70_per_cent(
    said: list[float], demand: float
) -> None:
    state, below = LEARNED, []
    for day, moisture in enumerate(said):
        water = balance.State(25.0, demand * state.kc_trim)
        found = observer.correct(state, water, SOIL, MELON, crop_day=MIDDLE, reading=Reading(moisture, day, 1, 8))
        state = found.state
        below.append(state.kc_trim * demand + found.step_mm < 0.7 * demand - 1e-9)
    assert all(sum(below[start : start + 7]) <= 2 for start in range(len(below)))


@settings(deadline=None)
@given(st.lists(st.tuples(anything, anything, anything), max_size=12))
def test_whatever_was_watched_what_is_learned_is_near_the_nominal(seen: list[tuple[float, float, float]]) -> None:
    found = observer.plateau([Watched(*said) for said in seen], 400)
    learned = observer.learn_field_capacity(State(), SOIL, found).field_capacity
    assert learned is None or 0.24 - 1e-9 <= learned <= 0.40 + 1e-9
