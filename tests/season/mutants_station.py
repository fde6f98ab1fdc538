"""Cores of a flood gate with one deliberate mistake each. The invariants must find them out."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import msgspec

from tests.season.mutants import Mutant, acting
from tests.season.mutants_more import instead
from tonnam_edge.core import Core, Step
from tonnam_edge.core.image import Now
from tonnam_edge.core.latches import LatchKind
from tonnam_edge.core.stations.drive import Drive, No
from tonnam_edge.core.stations.hands import Hands
from tonnam_edge.core.stations.intake import Intake
from tonnam_edge.core.stations.levels import Gauges, Level


class Patched(Core):
    """Right, but for some methods of its parts while it steps: part, name, and what is there instead."""

    mistakes: tuple[tuple[Any, str, Any], ...] = ()

    def step(self, *args: Any, **kwargs: Any) -> Step:
        with ExitStack() as stack:
            for part, name, other in self.mistakes:
                stack.enter_context(instead(part, name, other))
            return super().step(*args, **kwargs)


class ForgetsDeadlines(Mutant):
    """Holds out of the safe state without telling the board until when."""

    def spoil(self, step: Step) -> Step:
        return acting(step, (each if each.safe else each._replace(hold_s=None) for each in step.actions))


class HoldsForEver(Mutant):
    """Never brings the gate into its safe state."""

    def spoil(self, step: Step) -> Step:
        return acting(step, (each for each in step.actions if not each.safe or each.actuator != "gate"))


def _low(self: Gauges, image: Any, kept: Any, *, safe_above: bool) -> Level:
    return Level(100.0, "gauge")


def _forbids_nothing(self: Intake, *args: Any) -> dict[str, No]:
    return {}


class SeesNoRiver(Patched):
    """Believes that the river is low, whatever its gauges say or do not say."""

    mistakes = ((Gauges, "level", _low),)


class FillsNoDisk(Patched):
    """Goes on as ever when its disk takes nothing."""

    mistakes = ((Core, "_held", lambda self: None),)


class SeesNoIntake(Patched):
    """Never knows that the intake is dry."""

    mistakes = ((Intake, "forbids", _forbids_nothing),)


class SeesNoHands(Patched):
    """Does not know who has a station in hand."""

    mistakes = ((Hands, "leaves_alone", lambda self, now: None),)


class NeverRests(Patched):
    """Starts a motor as soon as it likes."""

    mistakes = ((Drive, "_may_not_start", lambda self, now, *, flooded: None),)


class CriesWolf(Mutant):
    """Says that a pump does not run whenever one was moved."""

    def spoil(self, step: Step) -> Step:
        if any(event.kind == "station.moved" for event in step.events):
            self.latches.set(
                LatchKind.NOT_RUNNING, "pump-1", Now(step.now_ms, step.now_ms), {"th": "", "en": "it stands"}
            )
        return step


class Restless(Mutant):
    """Says at every look that it stands otherwise."""

    def spoil(self, step: Step) -> Step:
        told = msgspec.structs.replace(self.describe(step.now_ms), kind="station.explained")
        return replace(step, next_due_ms=step.now_ms + 1000, events=(*step.events, told))
