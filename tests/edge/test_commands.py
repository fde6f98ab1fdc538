"""Commands from people: what they come to is what the coils say, and no command ends the agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.edge.farms import HOUR_MS, SITE, TIMER, Play, site_of
from tonnam_edge.core.commands import MOST_REMEMBERED
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandAction

DAY_MS = 24 * HOUR_MS
TEN_YEARS_MS = 3653 * DAY_MS


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path)


def watering(site: Site) -> Play:
    play = Play(site)
    play.run(3)
    play.water(seconds=300)
    play.run(20)
    assert play.field.coils[:2] == [True, True]
    return play


def test_stop_is_obeyed_however_late_it_comes_by_the_clocks(site: Site) -> None:
    play = watering(site)
    play.core.command(Command("s1", CommandAction.STOP, "zone-1", play.now_ms - DAY_MS, play.now_ms - DAY_MS))
    play.run(10)
    assert play.states("s1") == ["running", "done"]
    assert play.field.coils[:3] == [False] * 3


def test_stop_is_done_only_when_the_valve_is_read_back_as_closed(site: Site) -> None:
    play = watering(site)
    play.field.welded = {1: True}
    play.stop()
    play.run(6)
    assert play.states("s1") == ["running"]
    play.field.welded = {}
    play.run(3)
    assert play.states("s1") == ["running", "done"]
    assert play.states("c1")[-1] == "done"


@pytest.mark.parametrize("coil", [0, 1])
def test_stop_of_what_does_not_close_fails_and_says_which(site: Site, coil: int) -> None:
    play = watering(site)
    play.field.welded = {coil: True}
    play.stop()
    play.run(40)
    assert play.states("s1") == ["running", "failed"]
    assert play.states("c1")[-1] == "failed"
    assert play.ended()[0].body["outcome"] == "failed"
    assert f"{('Pump', 'Valve 1')[coil]} was told to close" in play.outcomes[-1].reason["en"]


def test_stop_under_a_silent_cabinet_is_not_called_done(site: Site) -> None:
    play = Play(site)
    play.run(3)
    play.field.relay_answers = False
    play.run(15)
    play.stop()
    play.run(15)
    assert play.states("s1") == ["running", "failed"]


def test_a_stop_that_was_cut_off_by_a_restart_comes_to_its_end(site: Site) -> None:
    play = watering(site)
    play.stop()
    play.step()
    later = Play(site, start_ms=play.now_ms + 5000, memory=play.memory)
    later.run(5)
    assert later.states("s1") == ["done"]


@pytest.mark.parametrize(
    "changed",
    [
        {"max_run_s": 10**400},
        {"max_run_s": -(10**400)},
        {"max_run_s": -5},
        {"max_run_s": 9 * 10**18},
        {"expires_at_ms": 10**25},
        {"expires_at_ms": -(10**25)},
        {"expires_at_ms": 9 * 10**18},
        {"zone": "z" * 300_000},
        {"zone": "z" * 300_000, "action": CommandAction.STOP},
    ],
)
def test_a_senseless_command_is_refused_in_a_few_words(site: Site, changed: dict[str, Any]) -> None:
    """The link lets none of these through; the edge would not fall over them either."""
    play = Play(site)
    play.run(3)
    command = Command("c1", CommandAction.WATER, "zone-1", play.now_ms, play.now_ms + 60_000, 60)
    play.core.command(msgspec.structs.replace(command, **changed))
    play.run(3)
    assert play.states() == ["refused"]
    assert len(msgspec.json.encode(play.outcomes)) < 1000
    assert play.memory is not None
    assert len(play.memory) < 2000


def test_a_stop_with_senseless_numbers_stops_all_the_same(site: Site) -> None:
    play = watering(site)
    play.core.command(Command("s1", CommandAction.STOP, "zone-1", 0, 10**25, -(10**30)))
    play.run(10)
    assert play.states("s1") == ["running", "done"]


def test_an_impossible_id_is_passed_over(site: Site) -> None:
    play = Play(site)
    play.water(command_id="c" * 300_000)
    play.water(command_id="")
    play.run(3)
    assert play.outcomes == []


def test_ids_are_bounded_and_without_room_for_one_no_water_starts(site: Site) -> None:
    play = Play(site)
    play.run(3)
    for number in range(MOST_REMEMBERED):
        play.water("zone-9", command_id=f"n{number}")
    play.run(2)
    play.water(command_id="c1")
    play.stop()
    play.run(3)
    assert play.states("c1") == ["refused"]
    assert play.states("s1") == ["done"]
    assert play.memory is not None
    assert len(Memory.decode(play.memory).heard) == MOST_REMEMBERED + 1, "stops have room of their own"


def test_water_used_under_a_clock_years_ahead_counts_for_today_and_not_for_years(site: Site) -> None:
    ahead = Play(site, start_ms=Play(site).now_ms + TEN_YEARS_MS)
    ahead.run(3)
    ahead.water(seconds=1200)
    ahead.leap(1230)
    right = Play(site, start_ms=ahead.now_ms - TEN_YEARS_MS, memory=ahead.memory)
    right.key = "6b" * 8  # the cloud's clock was wrong as well, so its key was changed
    right.run(3)
    for number in range(3):
        right.water(seconds=1200, command_id=f"today-{number}")
        right.leap(1230)
    assert [right.states(f"today-{n}")[-1] for n in range(3)] == ["done", "done", "refused"]
    tomorrow = Play(site, start_ms=right.now_ms + DAY_MS, memory=right.memory)
    tomorrow.key = right.key
    tomorrow.run(3)
    tomorrow.water(seconds=1200, command_id="tomorrow")
    tomorrow.leap(1230)
    assert tomorrow.states("tomorrow")[-1] == "done"


def test_a_hold_made_under_a_clock_years_ahead_ends_as_one_made_now(tmp_path: Path) -> None:
    site = site_of(tmp_path, SITE + TIMER)
    ahead = Play(site, start_ms=Play(site).now_ms + TEN_YEARS_MS)
    ahead.run(3)
    ahead.stop()
    ahead.run(3)
    right = Play(site, start_ms=ahead.now_ms - TEN_YEARS_MS, memory=ahead.memory)
    right.leap(24 * 3600)
    assert right.kinds().count("run.started") == 1
