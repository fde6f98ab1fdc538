"""The pure parts of the stores: merging, thinning, packing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cloud.readings import Row, column, rows
from tonnam_cloud.store import arrays
from tonnam_cloud.store.chunks import Unreadable, make_record, pack_chunk, pack_record, unpack_chunk, unpack_record
from tonnam_cloud.store.newest import newest_of
from tonnam_cloud.store.port import Series
from tonnam_link.quality import Quality

VALUES = (
    st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-100_000, 100_000).map(lambda n: n / 100)
)
ROWS = st.tuples(st.integers(0, 2**43), VALUES, st.integers(0, 8), st.none() | st.floats(allow_nan=False, width=32))
COLUMNS = st.lists(ROWS, min_size=1, max_size=40)
CLOSE_ROWS = st.lists(st.tuples(st.integers(0, 30), VALUES, st.integers(0, 6), st.none()), min_size=1, max_size=12)


def first_wins(parts: list[list[Row]]) -> list[Row]:
    kept: dict[int, Row] = {}
    for part in parts:
        for row in part:
            kept.setdefault(row[0], row)
    return [kept[at_ms] for at_ms in sorted(kept)]


@given(st.lists(CLOSE_ROWS, max_size=6), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=80, deadline=None)
def test_merging_keeps_the_first_written_of_each_instant(parts: list[list[Row]], from_ms: int, to_ms: int) -> None:
    merged = arrays.merge([column(part) for part in parts], from_ms, to_ms)
    assert rows(merged) == [row for row in first_wins(parts) if from_ms <= row[0] < to_ms]


@given(COLUMNS)
@settings(max_examples=80, deadline=None)
def test_a_chunk_gives_back_what_was_packed(written: list[Row]) -> None:
    series = arrays.merge([column(written)])
    assert rows(unpack_chunk(pack_chunk(series))) == rows(series)


@given(st.lists(COLUMNS, min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_log_record_gives_back_what_was_packed(written: list[list[Row]]) -> None:
    record = unpack_record(pack_record(make_record(range(5, 5 + len(written)), [column(each) for each in written])))
    assert [[rows(part) for part in record.of(5 + i)] for i in range(len(written))] == [[each] for each in written]
    assert record.of(4) == []


@given(st.lists(CLOSE_ROWS, min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_the_newest_of_each_column_is_found(drawn: list[list[Row]]) -> None:
    written = [[sometimes_suspect(row) for row in each] for each in drawn]
    record = make_record(range(len(written)), [column(each) for each in written])
    found = {number: (row.observed_at_ms, row.quality) for number, row in newest_of(record)}
    assert found == {i: newest(first_wins([each]))[::2][:2] for i, each in enumerate(written)}


def sometimes_suspect(row: Row) -> Row:
    """Every third instant is stamped by a suspect clock, whatever is read then."""
    return row if row[0] % 3 else (row[0], row[1], int(Quality.CLOCK_SUSPECT), row[3])


def newest(written: list[Row]) -> Row:
    """The last, unless a suspect clock has stamped it and not all of them."""
    return max(written, key=lambda row: (row[2] != Quality.CLOCK_SUSPECT, row[0]))


@given(st.lists(VALUES, min_size=3, max_size=300), st.integers(2, 50))
@settings(max_examples=50, deadline=None)
def test_thinning_keeps_real_readings_and_the_extremes(values: list[float | None], max_points: int) -> None:
    written: list[Row] = [(i, value, 0, None) for i, value in enumerate(values)]
    thinned = rows(arrays.thin(column_series(written), max_points))
    known = [value for value in values if value is not None]
    kept = [value for _, value, _, _ in thinned if value is not None]
    assert len(thinned) <= max(max_points, 2)
    assert set(thinned) <= set(written)
    assert not known or (min(kept), max(kept)) == (min(known), max(known))


def column_series(written: list[Row]) -> Series:
    return arrays.merge([column(written)])


def test_regular_readings_with_two_decimals_take_under_two_bytes_each() -> None:
    day = np.arange(8640)
    values = np.round(25 + 5 * np.sin(day / 1375) + np.random.default_rng(7).normal(0, 0.05, 8640), 2)
    series = Series(day * 10_000, values, np.zeros(8640, np.uint8), np.full(8640, np.nan))
    assert len(pack_chunk(series)) < 2 * 8640


def test_values_too_large_to_scale_stay_exact() -> None:
    written: list[Row] = [(1, 1e308, 0, None), (2, -5e-324, 0, None), (3, math.pi, 0, 2.0**60)]
    assert rows(unpack_chunk(pack_chunk(column_series(written)))) == written


def test_a_damaged_blob_is_said_to_be_damaged() -> None:
    blob = pack_chunk(column_series([(1, 1.0, 0, None)]))
    with pytest.raises(Unreadable, match="damaged"):
        unpack_chunk(b"x" + blob)
