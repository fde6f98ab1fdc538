"""What a group of pumps may not do while nobody knows what one of them does."""

from __future__ import annotations

import pytest

from tests.season.blows import Blow, Case, Kill, Water
from tests.season.drive import live
from tests.season.invariants import wrong
from tonnam_sim.world.faults import DeadUnit

HALF_SILENT = Blow(DeadUnit(at_s=0.0, bus="cabinet", unit=1), 200, lasts_s=120)
KILLED = Blow(Kill(where="after_acts", down_s=1), 202)


def water(at_s: int, zone: str) -> Blow:
    return Blow(Water(zone=zone, run_s=600), at_s)


@pytest.mark.parametrize("zone", ["zone-3", "zone-4"])
def test_pump_that_ran_before_a_restart_counts_until_its_board_says_that_it_stands(zone: str) -> None:
    """Two zones of the first pump, on a board that is silent after the restart; another's would be too much."""
    asked = (water(60, "zone-1"), water(70, "zone-2"), water(240, zone), water(600, zone))
    episode = live(Case("group", 1, (*asked, HALF_SILENT, KILLED), 0.1))
    starts = [at_ms for at_ms, event in episode.record.of("run.started") if event.body["zone"] == zone]
    assert starts == [600_000]
    assert wrong(episode) == []
