"""What must be true of every episode, whatever struck it. Each check looks at the whole of it when it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.season.deadlines import deadlines_fit_runs
from tests.season.doses import doses
from tests.season.drive import DAY_MS, Episode
from tests.season.dry import NO_FLOW_S, tank_is_not_pumped_dry
from tests.season.lone import one_fault_runs_no_pump_unseen
from tests.season.pulled import by_a_pulled_probe
from tests.season.record import Span, clock
from tests.season.sharing import groups_keep_their_limits, litres_are_told_of_who_got_them
from tests.season.slots import slots_are_used_once
from tests.season.spans import BY_FORCE, both, no_path, of_subject, pumping, pumps
from tests.season.spills import may_spill_l
from tests.season.standing import leaks_are_looked_for, locked_and_latched_stand_still
from tests.season.thirst import crops_are_not_thirsty
from tonnam_edge.site.site_file import ActuatorPart
from tonnam_link.messages import CommandAction, CommandState
from tonnam_sim.world.faults import conditions

Check = Callable[[Episode], Iterator[str]]

# What may keep valves and pump from getting the current that they were given.
POWERLESS = frozenset({"burnt_contact", "board_reboot", "board_down", "brownout", "power_loss", "emergency_stop"})
# What keeps the process from telling the board anything.
UNHEARD = frozenset({"kill", "edge_power", "bus_loss", "lossy_bus", "dead_unit", "refusing_unit", "disk_fails"})
MUTE = frozenset({"bus_loss", "lossy_bus", "dead_unit", "refusing_unit"})
CLOCKS = frozenset({"clock_step", "edge_power"})
LIARS = frozenset(
    {"sensor_offset", "sensor_gain", "sensor_frozen", "meter_blind", "meter_phantom", "meter_reset", "dead_unit"}
    | {"refusing_unit", "lossy_bus", "bus_loss"}
)
# What makes less, more or no water flow, or the meter say so.
STREAMS = frozenset(
    {"line_burst", "clogged_emitters", "main_leak", "clogged_filter", "pump_dead", "pump_worn", "siphon", "well_dry"}
    | {"check_valve_failed", "tank_leak", "leaking_valve", "blocked_zone"}
)
# What happens once and is over.
AT_ONCE = frozenset({"foreign_write", "board_reboot", "meter_reset", "filter_cleaned"})
FLOW_LATCHES = frozenset({"no_flow", "low_flow", "high_flow", "leak", "welded"})
COMMANDS = frozenset({"water", "stop", "clear", "lock", "visit"})
# A transaction and the grid of a second that coils are looked at on.
TRANSACTION_S = 2.0
# Margins of a run's deadlines, together at most: openings, closings and decay.
MARGINS_S = 150.0
# When a switch that somebody has turned must have been seen.
NOTICED_S = 3.0


def no_exception(episode: Episode) -> Iterator[str]:
    """The core raises nothing."""
    yield from episode.record.raised


def commanded_open_ends(episode: Episode) -> Iterator[str]:
    """A coil is commanded to let water through for its deadline and one transaction at most."""
    for span, most_s in coils_and_deadlines(episode):
        if span.seconds > most_s:
            yield f"{span.what} was commanded open for {span.seconds:.0f} s of {most_s:.0f} at {clock(span.from_ms)}"


def coils_and_deadlines(episode: Episode) -> Iterator[tuple[Span, float]]:
    """When each coil was commanded open, and for how many seconds at most it may have been."""
    kinds = episode.case.kinds
    if kinds & {"foreign_write"}:
        return
    rate = 2.0 if "board_clock" in kinds else 1.0
    for span in episode.record.coils:
        actuator = episode.site.actuators[span.what]
        part = actuator.part
        if part.kind in {"normally_open", "latching"}:
            continue  # on means closed, or is only a pulse
        told = _told(episode, span)
        if actuator.timer_s is None and kinds & (UNHEARD | POWERLESS):
            continue  # a board without timers goes on: a cut-off ends the water
        yield span, (told or episode.site.file.zone[0].max_run_min * 60 + MARGINS_S) * rate + TRANSACTION_S


def _told(episode: Episode, span: Span) -> float | None:
    """The deadline with which a coil was turned on, and what it was told later in the span; None without one."""
    slack = TRANSACTION_S * 1000
    acts = [
        each
        for each in episode.record.acts
        if each.action.actuator == span.what and each.action.open and span.from_ms - slack <= each.at_ms < span.to_ms
    ]
    ends = [
        (each.at_ms - span.from_ms) / 1000 + each.action.hold_s for each in acts if each.action.hold_s is not None
    ]
    return max(ends, default=None)


def hydraulically_open_ends(episode: Episode) -> Iterator[str]:
    """Water can flow to a zone for the device's timer (or the cut-off) and travel at most."""
    kinds = episode.case.kinds
    if kinds & (BY_FORCE | {"board_clock"}):
        return
    for zone, where in episode.site.zones.items():
        part = episode.site.actuators[where.part.valve].part
        if part.kind != "normally_closed" and kinds & POWERLESS:
            continue  # it stays, or opens, without power
        holds = [
            each.action.hold_s for each in episode.record.acts if each.action.actuator == part.id and each.action.open
        ]
        most_s = max([_cut_off_s(part) if hold is None else hold for hold in holds], default=0.0)
        most_s += 2 * part.travel_s + TRANSACTION_S
        for span in of_subject(episode, f"path:{zone}", "open"):
            if span.seconds > most_s and not _at_the_start(episode, span, part):
                yield f"{zone} was open for {span.seconds:.0f} s of {most_s:.0f} at {clock(span.from_ms)}"


def _cut_off_s(part: ActuatorPart) -> float:
    return (part.cut_off_min or 0.0) * 60


def _at_the_start(episode: Episode, span: Span, part: ActuatorPart) -> bool:
    """A valve that is open without power is so until the first process closes it."""
    return part.kind != "normally_closed" and span.from_ms <= episode.record.starts_ms[0]


def one_fault_spills_little(episode: Episode) -> Iterator[str]:
    """With any one fault, litres beyond the deadline stay under a bound that the layout declares."""
    faults = [blow for blow in episode.case.blows if blow.kind not in COMMANDS]
    # Somebody at the cabinet's switch waters by hand. A valve that leaks lets through what another zone is given.
    if len(faults) > 1 or episode.case.kinds & {"cabinet_switch", "leaking_valve"}:
        return
    for zone, litres in episode.record.beyond_l.items():
        most_l = may_spill_l(episode, zone)
        if litres > most_l:
            yield f"{zone} got {litres:.0f} L beyond its deadline, of {most_l:.0f}"


def running_pump_has_a_path(episode: Episode) -> Iterator[str]:
    """A running pump has an open path, also when deadlines expire. Where a fault closes it, flow's proof stops it."""
    for pump in pumps(episode):
        yield from _has_a_path(episode, pump, [span for span in no_path(episode, pump) if span.seconds > 0.0])


def _has_a_path(episode: Episode, pump: str, spans: list[Span]) -> Iterator[str]:
    kinds = episode.case.kinds
    faults = [blow for blow in episode.case.blows if blow.kind not in COMMANDS]
    if not kinds & (BY_FORCE | POWERLESS | {"blocked_zone", "board_clock"}):
        most_s = _shut_by_another_board(episode, pump)
        for span in (each for each in spans if each.seconds > most_s):
            yield f"{pump} ran for {span.seconds:.1f} s without a path at {clock(span.from_ms)}"
    elif len(faults) <= 1 and not kinds & {"stuck_coil", "welded_contact", "cabinet_switch", "foreign_write"}:
        for span in spans:
            if span.seconds > NO_FLOW_S:
                yield f"one fault, and {pump} ran for {span.seconds:.0f} s without a path at {clock(span.from_ms)}"


def _shut_by_another_board(episode: Episode, pump: str) -> float:
    """For how long a pump may push whose board hears nothing while the board of its path does: until its deadline,
    where somebody or something beside that silence shuts the path."""
    fed = [zone.part for zone in episode.site.zones.values() if zone.part.pump == pump]
    path = {pump} | {name for part in fed for name in (part.valve, part.master) if name is not None}
    boards = {episode.site.actuators[name].part.device for name in path}
    if len(boards) < 2 or not episode.case.kinds & MUTE or not episode.case.kinds - MUTE - {"water"}:
        return 0.0
    acts = [act.action for act in episode.record.acts if act.action.actuator == pump]
    return max((action.hold_s or 0.0 for action in acts), default=0.0)


def water_is_conserved(episode: Episode) -> Iterator[str]:
    """Every litre and its salt are accounted for."""
    for what, left in episode.world.ledger().items():
        if abs(left) > 1e-3:
            yield f"{what} does not balance by {left:g}"


def every_run_has_an_outcome(episode: Episode) -> Iterator[str]:
    """Each run and flush that has started has ended once, with an outcome and a reason; nothing else has."""
    begun = [*episode.record.of("run.started"), *episode.record.of("flush.started")]
    over = [*episode.record.of("run.ended"), *episode.record.of("flush.ended")]
    started, ended = (Counter(event.body["run_id"] for _, event in each) for each in (begun, over))
    for run_id in started.keys() | ended.keys():
        if (started[run_id], ended[run_id]) != (1, 1):
            yield f"the run {run_id} started {started[run_id]} times and ended {ended[run_id]} times"
    for at_ms, event in over:
        if not event.body["outcome"] or not event.body["reason"]:
            yield f"a run ended without a word at {clock(at_ms)}"


def intents_are_on_disk(episode: Episode) -> Iterator[str]:
    """Nothing is opened before the run that it belongs to is on disk."""
    for act in episode.record.acts:
        if not act.remembered:
            yield f"{act.action.actuator} was opened with no run on disk at {clock(act.at_ms)}"


def days_have_a_limit(episode: Episode) -> Iterator[str]:
    """No zone is watered for longer than its day allows, whatever restarts; slack is one close that took its time."""
    if episode.case.kinds & (BY_FORCE | CLOCKS | {"board_clock", "siphon"}):
        return
    for zone, where in episode.site.zones.items():
        used: Counter[int] = Counter()
        for span in both(of_subject(episode, f"path:{zone}", "open"), pumping(episode, where.part.pump or "")):
            used[span.from_ms // DAY_MS] += span.to_ms - span.from_ms
        for day, used_ms in used.items():
            if used_ms / 1000 > where.max_day_s + 2 * MARGINS_S:
                yield f"{zone} was watered for {used_ms / 1000:.0f} s of {where.max_day_s:.0f} on day {day}"


def stop_is_obeyed(episode: Episode) -> Iterator[str]:
    """When a person says stop, or locks a zone or the site, it is shut within a minute."""
    if episode.case.kinds & (BY_FORCE | POWERLESS | UNHEARD):
        return
    for at_ms, command in episode.record.commands:
        if command.action not in {CommandAction.STOP, CommandAction.LOCK}:
            continue
        for zone in [command.zone] if command.zone else episode.site.zones:
            for span in of_subject(episode, f"path:{zone}", "open"):
                if span.from_ms <= at_ms < span.to_ms - 60_000:
                    late_s = (span.to_ms - at_ms) / 1000
                    yield f"{zone} was still open {late_s:.0f} s after a {command.action} at {clock(at_ms)}"


def commands_are_answered(episode: Episode) -> Iterator[str]:
    """Every command that was heard comes to an end that is told."""
    if episode.case.kinds & {"kill", "edge_power"}:
        return
    last = {outcome.command_id: outcome.state for _, outcome in episode.record.outcomes}
    ends = {CommandState.DONE, CommandState.FAILED, CommandState.REFUSED, CommandState.EXPIRED}
    for at_ms, command in episode.record.commands:
        if last.get(command.id) not in ends:
            yield f"{command.id} ({command.action}) of {clock(at_ms)} is {last.get(command.id)}"


def all_is_off_at_the_end(episode: Episode) -> Iterator[str]:
    """When nothing runs any more and no fault is left, no zone is open and the pump stands."""
    lasting = [
        each
        for each in episode.world.faults
        if each.fault not in AT_ONCE and (each.until_s is None or each.until_s * 1000 > episode.now_ms)
    ]
    if lasting or episode.core is None or episode.core.running:
        return
    for pump in episode.world.truth.pumps_running:
        if pump in episode.site.actuators:  # one that it does not name is not the edge's
            yield f"the {pump} still runs"
    for zone in sorted(episode.world.truth.open_zones):
        yield f"{zone} is still open"


def latches_have_a_cause(episode: Episode) -> Iterator[str]:
    """What is latched of the flow until a person comes was really so: a cable that was away is no broken pipe."""
    if episode.case.kinds & (BY_FORCE | POWERLESS | STREAMS | (LIARS - UNHEARD)):
        return
    for at_ms, event in episode.record.of("latch.set"):
        if event.body["of"] in FLOW_LATCHES:
            yield f"{event.body['of']} of {event.body['subject']} was latched at {clock(at_ms)}"


def people_are_obeyed(episode: Episode) -> Iterator[str]:
    """Nothing of ours starts while a zone's switch is not on auto, or the emergency stop is pressed."""
    if episode.case.kinds & (UNHEARD | POWERLESS - {"emergency_stop"}):
        return
    for at_ms, event in episode.record.of("run.started"):
        if event.body["cause"] == "hand":
            continue  # what somebody lets run at the cabinet is told when it is over
        on = conditions(episode.world.faults, at_ms / 1000)
        earlier = conditions(episode.world.faults, at_ms / 1000 - NOTICED_S)
        zone = event.body["zone"]
        if on.emergency_stop and earlier.emergency_stop:
            yield f"{zone} was started in spite of the emergency stop at {clock(at_ms)}"
        if "auto" not in {on.switch(zone), earlier.switch(zone)}:
            yield f"{zone} was started though its switch is on {on.switch(zone)} at {clock(at_ms)}"


def visits_clear_everything(episode: Episode) -> Iterator[str]:
    """A person at the place clears every latch; it stands only if it was found anew."""
    visits = [at_ms for at_ms, what in episode.record.struck if "'visit'" in what]
    cleared = Counter(event.body["latch"] for _, event in episode.record.of("latch.cleared"))
    if episode.case.kinds & {"kill", "edge_power", "disk_fails"} or not visits:
        return
    for at_ms, event in episode.record.of("latch.set"):
        if at_ms < visits[-1] and not cleared[event.body["latch"]]:
            yield f"{event.body['of']} of {event.body['subject']} of {clock(at_ms)} was never cleared"


def nothing_fails_without_a_fault(episode: Episode) -> Iterator[str]:
    """Where nothing is wrong, every run comes to the end that was planned or that a person asked for."""
    if episode.case.kinds - COMMANDS:
        return
    for at_ms, event in episode.record.of("run.ended"):
        if event.body["outcome"] not in {"done", "stopped"}:
            yield f"a run ended as {event.body['outcome']} at {clock(at_ms)}: {event.body['reason']['en']}"
    for kind in ("latch.set", "actuator.fault", "device.lost"):
        for at_ms, event in episode.record.of(kind):
            if event.body.get("of") == "stock_empty":
                continue  # somebody must fill it now and then
            yield f"{kind} at {clock(at_ms)}: {event.body['text']['en']}"


def pulled_probes_drown_nobody(episode: Episode) -> Iterator[str]:
    """By a probe that hangs in the air a zone gets at most 1.5 times in a day what the crop is thought to use."""
    if not episode.case.kinds & (CLOCKS | BY_FORCE | STREAMS | LIARS):
        yield from by_a_pulled_probe(episode)


def steps_are_few(episode: Episode) -> Iterator[str]:
    """The core does not ask to be looked at for ever."""
    if episode.record.steps > episode.most_steps:
        yield f"{episode.record.steps} steps in {episode.case.days:g} days"


ACTIVE: tuple[Check, ...] = (
    no_exception,
    commanded_open_ends,
    deadlines_fit_runs,
    hydraulically_open_ends,
    one_fault_spills_little,
    running_pump_has_a_path,
    one_fault_runs_no_pump_unseen,
    water_is_conserved,
    tank_is_not_pumped_dry,
    every_run_has_an_outcome,
    intents_are_on_disk,
    slots_are_used_once,
    days_have_a_limit,
    stop_is_obeyed,
    commands_are_answered,
    all_is_off_at_the_end,
    latches_have_a_cause,
    people_are_obeyed,
    locked_and_latched_stand_still,
    leaks_are_looked_for,
    visits_clear_everything,
    nothing_fails_without_a_fault,
    pulled_probes_drown_nobody,
    groups_keep_their_limits,
    litres_are_told_of_who_got_them,
    crops_are_not_thirsty,
    doses,
    steps_are_few,
)


def wrong(episode: Any, checks: tuple[Callable[[Any], Iterable[str]], ...] = ACTIVE) -> list[str]:
    """All that is not as it must be, each with the name of its invariant."""
    return [f"{check.__name__}: {what}" for check in checks for what in check(episode)]
