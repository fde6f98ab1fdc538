"""What a run through a line has room for: which group of its recipe is dosed when, and the rinses between and after.

Everything goes by the line's metered litres. The last `rinse_l` of what is still to come stay plain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Group = tuple[str, ...]


@dataclass
class Plan:
    """The groups that have their turn in this run, in their order. Litres are the line's since the run began."""

    order: Sequence[Group]
    rinse_l: float
    _at: int = 0
    _end_l: float | None = field(default=None)

    def advance(self, passed_l: float, left_l: float, may_enter: Callable[[Group], bool]) -> Group:
        """The group that may dose now, none while the line is rinsed.

        `left_l` is what is still to come; `may_enter` says whether nothing stands in the line that a group fights.
        """
        while self._at < len(self.order):
            group, to_go = self.order[self._at], len(self.order) - self._at
            room_l = left_l - to_go * self.rinse_l
            if self._end_l is None:
                if not may_enter(group):
                    return ()
                self._end_l = math.inf if to_go == 1 else passed_l + max(0.0, room_l) / to_go
            if passed_l < self._end_l:
                return group if room_l > 0 else ()
            self._at, self._end_l = self._at + 1, None
        return ()


def planned(groups: Sequence[Group], turn: int, left_l: float, rinse_l: float) -> Plan | None:
    """As many groups as get as much water as their rinse takes; those that have waited longest first.

    None when there is not room for one.
    """
    fit = min(len(groups), int(left_l / (2 * rinse_l)))
    if fit == 0:
        return None
    if fit == len(groups):
        return Plan(tuple(groups), rinse_l)
    return Plan(tuple(groups[(turn + number) % len(groups)] for number in range(fit)), rinse_l)
