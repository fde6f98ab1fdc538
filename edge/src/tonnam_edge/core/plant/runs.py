"""Waterings from wish to proof: valve, master valve, pump, water, pump, master valve, valve, each step seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tonnam_edge.core import texts
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.interlocks import must_stop
from tonnam_edge.core.memory import Intent, Memory, Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.plant.blind import Blind
from tonnam_edge.core.plant.flow import Expected, Stream
from tonnam_edge.core.plant.litres import Litres
from tonnam_edge.core.plant.outlast import outlast
from tonnam_edge.core.plant.power import Power, Whose
from tonnam_edge.core.plant.run import Phase, Run, RunOutcome
from tonnam_edge.core.plant.supply import Gate, Supply
from tonnam_edge.limits import LATE_S, PROVE_S, SHORTEST_RUN_S
from tonnam_edge.site.paths import Outlet
from tonnam_edge.site.site import Site

__all__ = ["Phase", "Run", "RunOutcome", "Runs"]


class Runs:
    """The waterings in progress, by outlet, and the supplies that they draw from, each in its own order.

    `powers` are those of the pumps that depend on one; `gate` says why a pump may not start because of others.
    """

    def __init__(
        self,
        site: Site,
        memory: Memory,
        actuators: Actuators,
        streams: Mapping[str, Stream],
        expected: Expected,
        powers: Mapping[str, Power],
        gate: Gate,
        blind: Blind,
    ) -> None:
        self._site, self._memory, self._actuators = site, memory, actuators
        self._streams, self._expected, self._powers, self._gate, self._blind = streams, expected, powers, gate, blind
        self.supplies = {name: Supply(name, site, memory, actuators, gate) for name in site.paths.supplies}
        self.active: dict[str, Run] = {}
        self.litres = Litres(site, streams, expected, self.active)
        self.held: dict[str, bool] = {}  # supplies that have just been held, or just been let on
        self._looked_mono_ms: int | None = None
        self._late: dict[str, int] = {}  # by zone: runs that have ended unproven, and what is counted to

    def start(self, intent: Intent, now: Now) -> None:
        """Open the valve. The caller has passed the interlocks, and puts the intent on disk before acting."""
        outlet = self._site.outlets[intent.zone]
        self.active[outlet.id] = Run(intent, Phase.OPENING, now.mono_ms, seen_at=now.mono_ms)
        valve = self._site.actuators[outlet.valve]
        self._actuators.open(valve.id, self.supply(outlet.id).hold_s(valve, intent.planned_s), now.mono_ms)

    def supply(self, zone: str) -> Supply:
        return self.supplies[self._site.supply_of(zone)]

    def stream(self, outlet: str) -> Stream | None:
        """The meter of an outlet, None without one."""
        meter = self._site.paths.meter(outlet)
        return None if meter is None else self._streams[meter]

    def on(self, supply: str, *phases: Phase) -> list[Run]:
        """The runs that draw from a supply, in any of these phases (in any at all when none is named)."""
        found = (run for zone, run in self.active.items() if self._site.supply_of(zone) == supply)
        return [run for run in found if not phases or run.phase in phases]

    def stop(self, zone: str, outcome: RunOutcome, reason: Text, now: Now, *, by_hand: bool = False) -> None:
        """Begin to end a run: pump first, unless it serves another. Nothing when there is none or it is ending."""
        run = self.active.get(zone)
        if run is None or run.ending:
            return
        run.outcome, run.reason, run.by_hand, run.stopped_at = outcome, reason, by_hand, now.mono_ms
        if run.water_from is not None:
            run.water_to = now.mono_ms
        supply = self.supply(zone)
        others = self._fed_beside(run, supply)
        feeds_others = supply.serves and bool(others)
        self._enter(run, Phase.CLOSING if feeds_others or supply.off else Phase.STOPPING, now)
        if run.phase is Phase.STOPPING:
            supply.stop(now)
            return
        self._actuators.close(self._valve(run), now.mono_ms)
        if feeds_others:
            self._keep_the_path_longest(supply, others, now)

    def _fed_beside(self, run: Run, supply: Supply) -> list[Run]:
        """The other runs with an open valve; where the pump is held, those too whose valve is still to open."""
        phases = (Phase.STARTING, Phase.WATERING, *([Phase.OPENING] if supply.held else []))
        return [each for each in self.on(supply.name, *phases) if each is not run]

    def stop_all(self, outcome: RunOutcome, reason: Text, now: Now, supply: str | None = None) -> None:
        """End every run, or those of one supply: all its pumps before any valve."""
        ending = [zone for zone in self.active if supply in {None, self._site.supply_of(zone)}]
        for name in {self._site.supply_of(zone) for zone in ending}:
            self.supplies[name].stop(now)
        for zone in ending:
            self.stop(zone, outcome, reason, now)

    def advance(self, image: Image, passed_l: Mapping[str, float]) -> list[Run]:
        """Take every run as far as what is seen allows; returns those that have just come into a new phase.

        `passed_l`: litres since the last time, by meter, without what somebody has let run by hand.
        """
        before = {zone: run.phase for zone, run in self.active.items()}
        self._count_pauses(image.now)
        for meter, litres in passed_l.items():
            self.litres.share(meter, litres)
        for run in list(self.active.values()):
            self._watch(run, self._site.outlets[run.intent.zone], image)
        self.held = {}
        for supply in self.supplies.values():
            supply.listen(image)
            self._follow_power(supply, image.now)
            self._advance_supply(supply, image.now)
        for run in list(self.active.values()):
            self._advance(run, self._site.outlets[run.intent.zone], image)
        moved = [run for zone, run in self.active.items() if run.phase is not before.get(zone, Phase.OPENING)]
        for run in moved:
            if run.phase is Phase.ENDED:
                del self.active[run.intent.zone]
        return moved

    def late(self, now: Now) -> list[tuple[str, float]]:
        """Zones whose run has ended without the proof that the water has, and seconds more that count as given."""
        found = []
        for zone, counted_to in list(self._late.items()):
            if zone in self.active:
                del self._late[zone]
            elif self._is_dry(zone):
                found.append((zone, (now.mono_ms - counted_to) / 1000))
                del self._late[zone]
        return found

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When a run in progress must be looked at again."""
        for zone, run in self.active.items():
            supply = self.supply(zone)
            if run.phase is not Phase.WATERING or run.water_from is None or not (supply.on or supply.held):
                yield supply.goes_on_mono_ms(run)
                continue
            yield run.water_from + round(1000 * run.left_s(run.water_from))
            yield from () if run.due is None else (run.due,)
            if supply.held:
                returns = self._powers[supply.name].returns_mono_ms()
                yield from () if returns is None else (returns,)
            else:
                yield from self._next_pulses_mono_ms(run, run.water_from)

    def _next_pulses_mono_ms(self, run: Run, water_from: int) -> Iterable[int]:
        """When a pulse must have come, and when the litres that were asked for may have."""
        zone = run.intent.zone
        stream = self.stream(zone)
        if stream is None:
            return
        together = [each.intent.zone for each in self.on(self._site.supply_of(zone), Phase.WATERING)]
        rose_mono_ms = max(water_from, stream.rose_mono_ms)
        yield rose_mono_ms + round(stream.wait_s(self._expected.l_min(together)) * 1000) + 1
        if run.intent.planned_l is not None and run.litres is not None:
            missing_min = max(run.intent.planned_l - run.litres, 0.0) / self._expected.l_min([zone])
            yield rose_mono_ms + max(1000, round(0.9 * missing_min * 60_000))

    def flows_still(self, supply: Supply, now: Now) -> bool:
        """Whether the meter moves on as if the pump ran: no pulse would have come any more if it stood. Where others
        draw through the same meter, nobody can tell."""
        zones = [run.intent.zone for run in self.on(supply.name, Phase.STOPPING) if run.water_from is not None]
        stream = self.stream(zones[0]) if zones else None
        if stream is None or self._shared(supply.name):
            return False
        return stream.moves(self._expected.l_min(zones), now.mono_ms)

    def _shared(self, supply: str) -> bool:
        """Whether another supply draws through the same meter now."""
        meter = self._site.paths.meter_of_supply(supply)
        return any(
            name != supply and not other.off and self._site.paths.meter_of_supply(name) == meter
            for name, other in self.supplies.items()
        )

    def _count_pauses(self, now: Now) -> None:
        """Time for which a pump stands, held or between a stop and a start, is no water."""
        passed_ms = 0 if self._looked_mono_ms is None else now.mono_ms - self._looked_mono_ms
        self._looked_mono_ms = now.mono_ms
        for zone, run in self.active.items():
            if run.water_from is not None and not run.ending and not self.supply(zone).wet:
                run.paused_ms += passed_ms

    def _follow_power(self, supply: Supply, now: Now) -> None:
        """Hold a pump that has too little power, and let it on when it has enough: the ends of its runs stay."""
        power = self._powers.get(supply.name)
        if power is None:
            return
        runs = self.on(supply.name, Phase.STARTING, Phase.WATERING)
        whose = Whose.together(run.whose for run in self.on(supply.name))
        supply.lacks_power = power.lacks(moves=None, whose=whose)
        if supply.on and power.lacks(moves=self._moves(supply, now), whose=whose):
            supply.hold(now)
            self.held[supply.name] = True
        elif supply.held and power.returned(now.mono_ms):
            left_s = max((run.left_s(now.mono_ms) for run in runs), default=0.0)
            if left_s >= SHORTEST_RUN_S and supply.resume(left_s, now):
                self.held[supply.name] = False

    def _moves(self, supply: Supply, now: Now) -> bool | None:
        """Whether a meter says that a supply gives water, or cannot know yet; None without a good one."""
        zones = [run.intent.zone for run in self.on(supply.name, Phase.WATERING)]
        stream = self.stream(supply.outlets[0])
        if not zones:
            return True
        if stream is None or not stream.good:
            return None
        since = max(stream.rose_mono_ms, supply.on_since)
        return now.mono_ms - since <= stream.wait_s(self._expected.l_min(zones)) * 1000

    def _advance_supply(self, supply: Supply, now: Now) -> None:
        opening, ready = self.on(supply.name, Phase.OPENING), self.on(supply.name, Phase.STARTING)
        held = supply.held
        if ready and not opening and supply.off:
            self._start_supply(supply, ready, now)
        leaving = self.on(supply.name, Phase.STOPPING)
        hurry = bool(leaving) and not any(self._actuators.said_open(self._valve(run)) for run in leaving)
        supply.advance(now, flows=self.flows_still(supply, now), hurry=hurry)
        if supply.held and not held:
            self.held[supply.name] = True
        if supply.on and (ready or (supply.unsaid and not supply.unheard)):
            self._set_deadlines(supply, now)
        if supply.ran_out():
            for run in self.on(supply.name, Phase.STARTING, Phase.WATERING):
                self._finish(run, plant_texts.timer_ended(), now)
        for run in () if supply.serves else self.on(supply.name, Phase.WATERING):
            self.stop(run.intent.zone, "failed", supply.failed or plant_texts.left_dry(), now)
        for run in leaving:
            if supply.failed is not None:
                run.outcome, run.reason = "failed", supply.failed

    def _set_deadlines(self, supply: Supply, now: Now) -> None:
        """Let a supply that is on last for its runs, and no longer than its path where that was not told in time."""
        late = supply.unsaid
        supply.renew(self._longest_s(supply, now), now)
        feeds = self.on(supply.name, Phase.STARTING, Phase.WATERING)
        if late and feeds and not supply.unheard:
            self._keep_the_path_longest(supply, feeds, now)

    def _start_supply(self, supply: Supply, ready: list[Run], now: Now) -> None:
        """Start it for those whose valves are open, unless its pump may not start again so soon."""
        why_not = supply.starts.may_not(now) or self._gate(supply.name, now)
        if why_not is None:
            supply.start(self._longest_s(supply, now), now)
        for run in () if why_not is None else ready:
            self.stop(run.intent.zone, "stopped", why_not or {}, now)

    def _longest_s(self, supply: Supply, now: Now) -> float:
        runs = self.on(supply.name, Phase.STARTING, Phase.WATERING)
        return max((run.left_s(now.mono_ms) for run in runs), default=0.0)

    def _finish(self, run: Run, reason: Text, now: Now) -> None:
        """A run has come to its end: done, unless it had no water at all."""
        if run.water_from is None or (run.litres == 0 and self.supply(run.intent.zone).held):
            run.unfed = True
            self.stop(run.intent.zone, "stopped", plant_texts.never_fed(), now)
        else:
            paused = plant_texts.finished_after_pause(run.stood_s) if run.stood_s >= SHORTEST_RUN_S else reason
            self.stop(run.intent.zone, "done", paused, now)

    def _advance(self, run: Run, outlet: Outlet, image: Image) -> None:
        now, supply = image.now, self.supply(outlet.id)
        if run.phase is Phase.OPENING and self._is_open(run, now):
            self._enter(run, Phase.STARTING, now)
            self._advance_supply(supply, now)
        if run.phase is Phase.STARTING and supply.held:
            run.counts_from(now.mono_ms)
        if run.phase is Phase.STARTING and supply.wet:
            self._water_comes(run, supply, now)
        if run.phase is Phase.STARTING and supply.on:
            self._enter(run, Phase.WATERING, now)
        if run.phase is Phase.STOPPING and (supply.off or self._may_close(run, supply)):
            self._enter(run, Phase.CLOSING, now)
            self._actuators.close(self._valve(run), now.mono_ms)
        if run.ending:
            self._note_the_end(run, now)
        if run.phase is Phase.CLOSING and self._valve_is_done(run, outlet, now):
            self._end(run, now)

    def _is_open(self, run: Run, now: Now) -> bool:
        valve = self._site.actuators[self._valve(run)]
        travelled = now.mono_ms - run.since >= valve.part.travel_s * 1000
        return self._actuators.held(valve.id) is True and travelled

    def _water_comes(self, run: Run, supply: Supply, now: Now) -> None:
        if run.water_from is None:
            run.water_from = now.mono_ms if supply.on else supply.on_since
            run.counts_from(run.water_from)
            stream = self.stream(run.intent.zone)
            run.litres = 0.0 if stream is not None and stream.good else None
            run.restarts = 0 if stream is None else stream.restarts

    def _may_close(self, run: Run, supply: Supply) -> bool:
        """Whether the pump goes on for others that have come meanwhile, or never began."""
        return supply.serves and bool(self.on(supply.name, Phase.STARTING, Phase.WATERING))

    def _watch(self, run: Run, outlet: Outlet, image: Image) -> None:
        """Everything that ends a run but the flow, in order of weight."""
        if run.ending:
            return
        now = image.now
        run.blind_since = self._blind_since(run, image)
        dry = must_stop(outlet, image, self._site, self._memory, run.blind_since, self._blind.litres)
        planned_l = run.intent.planned_l
        bound = run.phase is Phase.WATERING and self.supply(outlet.id).cannot_be_stopped(outlet.valve, image)
        if self._silent_too_long(run, outlet, image) and not bound:
            self.stop(outlet.id, "failed", texts.cabinet_silent(), now)
        elif dry is not None:
            self.stop(outlet.id, "stopped", dry, now)
        elif run.left_s(now.mono_ms) <= 0 or (run.due is not None and not bound and now.mono_ms >= run.due):
            self._finish(run, texts.finished(), now)
        elif bound:
            return  # to the end that it was given
        elif planned_l is not None and self.litres.given_l(run, now) >= planned_l:
            self.stop(outlet.id, "done", plant_texts.volume_given(self.litres.given_l(run, now)), now)
        elif run.phase is not Phase.OPENING and not self._actuators.said_open(outlet.valve):
            self._finish(run, plant_texts.timer_ended(), now)
        elif run.intent.cause == "moisture" and self._wet_enough(outlet.id, image):
            moisture, band = image.value(self._site.zones[outlet.id].moisture), self._site.zones[outlet.id].band
            self.stop(outlet.id, "done", texts.wet_enough(moisture or 0.0, band.high_pct), now)

    def _blind_since(self, run: Run, image: Image) -> int | None:
        if self._site.tank_level is None or image.value(self._site.tank_level) is not None:
            return None
        return image.now.mono_ms if run.blind_since is None else run.blind_since

    def _silent_too_long(self, run: Run, outlet: Outlet, image: Image) -> bool:
        """Whether nobody has seen this run's coils for longer than a proof may take."""
        if all(image.positions[name].heard for name in self._site.path_of(outlet.id)):
            run.seen_at = image.now.mono_ms
        return image.now.mono_ms - run.seen_at > PROVE_S * 1000

    def _wet_enough(self, name: str, image: Image) -> bool:
        zone = self._site.zones[name]
        moisture = image.value(zone.moisture)
        band = zone.part.band  # none where a run was begun by an older site file
        return moisture is not None and band is not None and moisture >= band.high_pct

    def _keep_the_path_longest(self, supply: Supply, others: list[Run], now: Now) -> None:
        """A pump's deadline ends before that of the last open valve, though the valve that was to be last closes."""
        paths = [self._actuators.until_mono_ms(self._valve(run)) for run in others]
        latest = max((until for until in paths if until is not None), default=now.mono_ms)
        if supply.outlasts(latest - round(supply.travel_s * 1000)):
            if supply.unheard:
                outlast(supply, others, self._site, self._memory, self._actuators, now)
            longest_s = max(run.left_s(now.mono_ms) for run in others)
            why_not = supply.shorten(longest_s, now)
            for run in others if why_not is not None else ():
                self.stop(run.intent.zone, "stopped", why_not or {}, now)

    def _note_the_end(self, run: Run, now: Now) -> None:
        """Water runs until pump or valve is proven off: what that takes beyond the usual counts as water given."""
        late = now.mono_ms - run.stopped_at > LATE_S * 1000
        if run.water_to is not None and run.water_from is not None and late and not self._is_dry(run.intent.zone):
            run.water_to = now.mono_ms

    def _is_dry(self, zone: str) -> bool:
        """Whether water is proven not to go to an outlet: its valve is closed, or its pump stands."""
        part = self._site.outlets[zone]
        return any(self._actuators.held(name) is False for name in (part.valve, part.pump) if name is not None)

    def _valve_is_done(self, run: Run, outlet: Outlet, now: Now) -> bool:
        """Closed and travelled; or not confirmed in time, which makes the run a failure while closing goes on."""
        valve = self._site.actuators[outlet.valve]
        if self._actuators.held(valve.id) is False or self._actuators.awaits_hand(valve.id):
            return now.mono_ms - run.since >= valve.part.travel_s * 1000
        if not self._actuators.overdue(valve.id):
            return False
        run.outcome, run.reason = "failed", texts.not_proven(valve.part.name, on=False)
        return True

    def _end(self, run: Run, now: Now) -> None:
        if run.water_from is not None and not self._is_dry(run.intent.zone):
            run.water_to = now.mono_ms
            self._late[run.intent.zone] = now.mono_ms
        self._enter(run, Phase.ENDED, now)

    def _valve(self, run: Run) -> str:
        return self._site.outlets[run.intent.zone].valve

    def _enter(self, run: Run, phase: Phase, now: Now) -> None:
        run.phase, run.since = phase, now.mono_ms
