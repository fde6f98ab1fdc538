"""A pump that may start so many times an hour starts no more often through reboots, and does not starve by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import BAND, HOUR_MS, MINUTE_MS, SITE, Play, site_of
from tonnam_edge.core.boots import CLOCK_DOUBT_MS, UP_STEP_MS, BootSeen, mono_ms_of, note
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory
from tonnam_link.messages import Stamp

MOST = 3
PULSES = BAND.replace("pulse_min = 10", "pulse_min = 1").replace("rest_min = 15", "rest_min = 3")


def farm(folder: Path) -> Play:
    text = (SITE + PULSES).replace('role = "pump"\n', f'role = "pump"\nstarts_per_hour = {MOST}\n', 1)
    play = Play(site_of(folder, text))
    play.field.moisture[0] = 5.0
    return play


def started(play: Play) -> list[int]:
    return [event.at_ms for event in play.events if event.kind == "run.started"]


@pytest.mark.parametrize("known", [True, False], ids=["clock known", "in 1970"])
def test_boots_of_less_than_an_hour_do_not_use_up_the_starts_for_ever(tmp_path: Path, known: bool) -> None:
    play = farm(tmp_path)
    true_ms: list[int] = []
    for _ in range(8):
        for _ in range(10):
            play.leap(5 * 60)
            true_ms += [play.now_ms] * (len(started(play)) - len(true_ms))
        play.reboot(0)
        if known:
            play.learn()
    assert len(true_ms) > 3 * MOST
    hour_ms = HOUR_MS - 5 * MINUTE_MS  # they are seen five minutes late at most
    assert all(later - at >= hour_ms for at, later in zip(true_ms, true_ms[MOST:], strict=False))


def test_starts_of_hours_ago_are_not_made_new_by_a_reboot(tmp_path: Path) -> None:
    play = farm(tmp_path)
    play.leap(1800)
    assert len(started(play)) == MOST
    play.field.moisture[0] = 35.0
    play.leap(2 * 3600)
    assert play.memory is not None
    assert Memory.decode(play.memory).pump_starts == {"pump": []}
    play.reboot(0)
    play.field.moisture[0] = 5.0
    play.leap(600)
    assert len(started(play)) > MOST


def test_what_an_earlier_boot_did_is_as_old_as_uptime_and_clock_prove() -> None:
    boots: list[BootSeen] = []
    start = Stamp("a", MINUTE_MS)
    for mono_ms in range(0, 25 * MINUTE_MS, 1000):
        note(boots, Now(mono_ms, mono_ms, "a", sure=False), {"a"})
    assert boots == [BootSeen("a", 2 * UP_STEP_MS)], "two writes"
    note(boots, Now(0, 30_000, "b", sure=False), {"a"})
    note(boots, Now(0, UP_STEP_MS, "b", sure=False), {"a"})
    now = Now(HOUR_MS, 7, "c")
    note(boots, now, {"a"})
    assert mono_ms_of(start, now, boots) == MINUTE_MS - 2 * UP_STEP_MS - 30_000
    boots[0].began_ms = 10 * MINUTE_MS
    by_clock = 11 * MINUTE_MS + CLOCK_DOUBT_MS - HOUR_MS + 7
    assert mono_ms_of(start, now, boots) == by_clock
    assert mono_ms_of(start, now._replace(sure=False), boots) == MINUTE_MS - 2 * UP_STEP_MS - 30_000
    assert mono_ms_of(Stamp("lost", 5), now, boots) == 0
    note(boots, now, {"c"})
    assert [each.boot for each in boots] == ["c"]
