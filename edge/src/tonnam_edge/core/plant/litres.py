"""How many litres each run has had: its share of what its meter counts, or what it should have taken in its time."""

from __future__ import annotations

from collections.abc import Mapping

from tonnam_edge.core.image import Now
from tonnam_edge.core.plant.flow import Expected, Stream
from tonnam_edge.core.plant.run import Run
from tonnam_edge.site.site import Site


class Litres:
    """Counts for the runs in progress, `active`, by outlet."""

    def __init__(
        self, site: Site, streams: Mapping[str, Stream], expected: Expected, active: Mapping[str, Run]
    ) -> None:
        self._site, self._streams, self._expected, self._active = site, streams, expected, active

    def share(self, meter: str, passed_l: float) -> None:
        """Divide what a meter has counted among its outlets that are open, by what each should take."""
        stream, wet = self._streams[meter], self._wet(meter)
        total_l_min = self.wet_l_min(meter)
        for run in wet:
            if run.restarts != stream.restarts:
                run.litres = None
            elif run.litres is not None and passed_l != 0:
                run.litres += passed_l * self._expected.l_min([run.intent.zone]) / total_l_min

    def wet_l_min(self, meter: str) -> float:
        """What the runs behind a meter that have water should take."""
        return self._expected.l_min(run.intent.zone for run in self._wet(meter))

    def given_l(self, run: Run, now: Now) -> float:
        """What a run has given: as metered, else what its outlet takes in that time."""
        if run.litres is not None or run.water_from is None:
            return run.litres or 0.0
        watered_ms = now.mono_ms - run.water_from - run.paused_ms
        return self._expected.l_min([run.intent.zone]) * watered_ms / 60_000

    def _wet(self, meter: str) -> list[Run]:
        mine = set(self._site.paths.outlets_of(meter))
        return [run for zone, run in self._active.items() if run.water_from is not None and zone in mine]
