"""Cores with one deliberate mistake each about several pumps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from tests.season.drive import MakeCore
from tests.season.layout import Layout
from tests.season.mutants import Mutant, acting
from tonnam_edge.core import Core, Step
from tonnam_edge.site.site import Site


def with_group(layout: Layout, **changes: Any) -> MakeCore:
    """A core that believes its group to allow something else."""
    believed = replace(layout, group={**layout.group, **changes})

    def make(site: Site, *args: Any, **kwargs: Any) -> Core:
        return Core(believed.site, *args, **kwargs)

    return make


class LeavesTheSecondPumpOn(Mutant):
    """Closes the valves and forgets the second pump."""

    def spoil(self, step: Step) -> Step:
        return acting(step, (each for each in step.actions if each.open or each.actuator != "pump-2"))


class TellsHalf(Mutant):
    """Tells half the litres of each run."""

    def spoil(self, step: Step) -> Step:
        halved = [
            msgspec.structs.replace(each, body={**each.body, "litres": (each.body["litres"] or 0.0) / 2})
            if each.kind == "run.ended"
            else each
            for each in step.events
        ]
        return replace(step, events=tuple(halved))
