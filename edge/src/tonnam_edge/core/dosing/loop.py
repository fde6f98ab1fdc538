"""One set point: how much of each stock a litre gets, moved by what the probe says of the doses before.

In a main: the fixed ratio first, without one what half the error of the plain water asks for, and then a correction
of half the error at a time, each from a reading of its own after the last one has mixed and passed. In a tank: a
pulse for half the error, then a wait. The correction is bounded and goes only on while it has an effect, so nothing
winds up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from tonnam_edge.core.dosing.probes import Quantity
from tonnam_edge.site.dosing_file import DosePart, EcPart, InjectorPart, PhPart

GAIN = 0.5
# An answer of less than this share of what the doses should do is none; judged when so many dead bands were due.
ANSWER_AT_LEAST = 0.2
ANSWER_DUE_BANDS = 4.0
# So many corrections at a limit, and still outside the dead band: it cannot be reached.
AT_LIMIT_TIMES = 5
# The same for a tank, in pulses; or in looks at one that is so far beyond that nothing helps but time.
TANK_TIMES = 40
FAR_BANDS = 5.0
BY_LIQUID: dict[Quantity, frozenset[str]] = {
    "ec": frozenset({"a", "b", "fertiliser"}),
    "ph": frozenset({"acid", "base"}),
}


class Failing(Enum):
    """What is wrong with a loop."""

    NO_ANSWER = "no answer"
    NOT_REACHED = "not reached"


def governs(quantity: Quantity, part: InjectorPart) -> bool:
    """Whether a set point of this quantity moves that injector."""
    return part.liquid in BY_LIQUID[quantity] and effect(quantity, part) != 0.0


def effect(quantity: Quantity, part: InjectorPart) -> float:
    """By how much 1 mL of its stock in a litre raises the quantity."""
    return (part.ec_per_ml_l if quantity == "ec" else part.ph_per_ml_l) or 0.0


@dataclass
class Share:
    """One injector under a set point: its fixed ratio, its correction, and the most that it may give, mL/L."""

    part: InjectorPart
    base: float
    most: float
    effect: float
    trim: float = 0.0

    @property
    def rate(self) -> float:
        return min(max(self.base + self.trim, 0.0), self.most)


class Loop:
    """The set point of one quantity for one run of a line."""

    def __init__(
        self, quantity: Quantity, goal: EcPart | PhPart, doses: Iterable[tuple[DosePart, InjectorPart]]
    ) -> None:
        self.quantity, self.target, self.dead_band = quantity, goal.target, goal.dead_band
        self.shares = {
            part.id: Share(part, dose.ml_per_l, dose.most_ml_per_l or 2 * dose.ml_per_l, effect(quantity, part))
            for dose, part in doses
            if governs(quantity, part)
        }
        self._due = self._seen = 0.0
        self._before: float | None = None
        self._did = 0.0
        self._at_limit = self._tries = 0
        self.failing: Failing | None = None

    def error(self, value: float) -> float:
        """How far the reading is below the set point; 0 within the dead band."""
        off = self.target - value
        return 0.0 if abs(off) <= self.dead_band else off

    def correct(self, value: float, active: Iterable[str]) -> None:
        """Move the correction of the injectors that dose now, from a reading that shows what they give."""
        self._judge_answer(value)
        shares = [share for name, share in self.shares.items() if name in set(active)]
        off = self.error(value)
        before = sum(share.rate * share.effect for share in shares)
        self._move(shares, off)
        self._did = sum(share.rate * share.effect for share in shares) - before
        self._note_limit(off)

    def first(self, value: float, active: Iterable[str]) -> None:
        """Where nothing that doses now has a ratio: begin with what half the error of the plain water asks for."""
        shares = [share for name, share in self.shares.items() if name in set(active)]
        if shares and not any(share.rate for share in shares):
            self._move(shares, self.error(value))

    def begun(self, value: float, rise: float) -> None:
        """Dosing begins from plain water of this value; the fixed ratio should raise it by so much."""
        self._before, self._did = value, rise

    def _move(self, shares: list[Share], off: float) -> None:
        for share in shares if off else ():
            moved = share.trim + GAIN * off / share.effect / len(shares)
            share.trim = min(max(moved, -share.base), share.most - share.base)

    def pause(self) -> None:
        """Dosing stands: what the probe says next is no answer."""
        self._before, self._did = None, 0.0

    def pulse_ml(self, value: float, volume_l: float) -> tuple[str, float] | None:
        """Which injector and how much brings a tank half the way; None when nothing can or needs to."""
        off = self.error(value)
        fitting = [share for share in self.shares.values() if share.effect * off > 0]
        self._tries = self._tries + 1 if abs(off) > (0 if fitting else FAR_BANDS * self.dead_band) else 0
        if self._tries >= TANK_TIMES:
            self.failing = self.failing or Failing.NOT_REACHED
        if not fitting:
            return None
        share = max(fitting, key=lambda each: each.base)
        return share.part.id, GAIN * off / share.effect * volume_l

    def pulsed(self, injector: str, ml: float, volume_l: float, value: float) -> None:
        """A pulse of so much goes into a tank that has this value."""
        self._did = ml / volume_l * self.shares[injector].effect
        self._before = value

    def seen(self, value: float) -> None:
        """The reading after a pulse into a tank has mixed."""
        self._judge_answer(value)

    def _judge_answer(self, value: float) -> None:
        """Whether what was done shows. It is added up in one direction, so that noise is no answer."""
        if self._before is not None and self._did:
            if self._due * self._did < 0:
                self._due = self._seen = 0.0
            self._due += self._did
            self._seen += value - self._before
            if abs(self._due) >= ANSWER_DUE_BANDS * self.dead_band:
                if self._seen / self._due < ANSWER_AT_LEAST:
                    self.failing = Failing.NO_ANSWER
                self._due = self._seen = 0.0
        self._before, self._did = value, 0.0

    def _note_limit(self, off: float) -> None:
        """Correction has no effect any more, and the error stays."""
        self._at_limit = self._at_limit + 1 if off and abs(self._did) < 1e-9 else 0
        if self._at_limit >= AT_LIMIT_TIMES:
            self.failing = self.failing or Failing.NOT_REACHED
