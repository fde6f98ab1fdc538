"""What pumps' currents and the water after them prove: contacts that are welded, and pumps that run dry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Latches, LatchKind
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.plant.flow import Expected
from tonnam_edge.core.plant.runs import Runs
from tonnam_edge.core.plant.supply import Supply
from tonnam_edge.limits import CURRENT_SETTLES_S, DECAY_S, DRY_S, WELD_LOOK_S
from tonnam_edge.site.site import Site

# A pump that does not stop gives as much as before; water that falls from a tank through it gives less.
AS_BEFORE = 0.9
BEFORE_S = 20.0
# One reading may be older than the switch that explains it: a pump draws when all read over so long say so.
DRAWS_S = 3.0
# Without `runs_above`: a drive at rest draws less than this share of what its pump does, and a pump more than that.
STANDBY_SHARE, LEAST_A = 1 / 3, 0.5
# The current at the start of a pump is several times that of its running.
STARTED_S = 5.0


class OnAuto(NamedTuple):
    """A zone's switch that says that it is on auto: for how long without a break, and when it was read. Times since
    boot, in milliseconds."""

    since: int
    read: int


Fail = Callable[[Supply, Text, Now], None]
"""Turns a supply off at once because something on it is not as it was told."""


class Motors:
    """Watches the pumps. Times are since boot, in milliseconds."""

    def __init__(
        self,
        site: Site,
        memory: Memory,
        runs: Runs,
        expected: Expected,
        actuators: Actuators,
        latches: Latches,
        fail: Fail,
    ) -> None:
        self._site, self._memory, self._runs, self._expected = site, memory, runs, expected
        self._actuators, self._latches, self._fail = actuators, latches, fail
        self._dry_since: dict[str, int] = {}
        self._stood: set[str] = set()  # pumps whose current was seen to fall since they were told to stop
        self._draws_since: dict[str, int] = {}  # since when every reading of a pump that is off says that it draws
        self._drew_a: dict[str, float] = {}  # the most that each pump has drawn since the start of this process

    def look_for_weld(
        self, supply: Supply, image: Image, on_auto: Mapping[str, OnAuto], *, by_hand: bool, sure: bool
    ) -> None:
        """The relay is off, and water or current goes on: the contactor in series is opened with the rest. Unless it
        is `sure` that nobody waters by hand, water says nothing."""
        off = supply.pump is not None and self._actuators.held(supply.pump.id) is False
        if not off:
            self._stood.discard(supply.name)
        if supply.pump is None or not off or by_hand:
            self._draws_since.pop(supply.name, None)
            return
        flows_on = self._flows_on(supply, image) and sure
        if flows_on or self._draws_on(supply, image, on_auto):
            text = plant_texts.welded(supply.pump.part.name)
            if self._latches.set(LatchKind.WELDED, supply.pump.id, image.now, text):
                self._fail(supply, text, image.now)

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When a pump that is off and draws must be read again, until that is known to be a weld or not."""
        drawing = (first for first in self._draws_since.values() if now.mono_ms - first <= WELD_LOOK_S * 1000)
        return (now.mono_ms + 1000 for _ in drawing)

    def watch_currents(self, image: Image) -> None:
        """A pump that runs but draws little has no water. It is the witness that needs no level and no meter."""
        for supply in self._runs.supplies.values():
            self._learn(supply, image)
            supply.may_draw = supply.contactor is not None and self._may_draw(supply, image)
            pump = supply.pump
            if pump is None or pump.part.dry_below is None or not supply.on:
                self._dry_since.pop(supply.name, None)
                continue
            current = image.value(pump.current)
            fresh = image.read_mono_ms.get(pump.current or "", 0) > supply.on_since
            if current is None or not fresh or current >= pump.part.dry_below:
                self._dry_since.pop(supply.name, None)
                continue
            since = self._dry_since.setdefault(supply.name, image.now.mono_ms)
            if image.now.mono_ms - since >= DRY_S * 1000:
                reason = plant_texts.runs_dry(current)
                self._latches.set(LatchKind.NO_FLOW, pump.id, image.now, reason)
                self._runs.stop_all("failed", reason, image.now, supply.name)

    def _flows_on(self, supply: Supply, image: Image) -> bool:
        """Whether as much water goes on as before, long after the pump was proven off.

        Where its current says that it stands, water falls through it from a higher tank, and closing the valves ends
        that.
        """
        zones = [run.intent.zone for run in self._runs.on(supply.name)]
        stream = self._runs.stream(supply.outlets[0])
        off_at = None if supply.pump is None else self._actuators.proven_mono_ms(supply.pump.id)
        if stream is None or not supply.flows_on or not zones or supply.stopped_at is None or off_at is None:
            return False
        supply.flows_on = False
        if self._runs_by_current(supply, image) is False:
            return False
        now, stopped = image.now.mono_ms, supply.stopped_at
        litres, from_mono_ms = stream.since(now - round(CURRENT_SETTLES_S * 1000))
        l_min = litres / ((now - from_mono_ms) / 60_000)
        enough = l_min >= stream.part.low_pct / 100 * self._expected.l_min(zones)
        if stopped - supply.on_since < BEFORE_S * 1000:
            return enough
        settled = off_at + round(DECAY_S * 1000)
        pulse_l_min = stream.step_l / ((now - settled) / 60_000)
        before_l_min = stream.l_min(stopped - round(BEFORE_S * 1000), stopped)
        return enough and stream.l_min(settled, now) + pulse_l_min >= AS_BEFORE * before_l_min

    def _draws_on(self, supply: Supply, image: Image, on_auto: Mapping[str, OnAuto]) -> bool:
        """Whether the pump draws current some seconds after it was proven off, and after its zones' switches have
        settled on auto; also when that was long ago or by an earlier process. No single reading says so."""
        pump, above = supply.pump, self._runs_above(supply)
        current = self._current(supply, image)
        off_at = None if pump is None else self._actuators.proven_mono_ms(pump.id)
        if pump is None or above is None or current is None or off_at is None or current < above:
            self._draws_since.pop(supply.name, None)
            if self._runs_by_current(supply, image) is False:
                self._stood.add(supply.name)
            return False
        read = image.read_mono_ms.get(pump.current or "", 0)
        begins = max([off_at, *(on_auto[zone].since for zone in supply.outlets if zone in on_auto)])
        if read < begins:
            return False
        first = self._draws_since.get(supply.name, read)
        self._draws_since[supply.name] = first = first if first >= begins else read
        settled = read >= begins + round(CURRENT_SETTLES_S * 1000) and read - first >= DRAWS_S * 1000
        return settled and self._nobody_else_runs(supply, on_auto, first)

    def _nobody_else_runs(self, supply: Supply, on_auto: Mapping[str, OnAuto], drew_from: int) -> bool:
        """Whether no hand at the cabinet explains what a pump draws since then.

        One that was not seen to stand since it was told to stop goes on by itself. One that stood and draws again was
        started by somebody, unless every zone has a switch that was read since and is on auto. What an earlier
        process has stopped is known no better than by the switches that there are.
        """
        zones = [name for name in supply.outlets if name in self._site.zones]
        switched = [name for name in zones if self._site.zones[name].part.mode is not None]
        told = all(name in on_auto and on_auto[name].read > drew_from for name in switched)
        if supply.name in self._stood:
            return told and switched == zones
        return told or supply.stopped_at is not None

    def _may_draw(self, supply: Supply, image: Image) -> bool:
        """Whether a pump that was told to stop is yet to be seen standing: once its contactor is open, nobody can see
        any more that its own contact is welded."""
        pump, above, current = supply.pump, self._runs_above(supply), self._current(supply, image)
        if pump is None or self._actuators.said_open(pump.id) or above is None or current is None:
            return False
        off_at, read = self._actuators.proven_mono_ms(pump.id), image.read_mono_ms.get(pump.current or "", 0)
        return off_at is None or read < off_at + 1000 or current >= above

    def _runs_by_current(self, supply: Supply, image: Image) -> bool | None:
        """Whether the pump's motor runs still, by its current some seconds after it was proven off: on a board that
        was silent it went on until then. None when that is not known."""
        pump, above, current = supply.pump, self._runs_above(supply), self._current(supply, image)
        if pump is None or above is None or current is None:
            return None
        off_at, read = self._actuators.proven_mono_ms(pump.id), image.read_mono_ms.get(pump.current or "", 0)
        if off_at is None or read < off_at + round(CURRENT_SETTLES_S * 1000):
            return None
        return current >= above

    def _current(self, supply: Supply, image: Image) -> float | None:
        return None if supply.pump is None else image.value(supply.pump.current)

    def _learn(self, supply: Supply, image: Image) -> None:
        """What the pump draws while it is told to run, once it has started."""
        pump, current = supply.pump, self._current(supply, image)
        if pump is None or current is None or not supply.on:
            return
        if image.read_mono_ms.get(pump.current or "", 0) > supply.on_since + round(STARTED_S * 1000):
            self._drew_a[supply.name] = max(current, self._drew_a.get(supply.name, 0.0))

    def _runs_above(self, supply: Supply) -> float | None:
        """From which current on the motor runs, in amperes: as the site file says, else above what a drive draws at
        rest, by what the pump has drawn. None before it has run: then a current says nothing of it."""
        if supply.pump is None:
            return None
        if supply.pump.part.runs_above is not None:
            return supply.pump.part.runs_above
        learned = [self._memory.currents_a[name] for name in supply.outlets if name in self._memory.currents_a]
        drawn = [*learned, *([self._drew_a[supply.name]] if supply.name in self._drew_a else [])]
        return max(LEAST_A, STANDBY_SHARE * min(drawn)) if drawn else None
