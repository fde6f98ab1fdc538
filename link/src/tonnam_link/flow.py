"""When which batch is sent: windows, time-outs, back-off and credit. Pure: no socket, no disk, no clock of its own.

Times are seconds of one monotonic clock, passed in.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tonnam_link.codec import Kind
from tonnam_link.messages import Reply, Verdict
from tonnam_link.sealing import Sealed
from tonnam_link.topics import Channel

WINDOW = 4
LIVE_S = 120.0
RESEND_S = 5.0
RESEND_MAX_S = 300.0
RESEND_ROUND_TRIPS = 4
FIRST_BACK_S = 5.0
UNASKED_BACK_S = 30.0
DICTIONARY_AGAIN_S = 5.0
HURRY_S = 2.0

Jitter = Callable[[float, float], float]


@dataclass
class Flight:
    """A batch that was sent and is not answered. `tries` counts time-outs; `asks` says that `due` is the receiver's.

    `back` tells the backlog from what is live.
    """

    sealed: Sealed
    back: bool
    offered_at: float
    sent_at: float
    due: float
    tries: int = 0
    asks: bool = False

    @property
    def channel(self) -> Channel:
        """Where it is published. Outcomes have a topic of their own in both lanes."""
        if self.sealed.kind is Kind.OUTCOMES:
            return Channel.OUTCOME
        return Channel.BACK if self.back else Channel.UP


class Flow:
    """The sender's mind."""

    def __init__(self, jitter: Jitter = random.uniform) -> None:
        self._jitter = jitter
        self._live: deque[tuple[Sealed, float]] = deque()
        self._flights: dict[int, Flight] = {}
        self._dictionary_at: dict[str, float] = {}
        self._window = WINDOW
        self._credit = 0
        self._back_at = 0.0
        self.round_trip_s: float | None = None

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

    def connected(self, now: float) -> None:
        """A new connection: what was unanswered may never have arrived."""
        for flight in self._flights.values():
            flight.due, flight.tries = now, 0
        self._credit = 0
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
        return self._back_is_free() and (self._credit > 0 or now >= self._back_at)

    def send_back(self, sealed: Sealed, now: float) -> Flight:
        """Take the batch as the one of the backlog that is under way."""
        self._credit = max(0, self._credit - 1)
        self._back_at = now + UNASKED_BACK_S * self._jitter(0.75, 1.25)
        flight = Flight(sealed, True, now, now, now + self._patience(0))
        self._flights[sealed.sequence] = flight
        return flight

    def no_backlog(self, now: float) -> None:
        """There is nothing to send back; ask again when something may have aged."""
        self._back_at = now + UNASKED_BACK_S

    def forget(self, sequence: int) -> None:
        """The batch is not in the outbox any more."""
        self._flights.pop(sequence, None)

    def sent_at(self, sequence: int) -> float | None:
        """When the batch was sent, if it was sent only once."""
        flight = self._flights.get(sequence)
        return None if flight is None or flight.tries else flight.sent_at

    def answered(self, reply: Reply, now: float) -> str | None:
        """Learn from a reply of our epoch. Returns the hash of a dictionary that must be sealed and offered."""
        self._credit = reply.back_credit
        flight = self._flights.get(reply.sequence)
        sent_at = self.sent_at(reply.sequence)
        if sent_at is not None:
            self._measure(now - sent_at)
        self._hurry(now)
        if reply.verdict.releases:
            self._delivered(reply.sequence, now)
        elif flight is not None:
            flight.asks = True
            flight.tries = 0
            if reply.verdict is Verdict.BUSY:
                flight.due = now + max(1.0, reply.retry_s) * self._jitter(1.0, 1.25)
            else:
                flight.due = now + self._patience(0)
                return self._dictionary_due(flight.sealed.dictionary, now)
        return None

    def next_at(self, now: float) -> float:
        """When `to_send` or `wants_backlog` should be asked again at the latest."""
        times = [flight.due for flight in self._flights.values()]
        if self._back_is_free():
            times.append(self._back_at)
        return min(times, default=now + RESEND_S)

    def _back_is_free(self) -> bool:
        return not any(flight.back for flight in self._flights.values())

    def _age(self, now: float) -> None:
        """What is no longer live leaves its window and becomes backlog; it is in the outbox anyway."""
        if self._live and now - self._live[0][1] > LIVE_S:
            self._live = deque(
                (sealed, at) for sealed, at in self._live if now - at <= LIVE_S or sealed.kind is Kind.OUTCOMES
            )
        for flight in list(self._flights.values()):
            if flight.channel is Channel.UP and now - flight.offered_at > LIVE_S:
                del self._flights[flight.sealed.sequence]

    def _sent_again(self, flight: Flight, now: float) -> None:
        if not flight.asks:
            flight.tries += 1
            if flight.channel is Channel.UP:
                self._window = max(1, self._window // 2)
        flight.asks = False
        flight.due = now + self._patience(flight.tries)

    def _first_sends(self, now: float) -> Iterator[Flight]:
        waiting, self._live = self._live, deque()
        for sealed, offered_at in waiting:
            flight = Flight(sealed, False, offered_at, now, now + self._patience(0))
            if sealed.sequence in self._flights:
                continue
            if not self._has_room(flight):
                self._live.append((sealed, offered_at))
                continue
            self._flights[sealed.sequence] = flight
            yield flight

    def _has_room(self, flight: Flight) -> bool:
        """Outcomes have a window of their own; a dictionary goes at once, because others wait for it."""
        if flight.sealed.kind is Kind.DICTIONARY:
            return True
        return self._unanswered(flight.channel) < (self._window if flight.channel is Channel.UP else WINDOW)

    def _unanswered(self, channel: Channel) -> int:
        live = (flight for flight in self._flights.values() if not flight.back)
        return sum(flight.channel is channel and flight.sealed.kind is not Kind.DICTIONARY for flight in live)

    def _patience(self, tries: int) -> float:
        shortest = max(RESEND_S, RESEND_ROUND_TRIPS * (self.round_trip_s or 0.0))
        return min(RESEND_MAX_S, shortest * 2.0 ** min(tries, 10)) * self._jitter(1.0, 1.25)

    def _measure(self, round_trip_s: float) -> None:
        known = self.round_trip_s
        self.round_trip_s = round_trip_s if known is None else known + (round_trip_s - known) / 8

    def _hurry(self, now: float) -> None:
        """The receiver lives: what timed out need not wait for long."""
        for flight in self._flights.values():
            if flight.tries and not flight.asks:
                flight.due = min(flight.due, now + self._jitter(0.0, HURRY_S))

    def _delivered(self, sequence: int, now: float) -> None:
        flight = self._flights.pop(sequence, None)
        if flight is None:
            return
        if flight.channel is Channel.UP:
            self._window = min(WINDOW, self._window + 1)
        if flight.sealed.kind is Kind.DICTIONARY:
            for other in self._flights.values():
                if other.asks and other.sealed.dictionary == flight.sealed.dictionary:
                    other.due = now

    def _dictionary_due(self, name: str | None, now: float) -> str | None:
        """The dictionary, unless it is under way or went a moment ago."""
        if name is None or now - self._dictionary_at.get(name, -DICTIONARY_AGAIN_S) < DICTIONARY_AGAIN_S:
            return None
        self._dictionary_at[name] = now
        return name
