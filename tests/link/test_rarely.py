"""Complaints that cannot fill a disk."""

from __future__ import annotations

import structlog

from tonnam_link.rarely import EVERY_S, LONGEST, Rarely


def test_each_kind_is_said_once_a_minute_with_the_number_of_those_untold_and_is_never_long() -> None:
    now = [0.0]
    with structlog.testing.capture_logs() as logs:
        rarely = Rarely(structlog.get_logger(), lambda: now[0])
        said = [rarely.warn("odd", topic="x" * 65_000, size=7) for _ in range(10)]
        now[0] = EVERY_S
        said += [rarely.warn("odd"), rarely.exception("worse")]
    assert said == [True, *[False] * 9, True, True]
    assert logs == [
        {"event": "odd", "log_level": "warning", "topic": "x" * LONGEST, "size": 7},
        {"event": "odd", "log_level": "warning", "more_since_last": 9},
        {"event": "worse", "log_level": "error", "exc_info": True},
    ]
