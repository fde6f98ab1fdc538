"""More cores with one deliberate mistake each: of people, of the programs, and of doses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec

from tests.season.drive import MakeCore
from tests.season.mutants import Mutant, acting
from tonnam_edge.core import Action, Core, Step, judge
from tonnam_edge.core.dosing import kept, line, liquids
from tonnam_edge.core.image import Now
from tonnam_edge.core.latches import METER, LatchKind
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.people.at_site import Request
from tonnam_edge.core.programs import ladder
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_file import SiteFile
from tonnam_link.messages import Command, CommandAction


def with_file(change: Callable[[SiteFile], dict[str, Any]]) -> MakeCore:
    """A core whose site file says something else than the farm is like."""

    def make(site: Site, *args: Any, **kwargs: Any) -> Core:
        return Core(replace(site, file=site.file.model_copy(update=change(site.file))), *args, **kwargs)

    return make


class Raises(Core):
    """Raises at its tenth step."""

    _steps = 0

    def step(self, *args: Any, **kwargs: Any) -> Step:
        self._steps += 1
        if self._steps == 10:
            raise RuntimeError("a mistake")
        return super().step(*args, **kwargs)


class RepeatsSlots(Core):
    """Believes at each start that no slot was used."""

    def __init__(self, site: Site, memory: bytes | None = None, **kwargs: Any) -> None:
        super().__init__(site, None if memory is None else _without_slots(Memory.decode(memory)), **kwargs)


def _without_slots(memory: Memory) -> bytes:
    memory.known.slots = dict.fromkeys(memory.known.slots, 0)
    memory.kept.watered_slots = {}
    return memory.encode()


class HearsNoStop(Core):
    """Never hears that somebody says stop."""

    def command(self, command: Command) -> None:
        if command.action is not CommandAction.STOP:
            super().command(command)


class CriesWolf(Mutant):
    """Says that the pipe leaks whenever nobody waters."""

    def spoil(self, step: Step) -> Step:
        if not self.running:
            self.latches.set(LatchKind.LEAK, METER, Now(step.now_ms, step.now_ms), {"th": "", "en": "it leaks"})
        return step


class KeepsLatches(Core):
    """Clears nothing at the place."""

    def ask(self, request: Request) -> None:
        if request.deed != "clear":
            super().ask(request)


class Flickers(Core):
    """Says at every look that something else runs."""

    _flick = False

    @property
    def running(self) -> frozenset[str]:
        self._flick = not self._flick
        return frozenset({"zone-1"}) if self._flick else frozenset()


class BelievesProbes(Core):
    """Waters as long as a probe says that it is dry."""

    def step(self, *args: Any, **kwargs: Any) -> Step:
        with (
            instead(ladder, "allowed_by_probe_l", lambda zone, kept, least_l: float("inf")),
            instead(judge, "_jumped", lambda *seen: False),
        ):
            return super().step(*args, **kwargs)


class NeverBegins(Core):
    """Finds a reason against every watering."""

    def _start(self, wishes: Any, image: Any) -> Any:
        return super()._start([], image)


class ForgetsDoses(Core):
    """Forgets at each start what was dosed."""

    def __init__(self, site: Site, memory: bytes | None = None, **kwargs: Any) -> None:
        if memory is not None:
            document = Memory.decode(memory)
            document.dosing = kept.Kept()
            memory = document.encode()
        super().__init__(site, memory, **kwargs)


class MixesAll(Core):
    """Knows of nothing that must not meet."""

    def step(self, *args: Any, **kwargs: Any) -> Step:
        with instead(line, "compatible", _fits), instead(liquids, "compatible", _fits):
            return super().step(*args, **kwargs)


def _fits(liquid: str, others: Any) -> bool:
    return True


class TellsNoDoses(Mutant):
    """Never says what was dosed."""

    def spoil(self, step: Step) -> Step:
        events = [msgspec.structs.replace(e, body={**e.body, "dosed": {}}) for e in step.events]
        return replace(step, events=tuple(events))


class DosesEarly(Mutant):
    """Begins to dose when the first valve opens, before there is any water."""

    def spoil(self, step: Step) -> Step:
        if not any(each.actuator == "valve-zone-1" and each.open for each in step.actions):
            return step
        parts = [self.site.actuators[name].part for name in ("a-valve", "a")]
        also = [Action(part.id, part.device, part.coil, True, 60.0, 0) for part in parts]
        return acting(step, [*step.actions, *also])


class LeavesTheStockOpen(Core):
    """Opens an injector's closing valve while water runs, and doses nothing through it."""

    def step(self, now_ms: int, mono_ms: int | None = None, **kwargs: Any) -> Step:
        if self.running and not self._actuators.said_open("a-valve"):
            self._actuators.open("a-valve", 600.0, now_ms if mono_ms is None else mono_ms)
        return super().step(now_ms, mono_ms, **kwargs)


@contextmanager
def instead(module: Any, name: str, other: Any) -> Iterator[None]:
    """Something else under a name of a module or class, for a while."""
    before = getattr(module, name)
    setattr(module, name, other)
    try:
        yield
    finally:
        setattr(module, name, before)
