"""Every latch can be reached, stands until a person comes, and can be cleared: then the zone is watered again."""

from __future__ import annotations

import pytest

from tests.season.blows import Blow, Case, Visit, Water
from tests.season.drive import Episode, live
from tests.season.invariants import wrong
from tonnam_edge.core.latches import LatchKind
from tonnam_sim.world import Fault
from tonnam_sim.world.faults import (
    ForeignWrite,
    LineBurst,
    MainLeak,
    MeterPhantom,
    PumpDead,
    PumpWorn,
    StuckCoil,
    WeldedContact,
)

DAYS = 0.2
TRIED_S, MENDED_S, VISIT_S, AGAIN_S = 1200, 9000, 10_800, 12_000


def water(at_s: int, zone: str = "zone-1") -> Blow:
    return Blow(Water(zone=zone, run_s=600), at_s)


def during(what: Fault) -> Blow:
    """Begins while water runs."""
    return Blow(what, TRIED_S - 100, on_run=True, after_s=200, lasts_s=MENDED_S - TRIED_S - 200)


def moved(at_s: int) -> Blow:
    return Blow(ForeignWrite(at_s=0.0, actuator="zone-2", on=True), at_s)


REACHED: dict[LatchKind, tuple[Blow, ...]] = {
    LatchKind.NO_FLOW: (during(PumpDead(at_s=0.0)),),
    LatchKind.LOW_FLOW: (during(PumpWorn(at_s=0.0, share=0.85)),),
    LatchKind.HIGH_FLOW: (during(LineBurst(at_s=0.0, zone="zone-1", size=3.0)),),
    LatchKind.LEAK: (Blow(MeterPhantom(at_s=0.0, l_min=3.0), 3000, lasts_s=5000),),
    LatchKind.WELDED: (during(WeldedContact(at_s=0.0, actuator="pump")), during(MainLeak(at_s=0.0, size=0.5))),
    LatchKind.NOT_CLOSED: (during(StuckCoil(at_s=0.0, actuator="zone-1", closed=True)),),
    LatchKind.UNEXPECTED: tuple(moved(at_s) for at_s in (3000, 3400, 3800, 4200)),
}


def latched(episode: Episode) -> set[str]:
    return {event.body["of"] for _, event in episode.record.of("latch.set")}


def test_there_is_a_way_to_every_latch() -> None:
    assert set(REACHED) == set(LatchKind)


@pytest.mark.parametrize("kind", LatchKind)
def test_latch_is_reached_and_stands_until_a_person_clears_it(kind: LatchKind) -> None:
    untouched = Case("plain", 3, (water(TRIED_S), *REACHED[kind], water(AGAIN_S), water(AGAIN_S, "zone-2")), DAYS)
    episode = live(untouched)
    assert str(kind) in latched(episode)
    blocked = "zone-2" if kind is LatchKind.UNEXPECTED else "zone-1"
    started = [event.body["zone"] for at_ms, event in episode.record.of("run.started") if at_ms >= AGAIN_S * 1000]
    assert blocked not in started
    assert wrong(episode) == []


@pytest.mark.parametrize("kind", LatchKind)
def test_zone_is_watered_again_when_a_person_has_cleared_what_was_latched(kind: LatchKind) -> None:
    visited = Case("plain", 3, (water(TRIED_S), *REACHED[kind], Blow(Visit(), VISIT_S), water(AGAIN_S)), DAYS)
    episode = live(visited)
    assert str(kind) in latched(episode)
    assert [event.body["outcome"] for _, event in episode.record.of("run.ended")][-1] == "done"
    assert wrong(episode) == []
