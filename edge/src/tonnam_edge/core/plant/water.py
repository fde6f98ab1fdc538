"""The plant: runs and their proofs. What is found wrong is latched, and everything that it needs is turned off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Latches, Tell
from tonnam_edge.core.memory import Intent, Memory, Text
from tonnam_edge.core.plant import blind, plant_texts
from tonnam_edge.core.plant.actuators import Actuators, Fault
from tonnam_edge.core.plant.coil_guard import CoilGuard
from tonnam_edge.core.plant.filters import Filters
from tonnam_edge.core.plant.flow import PULSES_TO_STAND, Expected, Stream
from tonnam_edge.core.plant.hand_water import Mixed
from tonnam_edge.core.plant.motors import Motors, OnAuto
from tonnam_edge.core.plant.power import Power, Sun, Whose
from tonnam_edge.core.plant.proof import Proof
from tonnam_edge.core.plant.runs import Phase, Run, Runs
from tonnam_edge.core.plant.sharing import Sharing
from tonnam_edge.core.wishes import Wait
from tonnam_edge.site.site import Site

# The least time for which a meter must stand still to prove that a latching valve has closed.
STILL_AT_LEAST_S = 5.0
HOUR_MS = 3_600_000


class Water:
    """Everything that moves water on a site. Times are since boot, in milliseconds."""

    def __init__(self, site: Site, memory: Memory, now: Now, tell: Tell, new_id: Callable[[], str]) -> None:
        self._site, self._memory, self._tell = site, memory, tell
        self.streams = {meter: Stream(site, meter) for meter in site.paths.meters}
        self.expected = Expected(site, memory)
        self.actuators = Actuators(site.actuators, now.mono_ms, _still_s(site, self.streams))
        self.powers = {
            name: Power(site.actuators[name], memory)
            for name in site.paths.supplies
            if name in site.actuators and site.actuators[name].power is not None
        }
        self.blind = blind.Blind(memory, self.expected)
        self.runs = Runs(
            site, memory, self.actuators, self.streams, self.expected, self.powers, self._gate, self.blind
        )
        self.latches = Latches(memory, site, tell, new_id)
        self.sharing = Sharing(site, self.runs, self.expected, self.powers, self.latches)
        self.filters = Filters(site, memory, self.runs, self.expected)
        self.also_open: Callable[[], set[str]] = set  # what dosing has opened: that is as it should be
        self.dosing_fault: Callable[[Fault, Now], bool] = lambda fault, now: False  # whether it concerns dosing only
        self.in_hand: frozenset[str] = frozenset()  # zones that somebody waters at the cabinet: no sign of a fault
        self.on_hand: frozenset[str] = frozenset()  # those of them whose switch says so for sure
        self.unheard: frozenset[str] = frozenset()  # zones whose switch does not answer: somebody may water them
        self.on_auto: Mapping[str, OnAuto] = {}  # zones whose switch is heard to be on auto
        self.sun: Mapping[str, Sun] = {}  # by program
        self.passed_l: Mapping[str, float] = {}  # in the last step, by meter
        self.hand_l: dict[str, float] = {}  # of it what somebody let run by hand, if a zone is on hand
        self._mixed: dict[str, Mixed] = {}
        self._guard = CoilGuard(site, self.actuators, self.runs, self.latches, tell)
        self._motors = Motors(site, memory, self.runs, self.expected, self.actuators, self.latches, self._guard.fail)
        self._proofs = [
            Proof(
                site,
                memory,
                meter,
                stream,
                self.expected,
                self.powers,
                self.actuators,
                self.runs,
                self.sharing,
                self.latches,
            )
            for meter, stream in self.streams.items()
        ]
        self._looked_mono_ms = now.mono_ms
        self._blind_ms = 0  # for how long the tank's level has not been known, since that was last heeded

    @property
    def safe(self) -> bool:
        return self.actuators.all_safe and not self.runs.active

    @property
    def by_hand(self) -> bool:
        """Whether somebody waters at the cabinet, or may."""
        return bool(self.in_hand or self.unheard)

    @property
    def suspects(self) -> set[str]:
        """Outlets that were open together when the flow was wrong: each waters alone."""
        return self.sharing.suspects

    @property
    def station_faults(self) -> list[Fault]:
        """What was found in the last step of coils that a station moves."""
        return self._guard.station_faults

    def advance(self, image: Image) -> list[Run]:
        """One step of everything; returns the runs that have just come into a new phase."""
        now = image.now
        for power in self.powers.values():
            power.look(image, self.sun)
        for supply in self.runs.supplies.values():
            supply.starts.heed(now)
        for proof in self._proofs:
            proof.follow_trust(now)
            proof.unsure.heed(now, unheard=self._counts(proof.meter, self.unheard))
        self.passed_l = {meter: stream.look(image) for meter, stream in self.streams.items()}
        of_runs_l = {meter: self._of_runs(meter, litres, now) for meter, litres in self.passed_l.items()}
        self._count_blind(image)
        self._looked_mono_ms = now.mono_ms
        self.actuators.wait_for_hand(self._behind_hand(), now.mono_ms)
        self._guard.look(image, self._stands_still, self.dosing_fault)
        self._motors.watch_currents(image)
        for proof in self._proofs:
            proof.judge(image, by_hand=self._by_hand(proof.meter))
            proof.learn_currents(image)
        moved = self.runs.advance(image, of_runs_l)
        self._tell_held(now)
        for supply in self.runs.supplies.values():
            by_hand = any(name in self.in_hand for name in supply.outlets)
            sure = not self._counts(self._site.paths.meter_of_supply(supply.name), self.unheard)
            self._motors.look_for_weld(supply, image, self.on_auto, by_hand=by_hand, sure=sure)
        self.filters.look(image)
        for run in moved:
            if run.phase is Phase.ENDED:
                self.filters.ended(run, now)
                if run.as_wished:
                    self.suspects.discard(run.intent.zone)
        for proof in self._proofs:
            heard = (at.read for zone, at in self.on_auto.items() if self._counts(proof.meter, [zone]))
            by_hand = self._by_hand(proof.meter)
            proof.look_for_leak(now, by_hand=by_hand, heard_mono_ms=min(heard, default=now.mono_ms))
        return moved

    def start(self, intent: Intent, now: Now) -> None:
        self.runs.start(intent, now)

    def stop_everything(self, reason: Text, now: Now) -> None:
        self.runs.stop_all("interrupted", reason, now)
        self.actuators.all_to_safety(now.mono_ms)

    def ready(self, outlet: str) -> bool:
        """Whether all that shares a water path with an outlet is as it was told: safe, or open for a run, and proven.
        A filter is flushed with its zones closed and nothing dosed."""
        supply = self.runs.supply(outlet)
        opened = {name for run in self.runs.on(supply.name) for name in self._site.path_of(run.intent.zone)}
        shut = self._site.path_mates(outlet) - opened - self.also_open()
        known = (name for name in shut if not self.actuators.awaits_hand(name))
        return self.actuators.safe(known) and not any(self.actuators.overdue(name) for name in opened)

    def holds(self, outlet: str, now: Now) -> bool:
        """Whether something was just found wrong on the outlet's water path."""
        return self._guard.holds(outlet, now)

    def in_doubt(self, outlet: str) -> Text | None:
        """Why no program may open an outlet until the switches answer, or None: see `unsure`."""
        return next((text for proof in self._proofs if (text := proof.unsure.holds(outlet)) is not None), None)

    def doubts(self) -> list[dict[str, Any]]:
        """What flows and cannot be told from water by hand, as it is told to people."""
        texts = (proof.unsure.told() for proof in self._proofs)
        return [{"of": "flow", "text": text} for text in texts if text is not None][:1]

    def wait(self, outlet: str, seconds: float, now: Now, whose: Whose) -> Wait | None:
        """What an outlet must wait for before it may water for so long: the pump, its capacity, or others."""
        return self.sharing.wait(outlet, seconds, now, whose)

    def metered(self, outlet: str, image: Image) -> bool:
        """Whether a meter that is trusted counts an outlet's litres now."""
        meter = self._site.paths.meter(outlet)
        return image.value(self._site.total_of(outlet)) is not None and meter not in self._memory.unproven_l

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When something must be looked at again."""
        yield from self.runs.deadlines_mono_ms()
        yield from self.actuators.deadlines_mono_ms()
        yield from self._guard.deadlines_mono_ms(now)
        yield from self._motors.deadlines_mono_ms(now)
        yield from self.sharing.deadlines_mono_ms(now)
        yield from (at for at in self.filters.deadlines_mono_ms(now) if at > now.mono_ms)
        settled = (proof.settled_mono_ms() for proof in self._proofs)
        yield from (at for at in settled if at is not None and at > now.mono_ms)
        for supply in self.runs.supplies.values():
            rested = supply.starts.next_mono_ms(now)
            if rested is not None:
                yield rested

    def _of_runs(self, meter: str, passed_l: float, now: Now) -> float:
        """What the runs had of what a meter has counted; the rest is the hand's."""
        runs = self._counts(meter, self.runs.active)
        if not runs or not self._counts(meter, self.on_hand):
            self._mixed.pop(meter, None)
            self.hand_l[meter] = 0.0 if runs else passed_l
            return passed_l - self.hand_l[meter]
        expected_l = self.runs.litres.wet_l_min(meter) * (now.mono_ms - self._looked_mono_ms) / 60_000
        mixed, stream = self._mixed.setdefault(meter, Mixed()), self.streams[meter]
        of_runs, self.hand_l[meter] = mixed.split(passed_l, expected_l, stream.part.high_pct / 100, stream.step_l)
        return of_runs

    def _gate(self, supply: str, now: Now) -> Text | None:
        return self.sharing.gate(supply, now)

    def _by_hand(self, meter: str | None) -> bool:
        """Whether what a meter counts may be somebody's at the cabinet."""
        return self._counts(meter, self.in_hand)

    def _counts(self, meter: str | None, zones: Iterable[str]) -> bool:
        """Whether a meter counts what goes to one of these zones."""
        return meter is not None and any(self._site.paths.meter(zone) == meter for zone in zones)

    def _behind_hand(self) -> set[str]:
        """What is on the way of a meter that counts somebody's water by hand."""
        outlets = (each for each in self._site.outlets if self._by_hand(self._site.paths.meter(each)))
        return {name for each in outlets for name in self._site.path_of(each)}

    def _stands_still(self, name: str, from_mono_ms: int, seconds: float, now: int) -> bool:
        """Whether no water has gone through a valve since then for so long, by its meter."""
        outlet = next((each.id for each in self._site.outlets.values() if name in self._site.path_of(each.id)), None)
        stream = None if outlet is None else self.runs.stream(outlet)
        return stream is not None and stream.still_since(from_mono_ms, seconds, now)

    def _tell_held(self, now: Now) -> None:
        for name, held in self.runs.held.items():
            text = plant_texts.pump_held() if held else plant_texts.pump_goes_on()
            self._tell("pump.held" if held else "pump.resumed", now, pump=name, text=text)

    def _count_blind(self, image: Image) -> None:
        """Keep in mind how much was drawn since the tank's level was last known; by time where nothing is metered."""
        if self._site.tank_level is None or image.value(self._site.tank_level) is not None:
            self.blind.forget()
            self._blind_ms = 0
            return
        elapsed_ms, drawn_l = max(0, image.now.mono_ms - self._looked_mono_ms), self.blind.litres
        self._blind_ms += elapsed_ms
        if self._blind_ms >= HOUR_MS:
            drawn_l = blind.refilled(drawn_l, self._blind_ms, self._site)
            self._blind_ms = 0
        for supply in self.runs.supplies.values():
            stream = self.runs.stream(supply.outlets[0])
            if stream is None or not stream.good:
                pumped = self._pumped([supply.name])
                drawn_l += self.expected.l_min(pumped) * elapsed_ms / 60_000
        for meter, stream in self.streams.items():
            if stream.good and self._pumped(self._site.paths.metered_by(meter)):
                drawn_l += self.passed_l[meter]
        self.blind.drawn(drawn_l, self._pumped(self.runs.supplies), image.now)

    def _pumped(self, supplies: Iterable[str]) -> list[str]:
        return [run.intent.zone for name in supplies for run in self.runs.on(name, Phase.WATERING)]


def _still_s(site: Site, streams: Mapping[str, Stream]) -> dict[str, float]:
    """For how long the meter must stand still to prove each latching valve closed: the time of some pulses."""
    found: dict[str, float] = {}
    for outlet in site.outlets.values():
        meter = site.paths.meter(outlet.id)
        step_l = 1.0 if meter is None else streams[meter].step_l
        wait_s = max(STILL_AT_LEAST_S, PULSES_TO_STAND * step_l / (outlet.flow_l_min / 60))
        for name in site.path_of(outlet.id):
            if site.actuators[name].part.kind == "latching":
                found[name] = max(found.get(name, 0.0), wait_s)
    return found
