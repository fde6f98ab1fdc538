"""Cores with one deliberate mistake each. The invariants must find them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from tonnam_edge.core import Action, Core, Step
from tonnam_edge.core.memory import Memory


class Mutant(Core):
    """Everything right, but for what `spoil` makes of each step."""

    def step(self, *args: Any, **kwargs: Any) -> Step:
        return self.spoil(super().step(*args, **kwargs))

    def spoil(self, step: Step) -> Step:
        raise NotImplementedError


def acting(step: Step, actions: Iterable[Action]) -> Step:
    return Step(**{name: getattr(step, name) for name in step.__dataclass_fields__} | {"actions": tuple(actions)})


class LeavesThePumpOn(Mutant):
    """Closes the valve and forgets the pump."""

    def spoil(self, step: Step) -> Step:
        return acting(step, (each for each in step.actions if each.open or each.actuator != "pump"))


class ForgetsDeadlines(Mutant):
    """Opens without telling the board until when."""

    def spoil(self, step: Step) -> Step:
        return acting(step, (each._replace(hold_s=None) if each.open else each for each in step.actions))


class TakesAnHour(Mutant):
    """Tells the board a deadline that is much too late."""

    def spoil(self, step: Step) -> Step:
        return acting(step, (each._replace(hold_s=3200.0) if each.hold_s else each for each in step.actions))


class ClosesOnce(Mutant):
    """Says a close once and never again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._closed: Counter[str] = Counter()

    def spoil(self, step: Step) -> Step:
        kept = []
        for each in step.actions:
            self._closed[each.actuator] = 0 if each.open else self._closed[each.actuator] + 1
            if each.open or self._closed[each.actuator] == 1:
                kept.append(each)
        return acting(step, kept)


class ClosesTheValveFirst(Mutant):
    """Closes the valves at once, and the pump some looks later."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held_back: list[tuple[int, Action]] = []

    def spoil(self, step: Step) -> Step:
        pumps = [each for each in step.actions if not each.open and each.actuator == "pump"]
        self._held_back += [(step.now_ms + 6000, each) for each in pumps]
        due = [each for at_ms, each in self._held_back if at_ms <= step.now_ms]
        self._held_back = [held for held in self._held_back if held[1] not in due]
        early = [self._close(zone.part.valve) for zone in self.site.zones.values() if pumps]
        return acting(step, [*due, *early, *(each for each in step.actions if each not in pumps)])

    def _close(self, valve: str) -> Action:
        part = self.site.actuators[valve].part
        return Action(valve, part.device, part.coil, False, None, 0)


class KeepsNothing(Mutant):
    """Puts no run on disk: after a kill nobody knows of it."""

    def spoil(self, step: Step) -> Step:
        if step.memory is None:
            return step
        memory = Memory.decode(step.memory)
        memory.runs = {}
        kept = {name: getattr(step, name) for name in step.__dataclass_fields__}
        return Step(**kept | {"memory": memory.encode()})


class ForgetsTheDay(Mutant):
    """Forgets at each start what a day has had, and which slots are used."""

    def __init__(self, site: Any, memory: bytes | None = None, **kwargs: Any) -> None:
        if memory is not None:
            document = Memory.decode(memory)
            document.known = msgspec.structs.replace(document.known, used={}, slots={})
            memory = document.encode()
        super().__init__(site, memory, **kwargs)

    def spoil(self, step: Step) -> Step:
        return step
