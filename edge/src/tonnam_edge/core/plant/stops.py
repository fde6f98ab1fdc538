"""Commands to stop, from their arrival until the water is seen to be off by its own coils."""

from __future__ import annotations

from typing import NamedTuple

from tonnam_edge.core import texts
from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.plant.runs import Runs
from tonnam_edge.limits import PROVE_S
from tonnam_edge.site.site import Actuator, Site
from tonnam_link.messages import CommandState


class Stopped(NamedTuple):
    command_id: str
    state: CommandState
    reason: Text


class Stops:
    """What somebody told to stop and has not yet been seen closed. Those of the process before are followed on."""

    def __init__(self, site: Site, memory: Memory, actuators: Actuators, runs: Runs, mono_ms: int) -> None:
        self._site, self._memory = site, memory
        self._actuators, self._runs = actuators, runs
        self._since = dict.fromkeys(memory.stops, mono_ms)

    def take_over(self, mono_ms: int) -> None:
        """Follow those, too, that the memory has come to know of since."""
        self._since = dict.fromkeys(self._memory.stops, mono_ms) | self._since

    def begin(self, command_id: str, zone: str, mono_ms: int) -> None:
        self._memory.stops[command_id] = zone
        self._since[command_id] = mono_ms

    def closed(self, zone: str, image: Image) -> bool:
        """Whether no water goes to a zone: its run is over, and its coils say off now."""
        return zone not in self._runs.active and self._not_off(zone, image) is None

    def advance(self, image: Image) -> list[Stopped]:
        """Those that have come to an end: done when all is read back as off, failed when that took too long."""
        ended = []
        for command_id, zone in list(self._memory.stops.items()):
            stopped = self._look(command_id, zone, image)
            if stopped is not None:
                ended.append(stopped)
                del self._memory.stops[command_id], self._since[command_id]
        return ended

    def _look(self, command_id: str, zone: str, image: Image) -> Stopped | None:
        if zone not in self._site.zones:  # the site file has changed since
            return Stopped(command_id, CommandState.FAILED, texts.unknown_zone(zone))
        if self.closed(zone, image):
            return Stopped(command_id, CommandState.DONE, texts.stopped_by_hand())
        actuator = self._not_off(zone, image)
        if actuator is None or zone in self._runs.active:
            return None
        if image.now.mono_ms - self._since[command_id] <= (PROVE_S + actuator.part.travel_s) * 1000:
            return None
        return Stopped(command_id, CommandState.FAILED, texts.not_proven(actuator.part.name, on=False))

    def _not_off(self, zone: str, image: Image) -> Actuator | None:
        """The valve or pump of a zone that is not seen off. A pump that now serves another zone is right."""
        part = self._site.zones[zone].part
        shared = bool(self._runs.on(self._site.supply_of(zone)))
        names = [part.valve] if part.pump is None or shared else [part.valve, part.pump]
        for name in names:
            at = image.positions[name]
            told = not self._actuators.said_open(name) and self._actuators.proven(name)
            if not told or not at.heard or at.open is True:
                return self._site.actuators[name]
        return None
