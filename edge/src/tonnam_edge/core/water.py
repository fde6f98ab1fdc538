"""The plant: runs and their proofs. What is found wrong is latched, and everything that it needs is turned off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tonnam_edge.core import plant_texts, texts
from tonnam_edge.core.actuators import Actuators, Differs, Fault
from tonnam_edge.core.flow import PULSES_TO_STAND, Expected, Flow, Stream
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import METER, Latches, LatchKind, Tell
from tonnam_edge.core.memory import Intent, Memory, Text
from tonnam_edge.core.runs import Phase, Run, Runs
from tonnam_edge.core.supply import Supply
from tonnam_edge.limits import CURRENT_SETTLES_S, DRY_S, PROVE_S, UNEXPECTED_TIMES, WAIT_AFTER_FAULT_S
from tonnam_edge.site import Site

HOUR_MS = 3_600_000
# The least time for which a meter must stand still to prove that a latching valve has closed.
STILL_AT_LEAST_S = 5.0
LEAK_PULSES = 2
LATCH_OF = {Flow.NONE: LatchKind.NO_FLOW, Flow.LOW: LatchKind.LOW_FLOW, Flow.HIGH: LatchKind.HIGH_FLOW}


@dataclass
class _Steady:
    """Which zones are open together on a supply, and since when."""

    zones: tuple[str, ...] = ()
    since: int = 0
    mixed: bool = False  # the meter has counted what somebody let run by hand, too


class Water:
    """Everything that moves water on a site. Times are since boot, in milliseconds."""

    def __init__(self, site: Site, memory: Memory, now: Now, tell: Tell, new_id: Callable[[], str]) -> None:
        self._site, self._memory, self._tell = site, memory, tell
        self.stream = Stream(site)
        self.expected = Expected(site, memory, self.stream.step_l)
        self.actuators = Actuators(site.actuators, now.mono_ms, _still_s(site, self.stream.step_l))
        self.runs = Runs(site, memory, self.actuators, self.stream, self.expected)
        self.latches = Latches(memory, site, tell, new_id)
        self.station_faults: list[Fault] = []  # found in this step, for who looks after the stations
        self._mine = [name for name in site.actuators if name not in site.stationed]
        self.also_open: Callable[[], set[str]] = set  # what dosing has opened: that is as it should be
        self.dosing_fault: Callable[[Fault, Now], bool] = lambda fault, now: False  # whether it concerns dosing only
        self.by_hand = False  # somebody waters at the cabinet: then flow and current are no sign of a fault
        self.passed_l = 0.0  # by the meter, in the last step
        self.suspects: set[str] = set()  # zones that were open together when the flow was wrong: each waters alone
        self._steady = {name: _Steady() for name in self.runs.supplies}
        self._fault_hold: dict[str, int] = {}  # until when nothing starts, by supply
        self._quiet_since: int | None = None
        self._dry_since: dict[str, int] = {}
        self._looked_mono_ms = now.mono_ms
        self._open_since: dict[str, int] = {}  # since when a board says that what was told to close is open
        self._moved: list[tuple[int, str]] = []  # when somebody else moved which coil

    @property
    def safe(self) -> bool:
        return self.actuators.all_safe and not self.runs.active

    def advance(self, image: Image) -> list[Run]:
        """One step of everything; returns the runs that have just come into a new phase."""
        self.passed_l = passed_l = self.stream.look(image)
        self._count_blind(passed_l, image)
        self._looked_mono_ms = image.now.mono_ms
        self.station_faults = []
        self._guard(image)
        self._watch_currents(image)
        for supply in self.runs.supplies.values():
            self._judge_flow(supply, image)
        moved = self.runs.advance(image, passed_l)
        for supply in self.runs.supplies.values():
            self._look_for_weld(supply, image)
        for run in moved:
            if run.phase is Phase.ENDED and run.as_wished:
                self.suspects.discard(run.intent.zone)
        self._look_for_leak(image.now)
        return moved

    def start(self, intent: Intent, now: Now) -> None:
        self.runs.start(intent, now)

    def stop_everything(self, reason: Text, now: Now) -> None:
        self.runs.stop_all("interrupted", reason, now)
        self.actuators.all_to_safety(now.mono_ms)

    def ready(self, zone: str) -> bool:
        """Whether all that shares a water path with a zone is as it was told: safe, or open for a run, and proven."""
        supply = self.runs.supply(zone)
        opened = {name for run in self.runs.on(supply.name) for name in self._site.path_of(run.intent.zone)}
        shut = self._site.path_mates(zone) - opened - self.also_open()
        return self.actuators.safe(shut) and not any(self.actuators.overdue(name) for name in opened)

    def holds(self, zone: str, now: Now) -> bool:
        """Whether something was just found wrong on the zone's water path."""
        return now.mono_ms < self._fault_hold.get(self._site.supply_of(zone), 0)

    def wait(self, zone: str, seconds: float, now: Now) -> Text | None:
        """What a zone must wait for before it may water for so long: the pump, its capacity, or other zones."""
        supply, busy = self.runs.supply(zone), list(self.runs.active)
        if not busy and supply.off:
            return supply.may_not_start(now)
        elsewhere = [each for each in busy if self.runs.supply(each) is not supply]
        pump = supply.pump
        if elsewhere or pump is None or pump.part.capacity_l_min is None:
            return (
                texts.busy_elsewhere(self._site.zones[min(elsewhere or busy)].part.name)
                if busy
                else texts.not_ready()
            )
        if any(self._alone(each) for each in (zone, *busy)):
            return plant_texts.waters_alone()
        if sum(map(self.expected.most_l_min, (zone, *busy))) > pump.part.capacity_l_min:
            return plant_texts.pump_full(pump.part.name, pump.part.capacity_l_min)
        just_begun = supply.off and all(run.since == now.mono_ms for run in self.runs.on(supply.name))
        if just_begun:
            return None
        joins = supply.on and supply.covers(seconds, now.mono_ms)
        return None if joins else plant_texts.pump_deadline_too_short()

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When something must be looked at again."""
        yield from self.runs.deadlines_mono_ms()
        yield from self.actuators.deadlines_mono_ms()
        yield from (until for until in self._fault_hold.values() if until > now.mono_ms)
        if self._quiet_since is not None and self._site.file.flow is not None:
            settled = self._quiet_since + round(self._site.file.flow.settle_s * 1000)
            if settled > now.mono_ms:
                yield settled
        for supply in self.runs.supplies.values():
            rested = supply.next_start_mono_ms(now)
            if rested is not None:
                yield rested

    # ------------------------------------------------------------------------------------------------ coils

    def _guard(self, image: Image) -> None:
        """See that every coil is as it was told. If not: off, and no start for a while; never fight."""
        for fault in self.actuators.compare(image, self.stream.still_since):
            if fault.actuator.id in self._site.stationed:
                self.station_faults.append(fault)
                continue
            reason = fault_text(fault)
            self._tell("actuator.fault", image.now, actuator=fault.actuator.id, text=reason)
            if self.dosing_fault(fault, image.now):
                continue
            if fault.how in {Differs.WENT_OPEN, Differs.WENT_CLOSED}:
                self._moved_by_others(fault, reason, image.now)
            else:
                for supply in self._supplies_of(fault.actuator.id):
                    self._fail(supply, reason, image.now)
        for name in self._mine:
            self._latch_not_closed(name, image)

    def _moved_by_others(self, fault: Fault, reason: Text, now: Now) -> None:
        for supply in self.runs.supplies.values():
            self._fail(supply, reason, now)
        self.actuators.all_to_safety(now.mono_ms, again=True, but=self._site.stationed)
        name = fault.actuator.id
        self._moved = [(at, each) for at, each in self._moved if now.mono_ms - at < HOUR_MS] + [(now.mono_ms, name)]
        times = sum(each == name for _, each in self._moved)
        if times >= UNEXPECTED_TIMES:
            text = plant_texts.moved_by_others(fault.actuator.part.name, times)
            self.latches.set(LatchKind.UNEXPECTED, name, now, text)

    def _fail(self, supply: Supply, reason: Text, now: Now) -> None:
        """Something on this path is not as it was told: pump and master off at once, and no start for a while."""
        self._fault_hold[supply.name] = now.mono_ms + round(WAIT_AFTER_FAULT_S * 1000)
        self.runs.stop_all("failed", reason, now, supply.name)
        for one in reversed(supply.parts):
            self.actuators.close(one.id, now.mono_ms)

    def _supplies_of(self, actuator: str) -> list[Supply]:
        return [
            supply
            for supply in self.runs.supplies.values()
            if any(actuator in self._site.path_mates(zone) for zone in supply.zones[:1])
        ]

    def _latch_not_closed(self, name: str, image: Image) -> None:
        """A board that answers and says open, or a meter that does not stand still: closing is tried for ever."""
        said_closed = not self.actuators.said_open(name) and not self._site.actuators[name].part.safe_open
        at = image.positions[name]
        if not (said_closed and not self.actuators.proven(name) and at.heard and at.open is not False):
            self._open_since.pop(name, None)
            return
        since = self._open_since.setdefault(name, image.now.mono_ms)
        if self.actuators.overdue(name) and image.now.mono_ms - since >= PROVE_S * 1000:
            text = texts.not_proven(self._site.actuators[name].part.name, on=False)
            self.latches.set(LatchKind.NOT_CLOSED, name, image.now, text)

    # ------------------------------------------------------------------------------------------------- flow

    def _judge_flow(self, supply: Supply, image: Image) -> None:
        """No, too little or too much water: the runs end as failed. Who was alone is latched; the others are tried
        alone."""
        now, steady = image.now, self._steady[supply.name]
        zones = tuple(run.intent.zone for run in self.runs.on(supply.name, Phase.WATERING)) if supply.on else ()
        if zones != steady.zones or supply.on_since > steady.since:
            self._learn(steady, now)
            self._steady[supply.name] = _Steady(zones, now.mono_ms if zones else 0)
            return
        steady.mixed |= self.by_hand
        if not all(image.positions[name].heard for zone in zones for name in self._site.path_of(zone)):
            steady.since = now.mono_ms  # a cabinet without power is no blocked pipe
            return
        how = self.expected.judge(self.stream, zones, steady.since, now.mono_ms) if zones else None
        if how is None or (how is Flow.HIGH and steady.mixed):
            return
        reason = self._flow_text(how, zones, now)
        if len(zones) == 1:
            self.latches.set(LATCH_OF[how], zones[0], now, reason)
        else:
            self.suspects |= set(zones)
            reason = plant_texts.together_wrong(reason)
        steady.since = now.mono_ms  # what was measured is not to be learned
        self.runs.stop_all("failed", reason, now, supply.name)

    def _learn(self, steady: _Steady, now: Now) -> None:
        """A zone was open alone until now, and its flow was as it should be."""
        flow = self._site.file.flow
        if flow is None or len(steady.zones) != 1 or steady.mixed or not self.stream.good:
            return
        zone = steady.zones[0]
        run = self.runs.active.get(zone)
        litres, from_mono_ms = self.stream.since(steady.since + round(flow.fill_s * 1000))
        until = now.mono_ms if run is None or not run.ending else run.stopped_at
        if run is not None and run.as_wished and until > from_mono_ms and self.stream.restarts == run.restarts:
            self.expected.learn(zone, litres / ((until - from_mono_ms) / 60_000), litres)

    def _flow_text(self, how: Flow, zones: tuple[str, ...], now: Now) -> Text:
        expected = self.expected.l_min(zones)
        wait_s = self.expected.wait_s(expected)
        if how is Flow.NONE:
            return texts.no_flow(wait_s)
        litres, from_mono_ms = self.stream.since(now.mono_ms - round(wait_s * 1000))
        l_min = litres / ((now.mono_ms - from_mono_ms) / 60_000)
        return (plant_texts.low_flow if how is Flow.LOW else plant_texts.high_flow)(l_min, expected)

    def _look_for_leak(self, now: Now) -> None:
        """All is closed and has settled: one pulse may come, a second is a leak."""
        flow = self._site.file.flow
        if flow is None:
            return
        if (
            self.by_hand
            or self.runs.active
            or not self.actuators.safe(self._mine)
            or self._latched(LatchKind.LEAK, METER)
        ):
            self._quiet_since = None
            return
        if self._quiet_since is None:
            self._quiet_since = now.mono_ms
        settled = self._quiet_since + round(flow.settle_s * 1000)
        if now.mono_ms <= settled:
            return
        litres, _ = self.stream.since(max(settled, now.mono_ms - round(flow.leak_within_min * 60_000)))
        if litres >= LEAK_PULSES * self.stream.step_l:
            self.latches.set(LatchKind.LEAK, METER, now, plant_texts.leak(litres))

    def _count_blind(self, passed_l: float, image: Image) -> None:
        """Keep in mind how much was drawn since the tank's level was last known; by time where nothing is metered."""
        if self._site.tank_level is None or image.value(self._site.tank_level) is not None:
            self._memory.blind_l = 0.0
            return
        pumped = [run for run in self.runs.active.values() if run.phase is Phase.WATERING]
        if pumped and not self.stream.good:
            elapsed_min = max(0, image.now.mono_ms - self._looked_mono_ms) / 60_000
            passed_l = self.expected.l_min(run.intent.zone for run in pumped) * elapsed_min
        self._memory.blind_l = round(self._memory.blind_l + (passed_l if pumped else 0.0), 3)

    # ---------------------------------------------------------------------------------------------- current

    def _look_for_weld(self, supply: Supply, image: Image) -> None:
        """The relay is off, and water or current goes on: the contactor in series is opened with the rest."""
        if self.by_hand or supply.pump is None or self.actuators.held(supply.pump.id) is not False:
            return
        if self._flows_on(supply, image.now) or self._draws_on(supply, image):
            text = plant_texts.welded(supply.pump.part.name)
            if self.latches.set(LatchKind.WELDED, supply.pump.id, image.now, text):
                self._fail(supply, text, image.now)

    def _flows_on(self, supply: Supply, now: Now) -> bool:
        flow = self._site.file.flow
        zones = [run.intent.zone for run in self.runs.on(supply.name)]
        if flow is None or not supply.flows_on or not zones:
            return False
        supply.flows_on = False
        litres, from_mono_ms = self.stream.since(now.mono_ms - round(CURRENT_SETTLES_S * 1000))
        l_min = litres / ((now.mono_ms - from_mono_ms) / 60_000)
        return l_min >= flow.low_pct / 100 * self.expected.l_min(zones)

    def _draws_on(self, supply: Supply, image: Image) -> bool:
        """Whether the pump draws current some seconds after it stopped, and nobody has started it by hand since."""
        pump = supply.pump
        if pump is None or supply.off:
            return False
        told = self.actuators.told_mono_ms(pump.id)
        read = image.read_mono_ms.get(pump.current or "", 0)
        return self._runs_by_current(supply, image) is True and read >= told + round(CURRENT_SETTLES_S * 1000)

    def _runs_by_current(self, supply: Supply, image: Image) -> bool | None:
        """Whether the pump's motor runs, by its current; None when that is not known."""
        pump = supply.pump
        current = image.value(pump.current) if pump is not None else None
        return None if current is None or pump is None else current >= (pump.part.runs_above or 0.5)

    def _watch_currents(self, image: Image) -> None:
        """A pump that runs but draws little has no water. It is the witness that needs no level and no meter."""
        for supply in self.runs.supplies.values():
            pump = supply.pump
            if pump is None or pump.part.dry_below is None or not supply.on:
                self._dry_since.pop(supply.name, None)
                continue
            current = image.value(pump.current)
            fresh = image.read_mono_ms.get(pump.current or "", 0) > supply.on_since
            if current is None or not fresh or current >= pump.part.dry_below:
                self._dry_since.pop(supply.name, None)
                continue
            since = self._dry_since.setdefault(supply.name, image.now.mono_ms)
            if image.now.mono_ms - since >= DRY_S * 1000:
                reason = plant_texts.runs_dry(current)
                self.latches.set(LatchKind.NO_FLOW, pump.id, image.now, reason)
                self.runs.stop_all("failed", reason, image.now, supply.name)

    # ------------------------------------------------------------------------------------------------ asides

    def _alone(self, zone: str) -> bool:
        """Whether a zone must water alone: it is under suspicion, or only the meter proves that its valve closes."""
        latching = any(self._site.actuators[name].part.kind == "latching" for name in self._site.path_of(zone))
        return latching or zone in self.suspects

    def _latched(self, kind: LatchKind, subject: str) -> bool:
        return any(latch.kind == kind and latch.subject == subject for latch in self.latches.standing())


def _still_s(site: Site, step_l: float) -> dict[str, float]:
    """For how long the meter must stand still to prove each latching valve closed: the time of some pulses."""
    found: dict[str, float] = {}
    for zone in site.zones.values():
        wait_s = max(STILL_AT_LEAST_S, PULSES_TO_STAND * step_l / (zone.part.flow_l_min / 60))
        for name in site.path_of(zone.id):
            if site.actuators[name].part.kind == "latching":
                found[name] = max(found.get(name, 0.0), wait_s)
    return found


def fault_text(fault: Fault) -> Text:
    """What is told of a coil that is not as it was told."""
    name = fault.actuator.part.name
    if fault.how in {Differs.NOT_OPENED, Differs.NOT_CLOSED}:
        return texts.not_proven(name, on=fault.how is Differs.NOT_OPENED)
    return texts.not_as_said(name, on=fault.how is Differs.WENT_OPEN)
