"""Dosing as the cycle sees it: who must wait for it, what goes without, what must be rinsed, what was dosed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tonnam_edge.core.dosing import dosing_texts as texts
from tonnam_edge.core.dosing.line import Line
from tonnam_edge.core.dosing.recipe import Recipe, Recipes
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.memory import Intent, Memory, Text
from tonnam_edge.core.plant.actuators import Differs, Fault
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.wishes import Wish
from tonnam_edge.limits import SHORTEST_RUN_S
from tonnam_edge.site.site import Site

# A line whose rinse run did not clean it is rinsed by whoever waters next; it is tried again after so long.
RINSE_AGAIN_S = 3600.0
RINSE_REFUSED_S = 600.0
# After so many rinses of which no litre was counted none is begun, until the meter counts: it would go on all day.
RINSES_UNCOUNTED = 2
LOOK_MS = 1000


class Dosing:
    """All mixing lines of a site. Times are since boot, in milliseconds."""

    def __init__(self, site: Site, memory: Memory, water: Water, tell: Tell) -> None:
        self._site, self._memory, self._water, self._tell = site, memory, water, tell
        self._recipes = Recipes(site)
        self.lines = {
            part.id: Line(site, part, self._recipes, water, lambda: memory.dosing, tell)
            for part in site.file.mixing_line
        }
        self._no_rinse_until: dict[str, int] = {}
        water.dosing_fault = self.fault
        water.also_open = lambda: {name for line in self.lines.values() for name in line.opened}

    def fault(self, fault: Fault, now: Now) -> bool:
        """Take note of a coil that differs. True when plain water may go on: a dosing pump did not begin."""
        mine = [line for line in self.lines.values() if self._is_of(line, fault.actuator.id)]
        for line in mine if fault.how is Differs.WENT_OPEN else ():  # what does not close is latched as such
            line.guard.differs(fault.actuator.id, now)
        return bool(mine) and fault.how is Differs.NOT_OPENED

    def advance(self, image: Image, *, books: bool) -> None:
        """Stop and give. After everything that may end a run in this step, and before its actions go out.

        `books`: whether what is booked is sure to be on disk before a pulse begins.
        """
        hold = None if books else texts.disk()
        for line in self.lines.values():
            line.ledger.look(image.now)
            line.advance(image, hold)
            self._tell_uncounted(line, image.now)

    def wait(self, wish: Wish, now: Now) -> Text | None:
        """What a wish must wait for: other water in the same line, a rinse, or a dosing pump that will not stand."""
        supply = self._site.supply_of(wish.zone)
        for line in self.lines.values():  # also before a filter is flushed: that has no recipe, and the same water
            if line.guard.runs_on is not None and line.part.feeds == supply:
                return line.guard.runs_on
        if not self._feeding(wish.zone):
            return None
        own = self._goes_with(wish, now)
        for run in self._water.runs.on(supply):
            zone = run.intent.zone
            if zone in self._site.zones and own != self._gets(zone, plain=self._is_plain(run.intent)):
                return texts.other_recipe(self._site.zones[zone].part.name)
        owing = self._owing(wish, now)
        return None if owing is None else texts.rinse_first(owing.part.id)

    def forbids(self, zone: str, now: Now) -> Text | None:
        """Why a zone that does not water without its recipe must wait for that."""
        why = self._blocked(zone, now)
        if why is None:
            return None
        waits = self._site.zones[zone].part.without_dose == "wait"
        return texts.waits_for_dosing(why) if waits else None

    def rinses(self, wishes: Iterable[Wish], now: Now) -> list[Wish]:
        """Runs that clean a line through the zone that was fertigated last, before plain water goes elsewhere."""
        found: dict[str, Wish] = {}
        for wish in sorted(wishes, key=lambda each: each.cause == "manual"):  # a person's counts, whoever else waits
            line = self._owing(wish, now)
            if line is None or self._water.runs.on(line.part.feeds):
                continue
            zone = self._site.zones[line.residue.zone]
            litres = 1.1 * line.owes_l + 3 * line.flow.step_l  # what flows before it is proven does not count
            seconds = max(SHORTEST_RUN_S, 1.5 * litres / zone.part.flow_l_min * 60 + 30)
            reason = texts.rinses(line.part.id, litres)
            found[line.part.id] = Wish(
                zone.id, "rinse", seconds, reason, litres=litres, for_person=wish.cause == "manual"
            )
        return list(found.values())

    def refused(self, wish: Wish, now: Now, *, waits: bool) -> None:
        """A rinse was not granted: whoever waits for it waters all the same, for no crop may die of that."""
        for line in self._feeding(wish.zone) if wish.cause == "rinse" and not waits else ():
            self._no_rinse_until[line.part.id] = now.mono_ms + round(RINSE_REFUSED_S * 1000)

    def reason(self, wish: Wish, reason: Text, now: Now) -> Text:
        """The reason of a run that was granted, with what dosing has to say."""
        why = self._blocked(wish.zone, now)
        if wish.cause == "rinse":
            return reason
        if why is not None:
            reason = texts.plain(reason, why)
        owing = [line for line in self._feeding(wish.zone) if line.owes_l and line.residue.zone != wish.zone]
        plain = [line for line in owing if not self._gives(line, wish, now)]
        return texts.rinses_itself(reason, plain[0].owes_l) if plain else reason

    def begun(self, intent: Intent, now: Now) -> None:
        """A run begins. Whether it gets its zone's recipe is decided now, and for all of it."""
        blocked = intent.cause == "rinse" or self._blocked(intent.zone, now) is not None
        for line in self._feeding(intent.zone):
            if blocked:
                line.plain.add(intent.run_id)
            if intent.cause == "rinse":
                line.residue.uncounted += 1
                self._no_rinse_until[line.part.id] = now.mono_ms + round(RINSE_AGAIN_S * 1000)

    def ended(self, run_id: str) -> dict[str, float]:
        """What a run that is over was given, mL by injector."""
        for line in self.lines.values():
            line.plain.discard(run_id)
        return self._memory.dosing.dosed(run_id)

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When it must be looked at again."""
        if any(line.busy for line in self.lines.values()):
            yield now.mono_ms + LOOK_MS

    # ------------------------------------------------------------------------------------------------ asides

    def _tell_uncounted(self, line: Line, now: Now) -> None:
        """Once: the line is not rinsed any more, and what fights its liquids is not dosed."""
        residue, feeds = line.residue, line.part.feeds
        if residue.uncounted < RINSES_UNCOUNTED or residue.told or self._water.runs.on(feeds):
            return
        residue.told = True
        text = texts.rinse_not_counted(line.part.id)
        self._tell("dosing.stopped", now, line=line.part.id, zones=[residue.zone], text=text)

    def _feeding(self, zone: str) -> list[Line]:
        return [self.lines[part.id] for part in self._recipes.feeding(zone)]

    def _is_of(self, line: Line, actuator: str) -> bool:
        named = {name for part in line.injectors.values() for name in (part.actuator, part.closing_actuator)}
        return actuator in {*named, line.part.circulation}

    def _blocked(self, zone: str, now: Now) -> Text | None:
        found = (line.blocked(self._recipes.of(zone, line.part.id), now) for line in self._feeding(zone))
        return next((why for why in found if why is not None), None)

    def _gives(self, line: Line, wish: Wish, now: Now) -> bool:
        """Whether a run for this wish would be dosed from a line."""
        dosed = wish.cause != "rinse" and bool(self._recipes.of(wish.zone, line.part.id).doses)
        return dosed and self._blocked(wish.zone, now) is None

    def _goes_with(self, wish: Wish, now: Now) -> Sequence[Recipe]:
        plain = wish.cause == "rinse" or self._blocked(wish.zone, now) is not None
        return self._gets(wish.zone, plain=plain)

    def _gets(self, zone: str, *, plain: bool) -> Sequence[Recipe]:
        recipes = self._recipes.of_zone(zone)
        return tuple(Recipe() for _ in recipes) if plain else recipes

    def _is_plain(self, intent: Intent) -> bool:
        return any(intent.run_id in line.plain for line in self.lines.values())

    def _owing(self, wish: Wish, now: Now) -> Line | None:
        """A line that must be rinsed before plain water of this wish goes through it to another zone."""
        for line in self._feeding(wish.zone) if wish.cause != "rinse" else ():
            known = line.residue.zone in self._site.zones and line.residue.zone != wish.zone
            tried = now.mono_ms < self._no_rinse_until.get(line.part.id, 0)
            tried = tried or line.residue.uncounted >= RINSES_UNCOUNTED
            if line.owes_l > 0 and known and not tried and not self._gives(line, wish, now):
                same = self._site.supply_of(line.residue.zone) == self._site.supply_of(wish.zone)
                if same:
                    return line
        return None
