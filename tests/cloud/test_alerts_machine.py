"""When an alert begins, fires and ends: evidence in, status out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnam_cloud.alerts.machine import Evidence, Phase, Status, advance, judge_above, judge_below

B, M, C, U = Evidence.BREACH, Evidence.BETWEEN, Evidence.CLEAR, Evidence.UNKNOWN


def through(*steps: tuple[int, Evidence], for_ms: int = 100, gap_ms: int = 50) -> list[Phase]:
    """The phases after each (time, evidence)."""
    status, phases = Status(), []
    for at_ms, evidence in steps:
        status = advance(status, evidence, at_ms, for_ms=for_ms, gap_ms=gap_ms)
        phases.append(status.phase)
    return phases


def test_breach_fires_only_after_its_duration() -> None:
    assert through((0, B), (40, B), (80, B), (100, B)) == ["pending", "pending", "pending", "firing"]


def test_breach_without_duration_fires_at_once() -> None:
    assert through((0, B), for_ms=0) == ["firing"]


def test_short_breach_never_fires() -> None:
    assert through((0, B), (50, B), (90, C), (100, B)) == ["pending", "pending", "clear", "pending"]


def test_pending_ends_when_the_limit_is_no_longer_breached() -> None:
    assert through((0, B), (50, M), (60, B)) == ["pending", "clear", "pending"]


def test_firing_stays_within_hysteresis_and_ends_beyond_it() -> None:
    assert through((0, B), (10, M), (20, B), (30, C), for_ms=0) == ["firing", "firing", "firing", "clear"]


def test_unknown_value_neither_begins_nor_ends_anything() -> None:
    assert through((0, U), (10, B), (20, U), (30, B), (60, B), (110, B)) == [
        "clear",
        "pending",
        "pending",
        "pending",
        "pending",
        "firing",
    ]


def test_pause_between_breaches_starts_the_count_anew() -> None:
    assert through((0, B), (200, B), (240, B)) == ["pending", "pending", "pending"]


def test_reading_that_comes_late_changes_nothing() -> None:
    assert through((100, B), (50, C), for_ms=0) == ["firing", "firing"]


def test_evidence_may_know_better_since_when() -> None:
    assert advance(Status(), B, 500, for_ms=100, gap_ms=50, since_ms=300) == Status(Phase.FIRING, 300, 500)


@pytest.mark.parametrize(("value", "evidence"), [(41.0, B), (40.0, M), (38.5, M), (38.0, C), (0.0, C), (None, U)])
def test_above_has_hysteresis_below_its_limit(value: float | None, evidence: Evidence) -> None:
    assert judge_above(value, 40.0, 2.0) is evidence


@pytest.mark.parametrize(("value", "evidence"), [(21.0, B), (0.0, B), (22.0, M), (22.9, M), (23.0, C), (None, U)])
def test_below_has_hysteresis_above_its_limit(value: float | None, evidence: Evidence) -> None:
    assert judge_below(value, 22.0, 1.0) is evidence


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(list(Evidence))), max_size=40))
def test_firing_is_always_preceded_by_a_breach_of_the_whole_duration(steps: list[tuple[int, Evidence]]) -> None:
    status, at_ms, breached_since = Status(), 0, None
    for pause_ms, evidence in steps:
        at_ms += pause_ms
        before = status
        status = advance(status, evidence, at_ms, for_ms=100, gap_ms=1_000)
        if evidence is B and breached_since is None:
            breached_since = at_ms
        if evidence in (M, C):
            breached_since = None
        if status.phase is Phase.FIRING and before.phase is not Phase.FIRING:
            assert breached_since is not None
            assert at_ms - breached_since >= 100
