"""What dosing remembers: what each injector has dosed, and what stands in each line. Part of the state on disk."""

from __future__ import annotations

import msgspec


class Spent(msgspec.Struct):
    """So many mL within a short span of one boot. Times since boot; `to_ms` is of the newest pulse.

    Below zero it is of an earlier boot: by so much it is older than this one, at least.
    """

    boot: str
    from_ms: int
    to_ms: int
    ml: float


class Stock(msgspec.Struct):
    """One injector. `hour` and `day` are for the caps; `used_ml` is since a person said that it was refilled."""

    used_ml: float = 0.0
    hour: list[Spent] = []
    day: list[Spent] = []


class Residue(msgspec.Struct):
    """One line: which liquids stand in it, how much plain water has passed since, and which zone got them last.

    `turn` counts the runs that had no room for all groups of their recipe, so that each group has its turn;
    `uncounted` the rinses in a row of which no litre was counted, and `told` whether that was told.
    """

    liquids: list[str] = []
    rinsed_l: float = 0.0
    zone: str = ""
    turn: int = 0
    uncounted: int = 0
    told: bool = False


class Kept(msgspec.Struct, omit_defaults=True):
    """What is remembered of a site's dosing, by injector and by line; `runs`: mL by injector of runs in progress.

    `runs_on`: injectors whose contact said that the dosing pump runs though it is off, and has not opened since; and
    who said at the controller that its power is cut, or "".
    `boot` has been up for `up_ms` at least: so far all that is booked is counted in its time.
    """

    stocks: dict[str, Stock] = {}
    lines: dict[str, Residue] = {}
    runs: dict[str, dict[str, float]] = {}
    runs_on: dict[str, str] = {}
    boot: str = ""
    up_ms: int = 0

    def stock(self, injector: str) -> Stock:
        return self.stocks.setdefault(injector, Stock())

    def line(self, line: str) -> Residue:
        return self.lines.setdefault(line, Residue())

    def dosed(self, run_id: str) -> dict[str, float]:
        """What a run that is over was given, mL by injector."""
        return {name: round(ml, 1) for name, ml in self.runs.pop(run_id, {}).items()}
