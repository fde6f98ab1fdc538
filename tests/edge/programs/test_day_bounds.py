"""What a day's ET0 may come to, and that a day which would leave that is marked."""

from __future__ import annotations

from datetime import date

import pytest

from tonnam_edge.core.programs import day_bounds, stand_ins
from tonnam_edge.core.programs.kept import Kept

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(("under_cover", "most_mm"), [(True, 8.0), (False, 15.0)])
def test_a_day_has_no_more_than_can_be_and_says_so(under_cover: bool, most_mm: float) -> None:
    kept = Kept(day=TODAY.isoformat())
    given = [day_bounds.within(kept, 2.5, TODAY, under_cover=under_cover) for _ in range(12)]
    assert sum(given) == pytest.approx(most_mm)
    told = stand_ins.end_of_day(kept)
    assert told is not None
    assert "a limit in place of what cannot be" in told["en"]
    assert "ค่าที่เป็นไปไม่ได้ถูกแทน" in told["th"]


def test_what_a_day_under_cover_had_too_little_of_comes_with_the_next() -> None:
    kept = Kept(day="2026-11-20", day_mm=0.1)
    assert day_bounds.within(kept, 0.05, TODAY, under_cover=True) == pytest.approx(0.25)
    assert stand_ins.end_of_day(kept) is not None


def test_a_usual_day_is_as_it_was_measured_and_unmarked() -> None:
    kept = Kept(day=TODAY.isoformat())
    assert [day_bounds.within(kept, 0.3, TODAY, under_cover=True) for _ in range(10)] == [0.3] * 10
    assert stand_ins.end_of_day(kept) is None
