"""Valves of four kinds, a pump that spins up, and pulses: what they do and when."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnam_sim.world.config import ValveKind
from tonnam_sim.world.drives import CutOff, Motor, Valve
from tonnam_sim.world.pulses import PulseTrain

NC, NO, LATCHING, MOTORISED = (
    ValveKind.NORMALLY_CLOSED,
    ValveKind.NORMALLY_OPEN,
    ValveKind.LATCHING,
    ValveKind.MOTORISED,
)


def after(valve: Valve, coil: bool, seconds: float, *, powered: bool = True, at_s: float = 0.0) -> float:
    """Where the valve is after so long with its coil so."""
    valve.move(at_s)
    valve.tell(at_s, opens=coil, shuts=valve.kind is LATCHING and not coil, powered=powered, jammed=False)
    valve.move(at_s + seconds)
    return valve.position


@pytest.mark.parametrize(
    ("kind", "coil_on", "coil_off", "no_power"),
    [(NC, 1.0, 0.0, 0.0), (NO, 0.0, 1.0, 1.0), (LATCHING, 1.0, 0.0, None), (MOTORISED, 1.0, 0.0, None)],
)
@pytest.mark.parametrize("begins_open", [False, True])
def test_each_kind_answers_to_coil_and_power_in_its_way(
    kind: ValveKind, coil_on: float, coil_off: float, no_power: float | None, begins_open: bool
) -> None:
    assert after(Valve(kind, 10.0, is_open=begins_open), True, 20.0) == coil_on
    assert after(Valve(kind, 10.0, is_open=begins_open), False, 20.0) == coil_off
    stays = float(begins_open) if no_power is None else no_power
    assert after(Valve(kind, 10.0, is_open=begins_open), True, 20.0, powered=False) == stays


def test_a_motorised_valve_stops_where_it_is_when_power_goes_and_a_latching_one_goes_on() -> None:
    motorised, latching = Valve(MOTORISED, 10.0, is_open=False), Valve(LATCHING, 10.0, is_open=False)
    for valve in (motorised, latching):
        after(valve, True, 5.0)
    assert after(motorised, False, 60.0, powered=False, at_s=5.0) == 0.5
    assert after(latching, False, 60.0, powered=False, at_s=5.0) == 1.0


def test_two_coils_pulse_a_latching_valve_and_neither_leaves_it() -> None:
    valve = Valve(LATCHING, 0.0, is_open=False)
    valve.tell(0.0, opens=True, shuts=False, powered=True, jammed=False)
    assert valve.position == 1.0
    valve.tell(1.0, opens=False, shuts=False, powered=True, jammed=False)
    assert valve.position == 1.0
    valve.tell(2.0, opens=False, shuts=True, powered=True, jammed=False)
    assert valve.position == 0.0


@given(travel_s=st.floats(0.1, 60.0), turns=st.lists(st.tuples(st.booleans(), st.floats(0.0, 30.0)), max_size=8))
def test_a_valve_is_where_its_travel_says_however_time_is_cut(
    travel_s: float, turns: list[tuple[bool, float]]
) -> None:
    whole, cut = Valve(NC, travel_s, is_open=False), Valve(NC, travel_s, is_open=False)
    now_s = 0.0
    for opens, seconds in turns:
        for valve in (whole, cut):
            valve.move(now_s)
            valve.tell(now_s, opens=opens, shuts=False, powered=True, jammed=False)
        while (next_s := cut.next_s()) < now_s + seconds:
            assert 0.0 < cut.openness < 1.0
            cut.move(next_s)
        now_s += seconds
        whole.move(now_s)
        cut.move(now_s)
        assert cut.position == pytest.approx(whole.position, abs=1e-6)


def test_a_travelling_valve_lets_through_what_its_quarter_does() -> None:
    valve = Valve(NC, 8.0, is_open=False)
    valve.tell(0.0, opens=True, shuts=False, powered=True, jammed=False)
    seen = []
    while valve.moving:
        seen.append((valve.openness, valve.next_s()))
        valve.move(valve.next_s())
    assert seen == [(0.125, 2.0), (0.375, 4.0), (0.625, 6.0), (0.875, 8.0)]
    assert valve.openness == 1.0
    assert math.isinf(valve.next_s())


def test_a_motor_takes_its_time_up_and_down() -> None:
    motor = Motor(2.0)
    assert motor.tell(10.0, True)
    assert not motor.tell(11.0, True)
    assert [motor.speed(at_s) for at_s in (10.0, 11.9, 12.0)] == [0.5, 0.5, 1.0]
    motor.tell(20.0, False)
    assert [motor.speed(at_s) for at_s in (21.0, 22.0)] == [0.5, 0.0]


def test_pulses_are_whole_and_slow_flow_is_known_late() -> None:
    train = PulseTrain(10.0, begins_at=500)
    train.turn(9.9, 0.0, 99.0)
    assert (train.count, train.frequency_hz(99.0)) == (500, 0.0)
    train.turn(10.2, 99.0, 102.0)
    assert train.count == 502
    assert train.frequency_hz(201.0) == pytest.approx(0.01, rel=0.05)
    assert train.frequency_hz(800.0) < 0.005
    assert train.frequency_hz(2000.0) == 0.0


@given(st.lists(st.floats(0.01, 50.0), min_size=1, max_size=20), st.floats(0.05, 5.0))
def test_pulses_do_not_care_how_time_is_cut(spans: list[float], flow_l_s: float) -> None:
    cut, whole = PulseTrain(1.0), PulseTrain(1.0)
    now_s = 0.0
    for seconds in spans:
        cut.turn(flow_l_s * seconds, now_s, seconds)
        now_s += seconds
    whole.turn(flow_l_s * now_s, 0.0, now_s)
    assert cut.count == whole.count
    if whole.count > 2:
        assert cut.frequency_hz(now_s) == pytest.approx(whole.frequency_hz(now_s), rel=1e-3)


def test_a_cut_off_ends_what_is_on_too_long_and_lets_through_anew_after_a_rest() -> None:
    cut_off = CutOff(60.0)
    assert cut_off.passes(0.0, True)
    assert cut_off.next_s(10.0) == 60.0
    assert cut_off.passes(59.9, True)
    assert not cut_off.passes(60.0, True)
    assert math.isinf(cut_off.next_s(60.0))
    assert not cut_off.passes(70.0, False)
    assert cut_off.passes(80.0, True)
    assert math.isinf(CutOff(None).next_s(1e9))
