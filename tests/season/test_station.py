"""The flood gate's invariants can fail, its latches are reached and cleared, and seldom looks miss nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.season import invariants, mutants_more, safety
from tests.season import mutants_station as wrongly
from tests.season.blows import Blow, Case, DiskFails, Kill, Stop, Visit, Water, parse_case
from tests.season.drive import MakeCore
from tests.season.invariants import wrong
from tests.season.safety import ACTIVE
from tests.season.site_station import STATIONS
from tests.season.station import StationEpisode, live_at_station
from tonnam_edge.core.latches import LatchKind
from tonnam_sim.world import Fault
from tonnam_sim.world.config import Coil, ValveConfig, ValveKind
from tonnam_sim.world.faults import (
    DeadUnit,
    FloatFailed,
    ForeignWrite,
    JammedValve,
    LockTurned,
    PumpDead,
    PumpWorn,
    RiverWave,
    StuckCoil,
    WeldedContact,
)

PUMPS = "flood-pumps"
RIVER, BRIDGE = 3, 4


def case(*blows: Blow, days: float = 0.1) -> Case:
    return Case("flood-gate", 1, blows, days)


def wave(at_s: int, lasts_s: int, cm: float = 160.0) -> Blow:
    return Blow(RiverWave(at_s=0.0, cm=cm, rises_s=1800.0), at_s, lasts_s=lasts_s)


def at(at_s: int, what: Fault, lasts_s: int | None = None) -> Blow:
    return Blow(what, at_s, lasts_s=lasts_s)


def water(at_s: int, run_s: int = 600) -> Blow:
    return Blow(Water(zone=PUMPS, run_s=run_s), at_s)


BLIND = [at(900, DeadUnit(at_s=0.0, bus="cabinet", unit=unit)) for unit in (RIVER, BRIDGE)]
NO_FLOATS = [at(0, FloatFailed(at_s=0.0, pump=f"pump-{number}")) for number in (1, 2)]
KILLED = case(Blow(Kill(where="after_acts", down_s=7200), 600))
DEAD = at(600, PumpDead(at_s=0.0, pump="pump-1"), 4000)
FLOOD = wave(600, 5400, 220.0)
ORDERED = (water(300), Blow(Stop(zone=PUMPS), 700))

CASES: dict[str, tuple[MakeCore, Case, safety.Check]] = {
    "raises": (mutants_more.Raises, case(wave(60, 3600)), invariants.no_exception),
    "deadline": (wrongly.ForgetsDeadlines, KILLED, safety.held_out_ends),
    "told": (wrongly.ForgetsDeadlines, KILLED, safety.deadlines_are_told),
    "blind": (wrongly.SeesNoRiver, case(*BLIND), safety.blind_holds_nothing),
    "disk": (
        wrongly.FillsNoDisk,
        case(Blow(DiskFails(), 900, lasts_s=3600)),
        safety.nothing_is_held_without_a_disk,
    ),
    "flood": (wrongly.SeesNoRiver, case(FLOOD), safety.no_flood_but_by_its_faults),
    "dry": (
        wrongly.SeesNoIntake,
        case(*NO_FLOATS, wave(0, 40_000), days=0.5),
        safety.pumps_run_dry_only_by_their_faults,
    ),
    "hands": (
        wrongly.SeesNoHands,
        case(at(900, LockTurned(at_s=0.0, key="pumps"), 3600)),
        safety.hands_are_obeyed,
    ),
    "rest": (wrongly.NeverRests, case(FLOOD, water(6005)), safety.starts_lie_apart),
    "level": (wrongly.HoldsForEver, case(wave(60, 7200)), safety.level_is_followed),
    "answer": (mutants_more.HearsNoStop, case(*ORDERED), invariants.commands_are_answered),
    "clear": (
        mutants_more.KeepsLatches,
        case(wave(60, 7200), DEAD, Blow(Visit(), 6000)),
        invariants.visits_clear_everything,
    ),
    "wolf": (wrongly.CriesWolf, case(), safety.latches_of_stations_have_a_cause),
    "alarm": (wrongly.CriesWolf, case(), safety.nothing_goes_wrong_without_a_fault),
    "restless": (wrongly.Restless, case(), invariants.steps_are_few),
}
PLAYED = {struck: name for name, (_, struck, _) in CASES.items()}
# The gate's own motor, and the books of the canal: no core can be wrong in these.
OF_THE_WORLD = {safety.safe_state_is_reached, invariants.water_is_conserved}


@pytest.mark.parametrize("name", CASES)
def test_core_with_a_mistake_is_found_out(name: str) -> None:
    make_core, struck, check = CASES[name]
    assert list(check(live_at_station(struck, make_core=make_core)))


@pytest.mark.parametrize("struck", PLAYED, ids=PLAYED.values())
def test_core_without_it_is_not(struck: Case) -> None:
    assert wrong(live_at_station(struck), ACTIVE) == []


def test_every_invariant_is_tried_with_a_mistake() -> None:
    assert {check for _, _, check in CASES.values()} | OF_THE_WORLD >= set(ACTIVE)


def test_a_gate_that_is_slower_than_it_says_is_found_out() -> None:
    layout = STATIONS["flood-gate"]
    slow = replace(layout.config.gate, valve=ValveConfig(Coil(0, 2), ValveKind.MOTORISED, 300.0))
    struck = replace(layout, config=replace(layout.config, gate=slow))
    assert list(safety.safe_state_is_reached(live_at_station(KILLED, layout=struck)))


def test_water_that_is_lost_is_missed() -> None:
    episode = live_at_station(case(days=0.01))
    episode.world.canal.sums.base_m3 += 1.0
    water_is_conserved: safety.Check = invariants.water_is_conserved
    assert list(water_is_conserved(episode))


# ------------------------------------------------------------------------------------------------------------ latches

TRIED_S, MENDED_S, VISIT_S = 3600, 5400, 6000


def during(what: Fault) -> Blow:
    return at(TRIED_S - 600, what, MENDED_S - TRIED_S)


def moved(at_s: int) -> Blow:
    return at(at_s, ForeignWrite(at_s=0.0, actuator="gate", on=True))


REACHED: dict[LatchKind, tuple[Blow, ...]] = {
    LatchKind.NOT_RUNNING: (during(PumpDead(at_s=0.0, pump="pump-1")),),
    LatchKind.NOT_MOVED: (at(0, JammedValve(at_s=0.0, actuator="gate"), MENDED_S),),
    LatchKind.NOT_SAFE: (at(600, StuckCoil(at_s=0.0, actuator="gate", closed=True), MENDED_S - 600),),
    LatchKind.WELDED: (at(0, WeldedContact(at_s=0.0, actuator="pump-2"), MENDED_S),),
    LatchKind.NO_FLOW: (during(PumpWorn(at_s=0.0, pump="pump-1", share=0.9)),),
    LatchKind.UNEXPECTED: tuple(moved(at_s) for at_s in (3600, 3900, 4200)),
}
FLOODED = wave(60, 8000, 120.0)


@pytest.mark.parametrize("kind", REACHED)
def test_latch_of_a_station_is_reached_and_a_person_clears_it(kind: LatchKind) -> None:
    episode = live_at_station(case(FLOODED, *REACHED[kind], Blow(Visit(), VISIT_S), days=0.15))
    assert str(kind) in {event.body["of"] for _, event in episode.record.of("latch.set")}
    assert episode.core is not None
    assert not episode.core.latches.standing()
    assert wrong(episode, ACTIVE) == []
    assert (episode.world.truth.gate_position, episode.world.truth.pumps_running) == (1.0, frozenset())


# -------------------------------------------------------------------------------------------------------------- looks


def told(episode: StationEpisode) -> list[tuple[str, object, object]]:
    """What happened, in order, without the times."""
    return [
        (event.kind, event.body.get("actuator"), event.body.get("state"))
        for _, event in episode.record.events
        if event.kind in {"station.moved", "latch.set", "actuator.fault", "station.mode", "station.lock"}
    ]


def test_same_seed_by_seconds_and_by_events_is_the_same_life() -> None:
    struck = case(wave(600, 4000), at(1500, LockTurned(at_s=0.0, key="gate"), 300), water(7000, 300), days=0.08)
    by_events, by_seconds = live_at_station(struck), live_at_station(struck, every_s=8.0)
    assert by_events.record.steps < by_seconds.record.steps / 3
    assert told(by_events) == told(by_seconds)
    pumped, same = (sum(each.world.truth.pumped_m3.values()) for each in (by_events, by_seconds))
    assert pumped == pytest.approx(same, rel=0.1)


def test_case_is_read_back_from_what_is_told() -> None:
    struck = CASES["clear"][1]
    assert parse_case(struck.told()) == struck
