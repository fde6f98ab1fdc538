"""All pumping stations and gates of a site, beside its zones in the same cycle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tonnam_edge.core import texts as zone_texts
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.people.people import People
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.stations import texts
from tonnam_edge.core.stations.kept import leave_unknown
from tonnam_edge.core.stations.station import Say, Station
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandState


class Stations:
    """Follows each station. Nothing here knows of zones, and no zone of this."""

    def __init__(
        self, site: Site, memory: Memory, water: Water, people: People, tell: Tell, say: Say, now: Now
    ) -> None:
        self._site, self._memory, self._water, self._people, self._say = site, memory, water, people, say
        self._held: Text | None = zone_texts.not_ready()
        self._all = {
            name: Station(part, site, memory, water.actuators, water.latches, tell, say, now)
            for name, part in site.stations.items()
        }

    def __contains__(self, name: str | None) -> bool:
        return name in self._all

    @property
    def busy(self) -> list[str]:
        """Those that another core would disturb: see `Station.busy`."""
        return [name for name, station in self._all.items() if station.busy]

    def begin(self) -> None:
        """What an earlier process was asked for is over."""
        for station in self._all.values():
            station.forget_order()

    def recall(self) -> None:
        """Take over what the memory has come to know of since."""
        for station in self._all.values():
            station.hands.recall(station.kept)

    def leave_unknown(self) -> None:
        """The memory is less than what was: what has a key or switch is left alone until that is read."""
        leave_unknown(self._memory.stations, self._site)

    def look(self, image: Image) -> None:
        """See who has which station in hand; what is in hand is not moved from now on. Comes before any proof."""
        ours = [each for each in self._all.values() if each.look(image, self._outside(each.part.id))]
        left = [name for each in self._all.values() if each.left is not None for name in each.part.moved]
        self._water.actuators.leave(left, image.now.mono_ms)
        for drive in (drive for station in ours for drive in station.drives):
            drive.begin_anew(image.now)

    def advance(self, image: Image, held: Text | None) -> None:
        """One step of each. `held`: why nothing may leave its safe state now."""
        self._held = held
        for fault in self._water.station_faults:
            for station in self._all.values():
                if fault.actuator.id in station.part.moved:
                    station.fault(fault, image)
        for station in self._all.values():
            station.advance(image, held)

    def order(self, command: Command, now: Now) -> None:
        """Do what somebody afar asks for, for as long as that is allowed; or refuse it with the reason."""
        if command.max_run_s <= 0:
            self._say(command.id, CommandState.REFUSED, zone_texts.no_time_given())
            return
        refused = self._all[command.zone].order(command.id, command.max_run_s, self._held, now)
        if refused is not None:
            self._say(command.id, CommandState.REFUSED, refused)

    def stop(self, command: Command) -> None:
        """End what was asked for: the level counts again."""
        self._say(command.id, CommandState.DONE, self._all[command.zone].stop_order())

    def standing(self) -> list[dict[str, Any]]:
        """What stands of each."""
        return [station.told() for station in self._all.values()]

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When something must be looked at again."""
        for station in self._all.values():
            yield from (at for at in station.deadlines_mono_ms(now) if at > now.mono_ms)

    def _outside(self, name: str) -> Text | None:
        """A lock-out by somebody at the site, or one that may be forgotten, or the emergency stop: nothing of the
        station is moved."""
        if self._people.emergency.pressed:
            return texts.emergency()
        for lockout in self._people.lockouts.standing():
            if lockout.zone in {None, name} and not lockout.afar:
                return texts.locked_by(lockout.who, lockout.why)
        return self._water.latches.lost()
