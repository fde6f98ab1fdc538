"""The suite can fail: cores with one deliberate mistake each are found out, and by the invariant that is for it."""

from __future__ import annotations

import pytest

from tests.season import doses, invariants, mutants, mutants_group, mutants_lone, mutants_more
from tests.season.blows import Blow, Case, EdgeBlow, Kill, Lock, Stop, Visit, Water
from tests.season.deadlines import deadlines_fit_runs
from tests.season.drive import MakeCore, live
from tests.season.dry import tank_is_not_pumped_dry
from tests.season.invariants import Check
from tests.season.lone import one_fault_runs_no_pump_unseen
from tests.season.sharing import groups_keep_their_limits, litres_are_told_of_who_got_them
from tests.season.site import LAYOUTS
from tests.season.slots import slots_are_used_once
from tests.season.standing import leaks_are_looked_for, locked_and_latched_stand_still
from tests.season.thirst import crops_are_not_thirsty
from tonnam_edge.core import Core
from tonnam_sim.world import Fault
from tonnam_sim.world.faults import (
    DeadUnit,
    EmergencyStop,
    ForeignWrite,
    InjectorCheckFailed,
    MeterPhantom,
    ProbePulled,
    PumpDead,
    TankLeak,
    WeldedContact,
    WellDry,
)
from tonnam_sim.world.wiring import LEVEL, METER

Found = tuple[MakeCore, Case, Check]


def case(*blows: Blow, days: float = 0.1, layout: str = "plain") -> Case:
    return Case(layout, 1, blows, days)


def water(run_s: int, zone: str = "zone-1", at_s: int = 60) -> Blow:
    return Blow(Water(zone=zone, run_s=run_s), at_s)


def kill(at_s: int, down_s: int) -> Blow:
    return Blow(Kill(where="after_acts", down_s=down_s), at_s)


def at(at_s: int, what: Fault | EdgeBlow) -> Blow:
    return Blow(what, at_s)


# Somebody else opens the valve when it has just been closed.
OPENED = Blow(ForeignWrite(at_s=0.0, actuator="zone-1", on=True), 60, on_run=True, after_s=400)
FOUR_HOURS = [(60 + 1800 * part, 1360 + 1800 * part) for part in range(9)]
RESTARTED = [blow for at_s, dies_s in FOUR_HOURS for blow in (water(1200, "zone-1", at_s), kill(dies_s, 1))]
STOPPED = (water(1200), at(300, Stop(zone="zone-1")))
CUT_OFF = case(water(300), kill(200, 7200))
LEAKS = (at(0, WellDry(at_s=0.0)), at(0, TankLeak(at_s=0.0, l_min=60.0)), water(1200, at_s=8000))
UNKNOWN = at(7000, DeadUnit(at_s=0.0, bus="cabinet", unit=LEVEL))
NOT_COUNTED = at(7000, DeadUnit(at_s=0.0, bus="cabinet", unit=METER))
ALL_DAY = [water(300, f"zone-{1 + part % 2}", at_s=8000 + 600 * part) for part in range(20)]
PRESSED = (at(300, EmergencyStop(at_s=0.0)), water(300, at_s=600))
DEAD = Blow(PumpDead(at_s=0.0), 60, lasts_s=600)
# Five hours of people who water by the injectors' farm, and of restarts between them.
FED = [blow for part in range(4) for blow in (water(900, at_s=60 + 1200 * part), kill(1100 + 1200 * part, 1))]
PULLED = [at(600, ProbePulled(at_s=0.0, probe=f"probe-1-{twin}")) for twin in ("a", "b")]
AT_ONCE = (water(600, "zone-1"), water(600, "zone-3", at_s=70))
SOON = (water(600, "zone-1"), water(600, "zone-2", at_s=120))
ALL_PUMPS = (water(600, "zone-2"), water(600, "zone-3", at_s=120), water(600, "zone-4", at_s=180))
WELDS = Blow(WeldedContact(at_s=0.0, actuator="pump"), 60, on_run=True, after_s=60)

CASES: dict[str, Found] = {
    "raises": (mutants_more.Raises, case(water(1200)), invariants.no_exception),
    "pump": (mutants.LeavesThePumpOn, case(*STOPPED), invariants.running_pump_has_a_path),
    "deadline": (mutants.ForgetsDeadlines, CUT_OFF, invariants.commanded_open_ends),
    "open": (mutants.ForgetsDeadlines, CUT_OFF, invariants.hydraulically_open_ends),
    "spill": (mutants.ForgetsDeadlines, CUT_OFF, invariants.one_fault_spills_little),
    "hour": (mutants.TakesAnHour, case(water(300)), deadlines_fit_runs),
    "close": (mutants.ClosesOnce, case(water(300), OPENED), invariants.all_is_off_at_the_end),
    "order": (mutants.ClosesTheValveFirst, case(water(300)), invariants.running_pump_has_a_path),
    "disk": (mutants.KeepsNothing, case(water(300)), invariants.intents_are_on_disk),
    "outcome": (mutants.KeepsNothing, case(water(300), kill(200, 60)), invariants.every_run_has_an_outcome),
    "day": (mutants.ForgetsTheDay, case(*RESTARTED, days=0.3), invariants.days_have_a_limit),
    "tank": (
        mutants_more.with_file(lambda file: {"tank": None}),
        case(*LEAKS, days=0.2),
        tank_is_not_pumped_dry,
    ),
    "slot": (
        mutants_more.RepeatsSlots,
        case(kill(23_500, 5), days=0.35),
        slots_are_used_once,
    ),
    "stop": (mutants_more.HearsNoStop, case(*STOPPED), invariants.stop_is_obeyed),
    "answer": (mutants_more.HearsNoStop, case(*STOPPED), invariants.commands_are_answered),
    "wolf": (mutants_more.CriesWolf, case(water(300), kill(400, 5)), invariants.latches_have_a_cause),
    "alarm": (mutants_more.CriesWolf, case(), invariants.nothing_fails_without_a_fault),
    "people": (
        mutants_more.with_file(lambda file: {"cabinet": None}),
        case(*PRESSED),
        invariants.people_are_obeyed,
    ),
    "clear": (
        mutants_more.KeepsLatches,
        case(water(300), DEAD, at(2000, Visit())),
        invariants.visits_clear_everything,
    ),
    "flicker": (mutants_more.Flickers, case(), invariants.steps_are_few),
    "pulled": (
        mutants_more.BelievesProbes,
        case(*PULLED, days=1.2),
        invariants.pulled_probes_drown_nobody,
    ),
    "third more": (
        mutants_lone.BelievesProbesTwice,
        case(*PULLED, days=1.2),
        invariants.pulled_probes_drown_nobody,
    ),
    "second": (
        mutants_group.LeavesTheSecondPumpOn,
        case(water(1200, "zone-3"), at(300, Stop(zone="zone-3")), layout="common"),
        invariants.running_pump_has_a_path,
    ),
    "apart": (
        mutants_group.with_group(LAYOUTS["common"], least_s=0),
        case(*AT_ONCE, layout="common"),
        groups_keep_their_limits,
    ),
    "much": (
        mutants_group.with_group(LAYOUTS["common"], capacity_l_min=500),
        case(*SOON, layout="common"),
        groups_keep_their_limits,
    ),
    "many": (
        mutants_group.with_group(LAYOUTS["group"], most_pumps=3),
        case(*ALL_PUMPS, layout="group"),
        groups_keep_their_limits,
    ),
    "half": (
        mutants_group.TellsHalf,
        case(*ALL_PUMPS, layout="group"),
        litres_are_told_of_who_got_them,
    ),
    "thirst": (mutants_more.NeverBegins, case(layout="common", days=3.0), crops_are_not_thirsty),
    "doses": (
        mutants_more.ForgetsDoses,
        case(*FED, layout="fertigated"),
        doses.doses_stay_under_their_caps,
    ),
    "meet": (mutants_more.MixesAll, case(water(600), layout="fertigated"), doses.liquids_never_meet),
    "untold": (mutants_more.TellsNoDoses, case(water(600), layout="fertigated"), doses.doses_are_told),
    "still": (
        mutants_more.DosesEarly,
        case(water(600), layout="fertigated", days=0.02),
        doses.nothing_is_dosed_into_still_water,
    ),
    "back": (
        mutants_more.LeavesTheStockOpen,
        case(at(0, InjectorCheckFailed(at_s=0.0, injector="a")), water(600), layout="fertigated", days=0.02),
        doses.nothing_flows_back_through_injectors,
    ),
    "dry": (mutants_lone.ProvesNoFlow, case(*LEAKS[:2], UNKNOWN, *ALL_DAY[:3], days=0.12), tank_is_not_pumped_dry),
    "blind": (
        mutants_lone.CountsNoLitresBlind,
        case(*LEAKS[:2], UNKNOWN, NOT_COUNTED, *ALL_DAY, days=0.25),
        tank_is_not_pumped_dry,
    ),
    "locked": (
        mutants_lone.IgnoresLocks,
        case(at(60, Lock(zone="zone-1")), water(300, at_s=120), days=0.01),
        locked_and_latched_stand_still,
    ),
    "all locked": (
        mutants_lone.IgnoresLocks,
        case(at(300, Lock()), water(1200, "zone-2"), days=0.01),
        invariants.stop_is_obeyed,
    ),
    "latched": (
        mutants_lone.IgnoresLatches,
        case(water(300), DEAD, water(300, at_s=2000), days=0.03),
        locked_and_latched_stand_still,
    ),
    "leak": (
        mutants_lone.LooksForNoLeak,
        case(at(60, MeterPhantom(at_s=0.0, l_min=3.0)), days=0.12),
        leaks_are_looked_for,
    ),
    "length": (mutants_lone.TellsOneLength, case(water(60), days=0.01), deadlines_fit_runs),
    "expiry": (
        mutants_lone.OutlastsItsValve,
        case(water(300), kill(200, 7200), days=0.02),
        invariants.running_pump_has_a_path,
    ),
    "contactor": (
        mutants_lone.NeverOpensTheContactor,
        case(*STOPPED, WELDS, days=0.02, layout="master"),
        one_fault_runs_no_pump_unseen,
    ),
    "current": (
        mutants_lone.SeesNoCurrent,
        case(at(60, WeldedContact(at_s=0.0, actuator="pump")), days=0.01, layout="together"),
        one_fault_runs_no_pump_unseen,
    ),
    "after": (mutants_lone.SeesNoWaterAfter, case(*STOPPED, WELDS, days=0.02), one_fault_runs_no_pump_unseen),
}
PLAYED = {struck: name for name, (_, struck, _) in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_core_with_a_mistake_is_found_out(name: str) -> None:
    make_core, struck, check = CASES[name]
    assert list(check(live(struck, make_core=make_core)))


@pytest.mark.parametrize("struck", PLAYED, ids=PLAYED.values())
def test_core_without_it_is_not(struck: Case) -> None:
    assert invariants.wrong(live(struck)) == []


def test_a_litre_that_is_lost_is_missed() -> None:
    episode = live(case(water(300)))
    episode.world.plumbing.sums.well_l += 1.0
    assert list(invariants.water_is_conserved(episode))


def test_every_invariant_is_tried_with_a_mistake() -> None:
    tried = {check for _, _, check in CASES.values()} | {invariants.water_is_conserved}
    assert tried >= set(invariants.ACTIVE) - {doses.doses} | set(doses.CHECKS)


def test_core_is_the_one_that_is_mutated() -> None:
    assert all(make_core is not Core for make_core, _, _ in CASES.values())
