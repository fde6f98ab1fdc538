"""What a watering takes of electricity, and what that costs: an estimate by the pump's current, else by its power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tonnam_edge.core.image import Image
from tonnam_edge.core.plant.runs import Phase, Runs
from tonnam_edge.core.programs.price import Prices
from tonnam_edge.site.site import Site

LONGEST_STEP_MS = 900_000  # what was seen says nothing of longer than that


@dataclass
class Spent:
    """What a run has taken. None: for a part of it that is not known, so not on the whole either."""

    kwh: float | None = 0.0
    baht: float | None = 0.0

    def add(self, kw: float | None, baht_kwh: float | None, hours: float) -> None:
        self.kwh = None if kw is None or self.kwh is None else self.kwh + kw * hours
        known = kw is not None and baht_kwh is not None and self.baht is not None
        self.baht = (self.baht or 0.0) + (kw or 0.0) * (baht_kwh or 0.0) * hours if known else None


class Energy:
    """Follows the pumps of the runs in progress. A pump's power is shared by the zones that it feeds."""

    def __init__(self, site: Site, prices: Prices) -> None:
        self._site, self._prices = site, prices
        self._part = site.file.electricity
        self._at_mono_ms: int | None = None
        self._rates: dict[str, float | None] = {}  # kW by run, as last seen
        self._spent: dict[str, Spent] = {}

    def see(self, runs: Runs, image: Image) -> None:
        """Let time pass for what was watering, and look what waters now."""
        now = image.now
        if self._at_mono_ms is not None:
            hours = min(max(now.mono_ms - self._at_mono_ms, 0), LONGEST_STEP_MS) / 3_600_000
            price = self._prices.at(now.wall_ms) if now.sure else None
            for run_id, kw in self._rates.items():
                self._spent.setdefault(run_id, Spent()).add(kw, price, hours)
        self._at_mono_ms, self._rates = now.mono_ms, {}
        watering = [
            run for zone, run in runs.active.items() if run.phase is Phase.WATERING and zone in self._site.zones
        ]
        fed = [self._site.zones[run.intent.zone].part.pump for run in watering]
        for run, pump in zip(watering, fed, strict=True):
            kw = None if pump is None else self._kw(pump, image)
            self._rates[run.intent.run_id] = None if kw is None else kw / fed.count(pump)

    def ended(self, run_id: str) -> dict[str, Any]:
        """What a run has taken, as a part of its event; nothing where it is not known."""
        self._rates.pop(run_id, None)
        spent = self._spent.pop(run_id, None)
        if spent is None or spent.kwh is None:
            return {}
        known = {"kwh": round(spent.kwh, 3)}
        return known if spent.baht is None else {**known, "baht": round(spent.baht, 2)}

    def _kw(self, pump: str, image: Image) -> float | None:
        per_a, current = self._part.kw_per_a.get(pump), image.value(self._site.actuators[pump].current)
        return self._part.pump_kw.get(pump) if per_a is None or current is None else per_a * current
