"""The driver leaves out nothing that matters: looking every second, and at events only, come to the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.season.blows import Blow, Case, Kill, Stop, Water, parse_case
from tests.season.drive import Episode, live
from tests.season.invariants import wrong
from tests.season.site import LAYOUTS
from tonnam_sim.world.faults import BoardReboot, BusLoss

HOURS_3 = 3 / 24
STRUCK = (
    Blow(Water(zone="zone-1", run_s=600), 300),
    Blow(BusLoss(at_s=0.0, bus="cabinet"), 60, on_run=True, after_s=200, lasts_s=40),
    Blow(Water(zone="zone-2", run_s=900), 3000),
    Blow(Kill(where="after_acts", down_s=30), 2000, on_run=True, after_s=300),
    Blow(Water(zone="zone-1", run_s=1200), 5400),
    Blow(Stop(zone="zone-1"), 5400, on_run=True, after_s=500),
    Blow(Water(zone="zone-2", run_s=300), 8000),
    Blow(BoardReboot(at_s=0.0, board=0), 7000, on_run=True, after_s=100),
)


def told(episode: Episode) -> list[tuple[str, object, object]]:
    """What happened, in order, without the times."""
    return [
        (event.kind, event.body.get("zone"), event.body.get("outcome"))
        for _, event in episode.record.events
        if event.kind in {"run.started", "run.ended", "actuator.fault", "latch.set"}
    ]


def litres(episode: Episode) -> list[float]:
    return [zone.delivered_l for zone in episode.world.truth.zones.values()]


@pytest.mark.parametrize("struck", [STRUCK[:1], STRUCK], ids=["well", "struck"])
def test_same_seed_by_seconds_and_by_events_is_the_same_life(struck: tuple[Blow, ...]) -> None:
    case = Case("plain", 5, struck, HOURS_3 if len(struck) > 1 else 0.5 / 24)
    by_events, by_seconds = live(case), live(case, every_s=1.0)
    assert by_events.record.steps < by_seconds.record.steps / 10
    assert told(by_events) == told(by_seconds)
    assert litres(by_events) == pytest.approx(litres(by_seconds), rel=0.01)


# Half an hour of each farm by day, with a cable that is away, a process that dies and a board that restarts.
HALF_AN_HOUR = (
    Blow(Water(zone="zone-1", run_s=240), 60),
    Blow(BusLoss(at_s=0.0, bus="cabinet"), 30, on_run=True, after_s=100, lasts_s=20),
    Blow(Water(zone="zone-2", run_s=240), 540),
    Blow(Kill(where="after_acts", down_s=20), 500, on_run=True, after_s=90),
    Blow(Water(zone="zone-1", run_s=200), 1080),
    Blow(BoardReboot(at_s=0.0, board=0), 1000, on_run=True, after_s=60),
)
NINE = 9.0


@pytest.mark.parametrize("name", sorted(LAYOUTS.keys() - {"plain"}))
def test_every_farm_lives_the_same_half_hour_by_seconds_and_by_events(name: str) -> None:
    layout = replace(LAYOUTS[name], config=replace(LAYOUTS[name].config, start_hour=NINE))
    case = Case(name, 5, HALF_AN_HOUR, 0.45 / 24)
    by_events, by_seconds = live(case, layout=layout), live(case, layout=layout, every_s=1.0)
    assert told(by_events) == told(by_seconds)
    assert litres(by_events) == pytest.approx(litres(by_seconds), rel=0.01)
    assert wrong(by_events) == []


def test_same_case_is_the_same_life() -> None:
    case = Case("master", 9, STRUCK, HOURS_3)
    first, second = live(case), live(case)
    assert first.record.events == second.record.events
    assert first.world.events == second.world.events
    assert wrong(first) == []


def test_case_is_read_back_from_what_is_told() -> None:
    case = Case("plain", 5, STRUCK, HOURS_3)
    assert parse_case(case.told()) == case
