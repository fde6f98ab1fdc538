"""One line with its injectors: when a pulse may be given, and everything that ends one at once.

What unknown means is said with each input, in `flow`, `probes`, `ledger` and here: a coil that is not proven off lets
no pulse begin, and a disk that does not take what is booked stops dosing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tonnam_edge.core.dosing import dosing_texts as texts
from tonnam_edge.core.dosing.flow import LineFlow
from tonnam_edge.core.dosing.guard import Guard
from tonnam_edge.core.dosing.kept import Kept, Residue
from tonnam_edge.core.dosing.ledger import Ledger
from tonnam_edge.core.dosing.liquids import compatible
from tonnam_edge.core.dosing.plan import Group, planned
from tonnam_edge.core.dosing.probes import Probe, Quantity, Reading
from tonnam_edge.core.dosing.pulses import Doser, Shot
from tonnam_edge.core.dosing.recipe import Recipe, Recipes
from tonnam_edge.core.dosing.session import QUANTITIES, Session, Window
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.memory import Text
from tonnam_edge.core.plant.runs import Phase, Run
from tonnam_edge.core.plant.water import Water
from tonnam_edge.limits import PROVE_S
from tonnam_edge.site.dosing_file import InjectorPart, MixingLinePart
from tonnam_edge.site.site import Site

# Why nothing is dosed is told when it has lasted for so long: proof of flow takes its time.
TELL_AFTER_S = 60.0
# A measured flow may sink: a rinse begins a little early.
EARLY = 0.95
# From the end of a pulse until it is read back, and its closing valve is shut.
OVER_S = 5.0


class Line:
    """Times are since boot, in milliseconds. `kept` gives the memory, which may be taken over."""

    def __init__(
        self,
        site: Site,
        part: MixingLinePart,
        recipes: Recipes,
        water: Water,
        kept: Callable[[], Kept],
        tell: Tell,
    ) -> None:
        self.part, self._site, self._recipes, self._water = part, site, recipes, water
        self._kept, self._tell = kept, tell
        self.ledger = Ledger(kept)
        self.injectors = {each.id: each for each in site.file.injector if each.line == part.id}
        self.dosers = {each.id: Doser(site, each, water.actuators) for each in self.injectors.values()}
        self.flow = LineFlow(site, part)
        self._probes: dict[Quantity, Probe] = {}
        for quantity, stream, twin in (("ec", part.ec, part.ec_twin), ("ph", part.ph, part.ph_twin)):
            if stream is not None:
                named: Quantity = "ec" if quantity == "ec" else "ph"
                self._probes[named] = Probe(site, named, stream, twin)
        self._session: Session | None = None
        self._timed_out: set[str] = set()
        self.plain: set[str] = set()  # runs that get plain water, whatever their zone's recipe
        self.guard = Guard(site, part, self.injectors, water, kept)

    @property
    def residue(self) -> Residue:
        return self._kept().line(self.part.id)

    @property
    def owes_l(self) -> float:
        """How much plain water the line must still have, as an interrupted run has left it."""
        return max(0.0, self.part.rinse_l - self.residue.rinsed_l) if self.residue.liquids else 0.0

    @property
    def opened(self) -> set[str]:
        """What it moves now, and is as far as it should be; and what must have stopped by its board's own timer, on a
        board that is silent. That keeps no other water waiting."""
        actuators = self._water.actuators
        busy = [doser for doser in self.dosers.values() if not doser.idle]
        named = {self.part.circulation, *(name for doser in busy for name in doser.names)}
        on = {name for name in named if name is not None and not actuators.overdue(name)}
        return {name for name in on if busy or actuators.said_open(name)} | self._timed_out

    @property
    def busy(self) -> bool:
        """Whether it must be looked at every second."""
        return self._session is not None or any(not doser.idle for doser in self.dosers.values())

    def blocked(self, recipe: Recipe, now: Now) -> Text | None:
        """Why a recipe cannot be dosed, apart from what only a run shows: latched, used up, empty."""
        if self.guard.runs_on is not None:
            return self.guard.runs_on
        for _, part in recipe.doses:
            latched = self.guard.standing(part)
            if latched is not None:
                return latched
            room = self.ledger.room(part, now)
            doser = self.dosers[part.id]
            if doser.idle and room.ml < doser.least_ml:  # a pulse under way was booked
                if room.cap == "stock":
                    self.guard.empty(part, now)
                return texts.cap(part.name, room.cap)
        return None

    def advance(self, image: Image, hold: Text | None) -> None:
        """One look at everything. `hold`: why nothing may be dosed on the whole site."""
        supply = self._water.runs.supplies[self.part.feeds]
        self.guard.watch(self.dosers, image, stuck=self.flow.stuck(image, off=supply.off))
        runs = self._water.runs.on(self.part.feeds, Phase.WATERING) if supply.on else []
        zones = [run.intent.zone for run in runs]
        alone = all(self._water.runs.supplies[name].off for name in self.flow.others)
        expected_l_min = self._water.expected.l_min(zones) if runs else 0.0
        self.flow.look(image, supply.on_since if runs else None, expected_l_min, alone=alone)
        self._count_rinse()
        session = self._follow_session(runs, image.now)
        why = self._may_not(session, runs, image, hold)
        if session is None or why is not None:
            self._stop_all(image.now)
        for doser in self.dosers.values():
            doser.advance(image)
        self._timed_out = {name for doser in self.dosers.values() for name in doser.timed_out(image)}
        self._stir(runs if session is not None and hold is None else [], image.now)
        if session is not None:
            if why is None:
                why = self._dose(session, runs, image)
            self._explain(session, runs, why, image.now)

    # ---------------------------------------------------------------------------------------------- the run

    def _follow_session(self, runs: list[Run], now: Now) -> Session | None:
        """The run that is fertigated now. Runs together have the same recipe, else nothing is dosed."""
        recipes = {run.intent.zone: self._recipe(run) for run in runs}
        first = next(iter(recipes.values()), Recipe())
        if not first.doses or any(recipe != first for recipe in recipes.values()):
            self._session = None
        elif self._session is None or self._session.recipe != first:
            self._session = Session(first, now.mono_ms)
        return self._session

    def _recipe(self, run: Run) -> Recipe:
        if run.intent.run_id in self.plain:
            return Recipe()
        return self._recipes.of(run.intent.zone, self.part.id)

    def _may_not(self, session: Session | None, runs: list[Run], image: Image, hold: Text | None) -> Text | None:
        """Why nothing may be dosed in this run now, the gravest first."""
        if session is None:
            return None
        session.passed_l += self.flow.passed_l
        why = hold or self.blocked(session.recipe, image.now)
        if why is not None:
            for run in runs if hold is None else ():
                if self._site.zones[run.intent.zone].part.without_dose == "wait":
                    self._water.runs.stop(run.intent.zone, "stopped", texts.waits_for_dosing(why), image.now)
            return why
        if self.guard.hand_waters(image.now):
            return texts.hand_waters()
        if not self.flow.flows:
            return texts.flow_not_proven() if self.flow.known else texts.flow_not_known()
        return None

    def _dose(self, session: Session, runs: list[Run], image: Image) -> Text | None:
        """Give what is due; returns why not all of it."""
        readings = {quantity: probe.read(image) for quantity, probe in self._probes.items()}
        for quantity in session.loops:
            readings.setdefault(quantity, texts.probe_unknown(quantity))
        if self.part.kind == "tank":
            return self._dose_tank(session, runs, readings, image.now)
        return self._dose_main(session, runs, readings, image.now)

    def _stop_all(self, now: Now) -> None:
        for doser in self.dosers.values():
            doser.stop(now)
        if self._session is not None:
            self._rest(self._session)

    def _rest(self, session: Session) -> None:
        """Dosing stands: what is owed is not made up for, and what the probes say next is no answer."""
        session.window = None
        session.owed_ml.clear()
        for loop in session.loops.values():
            loop.pause()

    # ---------------------------------------------------------------------------------------------- in a main

    def _dose_main(
        self, session: Session, runs: list[Run], readings: dict[Quantity, Reading | Text], now: Now
    ) -> Text | None:
        left_l = self._left_l(runs, now)
        if session.plan is None:
            self._make_plan(session, left_l, self._rinse_l(runs))
        if session.plan is None:
            return texts.too_short(2 * self._rinse_l(runs))
        group = session.plan.advance(session.passed_l, left_l, self._may_enter)
        if group != session.group:
            session.group = group
            self._rest(session)
            for name, doser in self.dosers.items():
                if name not in group:
                    doser.stop(now)
        if not group:
            return None
        self._measure(session, readings, now)
        if session.passed_l >= self.part.volume_l:  # what the probes see has come in this run
            session.begin_from(readings)
        why = None
        for dose, part in session.recipe.doses:
            if part.id not in group:
                continue
            governed = session.governed(part)
            unread = readings[governed] if governed is not None else None
            if unread is not None and not isinstance(unread, Reading):
                self.dosers[part.id].stop(now)
                session.owed_ml.pop(part.id, None)
                session.window, why = None, unread
                continue
            rate = session.rate(dose, part)
            owed_ml = session.owed_ml.get(part.id, 0.0) + rate * self.flow.passed_l
            session.owed_ml[part.id] = min(owed_ml, part.max_pulse_ml)
            if self.flow.rose:
                most_ml = min(session.owed_ml[part.id], rate * self.part.volume_l)
                self._pulse(session, runs, part, most_ml, readings, now)
        return why

    def _rinse_l(self, runs: Iterable[Run]) -> float:
        """What a rinse takes of a run: also what flows until the last pulse is proven to be over."""
        return self.part.rinse_l + self._water.expected.l_min(run.intent.zone for run in runs) / 60 * OVER_S

    def _make_plan(self, session: Session, left_l: float, rinse_l: float) -> None:
        groups = session.recipe.groups
        if self.residue.liquids and not self._may_enter(groups[self.residue.turn % len(groups)]):
            left_l -= self.owes_l
        session.plan = planned(groups, self.residue.turn, left_l, rinse_l)
        if session.plan is not None and len(session.plan.order) < len(groups):
            self.residue.turn = (self.residue.turn + len(session.plan.order)) % len(groups)

    def _may_enter(self, group: Group) -> bool:
        """Whether nothing stands in the line that one of the group fights."""
        return all(compatible(self.injectors[name].liquid, self.residue.liquids) for name in group)

    def _left_l(self, runs: Iterable[Run], now: Now) -> float:
        """Litres of the line that the longest of the runs has still to come."""
        zones = [run.intent.zone for run in runs]
        expected = self._water.expected.l_min(zones)
        l_min = EARLY * min(expected, self.flow.l_min or expected)
        left: list[float] = []
        for run in runs:
            litres = run.left_s(now.mono_ms) / 60 * l_min
            if run.intent.planned_l is not None and run.litres is not None:
                share = self._water.expected.l_min([run.intent.zone]) / expected
                litres = min(litres, (run.intent.planned_l - run.litres) / share)
            left.append(litres)
        return max(left, default=0.0)

    def _measure(self, session: Session, readings: dict[Quantity, Reading | Text], now: Now) -> None:
        """Watch what the doses do; when a window is over, correct by it and open the next one."""
        if not session.measure(readings, self.flow.passed_l, now.mono_ms) or session.window is None:
            return
        far = session.judge_ec(self.injectors)
        if far is not None:
            for name in session.group:
                self.guard.far(name, *far, now)
        for quantity, loop in session.loops.items():
            value = session.window.mean(quantity)
            if value is not None:
                loop.correct(value, session.group)
                self.guard.failing(loop, session.group, now)
        self._open_window(session, now)

    def _open_window(self, session: Session, now: Now) -> None:
        l_min = self.flow.l_min or self._water.expected.l_min(self._zones_now())
        settle_ms = round(1000 * max(self.part.mixing_wait_s, self.part.volume_l / max(l_min, 0.1) * 60))
        session.window = Window(now.mono_ms, now.mono_ms + settle_ms, now.mono_ms + 2 * settle_ms)

    def _zones_now(self) -> list[str]:
        return [run.intent.zone for run in self._water.runs.on(self.part.feeds, Phase.WATERING)]

    def _begin_window(self, session: Session, readings: dict[Quantity, Reading | Text], now: Now) -> None:
        """The first pulse after a rest: what the probes say now is the water before it."""
        for quantity in QUANTITIES:
            reading = readings.get(quantity)
            if isinstance(reading, Reading) and not self.residue.liquids:
                session.base[quantity] = reading.value
        if self.part.water_ec is not None:
            session.base.setdefault("ec", self.part.water_ec)
        for quantity, loop in session.loops.items():
            if quantity in session.base and not self.residue.liquids:
                active = [loop.shares[name] for name in session.group if name in loop.shares]
                loop.begun(session.base[quantity], sum(share.rate * share.effect for share in active))
        self._open_window(session, now)

    # ---------------------------------------------------------------------------------------------- in a tank

    def _dose_tank(
        self, session: Session, runs: list[Run], readings: dict[Quantity, Reading | Text], now: Now
    ) -> Text | None:
        """One pulse, then wait until it has mixed; EC and pH in turn, by who is further off."""
        mixed_ms = round(self.part.mixing_wait_s * 1000)
        ended = max((doser.ended_mono_ms for doser in self.dosers.values()), default=0)
        since = max(ended, session.tank_shot_at or session.began) + mixed_ms
        if now.mono_ms < since or any(not doser.idle for doser in self.dosers.values()):
            return None
        why, needs = None, []
        for quantity, loop in session.loops.items():
            reading = readings[quantity]
            if not isinstance(reading, Reading):
                why = reading
                loop.pause()
            elif reading.at_mono_ms >= since:
                loop.seen(reading.value)
                pulse = loop.pulse_ml(reading.value, self.part.volume_l)
                self.guard.failing(loop, loop.shares, now)
                if pulse is not None:
                    needs.append((abs(loop.error(reading.value)) / loop.dead_band, quantity, pulse, reading.value))
                session.tank_shot_at = now.mono_ms
        needs.sort(key=lambda need: (need[1] == session.tank_last, -need[0]))
        for _, quantity, (name, ml), value in needs[:1]:
            shot = self._pulse(session, runs, self.injectors[name], ml, readings, now)
            if shot is not None:
                session.loops[quantity].pulsed(name, shot.ml, self.part.volume_l, value)
            session.tank_last = quantity
        return why

    def _stir(self, runs: list[Run], now: Now) -> None:
        """Let a tank's water go round while it may be dosed; its board ends that, too."""
        name, actuators = self.part.circulation, self._water.actuators
        if name is None:
            return
        if not runs:
            actuators.close(name, now.mono_ms)
        elif not actuators.said_open(name):
            longest_s = max(run.left_s(now.mono_ms) for run in runs)
            actuators.open(name, longest_s + PROVE_S, now.mono_ms)

    # ---------------------------------------------------------------------------------------------- a pulse

    def _pulse(
        self,
        session: Session,
        runs: list[Run],
        part: InjectorPart,
        ml: float,
        readings: dict[Quantity, Reading | Text],
        now: Now,
    ) -> Shot | None:
        """Book a pulse, and only then begin it. None when it is too small, or not all is proven off."""
        doser = self.dosers[part.id]
        room = self.ledger.room(part, now)
        shot = doser.shot_of(min(ml, part.max_pulse_ml, room.ml))
        if shot is None or not doser.ready or part.id not in self.guard.at_rest:
            return None
        if session.window is None and self.part.kind == "main":
            self._begin_window(session, readings, now)
        self.ledger.book(part.id, shot.ml, now)
        self._note(part, shot, runs)
        if session.window is not None:
            session.window.dosed_ml[part.id] = session.window.dosed_ml.get(part.id, 0.0) + shot.ml
        session.owed_ml[part.id] = max(0.0, session.owed_ml.get(part.id, 0.0) - shot.ml)
        for probe in self._probes.values():
            probe.dosed()
        doser.begin(shot, now)
        return shot

    def _note(self, part: InjectorPart, shot: Shot, runs: list[Run]) -> None:
        """What is in the line from now on, and whose run it was for."""
        residue = self.residue
        if self.part.kind == "main":
            residue.liquids = sorted({*residue.liquids, part.liquid})
            residue.rinsed_l, residue.zone = 0.0, runs[0].intent.zone
        whole = self._water.expected.l_min(run.intent.zone for run in runs)
        for run in runs:
            dosed = self._kept().runs.setdefault(run.intent.run_id, {})
            share = self._water.expected.l_min([run.intent.zone]) / whole
            dosed[part.id] = round(dosed.get(part.id, 0.0) + shot.ml * share, 3)

    def _count_rinse(self) -> None:
        """Plain water that has passed since the last pulse; none while a dosing pump may still run."""
        residue = self.residue
        if not residue.liquids or any(doser.moves or not doser.idle for doser in self.dosers.values()):
            return
        residue.rinsed_l = round(residue.rinsed_l + self.flow.passed_l, 3)
        if self.flow.passed_l > 0:
            residue.uncounted, residue.told = 0, False
        if residue.rinsed_l >= self.part.rinse_l:
            residue.liquids, residue.rinsed_l = [], 0.0

    def _explain(self, session: Session, runs: list[Run], why: Text | None, now: Now) -> None:
        """Tell why nothing, or not all, is dosed: once a run for each reason, when it lasts."""
        if why != session.why:
            session.why, session.why_since = why, now.mono_ms
        if why is None or why in session.told or now.mono_ms - session.why_since < TELL_AFTER_S * 1000:
            return
        session.told.append(why)
        zones = [run.intent.zone for run in runs]
        self._tell("dosing.stopped", now, line=self.part.id, zones=zones, text=why)
