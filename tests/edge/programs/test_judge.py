"""Which readings are believed, and which of several probes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnam_edge.core.judge import HOUR_MS, RULES, TWINS_APART_PCT, Doubt, Judge, together
from tonnam_edge.site.profile import Words
from tonnam_edge.site.site import Datastream, Sensed
from tonnam_link.messages import Sample
from tonnam_link.quality import Quality


def sensed(value: str, resolution: float = 0.1) -> Sensed:
    stream = Datastream(f"plot/x/{value}", Words(th="ก", en="A"), "1", resolution, "measure", 60.0)
    return Sensed(stream, "x", value, None, 30.0)


def qualities(judge: Judge, what: Sensed, *readings: tuple[float, float]) -> list[Quality]:
    """How readings are judged: (hours since boot, number)."""
    return [judge.of(what, number, round(hour * HOUR_MS)).quality for hour, number in readings]


MOISTURE, AIR = sensed("soil_moisture"), sensed("air_temperature")
GOOD, STUCK, JUMPED = Quality.GOOD, Quality.STUCK, Quality.JUMPED


def test_a_probe_pulled_out_of_the_soil_is_not_believed_because_it_stays_dry() -> None:
    judged = qualities(Judge({}), MOISTURE, (0, 28.0), (0.01, 0.4), (0.02, 0.5), (6, 0.3), (12, 0.4), (12.1, 27.0))
    assert judged == [GOOD, JUMPED, JUMPED, JUMPED, JUMPED, GOOD]


def test_the_raw_number_of_a_jump_is_kept() -> None:
    judge = Judge({})
    judge.of(MOISTURE, 28.0, 0)
    assert judge.of(MOISTURE, 0.4, 1000) == Sample(None, JUMPED, 0.4)


def test_soil_may_be_watered_and_may_dry() -> None:
    wet = [(0.0, 20.0), (0.1, 38.0)] + [(hour, 38.0 - 0.25 * hour) for hour in range(1, 60)]
    assert set(qualities(Judge({}), MOISTURE, *wet)) == {GOOD}


def test_a_new_level_of_the_air_is_believed_once_it_has_stayed() -> None:
    judged = qualities(Judge({}), AIR, (0, 30.0), (0.01, 80.0), (0.02, 30.1), (0.1, 55.0), (0.3, 55.2), (0.4, 55.1))
    assert judged == [GOOD, JUMPED, GOOD, JUMPED, JUMPED, GOOD]


@pytest.mark.parametrize("quantity", sorted(RULES))
def test_a_flat_line_is_stuck_after_the_time_of_its_quantity_and_free_when_it_moves(quantity: str) -> None:
    rule, what, number = RULES[quantity], sensed(quantity, 0.0), 25.0 if quantity != "illuminance" else 40_000.0
    flat_h = rule.flat_h or 0.0
    judged = qualities(
        Judge({}), what, (0, number), (flat_h, number), (flat_h + 0.1, number), (flat_h + 0.2, number + 1)
    )
    assert judged == [GOOD, GOOD, STUCK, GOOD]


def test_a_coarse_sensor_may_rest_longer_on_a_number() -> None:
    judge, coarse = Judge({}), sensed("air_temperature", 1.0)
    assert qualities(judge, coarse, (0, 25.0), (59, 25.0), (61, 25.0)) == [GOOD, GOOD, STUCK]


@pytest.mark.parametrize(
    ("quantity", "number"), [("humidity", 100.0), ("illuminance", 0.0), ("wind_speed", 0.0), ("level", 150.0)]
)
def test_night_calm_mist_and_a_tank_that_nobody_uses_are_no_flat_lines(quantity: str, number: float) -> None:
    assert set(qualities(Judge({}), sensed(quantity), *[(hour, number) for hour in range(200)])) == {GOOD}


def test_a_tank_that_is_suddenly_empty_is_believed_at_once() -> None:
    assert qualities(Judge({}), sensed("level"), (0, 150.0), (0.001, 3.0)) == [GOOD, GOOD]


def test_what_was_not_believed_before_a_restart_is_not_believed_after_it() -> None:
    doubts: dict[str, Doubt] = {}
    qualities(Judge(doubts), MOISTURE, (0, 28.0), (0.1, 1.0))
    qualities(Judge(doubts), AIR, (0, 25.0), (7, 25.0))
    assert qualities(Judge(doubts), MOISTURE, (0, 1.0), (0.1, 27.5)) == [JUMPED, GOOD]
    assert qualities(Judge(doubts), AIR, (0, 25.0), (0.1, 25.1)) == [STUCK, GOOD]
    assert doubts == {}


def said(expected: float | None, *values: float | None) -> tuple[float | None, Quality, frozenset[str]]:
    names = tuple(f"p{n}" for n in range(len(values)))
    samples = {
        name: Sample(None, Quality.STALE) if value is None else Sample(value)
        for name, value in zip(names, values, strict=True)
    }
    found = together(names, samples, expected)
    return found.sample.value, found.sample.quality, found.apart


def test_of_two_probes_that_agree_the_mean_and_of_one_that_is_left_itself() -> None:
    assert said(None, 24.0, 30.0) == (27.0, GOOD, frozenset())
    assert said(None, 24.0, None) == (24.0, GOOD, frozenset())
    assert said(None, None, None) == (None, Quality.STALE, frozenset())


def test_of_two_that_contradict_the_one_that_agrees_with_the_balance() -> None:
    assert said(27.0, 28.0, 2.0) == (28.0, GOOD, frozenset({"p1"}))
    assert said(14.0, 40.0, 12.0) == (12.0, GOOD, frozenset({"p0"}))


def test_of_two_that_contradict_neither_without_a_balance_or_far_from_it() -> None:
    assert said(None, 28.0, 2.0) == (None, Quality.DISAGREES, frozenset({"p0", "p1"}))
    assert said(60.0, 28.0, 2.0) == (None, Quality.DISAGREES, frozenset({"p0", "p1"}))


def test_of_three_the_median_without_the_one_that_lies() -> None:
    assert said(None, 28.0, 27.0, 0.0) == (27.5, GOOD, frozenset({"p2"}))
    assert said(None, 28.0, 27.0, 90.0) == (27.5, GOOD, frozenset({"p2"}))
    assert said(None, 5.0, 30.0, 60.0)[1] is Quality.DISAGREES


@given(st.lists(st.floats(15, 25), min_size=2, max_size=5), st.floats(0, 100))
def test_one_bad_probe_among_several_never_leads_out_of_what_the_others_say(good: list[float], bad: float) -> None:
    value, quality, _ = said(mean_of(good), *good, bad)
    if value is not None:
        assert min(good) - TWINS_APART_PCT / 2 <= value <= max(good) + TWINS_APART_PCT / 2
    else:
        assert quality is Quality.DISAGREES


def mean_of(values: list[float]) -> float:
    return sum(values) / len(values)
