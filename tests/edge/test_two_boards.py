"""A pump on one board and its master valve on another: the pump's falls silent while water runs."""

from __future__ import annotations

from tests.season.blows import Blow, Case, Stop, Water
from tests.season.drive import live
from tests.season.invariants import wrong
from tests.season.spans import no_path, pumping
from tonnam_sim.world.faults import DeadUnit

SILENT = (
    Blow(Water(zone="zone-1", run_s=600), 1200),
    Blow(DeadUnit(at_s=0.0, bus="cabinet", unit=1), 1350, lasts_s=3000),
)


def test_pump_that_nobody_can_stop_keeps_its_path_and_ends_by_its_own_boards_timer() -> None:
    episode = live(Case("master", 3, SILENT, 0.2))
    assert wrong(episode) == []
    assert no_path(episode, "pump") == []
    (span,) = pumping(episode, "pump")
    assert 600 <= span.seconds <= 606
    ((_, ended),) = episode.record.of("run.ended")
    assert (ended.body["outcome"], round(ended.body["litres"], -2)) == ("failed", 600)


def test_what_a_person_stops_is_shut_all_the_same() -> None:
    episode = live(Case("master", 3, (*SILENT, Blow(Stop(zone="zone-1"), 1450)), 0.2))
    assert wrong(episode) == []
    assert sum(span.seconds for span in no_path(episode, "pump")) > 300
