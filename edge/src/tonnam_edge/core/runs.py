"""One watering from wish to proof: valve, pump, water, pump, valve, each step seen before the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from tonnam_edge.core import texts
from tonnam_edge.core.actuators import Actuators
from tonnam_edge.core.image import Image
from tonnam_edge.core.interlocks import must_stop
from tonnam_edge.core.memory import Intent, Text
from tonnam_edge.core.meter import Meter
from tonnam_edge.limits import (
    CLOSE_MARGIN_S,
    DECAY_S,
    FILL_S,
    OPEN_MARGIN_S,
    PROVE_S,
    PULSES_TO_WAIT,
    PUMP_MARGIN_S,
)
from tonnam_edge.site import Site, Zone

RunOutcome = Literal["done", "stopped", "failed", "interrupted"]


class Phase(Enum):
    OPENING = "opening"  # the valve was told to open
    STARTING = "starting"  # the valve is open, the pump was told to run
    WATERING = "watering"
    STOPPING = "stopping"  # the pump was told to stop
    CLOSING = "closing"  # the valve was told to close
    ENDED = "ended"


@dataclass
class Run:
    """A run as it stands. Times are since boot, in milliseconds."""

    intent: Intent
    phase: Phase
    since: int
    meter: Meter
    water_from: int | None = None
    water_to: int | None = None
    seen_at: int = 0
    outcome: RunOutcome = "done"
    reason: Text = field(default_factory=dict)
    by_hand: bool = False

    @property
    def duration_s(self) -> float:
        """For how long water was let through."""
        if self.water_from is None or self.water_to is None:
            return 0.0
        return (self.water_to - self.water_from) / 1000

    @property
    def as_wished(self) -> bool:
        """Whether it came to the end that was planned, or that a person asked for."""
        return self.outcome == "done" or (self.outcome == "stopped" and self.by_hand)

    @property
    def ending(self) -> bool:
        return self.phase in {Phase.STOPPING, Phase.CLOSING, Phase.ENDED}


class Runs:
    """The waterings in progress, by zone."""

    def __init__(self, site: Site, actuators: Actuators) -> None:
        self._site = site
        self._actuators = actuators
        self.active: dict[str, Run] = {}
        self._step_l = _litres_of_a_pulse(site)

    def start(self, intent: Intent, mono_ms: int) -> None:
        """Open the valve. The caller has passed the interlocks, and puts the intent on disk before acting."""
        zone = self._site.zones[intent.zone]
        run = Run(intent, Phase.OPENING, mono_ms, Meter(self._step_l, zone.part.flow_l_min), seen_at=mono_ms)
        self.active[zone.id] = run
        travel_s = self._site.actuators[zone.part.valve].part.travel_s
        hold_s = OPEN_MARGIN_S + 2 * travel_s + intent.planned_s + CLOSE_MARGIN_S
        self._actuators.open(zone.part.valve, hold_s, mono_ms)

    def stop(self, zone: str, outcome: RunOutcome, reason: Text, mono_ms: int, *, by_hand: bool = False) -> None:
        """Begin to end a run: pump first. Does nothing when there is none or it is ending already."""
        run = self.active.get(zone)
        if run is None or run.ending:
            return
        run.outcome, run.reason, run.by_hand = outcome, reason, by_hand
        if run.water_from is not None:
            run.water_to = mono_ms
        pump = self._site.zones[zone].part.pump
        if pump is not None and self._actuators.said_open(pump):
            self._actuators.close(pump, mono_ms)
            self._enter(run, Phase.STOPPING, mono_ms)
        else:
            self._close_valve(run, mono_ms)

    def stop_all(self, outcome: RunOutcome, reason: Text, mono_ms: int) -> None:
        for zone in list(self.active):
            self.stop(zone, outcome, reason, mono_ms)

    def advance(self, image: Image) -> list[Run]:
        """Take every run as far as what is seen allows; returns those that have just come into a new phase."""
        moved = []
        for zone, run in list(self.active.items()):
            before = run.phase
            self._advance(run, self._site.zones[zone], image)
            if run.phase is not before:
                moved.append(run)
            if run.phase is Phase.ENDED:
                del self.active[zone]
        return moved

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When a run in progress must be looked at again."""
        for run in self.active.values():
            if run.phase is not Phase.WATERING or run.water_from is None:
                yield run.since + 1000
                continue
            yield run.water_from + round(run.intent.planned_s * 1000)
            yield run.meter.rose_mono_ms + round(self.flow_wait_s(self._site.zones[run.intent.zone]) * 1000) + 1

    def flow_wait_s(self, zone: Zone) -> float:
        """How long no pulse may come while water flows: it follows from the pulse and the flow expected.

        One litre at a slow drip zone takes longer than ten seconds; a fixed wait would call it broken.
        """
        return FILL_S + PULSES_TO_WAIT * self._step_l / (0.5 * zone.part.flow_l_min / 60)

    def _advance(self, run: Run, zone: Zone, image: Image) -> None:
        now = image.now.mono_ms
        if self._site.flow_total is not None:
            run.meter.see(image.value(self._site.flow_total), now)
        if run.phase is Phase.OPENING:
            self._opening(run, zone, image)
        elif run.phase is Phase.STARTING and self._actuators.proven(zone.part.pump or ""):
            self._enter(run, Phase.WATERING, now)
        if run.phase in {Phase.OPENING, Phase.STARTING, Phase.WATERING}:
            self._watch(run, zone, image)
        if run.phase is Phase.STOPPING and self._pump_is_done(run, zone, now):
            self._close_valve(run, now)
        elif run.phase is Phase.CLOSING and self._valve_is_done(run, zone, now):
            self._enter(run, Phase.ENDED, now)

    def _opening(self, run: Run, zone: Zone, image: Image) -> None:
        now = image.now.mono_ms
        valve, pump = self._site.actuators[zone.part.valve], zone.part.pump
        if not self._actuators.proven(valve.id) or now - run.since < valve.part.travel_s * 1000:
            return
        run.meter.begin(image.value(self._site.flow_total), now)
        run.water_from = now
        if pump is None:
            self._enter(run, Phase.WATERING, now)
            return
        self._actuators.open(pump, run.intent.planned_s + PUMP_MARGIN_S, now)
        self._enter(run, Phase.STARTING, now)

    def _watch(self, run: Run, zone: Zone, image: Image) -> None:
        """Everything that ends a run, in order of weight."""
        now = image.now.mono_ms
        silent = self._silent_too_long(run, zone, image)
        dry = must_stop(zone, image, self._site)
        if silent:
            self.stop(zone.id, "failed", texts.cabinet_silent(), now)
        elif dry is not None:
            self.stop(zone.id, "stopped", dry, now)
        elif run.water_from is not None and now - run.water_from >= run.intent.planned_s * 1000:
            self.stop(zone.id, "done", texts.finished(), now)
        elif run.phase is Phase.WATERING and self._no_flow(run, zone, image):
            self.stop(zone.id, "failed", texts.no_flow(self.flow_wait_s(zone)), now)
        elif run.intent.cause == "moisture" and self._wet_enough(zone, image):
            moisture = image.value(zone.moisture) or 0.0
            self.stop(zone.id, "done", texts.wet_enough(moisture, zone.part.band.high_pct), now)

    def _silent_too_long(self, run: Run, zone: Zone, image: Image) -> bool:
        """Whether nobody has seen this run's coils for longer than a proof may take."""
        names = [name for name in (zone.part.valve, zone.part.pump) if name is not None]
        if all(image.positions[name].heard for name in names):
            run.seen_at = image.now.mono_ms
        return image.now.mono_ms - run.seen_at > PROVE_S * 1000

    def _no_flow(self, run: Run, zone: Zone, image: Image) -> bool:
        """Whether the meter works and has not moved for too long. Without a good meter nothing is said."""
        if self._site.flow_total is None or image.value(self._site.flow_total) is None:
            return False
        if run.meter.litres is None and run.meter.rose_mono_ms == run.water_from:
            return False
        return image.now.mono_ms - run.meter.rose_mono_ms > self.flow_wait_s(zone) * 1000

    def _wet_enough(self, zone: Zone, image: Image) -> bool:
        moisture = image.value(zone.moisture)
        return moisture is not None and moisture >= zone.part.band.high_pct

    def _pump_is_done(self, run: Run, zone: Zone, now: int) -> bool:
        """Off and the pressure gone; or not confirmed for so long that the valve must close all the same."""
        waited = now - run.since
        if not self._actuators.said_open(zone.part.valve):
            return True  # the valve was closed without waiting: everything is being turned off
        if zone.part.pump is None or self._actuators.proven(zone.part.pump):
            return waited >= DECAY_S * 1000
        if waited <= PROVE_S * 1000:
            return False
        pump = self._site.actuators[zone.part.pump]
        run.outcome, run.reason = "failed", texts.not_proven(pump.part.name, on=False)
        return True

    def _valve_is_done(self, run: Run, zone: Zone, now: int) -> bool:
        """Closed; or not confirmed in time, which makes the run a failure while closing goes on."""
        if self._actuators.proven(zone.part.valve):
            return True
        valve = self._site.actuators[zone.part.valve]
        if now - run.since <= (PROVE_S + valve.part.travel_s) * 1000:
            return False
        run.outcome, run.reason = "failed", texts.not_proven(valve.part.name, on=False)
        return True

    def _close_valve(self, run: Run, now: int) -> None:
        self._actuators.close(self._site.zones[run.intent.zone].part.valve, now)
        self._enter(run, Phase.CLOSING, now)

    def _enter(self, run: Run, phase: Phase, now: int) -> None:
        run.phase, run.since = phase, now


def _litres_of_a_pulse(site: Site) -> float:
    """The step of the flow meter's total, in litres; 1 without a meter."""
    device = site.device_of(site.flow_total) if site.flow_total else None
    parameters: Mapping[str, float] = device.plan.parameters if device else {}
    return parameters.get("pulse_l", 1.0)
