"""Charts are thinned without hiding peaks or gaps; a zone has one word."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonnam_cloud.farm.zone_state import zone_state
from tonnam_cloud.measures.thin import MOST_POINTS, thin

NAN = float("nan")


def drawn(times_ms: list[int], values: list[float], gap_ms: int = 30_000) -> tuple[list[float], list[float | None]]:
    return thin(np.array(times_ms, np.int64), np.array(values, np.float64), gap_ms)


def test_few_readings_are_drawn_as_they_are() -> None:
    assert drawn([0, 10_000, 20_500], [1.0, 0.0, 2.0]) == ([0.0, 10.0, 20.5], [1.0, 0.0, 2.0])


def test_gap_is_a_null_and_not_a_line() -> None:
    assert drawn([0, 10_000, 60_000], [1.0, 2.0, 3.0]) == ([0.0, 10.0, 10.001, 60.0], [1.0, 2.0, None, 3.0])


def test_unknown_values_are_one_null_and_never_zero() -> None:
    assert drawn([0, 10_000, 20_000, 30_000], [1.0, NAN, NAN, 2.0]) == ([0.0, 10.0, 30.0], [1.0, None, 2.0])


def test_nothing_known_draws_nothing() -> None:
    assert drawn([], []) == ([], [])
    assert drawn([0, 10_000], [NAN, NAN]) == ([], [])


def test_peak_of_one_reading_survives_a_day_of_thinning() -> None:
    times = list(range(0, 86_400_000, 10_000))
    values = [20.0 + (at % 70_000) / 1e6 for at in times]
    values[4321], values[6000] = 99.0, -5.0
    t, v = drawn(times, values)
    assert len(t) <= MOST_POINTS
    assert 99.0 in v
    assert -5.0 in v
    assert t[-1] == times[-1] / 1000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 200_000), st.one_of(st.none(), st.floats(-100, 100))), min_size=1, max_size=1500
    )
)
def test_any_series_is_bounded_sorted_and_keeps_its_extremes(steps: list[tuple[int, float | None]]) -> None:
    times = np.cumsum([pause for pause, _ in steps])
    values = np.array([NAN if value is None else value for _, value in steps])
    t, v = thin(times.astype(np.int64), values, 60_000)
    known = [value for value in v if value is not None]
    assert len(t) == len(v) <= MOST_POINTS
    assert all(later > earlier for earlier, later in pairwise(t))
    if not np.isnan(values).all():
        assert (min(known), max(known)) == (np.nanmin(values), np.nanmax(values))


@pytest.mark.parametrize(
    ("moisture", "state"),
    [(25.9, "dry"), (26.0, "good"), (31.0, "good"), (34.0, "good"), (34.1, "wet"), (0.0, "dry"), (None, "unknown")],
)
def test_zone_word_by_its_band(moisture: float | None, state: str) -> None:
    assert zone_state(moisture, 26.0, 31.0) == state


def test_zone_without_a_band_is_unknown() -> None:
    assert zone_state(28.0, None, None) == "unknown"
