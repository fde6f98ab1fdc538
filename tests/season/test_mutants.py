"""The suite can fail: cores with one deliberate mistake each are found out, and by the invariant that is for it."""

from __future__ import annotations

import pytest

from tests.season import invariants, mutants
from tests.season.blows import Blow, Case, Kill, Stop, Water
from tests.season.drive import MakeCore, live
from tests.season.invariants import Check
from tonnam_sim.world.faults import ForeignWrite


def case(*blows: Blow, days: float = 0.1) -> Case:
    return Case("plain", 1, blows, days)


def water(run_s: int, zone: str = "zone-1", at_s: int = 60) -> Blow:
    return Blow(Water(zone=zone, run_s=run_s), at_s)


def kill(at_s: int, down_s: int) -> Blow:
    return Blow(Kill(where="after_acts", down_s=down_s), at_s)


# Somebody else opens the valve when it has just been closed.
OPENED = Blow(ForeignWrite(at_s=0.0, actuator="zone-1", on=True), 60, on_run=True, after_s=400)
FOUR_HOURS = [(60 + 1800 * part, 1360 + 1800 * part) for part in range(9)]
RESTARTED = [blow for at_s, dies_s in FOUR_HOURS for blow in (water(1200, "zone-1", at_s), kill(dies_s, 1))]

CASES: dict[str, tuple[MakeCore, Case, Check]] = {
    "pump": (
        mutants.LeavesThePumpOn,
        case(water(1200), Blow(Stop(zone="zone-1"), 300)),
        invariants.running_pump_has_a_path,
    ),
    "deadline": (mutants.ForgetsDeadlines, case(water(300), kill(200, 7200)), invariants.commanded_open_ends),
    "hour": (mutants.TakesAnHour, case(water(300)), invariants.deadlines_fit_runs),
    "close": (mutants.ClosesOnce, case(water(300), OPENED), invariants.all_is_off_at_the_end),
    "order": (mutants.ClosesTheValveFirst, case(water(300)), invariants.running_pump_has_a_path),
    "disk": (mutants.KeepsNothing, case(water(300)), invariants.intents_are_on_disk),
    "outcome": (mutants.KeepsNothing, case(water(300), kill(200, 60)), invariants.every_run_has_an_outcome),
    "day": (mutants.ForgetsTheDay, case(*RESTARTED, days=0.3), invariants.days_have_a_limit),
}


@pytest.mark.parametrize("name", CASES)
def test_core_with_a_mistake_is_found_out(name: str) -> None:
    make_core, struck, check = CASES[name]
    assert list(check(live(struck, make_core=make_core)))


@pytest.mark.parametrize("name", CASES)
def test_core_without_it_is_not(name: str) -> None:
    _, struck, _ = CASES[name]
    assert invariants.wrong(live(struck)) == []
