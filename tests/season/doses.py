"""What must be true of every episode on a farm that doses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tests.season.drive import Episode
from tests.season.record import clock
from tonnam_edge.site.dosing_file import InjectorPart

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
# A pulse is timed in tenths of a second.
TIMED = 1.01
# What moves a dosing pump or its valve behind the back of the commands, or makes its second longer.
BY_FORCE = frozenset(
    {"stuck_coil", "welded_contact", "jammed_valve", "foreign_write", "board_clock", "cabinet_switch"}
)
# What may stop the water while a pulse is under way.
ENDS_FLOW = frozenset(
    {"board_reboot", "board_down", "brownout", "power_loss", "emergency_stop", "burnt_contact", "pump_dead"}
    | {"blocked_zone", "pump_worn", "clogged_filter", "tank_leak", "well_dry", "siphon", "check_valve_failed"}
)
# What lets a meter tell of water that is not there, or of none.
METER_LIES = frozenset(
    {"meter_phantom", "meter_blind", "meter_reset", "sensor_gain", "sensor_offset", "sensor_frozen"}
)
# Where stock is lost or found: its own bottom and its valve.
STOCK = frozenset({"injector_check_failed", "injector_airlock", "stock_empty", "stock_refilled"})
# Litres that may go back through a check valve that has failed, for each pulse: its closing valve is open so long.
BACK_L_A_PULSE = 0.1


def doses_stay_under_their_caps(episode: Episode) -> Iterator[str]:
    """No injector gives more than its hour, day and stock allow, whatever restarts and whatever clocks say."""
    if episode.case.kinds & BY_FORCE:
        return
    for part in episode.site.file.injector:
        doses = episode.record.doses.get(part.id, [])
        born = _born(episode, part)
        refills = sum("'visit'" in what for _, what in episode.record.struck)
        for most_ml, span_ms in ((part.max_hour_ml, HOUR_MS), (part.max_day_ml, DAY_MS)):
            given_ml, at_ms = _most_within(doses, span_ms)
            if given_ml > born * most_ml + 1.0:
                hours = span_ms // HOUR_MS
                yield f"{part.id} dosed {given_ml:.0f} mL of {most_ml:.0f} within {hours} h until {clock(at_ms)}"
        if doses and doses[-1][1] > born * part.stock_l * 1000 * (1 + refills) + 1.0:
            yield f"{part.id} dosed {doses[-1][1]:.0f} mL out of a tank of {part.stock_l:.0f} L"


def _born(episode: Episode, part: InjectorPart) -> float:
    """What a dosing pump gives in truth, of what its plate says."""
    return TIMED * episode.world.plumbing.injectors[part.id].ml_min / part.ml_min


def _most_within(doses: list[tuple[int, float]], span_ms: int) -> tuple[float, int]:
    """The most mL within any span, and when it ended."""
    most, found_ms, earlier = 0.0, 0, deque([(0, 0.0)])
    for at_ms, ml in doses:
        while len(earlier) > 1 and earlier[1][0] <= at_ms - span_ms:
            earlier.popleft()
        if ml - earlier[0][1] > most:
            most, found_ms = ml - earlier[0][1], at_ms
        earlier.append((at_ms, ml))
    return most, found_ms


def nothing_is_dosed_into_still_water(episode: Episode) -> Iterator[str]:
    """Where nothing stops the flow during a pulse, no dose goes into water that stands; a fault costs two pulses."""
    kinds = episode.case.kinds
    if kinds & (BY_FORCE | METER_LIES):
        return
    struck = [blow for blow in episode.case.blows if blow.kind in ENDS_FLOW]
    for part in episode.site.file.injector:
        most_ml = 2.0 * len(struck) * part.max_pulse_ml + 1.0
        ml = 1000.0 * episode.world.truth.injected_without_flow_l[part.id]
        if len(struck) <= 1 and ml > most_ml:
            yield f"{part.id} dosed {ml:.0f} mL into water that stood, of {most_ml:.0f}"


def nothing_flows_back_through_injectors(episode: Episode) -> Iterator[str]:
    """No water gets into a stock tank and no stock runs out by itself, but what a failed check lets by in a pulse."""
    if episode.case.kinds & BY_FORCE:
        return
    failed = "injector_check_failed" in episode.case.kinds
    for part in episode.site.file.injector:
        pulses = sum(act.action.open and act.action.actuator == part.closing_actuator for act in episode.record.acts)
        back_l = episode.world.truth.injector_backflow_l[part.id]
        if back_l > (BACK_L_A_PULSE * pulses if failed else 1e-6):
            yield f"{back_l:.2f} L went back through {part.id} in {pulses} pulses"
        ran_l = episode.world.truth.stock_siphoned_l[part.id]
        if ran_l > 0.01 + (0.01 * pulses if episode.case.kinds & ENDS_FLOW else 0.0):
            yield f"{ran_l:.2f} L ran out of {part.id} by themselves"


def liquids_never_meet(episode: Episode) -> Iterator[str]:
    """What must not meet in a line is kept apart by a rinse, also when a run was cut off; unless the meter lies."""
    if episode.case.kinds & (BY_FORCE | METER_LIES | STOCK):
        return
    for pair, litres in episode.world.truth.mixed_without_rinse_l.items():
        if litres > 0.005:
            yield f"{1000 * litres:.0f} mL of {pair} met"


def doses_are_told(episode: Episode) -> Iterator[str]:
    """What was dosed was said of the runs: booked before each pulse, so never less than in truth."""
    if episode.case.kinds & (BY_FORCE | {"kill", "edge_power", "disk_fails", "siphon"}):
        return
    told: dict[str, float] = {}
    for _, event in episode.record.of("run.ended"):
        for injector, ml in (event.body.get("dosed") or {}).items():
            told[injector] = told.get(injector, 0.0) + ml
    for part in episode.site.file.injector:
        ml, said_ml = episode.record.doses.get(part.id, [(0, 0.0)])[-1][1], told.get(part.id, 0.0)
        if ml > _born(episode, part) * said_ml + 1.0:
            yield f"{part.id} dosed {ml:.0f} mL, and {said_ml:.0f} were told"


def doses(episode: Episode) -> Iterator[str]:
    """All of these, on farms that dose."""
    if not episode.site.file.injector:
        return
    for check in CHECKS:
        for what in check(episode):
            yield f"{check.__name__}: {what}"


CHECKS = (
    doses_stay_under_their_caps,
    nothing_is_dosed_into_still_water,
    nothing_flows_back_through_injectors,
    liquids_never_meet,
    doses_are_told,
)
