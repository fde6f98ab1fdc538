"""What must survive a restart: runs that have begun, water already given, commands already seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from tonnam_edge.core.boots import BootSeen
from tonnam_edge.core.dosing.kept import Kept as DosingKept
from tonnam_edge.core.judge import Doubt
from tonnam_edge.core.programs.kept import Kept
from tonnam_edge.core.stations.kept import StationKept
from tonnam_link.messages import Outcome, Stamp

Cause = Literal["timer", "moisture", "balance", "light", "manual", "rinse", "flush"]
Text = dict[str, str]
NOT_COUNTED_H = 1e9  # later than any hour that is counted


class Metered(msgspec.Struct, frozen=True):
    """Where a run stood when that was noted last: what flowed after that can be read off the meter by anybody.

    `counter` is the datastream of the meter's total, which showed `total_l` when the run had been given `litres`. For
    `left_s` at most water could flow from then on: until the deadline of the boards.
    """

    counter: str
    total_l: float
    litres: float
    left_s: float


class Intent(msgspec.Struct, frozen=True):
    """A run that has been decided. On disk before a valve opens."""

    run_id: str
    zone: str
    cause: Cause
    program: str | None
    command_id: str | None
    planned_s: float
    started_at_ms: int
    reason: Text
    stamp: Stamp | None = None  # then `started_at_ms` is only a guess
    planned_l: float | None = None  # it also ends after so many litres, where they are metered
    slot_ms: int | None = None  # of a timer
    metered: Metered | None = None  # None where its litres are not known
    for_person: bool = False  # a rinse that somebody's water waits for

    @property
    def by_person(self) -> bool:
        """Whether somebody waits for it who need not believe the sun's sensor."""
        return self.cause == "manual" or self.for_person


class Owed(msgspec.Struct, frozen=True):
    """What the slot of a timer has still to give: seconds that were planned and given, and its tries since.

    While `since` is not None it is yet to be found out what its last part was given. `begun_ms`: when its first part
    began, by the clock. `unfed`: it had no water, for its pump had no power. `beside`: others drew through
    its meter `since`.
    """

    slot_ms: int
    zone: str
    plan_s: float
    given_s: float
    tries: int = 0
    since: Metered | None = None
    begun_ms: int | None = None
    unfed: bool = False
    beside: bool = False


class DayUse(msgspec.Struct, frozen=True):
    """Seconds of water that a zone has had on a local day (such as "2026-11-20")."""

    day: str
    seconds: float


class Heard(msgspec.Struct, frozen=True):
    """A command that has been seen, and the last thing said of it. Forgotten some time after its expiry."""

    expires_at_ms: int
    outcome: Outcome
    issued_at_ms: int = -1
    signed_by: str = ""


class Past(msgspec.Struct):
    """Of the commands that one key has signed: when the newest was issued, the newest that is forgotten, and by zone
    the newest stop. Keys are numbered as they come into use."""

    newest_ms: int = -1
    forgotten_ms: int = -1
    stopped_ms: dict[str, int] = {}
    number: int = 0

    def joined(self, later: Past) -> Past:
        """What both of them know."""
        stopped_ms = dict(self.stopped_ms)
        for zone, at_ms in later.stopped_ms.items():
            stopped_ms[zone] = max(at_ms, stopped_ms.get(zone, -1))
        newest_ms, forgotten_ms = max(self.newest_ms, later.newest_ms), max(self.forgotten_ms, later.forgotten_ms)
        return Past(newest_ms, forgotten_ms, stopped_ms, self.number)


class Book(msgspec.Struct):
    """What is remembered by the clock: the water of a day, timers' slots, holds. It is as right as the clock was."""

    used: dict[str, DayUse] = {}
    slots: dict[str, int] = {}
    held_until_ms: dict[str, int] = {}
    # Of `slots`, by timer: what a watering by an unset clock in an earlier boot has used up, for all that is known.
    doubtful_slots: dict[str, int] = {}

    def used_s(self, zone: str, day: str) -> float:
        """Seconds of water on `day`. When the clock went back, what a later day had counts still."""
        use = self.used.get(zone)
        return use.seconds if use is not None and use.day >= day else 0.0

    def use(self, zone: str, day: str, seconds: float) -> None:
        """Add water to the day; never to an earlier one than was already counted."""
        before = self.used.get(zone)
        if before is not None and before.day >= day:
            self.used[zone] = DayUse(before.day, before.seconds + seconds)
        else:
            self.used[zone] = DayUse(day, seconds)

    def put_right(self, now_ms: int, day: str, latest_day: str, longest_hold_ms: Mapping[str, int]) -> None:
        """Mend what a clock that ran far ahead has left: it must not forbid water for years.

        What was used on a day after `latest_day` counts for `day`; a hold ends when one begun now would.
        """
        for zone, use in self.used.items():
            if use.day > latest_day:
                self.used[zone] = DayUse(day, use.seconds)
        for zone, until_ms in list(self.held_until_ms.items()):
            if until_ms <= now_ms:
                del self.held_until_ms[zone]
            elif zone in longest_hold_ms:
                self.held_until_ms[zone] = min(until_ms, now_ms + longest_hold_ms[zone])


class Done(msgspec.Struct, frozen=True):
    """Something done while the time was not known, to be entered when it is: water, a timer's slot, or a hold. `hour`
    is by `Kept.hours`; None where that is not known."""

    at: Stamp
    zone: str
    seconds: float = 0.0
    timer: str | None = None
    held: bool = False
    hour: float | None = None


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """Since which hour of `Kept.hours` a timer is known, and when it last had its turn."""

    seen_h: float
    had_h: float | None = None


class Guess(msgspec.Struct):
    """A book by the clock of a boot that does not know the time, and what was really done since it was known.

    `booted_ms` is when the boot began by that clock: another figure later on means that somebody has set it.
    `ran_on`: it goes on from where the clock of the boot before was last seen, with a night between them at most.
    """

    boot: str
    book: Book
    done: list[Done] = []
    booted_ms: int | None = None
    ran_on: bool = False


class Latch(msgspec.Struct, frozen=True):
    """Something found wrong, that stands until a person clears it. `subject` is a zone, an actuator, or the meter."""

    id: str
    kind: str
    subject: str
    set_at_ms: int
    text: Text
    stamp: Stamp | None = None  # then `set_at_ms` is only a guess


class Lockout(msgspec.Struct, frozen=True):
    """Somebody has locked a zone, or with None the whole site, until it is unlocked at the place itself.

    `off` are the zones whose switch has stood on off since, `turned` those that have then been turned to auto again.
    """

    id: str
    zone: str | None
    who: str
    why: str
    set_at_ms: int
    stamp: Stamp | None = None  # then `set_at_ms` is only a guess
    afar: bool = False
    off: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()


class Pressed(msgspec.Struct, frozen=True):
    """The emergency stop was seen pressed, and not yet released."""

    at_ms: int
    stamp: Stamp | None = None  # then `at_ms` is only a guess


class FilterUse(msgspec.Struct):
    """What has gone through a filter since it was flushed, and whether it is due for its pressure."""

    litres: float = 0.0
    seconds: float = 0.0
    clogged: bool = False
    failed: bool = False  # the last flush did not come to its end
    flushed: Stamp | None = None  # the last flush, whatever came of it


class Memory(msgspec.Struct):
    """The state on disk, as one document. New fields get defaults, so that older ones can be read."""

    runs: dict[str, Intent] = {}
    known: Book = msgspec.field(default_factory=Book)
    guess: Guess | None = None
    heard: dict[str, Heard] = {}
    doubts: dict[str, Doubt] = {}  # by datastream
    kept: Kept = msgspec.field(default_factory=Kept)  # what the programs go by
    past: dict[str, Past] = {}  # by the id of the key
    filling: list[str] = []
    stops: dict[str, str] = {}  # zones by the id of a command to stop that is not yet proven
    latches: dict[str, Latch] = {}  # by id, in the order in which they were set
    flows_l_min: dict[str, float] = {}  # what zones were found to take
    pump_starts: dict[str, list[Stamp]] = {}  # of the last hour, by pump
    pump_stops: dict[str, Stamp] = {}
    boots: list[BootSeen] = []  # since the first of these starts, this one last
    blind_l: float = 0.0  # drawn since the tank's level was last known, and until this is noted again
    lockouts: dict[str, Lockout] = {}  # by id, in the order in which they were set
    modes: dict[str, str] = {}  # where the switch of each zone was last seen
    emergency: Pressed | None = None
    dosing: DosingKept = msgspec.field(default_factory=DosingKept)
    stations: dict[str, StationKept] = {}  # pumping stations and gates, by id
    currents_a: dict[str, float] = {}  # what the pump drew while only this outlet was open, and water flowed
    power_shares: dict[str, dict[str, float]] = {}  # of the whole flow, by pump and step of power
    perhaps_burst: dict[str, list[str]] = {}  # outlets that had too much water beside a silent switch, by meter
    unproven_l: dict[str, float] = {}  # drawn since a meter was latched as standing still, by meter
    filters: dict[str, FilterUse] = {}
    owed: dict[str, Owed] = {}  # by timer
    lately: dict[str, list[tuple[float, float]]] = {}  # by zone, hours with seconds of water, see `core.proven`
    turns: dict[str, Turn] = {}  # by timer

    @property
    def book(self) -> Book:
        """The one that counts now."""
        return self.known if self.guess is None else self.guess.book

    def encode(self) -> bytes:
        return msgspec.json.encode(self, order="deterministic")

    @property
    def mark(self) -> bytes:
        """Another whenever the document is; sooner made than that."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, document: bytes) -> Memory:
        return msgspec.json.decode(document, type=cls)

    def take_over(self, older: Memory) -> None:
        """Go on with what an earlier process left, when this one has begun without it and started nothing."""
        guess = older.guess
        if self.guess is not None:  # its book was begun without what is known now: it is to be begun anew
            guess = guess or Guess("", Book())
            guess.boot = ""
            guess.done = guess.done + [msgspec.structs.replace(each, hour=None) for each in self.guess.done]
        for zone, until_ms in self.known.held_until_ms.items():
            older.known.held_until_ms[zone] = max(until_ms, older.known.held_until_ms.get(zone, 0))
        self.runs, self.known, self.guess, self.filling = older.runs, older.known, guess, older.filling
        self.doubts.update(older.doubts)
        self.kept = older.kept
        self.heard = self.heard | older.heard
        self.past = _joined(older.past, self.past)
        self.stops = older.stops | self.stops
        self.latches = older.latches | self.latches
        self.flows_l_min = older.flows_l_min | self.flows_l_min
        self.pump_starts, self.pump_stops = older.pump_starts, older.pump_stops | self.pump_stops
        self.boots = older.boots
        self.blind_l += older.blind_l
        self.lockouts = older.lockouts | self.lockouts
        self.modes = older.modes | self.modes
        self.emergency = self.emergency or older.emergency
        self.dosing = older.dosing  # nothing is dosed while the memory is unread
        self.stations = older.stations | {
            name: kept.after(older.stations.get(name)) for name, kept in self.stations.items()
        }
        self.currents_a = older.currents_a | self.currents_a
        self.power_shares = older.power_shares | self.power_shares
        self.perhaps_burst = older.perhaps_burst | self.perhaps_burst
        self.unproven_l = older.unproven_l | self.unproven_l
        self.filters = older.filters | self.filters
        self.owed, self.turns = older.owed, older.turns
        mine = {zone: sum(seconds for _, seconds in entries) for zone, entries in self.lately.items()}
        self.lately = older.lately
        for zone, seconds in mine.items():  # by hours that began anew: as new as can be
            if seconds > 0:
                self.lately[zone] = [*self.lately.get(zone, []), (NOT_COUNTED_H, seconds)]


def _joined(older: Mapping[str, Past], later: Mapping[str, Past]) -> dict[str, Past]:
    """Of each key what both know. Keys that only the later one knows came into use after all others."""
    joined = {key: past.joined(later.get(key, Past())) for key, past in older.items()}
    last = max((past.number for past in older.values()), default=0)
    for key, past in later.items():
        if key not in joined:
            joined[key] = Past(past.newest_ms, past.forgotten_ms, past.stopped_ms, last + past.number)
    return joined
