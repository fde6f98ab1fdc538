"""What pumps' currents and the water after them prove: contacts that are welded, and pumps that run dry."""

from __future__ import annotations

from collections.abc import Callable

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Latches, LatchKind
from tonnam_edge.core.memory import Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.plant.flow import Expected
from tonnam_edge.core.plant.runs import Runs
from tonnam_edge.core.plant.supply import Supply
from tonnam_edge.limits import CURRENT_SETTLES_S, DECAY_S, DRY_S
from tonnam_edge.site.site import Site

# A pump that does not stop gives as much as before; water that falls from a tank through it gives less.
AS_BEFORE = 0.9
BEFORE_S = 20.0

Fail = Callable[[Supply, Text, Now], None]
"""Turns a supply off at once because something on it is not as it was told."""


class Motors:
    """Watches the pumps. Times are since boot, in milliseconds."""

    def __init__(
        self, site: Site, runs: Runs, expected: Expected, actuators: Actuators, latches: Latches, fail: Fail
    ) -> None:
        self._site, self._runs, self._expected, self._actuators = site, runs, expected, actuators
        self._latches, self._fail = latches, fail
        self._dry_since: dict[str, int] = {}
        self._stood: set[str] = set()  # pumps whose current was seen to fall since they were told to stop

    def look_for_weld(self, supply: Supply, image: Image, *, by_hand: bool) -> None:
        """The relay is off, and water or current goes on: the contactor in series is opened with the rest."""
        if supply.pump is None or self._actuators.held(supply.pump.id) is not False:
            self._stood.discard(supply.name)
            return
        if by_hand:
            return
        if self._flows_on(supply, image) or self._draws_on(supply, image):
            text = plant_texts.welded(supply.pump.part.name)
            if self._latches.set(LatchKind.WELDED, supply.pump.id, image.now, text):
                self._fail(supply, text, image.now)

    def watch_currents(self, image: Image) -> None:
        """A pump that runs but draws little has no water. It is the witness that needs no level and no meter."""
        for supply in self._runs.supplies.values():
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

    def _draws_on(self, supply: Supply, image: Image) -> bool:
        """Whether the pump draws current some seconds after it was proven off, also when that was long ago or by an
        earlier process.

        One that was seen to stand and draws again was started by somebody at the cabinet, unless every zone's switch
        there would have told of that.
        """
        runs = self._runs_by_current(supply, image)
        if runs is False:
            self._stood.add(supply.name)
        return runs is True and (supply.name not in self._stood or self._hand_is_told(supply))

    def _hand_is_told(self, supply: Supply) -> bool:
        zones = [self._site.zones[name] for name in supply.outlets if name in self._site.zones]
        return all(zone.part.mode is not None for zone in zones)

    def _may_draw(self, supply: Supply, image: Image) -> bool:
        """Whether a pump that was told to stop is yet to be seen standing: once its contactor is open, nobody can see
        any more that its own contact is welded."""
        pump = supply.pump
        if pump is None or self._actuators.said_open(pump.id) or image.value(pump.current) is None:
            return False
        off_at, read = self._actuators.proven_mono_ms(pump.id), image.read_mono_ms.get(pump.current or "", 0)
        return (
            off_at is None
            or read < off_at + 1000
            or (image.value(pump.current) or 0.0) >= (pump.part.runs_above or 0.5)
        )

    def _runs_by_current(self, supply: Supply, image: Image) -> bool | None:
        """Whether the pump's motor runs still, by its current some seconds after it was proven off: on a board that
        was silent it went on until then. None when that is not known."""
        pump = supply.pump
        if pump is None or pump.part.current is None:
            return None
        off_at, read = self._actuators.proven_mono_ms(pump.id), image.read_mono_ms.get(pump.current or "", 0)
        current = image.value(pump.current)
        if current is None or off_at is None or read < off_at + round(CURRENT_SETTLES_S * 1000):
            return None
        return current >= (pump.part.runs_above or 0.5)
