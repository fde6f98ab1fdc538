"""One fertigated watering through one line: what it has dosed, and what its probes have shown of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tonnam_edge.core.dosing.loop import Loop, governs
from tonnam_edge.core.dosing.plan import Group, Plan
from tonnam_edge.core.dosing.probes import Quantity, Reading
from tonnam_edge.core.dosing.recipe import Recipe
from tonnam_edge.core.memory import Text
from tonnam_edge.site.dosing_file import DosePart, InjectorPart

QUANTITIES: tuple[Quantity, ...] = ("ec", "ph")
# By how much the EC may rise less or more than the doses should raise it; so often in a row it is a fault.
FAR_LOW, FAR_HIGH, FAR_TIMES = 0.5, 1.6, 3
# A rise of less than this tells nothing, mS/cm.
RISE_TELLS_EC = 0.3


@dataclass
class Window:
    """A time in which the same was dosed: first it mixes and passes, then it is measured."""

    since: int
    measures_from: int
    until: int
    litres: float = 0.0
    dosed_ml: dict[str, float] = field(default_factory=dict)
    sums: dict[Quantity, list[float]] = field(default_factory=dict)

    def mean(self, quantity: Quantity) -> float | None:
        found = self.sums.get(quantity)
        return sum(found) / len(found) if found else None


@dataclass
class Session:
    """Times are since boot, in milliseconds; litres are the line's since the water came on."""

    recipe: Recipe
    began: int
    passed_l: float = 0.0
    plan: Plan | None = None
    group: Group = ()
    owed_ml: dict[str, float] = field(default_factory=dict)
    loops: dict[Quantity, Loop] = field(default_factory=dict)
    base: dict[Quantity, float] = field(default_factory=dict)
    window: Window | None = None
    far: int = 0
    tank_shot_at: int | None = None
    tank_last: Quantity | None = None
    why: Text | None = None
    why_since: int = 0
    told: list[Text] = field(default_factory=list)

    def __post_init__(self) -> None:
        for quantity, goal in (("ec", self.recipe.ec), ("ph", self.recipe.ph)):
            if goal is not None:
                named: Quantity = "ec" if quantity == "ec" else "ph"
                loop = Loop(named, goal, self.recipe.doses)
                if loop.shares:
                    self.loops[named] = loop

    def rate(self, dose: DosePart, part: InjectorPart) -> float:
        """mL for each litre, now."""
        for quantity, loop in self.loops.items():
            if governs(quantity, part):
                return loop.shares[part.id].rate
        return dose.ml_per_l

    def begin_from(self, readings: Mapping[Quantity, Reading | Text]) -> None:
        """Without a fixed ratio no dose opens a window to correct by: the plain water says where to begin."""
        for quantity, loop in self.loops.items() if self.window is None else ():
            reading = readings[quantity]
            if isinstance(reading, Reading):
                loop.first(reading.value, self.group)

    def governed(self, part: InjectorPart) -> Quantity | None:
        """Which set point moves an injector in this run."""
        return next((quantity for quantity in self.loops if governs(quantity, part)), None)

    def measure(self, readings: Mapping[Quantity, Reading | Text], passed_l: float, now: int) -> bool:
        """Take part in the window; True when it is over and may be judged by."""
        window = self.window
        if window is None:
            return False
        window.litres += passed_l
        for quantity, reading in readings.items():
            if isinstance(reading, Reading) and reading.at_mono_ms >= window.measures_from:
                window.sums.setdefault(quantity, []).append(reading.value)
        return now >= window.until

    def judge_ec(self, parts: Mapping[str, InjectorPart]) -> tuple[float, float] | None:
        """What the EC is and should be by a fixed ratio, when it was far from that for long; else None."""
        window, base = self.window, self.base.get("ec")
        value = None if window is None else window.mean("ec")
        if window is None or value is None or base is None or window.litres <= 0 or "ec" in self.loops:
            return None
        due = sum(ml / window.litres * (parts[name].ec_per_ml_l or 0.0) for name, ml in window.dosed_ml.items())
        blind = any(
            parts[n].ec_per_ml_l is None and parts[n].liquid in {"a", "b", "fertiliser"} for n in window.dosed_ml
        )
        if due < RISE_TELLS_EC or blind:
            return None
        self.far = 0 if FAR_LOW * due <= value - base <= FAR_HIGH * due else self.far + 1
        return (value, base + due) if self.far >= FAR_TIMES else None
