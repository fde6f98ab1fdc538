"""What becomes of commands: a wish for water, a stop, a latch cleared, a lock; or a refusal with its reason."""

from __future__ import annotations

from tonnam_edge.core import texts
from tonnam_edge.core.books import Books
from tonnam_edge.core.commands import Commands
from tonnam_edge.core.decide import Wish, by_hand
from tonnam_edge.core.image import Image
from tonnam_edge.core.people import people_texts
from tonnam_edge.core.people.people import People
from tonnam_edge.core.plant.stops import Stops
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.stations import texts as station_texts
from tonnam_edge.core.stations.stations import Stations
from tonnam_edge.site.site import Site
from tonnam_link.commands.refusals import Why
from tonnam_link.messages import Command, CommandAction, CommandState


class Orders:
    """Judges the commands that have come, and does all of them but those to water."""

    def __init__(
        self,
        site: Site,
        commands: Commands,
        stops: Stops,
        books: Books,
        water: Water,
        people: People,
        stations: Stations,
    ) -> None:
        self._site, self._commands, self._stops, self._books = site, commands, stops, books
        self._water, self._people, self._stations = water, people, stations

    def wishes(self, image: Image) -> list[Wish]:
        """What people want watered; everything else that they want is done or refused."""
        wishes = []
        for command in self._commands.take():
            senseless = self._commands.senseless(command)
            if command.action is CommandAction.STOP and command.zone in self._site.zones:
                self._stop(command, image)  # however late: it can only stop
            elif command.action is CommandAction.STOP and command.zone in self._stations:
                self._commands.stopped(command)
                self._stations.stop(command)
            elif not image.now.sure:
                continue  # whether it has expired cannot be told; the cloud sends it again
            elif senseless is not None:
                self._commands.turn_away(command, senseless.why, senseless.reason)
            elif self._commands.expired(command):
                self._commands.refusals.note(Why.EXPIRED)
                self._commands.say(command.id, CommandState.EXPIRED, texts.expired())
            elif command.action is CommandAction.CLEAR:
                self._clear(command, image)
            elif command.action is CommandAction.LOCK:
                self._lock(command, image)
            elif command.zone in self._stations and not self._commands.overtaken(command):
                self._stations.order(command, image.now)
            elif self._may_be_wished(command):
                zone = self._site.zones[command.zone]
                metered = self._water.metered(zone.id, image)
                wishes.append(by_hand(command, zone.part.flow_l_min, metered=metered))
        return wishes

    def _may_be_wished(self, command: Command) -> bool:
        """Whether the interlocks are to look at a command to water; if not, it is refused."""
        if self._commands.overtaken(command):
            self._commands.say(command.id, CommandState.REFUSED, texts.overtaken())
        elif command.zone not in self._site.zones:
            self._commands.say(command.id, CommandState.REFUSED, texts.unknown_zone(command.zone))
        elif command.max_run_s <= 0:
            self._commands.say(command.id, CommandState.REFUSED, texts.no_time_given())
        else:
            return True
        return False

    def _stop(self, command: Command, image: Image) -> None:
        """Stop, and keep the programs of that zone from starting again at once."""
        zone, now = command.zone, image.now
        self._books.hold(zone, now)
        self._commands.stopped(command)
        if self._stops.closed(zone, image):
            self._commands.say(command.id, CommandState.DONE, texts.already_off())
            return
        self._water.runs.stop(zone, "stopped", texts.stopped_by_hand(), now, by_hand=True)
        self._stops.begin(command.id, zone, now.mono_ms)
        self._commands.say(command.id, CommandState.RUNNING, texts.closing())

    def _clear(self, command: Command, image: Image) -> None:
        """Somebody has looked. What is still wrong is found and latched anew."""
        locked = any(lockout.id == command.latch for lockout in self._people.lockouts.standing())
        if locked:
            self._commands.say(command.id, CommandState.REFUSED, people_texts.unlock_on_site())
        elif self._water.latches.at_site_only(command.latch):
            self._commands.say(command.id, CommandState.REFUSED, people_texts.clear_on_site())
        elif self._water.latches.clear(command.latch, command.who, image.now):
            self._commands.say(command.id, CommandState.DONE, people_texts.latch_cleared())
        else:
            self._commands.say(command.id, CommandState.REFUSED, people_texts.latch_unknown())

    def _lock(self, command: Command, image: Image) -> None:
        zone = command.zone or None
        if zone in self._stations or (zone is None and not self._site.zones):
            self._commands.say(command.id, CommandState.REFUSED, station_texts.lock_at_the_site_only())
        elif zone is not None and zone not in self._site.zones:
            self._commands.say(command.id, CommandState.REFUSED, texts.unknown_zone(zone))
        elif self._people.lockouts.lock(zone, command.who, command.why, image.now, afar=True):
            self._commands.say(command.id, CommandState.DONE, people_texts.locked_now())
        else:
            self._commands.say(command.id, CommandState.REFUSED, people_texts.too_many_locks())
