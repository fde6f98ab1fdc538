"""When which batch is sent: windows, time-outs, back-off and credit. Pure: no socket, no disk, no clock of its own.

Times are seconds of one monotonic clock, passed in.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tonnam_link.messages import Reply, Verdict
from tonnam_link.outbox.sealing import Sealed
from tonnam_link.topics import Channel
from tonnam_link.wire.codec import Kind

WINDOW = 4
LIVE_S = 120.0
RESEND_S = 5.0
RESEND_MAX_S = 300.0
RESEND_ROUND_TRIPS = 4
SLOWEST_BYTES_S = 1_500
MOST_CAUTION = 3
FIRST_BACK_S = 5.0
UNASKED_BACK_S = 15.0
LOOK_AGAIN_S = 5.0
CREDIT_S = 10.0
DICTIONARY_AGAIN_S = 5.0
HURRY_S = 2.0
STUCK_AFTER = 2
MOST_STUCK = 4

Jitter = Callable[[float, float], float]


@dataclass
class Flight:
    """A batch that was sent and is not answered. `tries` counts time-outs; `asks` says that `due` is the receiver's.

    `back` tells the backlog from what is live. `refusals` counts the times that the receiver was busy, the last at
    `refused_at`; `oddities` those of them since which it had taken others of the kind, and those that it still lacked
    the dictionary.
    """

    sealed: Sealed
    back: bool
    offered_at: float
    sent_at: float
    due: float
    tries: int = 0
    asks: bool = False
    refusals: int = 0
    refused_at: float = 0.0
    oddities: int = 0

    @property
    def stuck(self) -> bool:
        """Whether the receiver takes others, but not this one. They need not wait for it."""
        return self.oddities >= STUCK_AFTER

    @property
    def channel(self) -> Channel:
        """Where it is published. Outcomes have a topic of their own in both lanes."""
        if _is_outcomes(self.sealed):
            return Channel.OUTCOME
        return Channel.BACK if self.back else Channel.UP


@dataclass
class Pace:
    """What is known of the round trips of a lane.

    `caution` is how many time-outs the last batch needed: until one is answered that was sent only once, nobody knows
    how long a round trip is, and the next waits as long as the last one had to (Karn's rule).
    """

    round_trip_s: float | None = None
    caution: int = 0

    def measured(self, seconds: float) -> None:
        known = self.round_trip_s
        self.round_trip_s = seconds if known is None else known + (seconds - known) / 8
        self.caution = 0


class Flow:
    """The sender's mind."""

    def __init__(self, jitter: Jitter = random.uniform) -> None:
        self._jitter = jitter
        self._live: deque[tuple[Sealed, float]] = deque()
        self._flights: dict[int, Flight] = {}
        self._dictionary_at: dict[str, float] = {}
        self._urgent: set[int] = set()
        self._taken_at: dict[Kind, float] = {}
        self._window = WINDOW
        self._credit_until = 0.0
        self._back_at = 0.0
        self._idle = False
        self._bytes_per_s = float(SLOWEST_BYTES_S)
        self._paces = {False: Pace(), True: Pace()}

    @property
    def window(self) -> int:
        """How many `up` batches may be unanswered just now."""
        return self._window

    @property
    def busy_with(self) -> set[int]:
        """The sequences that wait to go live or for their answer: not to be taken as backlog."""
        return {*self._flights, *(sealed.sequence for sealed, _ in self._live)}

    def offer(self, batches: Iterable[Sealed], now: float) -> None:
        """Batches that were sealed just now; they go live."""
        self._age(now)
        self._live.extend((sealed, now) for sealed in batches)

    def offer_dictionary(self, sealed: Sealed, now: float) -> None:
        """The dictionary that `answered` asked for: it goes at once, because others wait for it."""
        self._urgent.add(sealed.sequence)
        self.offer([sealed], now)

    def connected(self, now: float) -> None:
        """A new connection: what was unanswered may never have arrived."""
        for flight in self._flights.values():
            flight.due, flight.tries, flight.refusals, flight.oddities = now, 0, 0, 0
            if flight.back:  # it is large, and others connect just now, too
                flight.due = now + self._jitter(0.0, FIRST_BACK_S)
        self._credit_until = now
        self._back_at = now + self._jitter(0.0, FIRST_BACK_S)

    def to_send(self, now: float) -> list[Flight]:
        """What must be sent now, on its channel, already counted as sent."""
        self._age(now)
        again = [flight for flight in self._flights.values() if flight.due <= now]
        for flight in again:
            self._sent_again(flight, now)
        return again + list(self._first_sends(now))

    def wants_backlog(self, now: float) -> bool:
        """Whether one batch of the backlog may go now."""
        return self._back_is_free() and (now < self._credit_until or now >= self._back_at)

    def send_back(self, sealed: Sealed, now: float) -> Flight:
        """Take the batch as the one of the backlog that is under way."""
        self._idle = False
        self._credit_until = now
        self._back_at = now + UNASKED_BACK_S * self._jitter(0.75, 1.25)
        return self._take_off(Flight(sealed, True, now, now, now), now)

    def no_backlog(self, now: float) -> None:
        """There is nothing to send back; ask again when something may have aged."""
        self._idle = True
        self._credit_until = now
        self._back_at = now + LOOK_AGAIN_S

    def backlog_came(self, now: float) -> None:
        """There may be something to send back again. Whoever had nothing has no turn and must ask."""
        if self._idle:
            self._back_at = min(self._back_at, now + self._jitter(0.0, FIRST_BACK_S))

    def lives(self, now: float) -> None:
        """The receiver was heard, though not about any of our batches: what timed out need not wait for long."""
        self._hurry(now)

    def more_backlog(self, now: float) -> None:
        """Something was sealed that does not go live: one batch may go without being asked for."""
        self._back_at = min(self._back_at, now)

    def forget(self, sequence: int) -> None:
        """The batch is not in the outbox any more."""
        self._flights.pop(sequence, None)
        self._urgent.discard(sequence)

    def sent_at(self, sequence: int) -> float | None:
        """When the batch was sent, if it was sent only once."""
        flight = self._flights.get(sequence)
        return None if flight is None or flight.tries else flight.sent_at

    def answered(self, reply: Reply, now: float) -> str | None:
        """Learn from a reply of our epoch. Returns the hash of a dictionary that must be sealed and offered."""
        self._credit_until = now + CREDIT_S if reply.back_credit else now
        flight = self._flights.get(reply.sequence)
        if flight is not None:
            self._learn(flight, now)
        self._hurry(now)
        if reply.verdict.releases:
            self._delivered(reply, now)
        elif flight is not None:
            flight.asks, flight.tries = True, 0
            if reply.verdict is Verdict.BUSY:
                self._refused(flight, reply.retry_s, now)
            else:
                flight.due = now + self._growing(self._shortest(flight.back), flight.oddities - 1)
                flight.oddities += 1
                return self._dictionary_due(flight.sealed.dictionary, now)
        return None

    def next_at(self, now: float) -> float:
        """When `to_send` or `wants_backlog` should be asked again at the latest."""
        times = [flight.due for flight in self._flights.values()]
        if self._back_is_free():
            times.append(now if now < self._credit_until else self._back_at)
        return min(times, default=now + RESEND_S)

    def _back_is_free(self) -> bool:
        stuck = [flight.stuck for flight in self._flights.values() if flight.back]
        return all(stuck) and len(stuck) <= MOST_STUCK

    def _age(self, now: float) -> None:
        """What is no longer live leaves its window and becomes backlog; it is in the outbox anyway."""
        if self._live and now - self._live[0][1] > LIVE_S:
            self._live = deque(
                (sealed, at) for sealed, at in self._live if now - at <= LIVE_S or _is_outcomes(sealed)
            )
        for flight in list(self._flights.values()):
            if flight.channel is Channel.UP and now - flight.offered_at > LIVE_S:
                self.forget(flight.sealed.sequence)

    def _sent_again(self, flight: Flight, now: float) -> None:
        if not flight.asks:
            flight.tries += 1
            if flight.channel is Channel.UP:
                self._window = max(1, self._window // 2)
        flight.asks = False
        flight.sent_at = now
        flight.due = now + self._patience(flight)

    def _first_sends(self, now: float) -> Iterator[Flight]:
        waiting, self._live = self._live, deque()
        for sealed, offered_at in waiting:
            flight = Flight(sealed, False, offered_at, now, now)
            if sealed.sequence in self._flights:
                continue
            if not self._has_room(flight):
                self._live.append((sealed, offered_at))
                continue
            yield self._take_off(flight, now)

    def _take_off(self, flight: Flight, now: float) -> Flight:
        self._flights[flight.sealed.sequence] = flight
        flight.due = now + self._patience(flight)
        return flight

    def _has_room(self, flight: Flight) -> bool:
        """Outcomes have a window of their own; a dictionary needs none."""
        if flight.sealed.sequence in self._urgent:
            return True
        return self._unanswered(flight.channel) < (self._window if flight.channel is Channel.UP else WINDOW)

    def _unanswered(self, channel: Channel) -> int:
        live = (flight for flight in self._flights.values() if not flight.back and flight.channel is channel)
        waiting = (flight for flight in live if channel is Channel.UP or not flight.stuck)
        return sum(flight.sealed.sequence not in self._urgent for flight in waiting)

    def _patience(self, flight: Flight) -> float:
        return self._growing(self._shortest(flight.back), max(flight.tries, self._paces[flight.back].caution))

    def _growing(self, seconds: float, doublings: int) -> float:
        return min(RESEND_MAX_S, seconds * 2.0 ** min(max(0, doublings), 10)) * self._jitter(1.0, 1.25)

    def _shortest(self, back: bool) -> float:
        """How long an answer may take: as it took before, and as the line needs for all that is under way."""
        under_way = sum(flight.sealed.size for flight in self._flights.values())
        round_trip_s = self._paces[back].round_trip_s or 0.0
        return max(RESEND_S, RESEND_ROUND_TRIPS * round_trip_s, under_way / self._bytes_per_s)

    def _learn(self, flight: Flight, now: float) -> None:
        pace = self._paces[flight.back]
        if flight.tries:
            pace.caution = max(pace.caution, min(flight.tries, MOST_CAUTION))
        elif not flight.asks:
            took_s = now - flight.sent_at
            pace.measured(took_s)
            if flight.back:
                self._bytes_per_s = max(SLOWEST_BYTES_S, flight.sealed.size / max(took_s, 0.001))

    def _refused(self, flight: Flight, retry_s: float, now: float) -> None:
        """Leave a busy receiver alone for as long as it asks, and longer the oftener it refuses."""
        if flight.refusals and self._taken_at.get(flight.sealed.kind, 0.0) > flight.refused_at:
            flight.oddities += 1
        flight.refusals += 1
        flight.refused_at = now
        flight.due = now + self._growing(max(1.0, retry_s), flight.refusals - 2)

    def _hurry(self, now: float) -> None:
        """The receiver lives: what timed out need not wait for long, but it may still be with the receiver."""
        for flight in self._flights.values():
            if flight.tries and not flight.asks and now - flight.sent_at >= self._shortest(flight.back):
                flight.due = min(flight.due, now + self._jitter(0.0, HURRY_S))

    def _delivered(self, reply: Reply, now: float) -> None:
        """The receiver takes batches of this kind, and has their dictionary: others need not wait for that."""
        flight = self._flights.get(reply.sequence)
        self.forget(reply.sequence)
        if flight is None:
            return
        if flight.channel is Channel.UP:
            self._window = min(WINDOW, self._window + 1)
        self._taken_at[flight.sealed.kind] = now
        for other in self._flights.values():
            if not other.asks or other.stuck:
                continue
            if other.refusals and other.sealed.kind is flight.sealed.kind:
                other.due = min(other.due, now + self._jitter(0.0, HURRY_S))
            elif not other.refusals and other.sealed.dictionary == flight.sealed.dictionary:
                other.due = now

    def _dictionary_due(self, name: str | None, now: float) -> str | None:
        """The dictionary, unless it is under way or went a moment ago."""
        if name is None or now - self._dictionary_at.get(name, -DICTIONARY_AGAIN_S) < DICTIONARY_AGAIN_S:
            return None
        self._dictionary_at[name] = now
        return name


def _is_outcomes(sealed: Sealed) -> bool:
    """Outcomes of our own, or of a node behind us."""
    return Kind.OUTCOMES in {sealed.kind, sealed.inner}
