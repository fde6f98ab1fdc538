"""Water that somebody lets run at the cabinet: metered, counted for the day, and told as a watering by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tonnam_edge.core.books import Books
from tonnam_edge.core.image import Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.people import people_texts
from tonnam_edge.site.site import Site

# Without a pulse for so long, that watering is over.
OVER_AFTER_S = 120.0
# One that goes on is told and counted so often: what a restart forgets is no more than that.
COUNT_EVERY_S = 1800.0

# Takes note of litres that somebody gave to a zone.
Poured = Callable[[str, float, Now], None]


@dataclass
class _Flow:
    """Water under way. Times since boot."""

    began: int
    newest: int
    litres: float
    zones: tuple[str, ...]


@dataclass
class Mixed:
    """What one meter counts while runs of ours are on and somebody waters by hand behind it. Litres.

    Runs get what they should take; more than `high_pct` of that is the hand's. Less than that is theirs.
    """

    passed: float = 0.0
    expected: float = 0.0
    of_runs: float = 0.0
    by_hand: bool = False  # whether there was once too much for the runs alone

    def split(self, passed_l: float, expected_l: float, most_share: float, step_l: float) -> tuple[float, float]:
        """What the runs and what the hand had since the last time, of `passed_l`. What turns out to have been the
        hand's is taken back from the runs."""
        self.passed, self.expected = self.passed + passed_l, self.expected + expected_l
        self.by_hand |= self.passed > most_share * self.expected + step_l
        of_runs = min(self.passed, self.expected) if self.by_hand else self.passed
        more, self.of_runs = of_runs - self.of_runs, of_runs
        return more, passed_l - more


class HandWater:
    """Follows the meter while zones are in hand. What a run of ours takes meanwhile is not in it, see `Mixed`."""

    def __init__(self, site: Site, books: Books, tell: Tell, new_id: Callable[[], str], poured: Poured) -> None:
        self._site, self._books, self._tell, self._new_id, self._poured = site, books, tell, new_id, poured
        self._flow: _Flow | None = None

    def look(self, zones: Sequence[str], passed_l: float, now: Now) -> None:
        """Count `passed_l`, metered since the last look, for the zones that are in hand now. Below zero: some of what
        was counted turned out to have been a run's."""
        flow = self._flow
        if flow is not None and self._is_over(flow, zones, now):
            self.end(now)
        if zones and passed_l > 0:
            if self._flow is None:
                self._flow = _Flow(now.mono_ms, now.mono_ms, 0.0, tuple(zones))
            self._flow.newest = now.mono_ms
        if zones and self._flow is not None:
            self._flow.litres = max(0.0, self._flow.litres + passed_l)

    def end(self, now: Now) -> None:
        """Tell and count what has flowed."""
        flow, self._flow = self._flow, None
        if flow is None:
            return
        whole_l_min = sum(self._site.zones[zone].part.flow_l_min for zone in flow.zones)
        seconds = flow.litres / whole_l_min * 60
        began = Now(now.wall_ms - (now.mono_ms - flow.began), flow.began, now.boot, now.sure)
        ended = Now(now.wall_ms - (now.mono_ms - flow.newest), flow.newest, now.boot, now.sure)
        for zone in flow.zones:
            litres = flow.litres * self._site.zones[zone].part.flow_l_min / whole_l_min
            self._books.use(zone, seconds, now)
            self._poured(zone, litres, now)
            self._tell_run(zone, litres, began, ended)

    def deadline_mono_ms(self) -> int | None:
        """When it must be looked at again."""
        return None if self._flow is None else self._flow.newest + round(OVER_AFTER_S * 1000)

    def _is_over(self, flow: _Flow, zones: Sequence[str], now: Now) -> bool:
        still = now.mono_ms - flow.newest >= OVER_AFTER_S * 1000
        return still or tuple(zones) != flow.zones or now.mono_ms - flow.began >= COUNT_EVERY_S * 1000

    def _tell_run(self, zone: str, litres: float, began: Now, ended: Now) -> None:
        run, duration_s = self._new_id(), round((ended.mono_ms - began.mono_ms) / 1000, 1)
        reason = people_texts.watered_by_hand()
        self._tell("run.started", began, run_id=run, zone=zone, cause="hand", planned_s=0, reason=reason)
        self._tell(
            "run.ended",
            ended,
            run_id=run,
            zone=zone,
            outcome="done",
            duration_s=duration_s,
            litres=round(litres, 1),
            reason=reason,
        )
