"""Every latch can be reached, stands until a person comes, and can be cleared: then the zone is watered again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.season.blows import Blow, Case, Visit, Water
from tests.season.drive import Episode, live
from tests.season.invariants import wrong
from tests.season.site import LAYOUTS
from tonnam_edge.core.latches import LatchKind
from tonnam_sim.world import Fault
from tonnam_sim.world.faults import (
    CabinetSwitch,
    EmergencyStop,
    ForeignWrite,
    InjectorAirlock,
    LineBurst,
    MeterBlind,
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
    LatchKind.WELDED: (during(WeldedContact(at_s=0.0, actuator="pump")),),
    LatchKind.NOT_CLOSED: (during(StuckCoil(at_s=0.0, actuator="zone-1", closed=True)),),
    LatchKind.UNEXPECTED: tuple(moved(at_s) for at_s in (3000, 3400, 3800, 4200)),
    LatchKind.METER_STILL: (Blow(MeterBlind(at_s=0.0), 2600, lasts_s=6000), water(3000)),
    LatchKind.DOSING: (Blow(InjectorAirlock(at_s=0.0, injector="a"), 600, lasts_s=8000),),
    LatchKind.STOCK_EMPTY: (),
}
# Latches that leave the zone its water.
PLAIN_WATER = frozenset({LatchKind.METER_STILL, LatchKind.DOSING, LatchKind.STOCK_EMPTY})
# A farm has no pumping stations; tests/edge/stations reach and clear theirs.
OF_STATIONS = frozenset({LatchKind.NOT_RUNNING, LatchKind.NOT_MOVED, LatchKind.NOT_SAFE})
# It takes hours of rests and three tries; tests/edge/test_paths reaches and clears it.
OF_HOURS = frozenset({LatchKind.TOGETHER})
# The memory of an episode is never damaged; tests/edge/test_memory_lost reaches and clears it.
OF_MEMORY = frozenset({LatchKind.MEMORY_LOST})
DOSED = (LatchKind.DOSING, LatchKind.STOCK_EMPTY)
WITH_CURRENT = (LatchKind.METER_STILL, LatchKind.WELDED)
FARMS = dict.fromkeys(DOSED, "fertigated") | dict.fromkeys(WITH_CURRENT, "together")


def latched(episode: Episode) -> set[str]:
    return {event.body["of"] for _, event in episode.record.of("latch.set")}


def of(kind: LatchKind, *blows: Blow) -> Episode:
    """A life in which it is latched, on the farm that can. Its stock is gone with the second watering."""
    layout = LAYOUTS[FARMS.get(kind, "plain")]
    if kind is LatchKind.STOCK_EMPTY:
        layout = replace(layout, stock_l=0.3)
    asked = (water(TRIED_S), *REACHED[kind], *blows, water(AGAIN_S))
    if kind is LatchKind.STOCK_EMPTY:
        asked = (*asked, water(TRIED_S + 2000), water(TRIED_S + 4000))
    return live(Case(layout.name, 3, asked, DAYS), layout=layout)


def test_there_is_a_way_to_every_latch() -> None:
    assert set(REACHED) == set(LatchKind) - OF_STATIONS - OF_HOURS - OF_MEMORY


@pytest.mark.parametrize("kind", REACHED)
def test_latch_is_reached_and_stands_until_a_person_clears_it(kind: LatchKind) -> None:
    episode = of(kind, water(AGAIN_S + 1500, "zone-2"))
    assert str(kind) in latched(episode)
    blocked = "zone-2" if kind is LatchKind.UNEXPECTED else "zone-1"
    started = [event.body["zone"] for at_ms, event in episode.record.of("run.started") if at_ms >= AGAIN_S * 1000]
    assert (blocked in started) is (kind in PLAIN_WATER)
    assert wrong(episode) == []


@pytest.mark.parametrize("kind", REACHED)
def test_zone_is_watered_again_when_a_person_has_cleared_what_was_latched(kind: LatchKind) -> None:
    episode = of(kind, Blow(Visit(), VISIT_S))
    assert str(kind) in latched(episode)
    last = episode.record.of("run.ended")[-1][1].body
    assert last["outcome"] == "done"
    if kind in DOSED:
        assert last["dosed"]["a"] > 0
    assert wrong(episode) == []


@pytest.mark.parametrize(
    "struck",
    [
        Blow(CabinetSwitch(at_s=0.0, subject="zone-2", position="hand"), TRIED_S + 1000, lasts_s=3600),
        Blow(EmergencyStop(at_s=0.0), TRIED_S + 60, lasts_s=900),
    ],
    ids=["hand", "emergency stop"],
)
def test_latching_valve_waters_again_when_hands_are_off_it(struck: Blow) -> None:
    """What its switch has opened, or no current has closed, stands open until it is told to close again."""
    asked = (water(TRIED_S, "zone-2"), struck, water(AGAIN_S, "zone-2"))
    episode = live(Case("kinds", 3, asked, DAYS))
    assert [event.body["outcome"] for _, event in episode.record.of("run.ended")][-1] == "done"
    assert wrong(episode) == []
