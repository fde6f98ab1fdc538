"""What feeds several zones: master valve, contactor and pump, in their order, and how often a pump may start."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from tonnam_edge.core import texts
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.plant.pump_starts import PumpStarts
from tonnam_edge.core.plant.run import Phase, Run
from tonnam_edge.limits import DECAY_S, PROVE_S, SHORTEST_RUN_S, WELD_LOOK_S
from tonnam_edge.site.deadlines import hold_s
from tonnam_edge.site.site import Actuator, Site

Gate = Callable[[str, Now], Text | None]
"""Why the pump of a supply may not start now because of other pumps, or None."""


class Stage(Enum):
    """How far a supply has come."""

    OFF = "off"
    MASTER = "master"  # the master valve was told to open, and leads
    CONTACTOR = "contactor"
    PUMP = "pump"  # the pump was told to run
    ON = "on"
    STOPPING = "stopping"  # the pump was told to stop, and the pressure falls
    HELD = "held"  # the pump stands because it has too little power, and starts again when it has
    PAUSING = "pausing"  # the same, and it starts again: its deadline was too long for the valves that are still open
    LAGGING = "lagging"  # the pump stands, the master valve is still open
    CLOSING = "closing"  # the master valve was told to close


class Means(NamedTuple):
    """What a stage means to the runs. `serves`: its valves stay open, for the pump runs or will; `starting`: the pump
    is about to; `wet`: it was told to run, as far as there is one."""

    serves: bool
    starting: bool
    wet: bool


MEANS = {
    Stage.OFF: Means(serves=False, starting=False, wet=False),
    Stage.MASTER: Means(serves=True, starting=True, wet=False),
    Stage.CONTACTOR: Means(serves=True, starting=True, wet=False),
    Stage.PUMP: Means(serves=True, starting=True, wet=True),
    Stage.ON: Means(serves=True, starting=False, wet=True),
    Stage.STOPPING: Means(serves=False, starting=False, wet=False),
    Stage.HELD: Means(serves=True, starting=False, wet=False),
    Stage.PAUSING: Means(serves=True, starting=True, wet=False),
    Stage.LAGGING: Means(serves=False, starting=False, wet=False),
    Stage.CLOSING: Means(serves=False, starting=False, wet=False),
}


class Supply:
    """Pump, contactor and master valve of the outlets that share them; each may be missing. Times since boot.

    `gate` says why the pump may not start now because of others, or None.
    """

    def __init__(self, name: str, site: Site, memory: Memory, actuators: Actuators, gate: Gate) -> None:
        self.name, self._actuators, self._gate = name, actuators, gate
        self.outlets = site.paths.supplies[name]
        self._valves = [site.actuators[site.outlets[each].valve] for each in self.outlets]
        part = site.outlets[self.outlets[0]]
        self.pump = _found(site, part.pump)
        self.master = _found(site, part.master)
        self.contactor = _found(site, None if self.pump is None else self.pump.part.contactor)
        self.starts = PumpStarts(self.pump, memory, counted=any(True for _ in site.paths.groups_of(name)))
        self._feed, self._zones = site.feed_of(self.outlets[0]), site.zones
        self.travel_s = self._feed.travel_s
        self.stage = Stage.OFF
        self.on_since = 0
        self.failed: Text | None = None  # why it could not stop as it should
        self.flows_on = False  # whether water went on for long after its pump was proven off
        self.may_draw = False  # whether its pump, told to stop, is yet to be seen standing by its current
        self.stopped_at: int | None = None  # when the pump was told to stop last, since it was started
        self.lacks_power = False  # set by the owner: whether the pump has too little of it now
        self.unheard = False  # whether a part of it is not heard: what it is told now it may never learn
        self.unsaid = False  # whether a deadline is still to be set anew, for it was not heard when that was due
        self._since = 0
        self._run_s = 0.0

    @property
    def on(self) -> bool:
        return self.stage is Stage.ON

    @property
    def off(self) -> bool:
        return self.stage is Stage.OFF

    @property
    def held(self) -> bool:
        """Whether the pump stands for want of power, with everything behind it open."""
        return self.stage is Stage.HELD

    @property
    def serves(self) -> bool:
        """Whether runs are on: its pump runs, starts, or stands for a while."""
        return MEANS[self.stage].serves

    @property
    def starting(self) -> bool:
        """Whether its pump is about to start."""
        return MEANS[self.stage].starting

    @property
    def wet(self) -> bool:
        """Whether the pump was told to run, as far as there is one."""
        return MEANS[self.stage].wet

    @property
    def parts(self) -> list[Actuator]:
        """What it has, as it is opened."""
        return [one for one in (self.master, self.contactor, self.pump) if one is not None]

    def hold_s(self, actuator: Actuator, run_s: float) -> float:
        """The deadline of one part of a water path for so many seconds of water."""
        return hold_s(actuator.part, run_s, self._feed)

    def covers(self, run_s: float, mono_ms: int) -> bool:
        """Whether another run of this length can join: the deadlines last, or may be set anew."""
        needed_ms = mono_ms + round(1000 * self.hold_s_of_joining(run_s))
        return all(
            one.part.renewable == "verified" or (self._actuators.until_mono_ms(one.id) or 0) >= needed_ms
            for one in self.parts
        )

    def hold_s_of_joining(self, run_s: float) -> float:
        """For how long it must go on when a valve is yet to be opened."""
        return PROVE_S + self.travel_s + run_s

    def start(self, run_s: float, now: Now) -> None:
        """Open what there is, one after the other. The valves behind it are open."""
        self._run_s, self.failed, self.flows_on = run_s, None, False
        if self.master is not None:
            self._open(self.master, run_s, now)
        self._enter(Stage.MASTER, now)
        self.advance(now)

    def listen(self, image: Image) -> None:
        """See whether all of it is heard."""
        self.unheard = any(not image.positions[one.id].heard for one in self.parts)
        self.unsaid |= any(self._actuators.deadline_unknown(one.id) for one in self.parts)

    def renew(self, run_s: float, now: Now) -> None:
        """Set deadlines anew where they end before another run of this length does, and that is known to work.

        A supply that is not heard keeps those that it has: it would run on by them whatever it is told.
        """
        self.unsaid = self.unheard
        for one in () if self.unheard else self.parts:
            until = self._actuators.until_mono_ms(one.id)
            ends = until is not None and until < now.mono_ms + round(run_s * 1000)
            if one.part.renewable == "verified" and (ends or self._actuators.deadline_unknown(one.id)):
                self._open(one, run_s, now)

    def cannot_be_stopped(self, valve: str, image: Image) -> bool:
        """Whether nothing stops the pump but its own board's timer, for it is not heard, while another board would
        shut the path that it pushes into."""
        if self.pump is None:
            return False
        unheard = {one.id for one in self.parts if not image.positions[one.id].heard}
        path = [valve, *([] if self.master is None else [self.master.id])]
        shuts = any(image.positions[name].heard for name in path)
        stops = {one.id for one in (self.pump, self.contactor) if one is not None}
        return shuts and stops <= unheard and self.pump.timer_s is not None

    def ran_out(self) -> bool:
        """Whether a deadline has ended it, though nobody has told it to stop."""
        return self.on and not all(self._actuators.said_open(one.id) for one in self.parts)

    def outlasts(self, path_until_mono_ms: int) -> bool:
        """Whether the pump's deadline is after that of the last valve that is open."""
        until = None if self.pump is None else self._actuators.until_mono_ms(self.pump.id)
        return until is not None and until > path_until_mono_ms

    def shorten(self, run_s: float, now: Now) -> Text | None:
        """Give the pump an earlier deadline: a new one where that is known to work, else by a short stop.

        Returns why that cannot be, when the pump may not start again soon. One that is not heard is told later.
        """
        pump, self.unsaid = self.pump, self.unheard
        if self.unheard:
            return None
        if pump is None or pump.part.renewable == "verified":
            if pump is not None:
                self._open(pump, run_s, now)
            return None
        if (pump.part.rest_s or 0.0) > PROVE_S or self.starts.too_often(now) or self._gate(self.name, now):
            return plant_texts.pump_had_to_stop()
        self._run_s = run_s
        self._stop_pump(now)
        self._enter(Stage.PAUSING, now)
        return None

    def hold(self, now: Now) -> None:
        """Stop the pump for want of power. Everything behind it stays open, with the deadlines that it has."""
        if self.on and self.pump is not None:
            self._stop_pump(now)
            self._enter(Stage.HELD, now)

    def resume(self, run_s: float, now: Now) -> bool:
        """Start the pump that was held, for what is left of the runs. False while it or others must wait still."""
        if (
            not self.held
            or self.unheard
            or self.pump is None
            or self.starts.may_not(now)
            or self._gate(self.name, now)
        ):
            return False
        if self._actuators.held(self.pump.id) is not False or self._room_s(now) < SHORTEST_RUN_S:
            return False
        self._run_s = run_s
        self.renew(run_s, now)
        self._enter(Stage.CONTACTOR, now)
        self.advance(now)
        return True

    def stop(self, now: Now) -> None:
        """Pump first; the rest when the pressure has gone. Does nothing when it is off or stopping."""
        if self.stage in {Stage.OFF, Stage.STOPPING, Stage.LAGGING, Stage.CLOSING}:
            return
        self._stop_pump(now)
        self._enter(Stage.STOPPING, now)

    def advance(self, now: Now, *, flows: bool = False, hurry: bool = False) -> None:
        """Go as far as what is proven allows. `flows`: the meter still moves; `hurry`: all is being closed."""
        before = None
        while before is not self.stage:
            before = self.stage
            if self.stage in {Stage.MASTER, Stage.CONTACTOR, Stage.PUMP}:
                self._start_on(now)
            elif self.stage not in {Stage.OFF, Stage.ON, Stage.HELD}:
                self._stop_on(now, flows=flows, hurry=hurry)

    def may_still_run(self, now: Now) -> bool:
        """Whether its pump was told to stop, and nobody knows yet whether it has: its board is silent, or it was on
        when the process before ended. After the longest deadline that it can have had, it stands."""
        since = None if self.pump is None else self._actuators.unproven_since_mono_ms(self.pump.id)
        if since is None or self.pump is None:
            return False
        longest_s = max((zone.max_run_s for name, zone in self._zones.items() if name in self.outlets), default=0.0)
        longest_s = max(self.hold_s(self.pump, longest_s), (self.pump.part.cut_off_min or 0.0) * 60)
        return now.mono_ms - since < longest_s * 1000

    def goes_on_mono_ms(self, run: Run) -> int:
        """When a run that begins or ends may go on; what is not proven yet is looked at every second."""
        if run.phase in {Phase.STARTING, Phase.STOPPING}:
            return self._since + round(1000 * self._waits_s())
        valve = self._valves[self.outlets.index(run.intent.zone)]
        return run.since + round(1000 * valve.part.travel_s if self._actuators.proven(valve.id) else 1000)

    def _waits_s(self) -> float:
        """How long the stage takes at least, once what it has moved is proven."""
        if not all(self._actuators.proven(one.id) for one in self.parts):
            return 1.0
        if self.stage is Stage.MASTER and self.master is not None:
            return self.master.part.travel_s + (self.master.part.lead_s or 0.0)
        if self.stage is Stage.STOPPING:
            return DECAY_S
        if self.stage is Stage.LAGGING and self.master is not None:
            return self.master.part.lag_s or 0.0
        if self.stage is Stage.CLOSING:
            return max((one.part.travel_s for one in self.parts), default=0.0)
        return 1.0

    def _start_on(self, now: Now) -> None:
        waited_ms = now.mono_ms - self._since
        if self.stage is Stage.MASTER and self._is_open(self.master):
            part = None if self.master is None else self.master.part
            if part is None or waited_ms >= 1000 * (part.travel_s + (part.lead_s or 0.0)):
                if self.contactor is not None:
                    self._open(self.contactor, self._run_s, now)
                self._enter(Stage.CONTACTOR, now)
        elif self.stage is Stage.CONTACTOR and self._is_open(self.contactor):
            if self.pump is not None and self._room_s(now) <= 0:
                self.stop(now)  # the path closes already
                return
            if self.pump is not None and self.lacks_power:
                self._enter(Stage.HELD, now)  # it went while the valves opened
                return
            if self.pump is not None:
                self._open(self.pump, self._run_s, now)
                self.stopped_at = None
                self.starts.note(now)
            self.on_since = now.mono_ms
            self._enter(Stage.PUMP, now)
        elif self.stage is Stage.PUMP and self._is_open(self.pump):
            self._enter(Stage.ON, now)

    def _stop_on(self, now: Now, *, flows: bool, hurry: bool) -> None:
        waited_s = (now.mono_ms - self._since) / 1000
        if self.stage in {Stage.STOPPING, Stage.PAUSING}:
            if hurry or self._pump_is_done(now, waited_s, flows=flows):
                self._after_pump(now)
        elif self.stage is Stage.LAGGING:
            lag_s = 0.0 if self.master is None else self.master.part.lag_s or 0.0
            if hurry or waited_s >= lag_s:
                for one in (self.contactor, self.master):
                    if one is not None:
                        self._actuators.close(one.id, now.mono_ms)
                self._enter(Stage.CLOSING, now)
        elif self.stage is Stage.CLOSING and all(self._is_closed(one, waited_s) for one in self.parts):
            self._enter(Stage.OFF, now)

    def _after_pump(self, now: Now) -> None:
        if self.stage is Stage.PAUSING and self.failed is None:
            self._enter(Stage.CONTACTOR, now)
        else:
            self._enter(Stage.LAGGING, now)

    def _pump_is_done(self, now: Now, waited_s: float, *, flows: bool) -> bool:
        """Off, and the pressure gone; or not confirmed for so long that the valves must close all the same."""
        if self.pump is None:
            return True
        proven_off = self._actuators.proven_mono_ms(self.pump.id)
        if proven_off is not None:
            rest_s = self.pump.part.rest_s or 0.0 if self.stage is Stage.PAUSING else 0.0
            looked = now.mono_ms - proven_off >= WELD_LOOK_S * 1000
            self.flows_on = flows and looked
            return waited_s >= max(DECAY_S, rest_s) and (looked or not (flows or self.may_draw))
        return self._is_closed(self.pump, waited_s)

    def _is_closed(self, actuator: Actuator, waited_s: float) -> bool:
        """Proven closed and travelled; or not confirmed in time, which is kept as `failed`."""
        if self._actuators.held(actuator.id) is False:
            return waited_s >= actuator.part.travel_s
        if not self._actuators.overdue(actuator.id):
            return False
        self.failed = texts.not_proven(actuator.part.name, on=False)
        return True

    def _is_open(self, actuator: Actuator | None) -> bool:
        return actuator is None or self._actuators.held(actuator.id) is True

    def _open(self, actuator: Actuator, run_s: float, now: Now) -> None:
        """Open for so many seconds of water; a pump for no longer than the path behind it stays open."""
        hold_s = self.hold_s(actuator, run_s)
        hold_s = min(hold_s, self._room_s(now)) if actuator is self.pump else hold_s
        self._actuators.open(actuator.id, hold_s, now.mono_ms)

    def _room_s(self, now: Now) -> float:
        """For how long the pump may run: its pressure falls before the last open valve, or the master, closes."""
        valves = [at for one in self._valves if (at := self._begins_to_close_mono_ms(one)) is not None]
        master = None if self.master is None else self._begins_to_close_mono_ms(self.master)
        ends = [max(valves, default=now.mono_ms), *([] if master is None else [master])]
        return (min(ends) - now.mono_ms) / 1000 - DECAY_S

    def _begins_to_close_mono_ms(self, actuator: Actuator) -> int | None:
        """By its deadline; None of one that is not open. Travel is time enough to stop a pump in."""
        until = self._actuators.until_mono_ms(actuator.id)
        return None if until is None else until - round(actuator.part.travel_s * 1000)

    def _stop_pump(self, now: Now) -> None:
        if self.pump is not None and self._actuators.said_open(self.pump.id):
            self._actuators.close(self.pump.id, now.mono_ms)
            self.starts.note_stop(now)
            self.stopped_at = now.mono_ms

    def _enter(self, stage: Stage, now: Now) -> None:
        self.stage, self._since = stage, now.mono_ms


def _found(site: Site, name: str | None) -> Actuator | None:
    return None if name is None else site.actuators[name]
