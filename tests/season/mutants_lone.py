"""Cores that one fault alone finds out: of contacts that weld, tanks that fall dry, leaks, deadlines and locks."""

from __future__ import annotations

from typing import Any

from tests.season.mutants import Mutant, acting
from tests.season.mutants_station import Patched
from tonnam_edge.core import Action, Step, judge
from tonnam_edge.core.latches import Latches
from tonnam_edge.core.people.lockouts import Lockouts
from tonnam_edge.core.plant import blind
from tonnam_edge.core.plant.flow import Stream
from tonnam_edge.core.plant.motors import Motors
from tonnam_edge.core.plant.proof import Proof
from tonnam_edge.core.programs import ladder


class TellsOneLength(Mutant):
    """Tells every valve the same, however short its run."""

    def spoil(self, step: Step) -> Step:
        of_valves = {zone.part.valve for zone in self.site.zones.values()}
        return acting(
            step,
            (
                each._replace(hold_s=1300.0) if each.hold_s and each.actuator in of_valves else each
                for each in step.actions
            ),
        )


class OutlastsItsValve(Mutant):
    """Tells the pump to run for a minute and a half longer than its path is open."""

    def spoil(self, step: Step) -> Step:
        return acting(step, map(self._longer, step.actions))

    def _longer(self, action: Action) -> Action:
        longer = action.hold_s is not None and action.open and action.actuator == "pump"
        return action._replace(hold_s=(action.hold_s or 0.0) + 125.0) if longer else action


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


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


class IgnoresLocks(Patched):
    """Waters where somebody has locked."""

    mistakes = ((Lockouts, "blocks", _nothing),)


class IgnoresLatches(Patched):
    """Waters where something was found wrong."""

    mistakes = ((Latches, "blocks", _nothing),)


class LooksForNoLeak(Patched):
    """Never asks why the meter counts while all is closed."""

    mistakes = ((Proof, "look_for_leak", _nothing),)


class ProvesNoFlow(Patched):
    """Never asks whether the meter counts while water should flow."""

    mistakes = ((Stream, "judge", _nothing),)


class CountsNoLitresBlind(Patched):
    """Draws as much as it likes while nothing tells of an empty tank, and as long."""

    mistakes = ((blind, "used_up", _never),)


class BelievesProbesTwice(Patched):
    """Believes a probe that jumps, and gives by its word alone a third more than may be."""

    mistakes = ((judge, "_jumped", _never), (ladder, "MOST_BY_PROBE", 2.0))
