"""From a step to the outbox: first on this disk, then in custody of the link. A disk that fails is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from tonnam_edge.core import Step
from tonnam_edge.state_store import StateStore, Until, Untold
from tonnam_link.errors import LinkError
from tonnam_link.messages import Command, Event, Frame, Outcome, Stamp
from tonnam_link.node.lost import Lost
from tonnam_link.node.node_clock import NodeClock

# Frames, events and outcomes kept while a disk cannot take them; the oldest go first.
FRAMES_WAITING = 3600
WORDS_WAITING = 10_000


class Link(Protocol):
    """What the agent needs of `tonnam_link.node.uplink.Uplink`."""

    commands: asyncio.Queue[Command]

    async def accept(
        self,
        frames: Sequence[Frame] = (),
        events: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        *,
        at_once: bool = False,
    ) -> None: ...

    async def time_of(self, at_ms: int, stamp: Stamp | None) -> int | None: ...

    async def run(self) -> None: ...


class Outage:
    """Something that fails and comes back: its begin is logged once, and its end once."""

    def __init__(self, what: str, log: Any) -> None:
        self.failing = False
        self._what, self._log = what, log

    def failed(self, failure: Exception | str) -> None:
        if not self.failing:
            self._log.error(f"{self._what}.unavailable", reason=str(failure))
        self.failing = True

    def well(self) -> None:
        if self.failing:
            self._log.info(f"{self._what}.available")
        self.failing = False


class Custody:
    """Commits steps, and hands over what they tell. What cannot be done now is tried again with the next step.

    What this disk did not take is offered to the link all the same: its own may take it, or it is sent live.
    """

    def __init__(self, store: StateStore, link: Link, log: Any, *, clock: NodeClock, beat_ms: float) -> None:
        self._store, self._link, self._log = store, link, log
        self._clock, self._beat_ms = clock, beat_ms
        self._memory: bytes | None = None
        self._latest: bytes | None = None
        self._file = store.files
        self._events: deque[Event] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._frames: deque[Frame] = deque()
        self._accepted: set[int] = set()  # in the outbox, and not yet crossed off here
        self._lost = Lost(clock)
        self._tried_mono_ms = clock.mono_ms()
        self._handed = False
        self._state, self._room, self._copy = Outage("state", log), Outage("memory", log), Outage("copy", log)

    @property
    def remembers(self) -> bool:
        """Whether the disk takes what must survive this process."""
        return not self._state.failing

    @property
    def well(self) -> bool:
        """Whether what was handed over last went into the outbox, and this disk takes what must survive."""
        return self._handed and self.remembers

    async def commit(self, step: Step) -> bool:
        """Put a step on disk, with those before it that could not be. False when the disk did not take it."""
        self._memory = step.memory if step.memory is not None else self._memory
        self._latest = self._memory or self._latest
        self._outcomes.extend(step.outcomes)
        if step.frame is not None:
            self._frames.append(step.frame)
        return await self.tell(step.events)

    async def tell(self, events: Sequence[Event]) -> bool:
        """Put events on disk, with what could not be before. False when the disk did not take it."""
        self._events.extend(events)
        self._bound()
        if self._memory is None and not self._events and not self._outcomes:
            return True
        if self._store.files != self._file:  # a new one, for the old one was damaged: it knows nothing yet
            self._log.error("state.damaged", set_aside=str(self._store.set_aside), meaning="begun anew")
            self._memory, self._file = self._memory or self._latest, self._store.files
        try:
            await self._store.beside(self._store.commit, self._memory, list(self._events), list(self._outcomes))
        except sqlite3.Error as failure:
            self._state.failed(failure)
            return False
        self._state.well()
        self._follow_copy()
        self._memory = None
        self._events.clear()
        self._outcomes.clear()
        return True

    def _follow_copy(self) -> None:
        refusal = self._store.copy.refusal
        if refusal is None:
            self._copy.well()
        else:
            self._copy.failed(refusal)

    def due(self) -> bool:
        """Whether frames have waited for a beat."""
        return bool(self._frames) and self._clock.mono_ms() - self._tried_mono_ms >= self._beat_ms - 500

    async def hand_over(self, *, at_once: bool = False, last_chance: bool = False) -> bool:
        """Everything untold into the outbox. What it cannot take now stays here; False then."""
        self._tried_mono_ms = self._clock.mono_ms()
        self._handed = False
        try:
            await self._hand_over(at_once)
        except LinkError:  # the link says so itself
            await self._prove()
        except sqlite3.Error as failure:
            self._state.failed(failure)
        else:
            self._handed = True
            self._room.well()
            gap = self._lost.take(last_chance=last_chance)
            return gap is None or await self.tell([gap])
        return False

    async def _prove(self) -> None:
        """The outbox takes nothing, and lies on the same disk: see whether that still takes what must survive."""
        try:
            await self._store.beside(self._store.prove)
        except sqlite3.Error as failure:
            self._state.failed(failure)
        else:
            self._state.well()

    async def _hand_over(self, at_once: bool) -> None:
        new = [one for one in await self._untold() if one.number not in self._accepted]
        frames, events, outcomes = list(self._frames), list(self._events), list(self._outcomes)
        try:
            await self._link.accept(frames, [*_events(new), *events], [*_outcomes(new), *outcomes], at_once=at_once)
        except ValueError:  # one of them can never be sent: find out which
            await self._one_by_one(frames, new)
        else:
            self._took(frames, new)
            _forget(self._events, events)
            _forget(self._outcomes, outcomes)
        if self._accepted or frames:
            until = Until(frames[-1].observed_at_ms, frames[-1].stamp) if frames else None
            await self._store.beside(self._store.told, list(self._accepted), until)
            self._accepted.clear()
            self._state.well()

    async def _untold(self) -> list[Untold]:
        try:
            return await self._store.beside(self._store.waiting)
        except sqlite3.Error as failure:
            self._state.failed(failure)
            return []

    async def _one_by_one(self, frames: Sequence[Frame], new: Sequence[Untold]) -> None:
        """Nothing that cannot be sent may hold up the others: it is put aside, and said."""
        for frame in frames:
            try:
                await self._link.accept([frame])
            except ValueError as failure:
                self._log.error("frame.dropped", observed_at_ms=frame.observed_at_ms, reason=str(failure))
            self._took([frame], ())
        for one in new:
            try:
                await self._link.accept((), _events([one]), _outcomes([one]))
            except ValueError as failure:
                self._log.error("untold.set_aside", number=one.number, what=_name(one), reason=str(failure))
                await self._store.beside(self._store.put_aside, one.number)
            else:
                self._took((), [one])

    def _took(self, frames: Sequence[Frame], new: Sequence[Untold]) -> None:
        _forget(self._frames, frames)
        self._accepted |= {one.number for one in new}

    def _bound(self) -> None:
        """Drop the oldest of what memory cannot hold. Of readings a gap is told."""
        while len(self._frames) > FRAMES_WAITING:
            self._lost.add([self._frames.popleft()])
            self._room.failed("readings are dropped, the oldest first")
        for words in (self._events, self._outcomes):
            while len(words) > WORDS_WAITING:
                words.popleft()
                self._room.failed("events are dropped, the oldest first")


def _forget(waiting: deque[Any], taken: Sequence[Any]) -> None:
    """Take away what was taken; some of it may have gone already, as the oldest of too many."""
    done = {id(each) for each in taken}
    while waiting and id(waiting[0]) in done:
        waiting.popleft()


def _events(untold: Sequence[Untold]) -> list[Event]:
    return [one.what for one in untold if isinstance(one.what, Event)]


def _outcomes(untold: Sequence[Untold]) -> list[Outcome]:
    return [one.what for one in untold if isinstance(one.what, Outcome)]


def _name(one: Untold) -> str:
    return one.what.kind if isinstance(one.what, Event) else f"outcome of {one.what.command_id[:40]}"
