"""One pump or gate of a station: how it is moved, and what keeps it from moving now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tonnam_edge.core.boots import CLOCK_DOUBT_MS
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.stations import texts
from tonnam_edge.core.stations.kept import StationKept
from tonnam_edge.limits import WAIT_AFTER_FAULT_S
from tonnam_edge.site.site import Actuator
from tonnam_edge.site.station_file import StationPart
from tonnam_link.messages import Stamp

HOUR_MS = 3_600_000
# A deadline that can be set anew is, when this share of it is over: the board misses three before it ends it.
RENEW_AFTER = 0.25


class No(NamedTuple):
    """Why something does not move. `key` says the same without the numbers in it."""

    key: str
    text: Text


class Drive:
    """Active is what it does from `start_cm` up: a pump runs, a gate is as `above` says. Times are since boot, in ms.

    What is held out of its safe state is held by a deadline of its board, which is set anew again and again.
    """

    def __init__(
        self, actuator: Actuator, station: StationPart, memory: Memory, actuators: Actuators, now: Now
    ) -> None:
        self.actuator, self.name, self.words = actuator, actuator.id, actuator.part.name
        self._station, self._memory, self._actuators = station, memory, actuators
        self.safe_active = actuator.part.safe_open is station.opens_above
        verified = actuator.part.renewable == "verified"
        self._hold_s = station.hold_s if verified else actuator.timer_s or station.hold_s
        self._renews = verified
        self._moved_ms: int | None = None  # when it was last moved for a reason of the station's own
        self._fault_until = 0
        self.since_ms = now.mono_ms  # when it was last told to be other than before
        self._said_active = self.active
        self.retry_ms = 0  # drew no water: it rests until then
        self.retry_why: Text | None = None
        self._retry_blind = False
        self._brought_to_safety(now)

    @property
    def active(self) -> bool:
        """Whether it was told to be as from `start_cm` up."""
        return self._actuators.said_open(self.name) is self._station.opens_above

    @property
    def proven(self) -> bool:
        """Whether its coil has been read back as it was told."""
        return self._actuators.proven(self.name)

    @property
    def state(self) -> str:
        """What it was told to be, as `texts.STATES` has it."""
        return self.word(active=self.active)

    def word(self, *, active: bool) -> str:
        """What active or not active is called."""
        is_open = active is self._station.opens_above
        if self.actuator.part.turns:
            return "on" if is_open else "off"
        return "open" if is_open else "closed"

    def observe(self, now: Now) -> None:
        """Notice that something else has brought it into its safe state: a start, a deadline, an end."""
        self._prune(now)
        if self.active is not self._said_active:
            self._brought_to_safety(now)

    def begin_anew(self, now: Now) -> None:
        """Somebody has had it in hand; from now on it is ours again."""
        self._brought_to_safety(now)

    def move(self, now: Now, *, active: bool, for_level: bool = True) -> None:
        """Move it. `for_level`: then the least times count from now."""
        if active is self.safe_active:
            self._actuators.to_safety(self.name, now.mono_ms)
        else:
            self._actuators.hold_out(self.name, self._hold_s, now.mono_ms)
        self._said_active, self.since_ms = self.active, now.mono_ms
        self._moved_ms = now.mono_ms if for_level else None
        self._note(now)

    def tend(self, image: Image) -> None:
        """Set its deadline anew while it is held out of its safe state, where that is known to work.

        Not while its board is silent: it would be believed to hold what it has long let go.
        """
        now, until = image.now, self._actuators.held_until_mono_ms(self.name)
        if until is None or not (self._renews and self.proven and image.positions[self.name].heard):
            return
        if until - now.mono_ms <= (1 - RENEW_AFTER) * self._hold_s * 1000:
            self._actuators.hold_out(self.name, self._hold_s, now.mono_ms)

    def fault(self, now: Now, *, moved: bool) -> None:
        """It is not as it was told: into its safe state, and wait there. `moved`: something else has moved it."""
        self._fault_until = now.mono_ms + round(WAIT_AFTER_FAULT_S * 1000)
        self._actuators.to_safety(self.name, now.mono_ms, again=moved)
        self.observe(now)

    def rest_dry(self, until_mono_ms: int, why: Text, *, blind: bool) -> None:
        """It drew no water: it rests until then. `blind`: nobody measures whether the intake has some."""
        self.retry_ms, self.retry_why, self._retry_blind = until_mono_ms, why, blind

    def forget_blind_trial(self) -> None:
        """The intake is known to have water: what it drew while that was not known says nothing any more."""
        if self._retry_blind:
            self.retry_ms, self._retry_blind = 0, False

    def may_not_move(self, now: Now, *, active: bool, flooded: bool = False) -> No | None:
        """Why it stays as it is, though its level wants it moved; or None. In a flood a motor's wear counts less."""
        to_safety = active is self.safe_active
        if not to_safety and (stands := self.may_not_leave(now)) is not None:
            return stands
        stops = self.actuator.part.turns and not active
        least_s = self._station.least_off_s if active else self._station.least_on_s
        moved_ms = self._moved_ms if stops or not to_safety else None  # into safety nothing waits but for its motor
        if moved_ms is not None and now.mono_ms - moved_ms < least_s * 1000:
            return No(f"stays:{self.name}", texts.stays(self.words, least_s))
        return self._may_not_start(now, flooded=flooded) if active else self._must_run_on(now)

    def may_not_leave(self, now: Now) -> No | None:
        """Why it may not leave its safe state now, or None. It must have been read back there first."""
        if now.mono_ms < self._fault_until:
            return No("fault", texts.waits_after_fault())
        return None if self._actuators.safe([self.name]) else No("begins", texts.begins())

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When it must be looked at again."""
        until = self._actuators.held_until_mono_ms(self.name)
        if until is not None:
            yield until - round((1 - RENEW_AFTER if self._renews else 0.0) * self._hold_s * 1000)
        if self._moved_ms is not None:
            least_s = self._station.least_on_s if self.active else self._station.least_off_s
            yield self._moved_ms + round(least_s * 1000)
        yield from (self._fault_until, self.retry_ms)
        stopped = self._memory.pump_stops.get(self.name)
        if stopped is not None:
            yield _at(stopped, now) + round((self.actuator.part.rest_s or 0.0) * 1000)
        yield from (self._began(start, now) + HOUR_MS for start in self._lately(now))

    def _may_not_start(self, now: Now, *, flooded: bool) -> No | None:
        rest_s, most = self.actuator.part.rest_s or 0.0, self.actuator.part.starts_per_hour
        stopped = self._memory.pump_stops.get(self.name)
        if stopped is not None and now.mono_ms - _at(stopped, now) < rest_s * 1000:
            return No(f"rests:{self.name}", texts.rests(self.words, rest_s))
        if most is not None and not flooded and len(self._lately(now)) >= most:
            return No(f"starts:{self.name}", texts.starts_used(self.words, most))
        return None

    def _must_run_on(self, now: Now) -> No | None:
        """A pump that is on in its safe state is not stopped when it could not start again."""
        most = self.actuator.part.starts_per_hour
        if not self.safe_active or most is None or len(self._lately(now)) < most:
            return None
        return No(f"runs-on:{self.name}", texts.keeps_running(self.words, most))

    def _brought_to_safety(self, now: Now) -> None:
        self._said_active, self._moved_ms, self.since_ms = self.active, None, now.mono_ms
        self._note(now)

    def _note(self, now: Now) -> None:
        """Keep in mind that it was started, or stopped, across restarts."""
        stamp, part = Stamp(now.boot, now.mono_ms), self.actuator.part
        if not self.active and part.rest_s is not None:
            self._memory.pump_stops[self.name] = stamp
        elif self.active and part.starts_per_hour is not None:
            self._memory.pump_starts[self.name] = [*self._lately(now), stamp][-part.starts_per_hour :]

    def _lately(self, now: Now) -> list[Stamp]:
        starts = (Stamp(*start) for start in self._memory.pump_starts.get(self.name, ()))
        return [start for start in starts if now.mono_ms - self._began(start, now) < HOUR_MS]

    def _prune(self, now: Now) -> None:
        """Forget the starts of more than an hour ago: after a reboot they would count as just made."""
        starts = self._memory.pump_starts.get(self.name)
        if not starts:
            return
        lately = self._lately(now)
        if len(lately) < len(starts):
            self._memory.pump_starts[self.name] = lately
        if now.sure:
            every = (self._memory.pump_starts.get(name, ()) for name in self._station.moved)
            self._kept.note_boot(now, {Stamp(*start).boot for starts in every for start in starts})

    def _began(self, start: Stamp, now: Now) -> int:
        """When that was, since boot: in an earlier boot by the clock, where it was known then and is now."""
        booted_ms = self._kept.booted_ms.get(start.boot)
        if start.boot == now.boot or booted_ms is None or not now.sure:
            return _at(start, now)
        return min(0, booted_ms + start.mono_ms + CLOCK_DOUBT_MS - (now.wall_ms - now.mono_ms))

    @property
    def _kept(self) -> StationKept:
        return self._memory.stations.setdefault(self._station.id, StationKept())


def _at(stamp: Stamp, now: Now) -> int:
    """When that was, since boot: in an earlier boot as late as can be. Unknown time counts as used."""
    return stamp.mono_ms if stamp.boot == now.boot and stamp.mono_ms <= now.mono_ms else 0
