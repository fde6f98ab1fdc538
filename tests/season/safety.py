"""What must be true of every episode of a flood gate, whatever struck it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from tests.season.invariants import (
    commands_are_answered,
    no_exception,
    steps_are_few,
    visits_clear_everything,
    water_is_conserved,
)
from tests.season.record import Act, Span, clock
from tests.season.spans import both, of_subject, without
from tests.season.station import Sample, StationEpisode
from tonnam_sim.world.faults import conditions

Check = Callable[[Any], Iterator[str]]

TRANSACTION_S = 2.0
PEOPLE = frozenset({"water", "stop", "clear", "lock", "visit"})
WAVES = frozenset({"river_wave"})
# What leaves the water, the gauges, the boards and the cable as they are.
SOFT = PEOPLE | WAVES | {"kill", "edge_power", "clock_step", "disk_fails"}
MUTE = frozenset({"bus_loss", "lossy_bus", "dead_unit", "refusing_unit"})
POWERLESS = frozenset({"power_loss", "brownout"})
LIARS = frozenset({"sensor_offset", "sensor_gain", "sensor_frozen", "sensor_drift"})
BY_FORCE = frozenset({"stuck_coil", "welded_contact", "burnt_contact", "foreign_write", "jammed_valve"})
IN_HAND = frozenset({"cabinet_switch", "lock_turned", "lock_here"})
BOARDS = frozenset({"board_reboot", "board_down", "board_clock"})
# What lets the town be flooded, whatever the core does: no pump or no gate, more rain than they lift, a river that
# nobody sees as it is.
FLOODS = IN_HAND | POWERLESS | LIARS | BY_FORCE | {"pump_dead", "pump_worn", "downpour", "board_clock"}
# What keeps the core from stopping a pump whose own float switch has failed.
DRIES = SOFT - PEOPLE - WAVES | MUTE | POWERLESS | LIARS | BY_FORCE | IN_HAND | BOARDS
# A pump that is proven off for want of water: by its current after it has settled, once in each `retry_min`.
TRIAL_S = 40.0
GAUGES = frozenset({3, 4, 5})
# How long both gauges are believed after their last word, with the look that comes then.
BELIEVED_S = 60.0
NOTICED_S = 3.0
# When the level has been clear for so long, all is as it says: a gate that waits, pumps whose starts are used up.
# The driver looks every few minutes.
LOOKED_S, GATE_LATE_S, PUMPS_LATE_S, MARGIN_CM = 420.0, 1500.0, 5100.0, 6.0
REST_SLACK_S = 1.0
CALM = PEOPLE - {"lock"} | WAVES | {"clock_step", "downpour", "float_failed", "heat"}
FOLLOWS = WAVES | {"visit", "clear", "stop", "kill", "edge_power", "clock_step", "downpour", "float_failed"}


def held_out_ends(episode: StationEpisode) -> Iterator[str]:
    """A coil stays out of its safe state for its deadline since the last word and one transaction at most."""
    if episode.case.kinds & {"stuck_coil", "foreign_write"}:
        return
    rate = 2.0 if "board_clock" in episode.case.kinds else 1.0
    for name in episode.site.actuators:
        acts = [each for each in episode.record.acts if each.action.actuator == name and not each.action.safe]
        for span in _out_of_safety(episode, name):
            words = [each for each in acts if span.from_ms <= each.at_ms < span.to_ms]
            for at_ms, until_ms, hold_s in _silences(words, span):
                if (until_ms - at_ms) / 1000 > hold_s * rate + TRANSACTION_S:
                    yield f"{name} was held for {(until_ms - at_ms) / 1000:.0f} s of {hold_s:.0f} at {clock(at_ms)}"


def _out_of_safety(episode: StationEpisode, name: str) -> list[Span]:
    """When the coil was on: each example's safe state needs none."""
    return [span for span in episode.record.coils if span.what == name]


def _silences(words: list[Act], span: Span) -> Iterator[tuple[int, int, float]]:
    """From each word to the next, or to the end; and the deadline with which it was said."""
    ends = [*(each.at_ms for each in words[1:]), span.to_ms]
    for word, end_ms in zip(words, ends, strict=True):
        yield word.at_ms, end_ms, word.action.hold_s or 0.0
    if not words or words[0].at_ms > span.from_ms + TRANSACTION_S * 1000:
        yield span.from_ms, words[0].at_ms if words else span.to_ms, 0.0


def deadlines_are_told(episode: StationEpisode) -> Iterator[str]:
    """Nothing is held out of its safe state without a deadline, or for longer than its station says."""
    for at_ms, action, _, _ in episode.record.acts:
        station = next(each for each in episode.site.stations.values() if action.actuator in each.moved)
        if not action.safe and not 0.0 < (action.hold_s or 0.0) <= station.hold_s:
            yield f"{action.actuator} was held out for {action.hold_s} s at {clock(at_ms)}"


def safe_state_is_reached(episode: StationEpisode) -> Iterator[str]:
    """Without its coil the gate is shut within its travel, and a pump that has water runs."""
    kinds = episode.case.kinds
    if kinds & (BY_FORCE | IN_HAND | POWERLESS | BOARDS):
        return
    opened = of_subject(episode, "gate", "opening", "open", "closing")
    travel_s = episode.site.actuators["gate"].part.travel_s
    for span in without(opened, _out_of_safety(episode, "gate")):
        if span.seconds > travel_s + TRANSACTION_S:
            yield f"the gate was not shut {span.seconds:.0f} s after its coil fell at {clock(span.from_ms)}"
    if "pump_dead" in kinds or episode.world.truth.lowest_cm < _floats_cm(episode):
        return
    for pump in episode.layout.pumps.pumps:
        idle = without(of_subject(episode, pump, "off"), _out_of_safety(episode, pump))
        for span in idle:
            if span.seconds > TRANSACTION_S:
                yield f"{pump} stood for {span.seconds:.0f} s though its coil had fallen at {clock(span.from_ms)}"


def _floats_cm(episode: StationEpisode) -> float:
    return max(pump.float_start_cm for pump in episode.layout.config.pumps)


def blind_holds_nothing(episode: StationEpisode) -> Iterator[str]:
    """While neither gauge is read, nothing is held out of its safe state but pumps whose intake may be dry."""
    witness = episode.layout.pumps.witness
    gauges = [episode.layout.pumps.level, witness.level if witness is not None else episode.layout.pumps.level]
    first, second = (_unread(episode, gauge.split("/")[0]) for gauge in gauges)
    for span in both(first, second):
        for act in episode.record.acts:
            late = span.from_ms + BELIEVED_S * 1000 < act.at_ms < span.to_ms
            if late and not act.action.safe and not _may_rest(episode, act.action.actuator, act.at_ms):
                yield f"{act.action.actuator} was held out with no gauge at {clock(act.at_ms)}"


def _unread(episode: StationEpisode, device: str) -> list[Span]:
    """When a device cannot answer at all."""
    unit, found = episode.site.devices[device].part.unit, []
    for fault in episode.world.faults:
        if fault.fault == "bus_loss" or (fault.fault in {"dead_unit", "refusing_unit"} and fault.unit == unit):
            until_ms = episode.now_ms if fault.until_s is None else round(fault.until_s * 1000)
            found.append(Span(device, round(fault.at_s * 1000), until_ms))
    return found


def _may_rest(episode: StationEpisode, name: str, at_ms: int) -> bool:
    """Whether it is a pump whose intake has been low."""
    part = episode.layout.pumps.dry
    if part is None or name not in episode.layout.pumps.pumps:
        return False
    return any(sample.canal_cm < part.again_cm for sample in episode.samples if sample.at_ms <= at_ms)


def nothing_is_held_without_a_disk(episode: StationEpisode) -> Iterator[str]:
    """What could not be accounted for goes into its safe state: the gate at once, whatever the intake says."""
    if episode.case.kinds & (IN_HAND | MUTE | POWERLESS | BY_FORCE | BOARDS | {"kill", "edge_power"}):
        return
    for span in both(_out_of_safety(episode, "gate"), episode.diskless):
        if span.seconds > NOTICED_S:
            yield f"the gate was held out for {span.seconds:.0f} s without a disk at {clock(span.from_ms)}"


def no_flood_but_by_its_faults(episode: StationEpisode) -> Iterator[str]:
    """The town is not flooded while pumps, gate, gauges and power are as they should be, or nobody is in charge."""
    if not episode.case.kinds & FLOODS and episode.world.truth.flooded_s > 0.0:
        yield f"the town was flooded for {episode.world.truth.flooded_s:.0f} s"


def pumps_run_dry_only_by_their_faults(episode: StationEpisode) -> Iterator[str]:
    """No pump runs dry while its float is well, or the core can see and stop it; blind, only to try now and then."""
    kinds, dry_s = episode.case.kinds, max(episode.world.truth.pump_dry_s.values())
    part, most_s = episode.layout.pumps.dry, 0.0
    if "float_failed" in kinds:
        unread = {fault.unit for fault in episode.world.faults if fault.fault in {"dead_unit", "refusing_unit"}}
        if part is None or kinds & DRIES - {"dead_unit", "refusing_unit"} or not unread <= GAUGES:
            return
        most_s = TRIAL_S * (1 + episode.now_ms / 60_000 / part.retry_min) if unread else 0.0
    if dry_s > most_s:
        yield f"a pump ran dry for {dry_s:.0f} s of {most_s:.0f}"


def hands_are_obeyed(episode: StationEpisode) -> Iterator[str]:
    """No write goes to what somebody has locked, or switched to hand or off."""
    if episode.case.kinds & (MUTE | POWERLESS):
        return
    for act in episode.record.acts:
        subject = "gate" if act.action.actuator == "gate" else "pumps"
        on, earlier = (conditions(episode.world.faults, act.at_ms / 1000 - ago) for ago in (0.0, NOTICED_S))
        if subject in on.locks & earlier.locks or "auto" not in {on.switch(subject), earlier.switch(subject)}:
            yield f"{act.action.actuator} was moved though it is in hand at {clock(act.at_ms)}"
        station = episode.layout.sluice.id if subject == "gate" else episode.layout.pumps.id
        for lock in episode.locked:
            if lock.what in {"", station} and lock.from_ms + NOTICED_S * 1000 < act.at_ms < lock.to_ms:
                yield f"{act.action.actuator} was moved though it is locked at {clock(act.at_ms)}"


def starts_lie_apart(episode: StationEpisode) -> Iterator[str]:
    """A motor rests between a stop and its start, and starts so often in an hour at most, but in a flood."""
    river_cm = max((sample.river_cm for sample in episode.samples), default=0.0)
    flood_cm = episode.layout.pumps.all_cm
    if episode.case.kinds - CALM:
        return
    for pump in episode.layout.pumps.pumps:
        part = episode.site.actuators[pump].part
        offs = [span for span in episode.record.coils if span.what == pump]
        for before, after in pairwise(offs):
            ran_s = (after.from_ms - before.to_ms) / 1000
            if ran_s < 0.0 or before.seconds < (part.rest_s or 0.0) - REST_SLACK_S:
                yield f"{pump} rested for {before.seconds:.0f} s at {clock(before.to_ms)}"
        starts = [span.to_ms for span in offs if span.to_ms < episode.now_ms]
        for at_ms in starts if flood_cm is not None and river_cm < flood_cm else ():
            lately = sum(at_ms - 3_600_000 < each <= at_ms for each in starts)
            if part.starts_per_hour is not None and lately > part.starts_per_hour:
                yield f"{pump} was started {lately} times within an hour until {clock(at_ms)}"


def level_is_followed(episode: StationEpisode) -> Iterator[str]:
    """While a process is up and all is well, gate and pumps are as the river says, after what each must wait for."""
    if episode.case.kinds - FOLLOWS:
        return
    part, dry = episode.layout.pumps, episode.layout.pumps.dry
    for sample, clear_s in _clear(episode, lambda sample: sample.river_cm >= part.start_cm + MARGIN_CM):
        low = dry is not None and sample.canal_cm < dry.again_cm + MARGIN_CM
        if clear_s > LOOKED_S and (sample.gate > 0.0 or not (sample.running or low)):
            yield f"the river is high, and {_stands(sample)}"
    for sample, clear_s in _clear(episode, lambda sample: sample.river_cm <= part.stop_cm - MARGIN_CM):
        if (clear_s > GATE_LATE_S and sample.gate < 1.0) or (clear_s > PUMPS_LATE_S and sample.running):
            yield f"the river is low, and {_stands(sample)}"


def _clear(episode: StationEpisode, is_so: Callable[[Sample], bool]) -> Iterator[tuple[Sample, float]]:
    """Looks at which something is so, and for how many seconds it has been so with one process up."""
    since_ms: int | None = None
    for sample in episode.samples:
        if not is_so(sample) or sample.up_ms is None:
            since_ms = None
            continue
        since_ms = max(sample.at_ms if since_ms is None else since_ms, sample.up_ms)
        yield sample, (sample.at_ms - since_ms) / 1000


def _stands(sample: Sample) -> str:
    """How gate and pumps stand."""
    pumps = ", ".join(sorted(sample.running)) or "no pump"
    return f"the gate stands at {sample.gate:.1f} and {pumps} runs at {clock(sample.at_ms)}"


def latches_of_stations_have_a_cause(episode: StationEpisode) -> Iterator[str]:
    """What is latched of a pump or gate was really so: no cable, key, kill or wave breaks one."""
    if episode.case.kinds - (SOFT | MUTE | IN_HAND):
        return
    for at_ms, event in episode.record.of("latch.set"):
        yield f"{event.body['of']} of {event.body['subject']} was latched at {clock(at_ms)}"


def nothing_goes_wrong_without_a_fault(episode: StationEpisode) -> Iterator[str]:
    """A river that comes and goes is no fault."""
    if episode.case.kinds - (PEOPLE | WAVES):
        return
    for kind in ("latch.set", "actuator.fault", "device.lost", "station.dry"):
        for at_ms, event in episode.record.of(kind):
            yield f"{kind} at {clock(at_ms)}: {event.body['text']['en']}"


OWN: tuple[Check, ...] = (
    held_out_ends,
    deadlines_are_told,
    safe_state_is_reached,
    blind_holds_nothing,
    nothing_is_held_without_a_disk,
    no_flood_but_by_its_faults,
    pumps_run_dry_only_by_their_faults,
    hands_are_obeyed,
    starts_lie_apart,
    level_is_followed,
    latches_of_stations_have_a_cause,
    nothing_goes_wrong_without_a_fault,
)
# Those of the farms that look at nothing of a farm.
SHARED: tuple[Check, ...] = (
    no_exception,
    water_is_conserved,
    commands_are_answered,
    visits_clear_everything,
    steps_are_few,
)
ACTIVE: tuple[Check, ...] = (*SHARED, *OWN)
