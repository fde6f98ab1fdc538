"""Watering by light: so many millilitres for so many J/cm2."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.agronomy.absurd import anything
from tonnam_edge.agronomy import light_sum
from tonnam_edge.agronomy.light_sum import Cause, Dose, LightSum, State

MELON = LightSum(
    dose_ml_plant=120, dose_j_cm2=100, least_interval_s=1200, most_interval_s=7200,
    drain_share=0.25, drain_ec_ms_cm=3.5,
)  # fmt: skip


def after(state: State, minutes: int, light_w_m2: float | None) -> State:
    for _ in range(minutes):
        state = light_sum.advance(state, MELON, seconds=60, light_w_m2=light_w_m2)
    return state


def test_a_dose_is_due_after_so_much_light() -> None:
    almost = after(State(), 33, 500)  # 500 W/m2 for 33 min are 99 J/cm2
    assert almost.j_cm2 == pytest.approx(99)
    assert light_sum.due(almost, MELON) is None
    assert light_sum.due(after(almost, 1, 500), MELON) == Dose(120, Cause.LIGHT)


def test_after_a_dose_the_rest_of_the_light_counts_for_the_next() -> None:
    given_ = light_sum.dosed(after(State(), 40, 500), MELON)
    assert given_.j_cm2 == pytest.approx(20)
    assert given_.since_dose_s == 0


def test_doses_never_come_sooner_than_the_least_interval() -> None:
    bright = after(State(), 19, 1400)
    assert bright.j_cm2 > 100
    assert light_sum.due(bright, MELON) is None
    assert light_sum.seconds_to_due(bright, MELON) == 60
    assert light_sum.due(after(bright, 1, 1400), MELON) == Dose(120, Cause.LIGHT)


@pytest.mark.parametrize("light", [None, math.nan, -5.0, 1e9, 0.0])
def test_without_light_or_knowledge_of_it_the_longest_interval_waters(light: float | None) -> None:
    dark = after(State(), 119, light)
    assert light_sum.due(dark, MELON) is None
    assert light_sum.due(after(dark, 1, light), MELON) == Dose(120, Cause.INTERVAL)


def test_a_reading_says_nothing_of_longer_than_a_quarter_hour_and_two_doses_are_saved_at_most() -> None:
    assert light_sum.advance(State(), MELON, seconds=86400, light_w_m2=1000).j_cm2 == pytest.approx(90)
    assert after(State(), 600, 1000).j_cm2 == 200


@pytest.mark.parametrize(
    ("drained", "ec", "trim"),
    [
        (0.10, None, 1.05),
        (0.50, None, 0.95),
        (0.27, None, 1.0),
        (0.50, 4.0, 1.05),
        (0.27, 3.0, 1.0),
        (None, None, 1.0),
        (1.7, math.nan, 1.0),
    ],
)
def test_the_dose_is_trimmed_by_drain_and_salt_goes_first(
    drained: float | None, ec: float | None, trim: float
) -> None:
    found = light_sum.trimmed(State(), MELON, local_day=1, drained_share=drained, drain_ec_ms_cm=ec)
    assert found.trim == pytest.approx(trim)
    ready = replace(found, j_cm2=100, since_dose_s=1200)
    dose = light_sum.due(ready, MELON)
    assert dose is not None
    assert dose.ml_plant == pytest.approx(120 * trim)


def test_the_dose_is_trimmed_once_a_day_within_0_7_and_1_3() -> None:
    state = light_sum.trimmed(State(), MELON, local_day=1, drained_share=0.0, drain_ec_ms_cm=None)
    assert light_sum.trimmed(state, MELON, local_day=1, drained_share=0.0, drain_ec_ms_cm=None) is state
    for day in range(2, 30):
        state = light_sum.trimmed(state, MELON, local_day=day, drained_share=0.0, drain_ec_ms_cm=None)
    assert state.trim == 1.3
    for day in range(30, 60):
        state = light_sum.trimmed(state, MELON, local_day=day, drained_share=0.9, drain_ec_ms_cm=None)
    assert state.trim == 0.7


@pytest.mark.parametrize(
    "said", [{"dose_ml_plant": 0}, {"dose_j_cm2": math.nan}, {"least_interval_s": 9000}, {"drain_share": 25}]
)
def test_what_cannot_be_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"between|dose"):
        replace(MELON, **said)


def test_the_state_comes_back_from_json() -> None:
    state = State(55.5, 600, 1.1, 739_000)
    assert light_sum.restored(json.loads(json.dumps(asdict(state)))) == state
    assert light_sum.restored({"j_cm2": "much", "trim": 9, "since_dose_s": -1, "trimmed_day": 1.5}) == State()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(1, 3600), anything), max_size=60))
def test_whatever_the_light_is_said_to_be_doses_keep_their_intervals(said: list[tuple[float, float]]) -> None:
    state, clock, last = State(), 0.0, 0.0
    for seconds, light in said:
        state = light_sum.advance(state, MELON, seconds=seconds, light_w_m2=light)
        clock += seconds
        dose = light_sum.due(state, MELON)
        assert dose is None or clock - last >= 1200 - 1e-6
        assert dose is not None or clock - last < 7200 + 1e-6
        if dose is not None:
            state, last = light_sum.dosed(state, MELON), clock
        assert 0 <= state.j_cm2 <= 200


@settings(deadline=None)
@given(anything, anything, anything, anything)
def test_whatever_is_said_the_state_stays_bounded(seconds: float, light: float, drained: float, ec: float) -> None:
    state = light_sum.advance(State(), MELON, seconds=seconds, light_w_m2=light)
    state = light_sum.trimmed(state, MELON, local_day=1, drained_share=drained, drain_ec_ms_cm=ec)
    assert 0 <= state.j_cm2 <= 200
    assert 0.95 <= state.trim <= 1.05
    assert light_sum.restored(json.loads(json.dumps(asdict(state)))) == state
