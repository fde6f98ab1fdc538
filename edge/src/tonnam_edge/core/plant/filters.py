"""When filters are due to be flushed: after so many litres or hours of pumping, or for the pressure that they take.

What unknown means: a pressure that is not read makes nothing due; litres and hours go on counting. Where nothing is
metered, litres follow from the time. A flush is a run like that of a zone: it has a deadline, its own expected flow,
and an outcome. It waits until its supply is off, and then comes before zones that began to wait later.
"""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import FilterUse, Memory, Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.plant.flow import Expected
from tonnam_edge.core.plant.pump_starts import mono_ms_of
from tonnam_edge.core.plant.runs import Run, Runs
from tonnam_edge.core.wishes import Wish
from tonnam_edge.site.plant_file import FilterPart
from tonnam_edge.site.site import Site
from tonnam_link.messages import Stamp

# The pressure must be too high for so long while the pump runs: it rises at every start for a moment.
CLOGGED_S = 10.0


class Filters:
    """The filters of a site. Times are since boot, in milliseconds."""

    def __init__(self, site: Site, memory: Memory, runs: Runs, expected: Expected) -> None:
        self._site, self._memory, self._runs, self._expected = site, memory, runs, expected
        self._clogged_since: dict[str, int] = {}
        self._counted_s: dict[str, float] = {}  # not yet remembered: that would be a write every second
        self._looked_mono_ms: int | None = None

    def look(self, image: Image) -> None:
        """Count the hours of pumping, and look at the pressures."""
        now = image.now.mono_ms
        passed_ms = 0 if self._looked_mono_ms is None else now - self._looked_mono_ms
        self._looked_mono_ms = now
        for name, part in self._site.paths.filters.items():
            supply = self._runs.supply(name)
            flushes = name in self._runs.active
            if supply.on and not flushes:
                self._counted_s[name] = self._counted_s.get(name, 0.0) + passed_ms / 1000
            self._look_at_pressure(name, part, image, pumped=supply.on and not flushes)

    def ended(self, run: Run, now: Now) -> None:
        """A run is over: its litres went through the filters of its supply; a flush makes them clean."""
        supply, zone = self._site.supply_of(run.intent.zone), run.intent.zone
        if zone in self._site.paths.filters:
            self._flushed(zone, run, now)
            return
        given_l = run.litres
        if given_l is None:
            given_l = self._expected.l_min([zone]) * run.duration_s / 60
        for name in self._site.paths.filters:
            if self._site.supply_of(name) == supply:
                use = self._use(name)
                use.litres = round(use.litres + given_l, 1)
                use.seconds = round(use.seconds + self._counted_s.pop(name, 0.0), 1)

    def wishes(self, now: Now) -> list[Wish]:
        """The flushes that are due."""
        found = []
        for name, part in self._site.paths.filters.items():
            why, rested = self._why(name, part), self._rested_mono_ms(name, part, now) <= now.mono_ms
            if why is not None and rested and name not in self._runs.active:
                found.append(Wish(name, "flush", part.seconds, why))
        return found

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When one that is due may be flushed, or has been clogged for long enough."""
        for name, part in self._site.paths.filters.items():
            at = self._rested_mono_ms(name, part, now)
            if self._why(name, part) is not None and at > now.mono_ms:
                yield at
        yield from (since + round(CLOGGED_S * 1000) for since in self._clogged_since.values())

    def _why(self, name: str, part: FilterPart) -> Text | None:
        use = self._memory.filters.get(name, FilterUse())
        hours = (use.seconds + self._counted_s.get(name, 0.0)) / 3600
        if use.clogged:
            return plant_texts.flush_for_pressure(part.above or 0.0)
        if part.every_l is not None and use.litres >= part.every_l:
            return plant_texts.flush_for_litres(use.litres)
        if part.every_h is not None and hours >= part.every_h:
            return plant_texts.flush_for_hours(hours)
        return None

    def _rested_mono_ms(self, name: str, part: FilterPart, now: Now) -> int:
        """When it may be flushed again, after one that failed or did not help. After a reboot at once: unknown time
        counts as passed."""
        use = self._memory.filters.get(name, FilterUse())
        flushed = use.flushed
        if (
            not (use.clogged or use.failed)
            or flushed is None
            or flushed.boot != now.boot
            or flushed.mono_ms > now.mono_ms
        ):
            return 0
        return mono_ms_of(flushed, now) + round(part.rest_min * 60_000)

    def _look_at_pressure(self, name: str, part: FilterPart, image: Image, *, pumped: bool) -> None:
        value = None if part.difference is None else image.value(f"{self._site.id}/{part.difference}")
        if value is None or part.above is None or value < part.above or not pumped:
            self._clogged_since.pop(name, None)
            return
        since = self._clogged_since.setdefault(name, image.now.mono_ms)
        if image.now.mono_ms - since >= CLOGGED_S * 1000 and not self._use(name).clogged:
            self._use(name).clogged = True

    def _flushed(self, name: str, run: Run, now: Now) -> None:
        """It is clean when it was flushed to the end; else it is tried again after its rest."""
        use = self._use(name)
        use.flushed, use.failed = Stamp(now.boot, now.mono_ms), run.outcome != "done"
        if not use.failed:
            use.litres, use.seconds, use.clogged = 0.0, 0.0, False
            self._counted_s.pop(name, None)

    def _use(self, name: str) -> FilterUse:
        return self._memory.filters.setdefault(name, FilterUse())
