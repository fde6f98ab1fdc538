"""What can be wrong with an injector: latched until a person has looked. That stops dosing, not plain water."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tonnam_edge.core.dosing import dosing_texts as texts
from tonnam_edge.core.dosing.kept import Kept
from tonnam_edge.core.dosing.loop import Failing, Loop
from tonnam_edge.core.dosing.pulses import UNSEEN_TIMES, Doser
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import LatchKind
from tonnam_edge.core.memory import Text
from tonnam_edge.core.plant.water import Water
from tonnam_edge.site.dosing_file import InjectorPart, MixingLinePart
from tonnam_edge.site.site import Site

# A dosing pump's own contact must have opened so long after it was proven off.
COASTS_S = 1.5
# A flow switch that says flow so long after everything stands hangs.
HANGS_S = 60.0
# So long after the last litre that somebody let run at the cabinet nothing is dosed: it goes to a zone of no recipe.
HAND_S = 120.0


class Guard:
    """Watches the injectors of one line. Times are since boot, in milliseconds."""

    def __init__(
        self,
        site: Site,
        part: MixingLinePart,
        injectors: Mapping[str, InjectorPart],
        water: Water,
        kept: Callable[[], Kept],
    ) -> None:
        self._site, self._part, self._injectors, self._water, self._kept = site, part, injectors, water, kept
        self._off_since: int | None = None
        self._hand_until = -1
        self.runs_on: Text | None = None  # a dosing pump that runs though it was turned off
        self.at_rest: set[str] = set()  # injectors that were seen to stand since they were turned off last

    def standing(self, part: InjectorPart) -> Text | None:
        """What is latched on an injector, its dosing pump or its closing valve."""
        subjects = {part.id, part.actuator, part.closing_actuator}
        latch = next((each for each in self._water.latches.standing() if each.subject in subjects), None)
        return self._water.latches.lost() if latch is None else texts.latched(latch.text)

    def hand_waters(self, now: Now) -> bool:
        """Whether somebody lets water run through the line at the cabinet, or did a moment ago."""
        on_hand = any(self._site.supply_of(zone) == self._part.feeds for zone in self._water.on_hand)
        meter = self._site.paths.meter_of_supply(self._part.feeds) or ""
        if on_hand and self._water.hand_l.get(meter, 0.0) > 0:
            self._hand_until = now.mono_ms + round(HAND_S * 1000)
        return now.mono_ms < self._hand_until

    def empty(self, part: InjectorPart, now: Now) -> None:
        """Its stock is used up, by the books."""
        self._water.latches.set(LatchKind.STOCK_EMPTY, part.id, now, texts.cap(part.name, "stock"))

    def differs(self, actuator: str, now: Now) -> None:
        """The coil of a dosing pump, of its closing valve or of the circulation was not as it was told."""
        for part in self._injectors.values():
            if actuator in {part.actuator, part.closing_actuator, self._part.circulation}:
                self._latch(part.id, texts.coil_differs(part.name), now)

    def far(self, injector: str, value: float, expected: float, now: Now) -> None:
        """The EC is far from what a fixed ratio should give."""
        part = self._injectors[injector]
        if part.ec_per_ml_l is not None:
            self._latch(injector, texts.ec_far(part.name, value, expected), now)

    def failing(self, loop: Loop, active: Iterable[str], now: Now) -> None:
        """A set point is not answered, or cannot be reached."""
        for name in active if loop.failing is not None else ():
            if name not in loop.shares:
                continue
            words = self._injectors[name].name
            if loop.failing is Failing.NO_ANSWER:
                text = texts.no_answer(words, loop.quantity)
            else:
                text = texts.not_reached(words, loop.quantity, loop.target)
            self._latch(name, text, now)

    def watch(self, dosers: Mapping[str, Doser], image: Image, *, stuck: bool) -> None:
        """Relays that do nothing, dosing pumps that run on, and a flow switch that is `stuck`."""
        for name, doser in dosers.items():
            if doser.unseen >= UNSEEN_TIMES:
                doser.unseen = 0
                self._latch(name, texts.relay_dead(self._injectors[name].name), image.now)
        self._watch_switch(image.now, stuck=stuck and not self._water.by_hand)
        self._watch_contacts(image)

    def _watch_switch(self, now: Now, *, stuck: bool) -> None:
        if not stuck:
            self._off_since = None
            return
        self._off_since = now.mono_ms if self._off_since is None else self._off_since
        if now.mono_ms - self._off_since > HANGS_S * 1000:
            for name in self._injectors:
                self._latch(name, texts.switch_hangs(self._part.id), now)

    def _watch_contacts(self, image: Image) -> None:
        """While a dosing pump runs though its relay is off, no water goes by it, until it is seen to stand or a
        person on site has said that its power is cut: then plain water. Not seen to stand: no pulse."""
        self.runs_on, kept = None, self._kept().runs_on
        self.at_rest.clear()
        for name, part in self._injectors.items():
            stream = None if part.runs is None else f"{self._site.id}/{part.runs}"
            told = self._water.actuators.told_mono_ms(part.actuator)
            off = self._water.actuators.held(part.actuator) is False
            read = image.read_mono_ms.get(stream or "", 0)
            if stream is None or (off and image.value(stream) == 0.0 and read > told):
                self.at_rest.add(name)
                kept.pop(name, None)
            if off and image.value(stream) == 1.0 and read - told > COASTS_S * 1000:
                kept.setdefault(name, "")
                self._latch(name, texts.runs_when_off(part.name), image.now)
            if kept.get(name) == "":
                self.runs_on = texts.runs_when_off(part.name)
                self._water.runs.stop_all("failed", self.runs_on, image.now, self._part.feeds)

    def _latch(self, injector: str, text: Text, now: Now) -> None:
        self._water.latches.set(LatchKind.DOSING, injector, now, text)
