"""What a meter shows while the switch of one of its zones does not answer: it may be somebody's water at the cabinet.

What unknown means: water that flows though all is closed is no leak yet, and too much of it no burst yet; nothing is
latched of either. Both are told as a doubt, what runs with too much water is ended, and no program opens its outlets
again, until every switch has answered; a restart forgets it not. A flow that is there still when all of them say auto
is latched then.
"""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant import plant_texts


class Unsure:
    """The doubts of one meter. It is sure again when its switches have answered for `settle_s`, without a break: what
    a hand has let run stops first. Times since boot, in milliseconds."""

    def __init__(self, memory: Memory, meter: str, settle_s: float) -> None:
        self._memory, self._meter, self._settle_ms = memory, meter, round(settle_s * 1000)
        self._begun = False
        self.sure_from = -1  # from when on what flows is nobody's at the cabinet
        self.leaks = False  # whether water flows though all is closed

    def heed(self, now: Now, *, unheard: bool) -> None:
        """See whether a switch is silent now; with the last doubt all of them end."""
        begins = not self._begun and bool(self._outlets)  # what an earlier process has left ends no sooner
        self._begun = True
        if unheard or begins:
            self.sure_from = now.mono_ms + self._settle_ms
        elif self.sure(now):
            self._memory.perhaps_burst.pop(self._meter, None)
            self.leaks = False

    def sure(self, now: Now) -> bool:
        """Whether what flows cannot be somebody's whose switch is not read."""
        return now.mono_ms > self.sure_from

    def had_too_much(self, outlets: Iterable[str]) -> None:
        """These were open, and more flowed than they take."""
        self._memory.perhaps_burst[self._meter] = sorted({*self._outlets, *outlets})

    def holds(self, outlet: str) -> Text | None:
        """Why no program may open an outlet now, or None."""
        return plant_texts.perhaps_burst() if outlet in self._outlets else None

    def told(self) -> Text | None:
        """What stands of it for people, without figures; None when there is nothing."""
        if self._outlets:
            return plant_texts.perhaps_burst()
        return plant_texts.perhaps_leak() if self.leaks else None

    @property
    def _outlets(self) -> list[str]:
        """Those that had too much water."""
        return self._memory.perhaps_burst.get(self._meter, [])
