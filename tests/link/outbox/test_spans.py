"""Where a block of readings of unknown time finds room."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tonnam_link.messages import LATEST_MS
from tonnam_link.outbox.spans import MOST_SPANS, NEAR_MS, Span, add, place

HOUR_MS = 3_600_000
times = st.integers(0, 10**12)
lengths = st.integers(0, 10 * HOUR_MS)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    first = draw(times)
    return first, first + draw(lengths)


def added(each: list[Span]) -> tuple[Span, ...]:
    found: tuple[Span, ...] = ()
    for span in each:
        found = add(found, span)
    return found


def test_what_lies_within_an_hour_is_one_span() -> None:
    assert added([(0, 10), (10 + NEAR_MS, 20 + NEAR_MS)]) == ((0, 20 + NEAR_MS),)
    assert added([(0, 10), (11 + NEAR_MS, 20 + NEAR_MS)]) == ((0, 10), (11 + NEAR_MS, 20 + NEAR_MS))
    assert added([(100, 200), (0, 1_000)]) == ((0, 1_000),)


@given(st.lists(spans(), max_size=3 * MOST_SPANS))
def test_spans_are_few_in_order_and_cover_all_that_was_added(each: list[Span]) -> None:
    found = added(each)
    assert len(found) <= MOST_SPANS
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert all(any(first <= span[0] and span[1] <= last for first, last in found) for span in each)


@given(st.lists(spans(), max_size=20), spans())
def test_block_is_placed_where_nothing_is_and_no_earlier_than_it_believed(each: list[Span], wanted: Span) -> None:
    found = added(each)
    shift = place(found, wanted)
    assert shift >= 0
    assert all(last < wanted[0] + shift or wanted[1] + shift < first for first, last in found)


def test_block_that_fits_is_not_moved() -> None:
    assert place([(0, 10), (100, 200)], (11, 99)) == 0
    assert place([(0, 10), (100, 200)], (11, 100)) == 190


def test_block_outside_of_the_calendar_is_moved_into_it() -> None:
    assert place([], (-500, 500)) == 500
    assert place([(0, 100)], (-500, 500)) == 601
    assert place([], (LATEST_MS, LATEST_MS + 10)) == -10
    assert place([(LATEST_MS - 100, LATEST_MS)], (LATEST_MS - 5, LATEST_MS)) == -(LATEST_MS - 5)


def test_where_there_is_no_room_at_all_it_stays_within_the_calendar() -> None:
    assert place([(0, LATEST_MS)], (5, 10)) == 0
