"""Cores that one fault alone finds out: of contacts that weld, tanks that fall dry, leaks, deadlines and locks."""

from __future__ import annotations

from typing import Any

from tests.season.mutants import Mutant, acting
from tests.season.mutants_station import Patched
from tonnam_edge.core import Step
from tonnam_edge.core.plant.motors import Motors


class NeverOpensTheContactor(Mutant):
    """Leaves a pump's contactor to its deadline."""

    def spoil(self, step: Step) -> Step:
        return acting(step, (each for each in step.actions if each.open or each.actuator != "contactor"))


def _never(*args: Any, **kwargs: Any) -> bool:
    return False


class SeesNoCurrent(Patched):
    """Never looks at what a pump draws that was told to stop."""

    mistakes = ((Motors, "_draws_on", _never),)


class SeesNoWaterAfter(Patched):
    """Never looks whether water goes on after a run."""

    mistakes = ((Motors, "_flows_on", _never),)
