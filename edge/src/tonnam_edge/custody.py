"""From a step to the outbox: first on this disk, then in custody of the link. A disk that fails is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tonnam_edge.core import Step
from tonnam_edge.state_store import StateStore, Untold
from tonnam_link.errors import LinkError
from tonnam_link.messages import Command, Event, Frame, Outcome

# Frames, events and outcomes kept while a disk cannot take them; the oldest go first.
FRAMES_WAITING = 3600
WORDS_WAITING = 10_000


class Link(Protocol):
    """What the agent needs of `tonnam_link.uplink.Uplink`."""

    commands: asyncio.Queue[Command]

    async def accept(
        self,
        frames: Sequence[Frame] = (),
        events: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        *,
        at_once: bool = False,
    ) -> None: ...

    async def run(self) -> None: ...


class Outage:
    """Something that fails and comes back: its begin is logged once, and its end once."""

    def __init__(self, what: str, log: Any) -> None:
        self.failing = False
        self._what, self._log = what, log

    def failed(self, failure: Exception) -> None:
        if not self.failing:
            self._log.error(f"{self._what}.unavailable", reason=str(failure))
        self.failing = True

    def well(self) -> None:
        if self.failing:
            self._log.info(f"{self._what}.available")
        self.failing = False


class Custody:
    """Commits steps, and hands over what they tell. What cannot be done now is tried again with the next step."""

    def __init__(
        self, store: StateStore, link: Link, log: Any, *, mono_ms: Callable[[], int], beat_ms: float
    ) -> None:
        self._store, self._link, self._log = store, link, log
        self._mono_ms, self._beat_ms = mono_ms, beat_ms
        self._memory: bytes | None = None
        self._events: deque[Event] = deque(maxlen=WORDS_WAITING)
        self._outcomes: deque[Outcome] = deque(maxlen=WORDS_WAITING)
        self._frames: deque[Frame] = deque(maxlen=FRAMES_WAITING)
        self._accepted: set[int] = set()  # in the outbox, and not yet crossed off here
        self._tried_mono_ms = mono_ms()
        self._state, self._outbox = Outage("state", log), Outage("outbox", log)

    @property
    def remembers(self) -> bool:
        """Whether the disk takes what must survive this process."""
        return not self._state.failing

    async def commit(self, step: Step) -> bool:
        """Put a step on disk, with those before it that could not be. False when the disk did not take it."""
        self._memory = step.memory if step.memory is not None else self._memory
        self._events.extend(step.events)
        self._outcomes.extend(step.outcomes)
        if step.frame is not None:
            self._frames.append(step.frame)
        if self._memory is None and not self._events and not self._outcomes:
            return True
        try:
            await asyncio.to_thread(self._store.commit, self._memory, list(self._events), list(self._outcomes))
        except sqlite3.Error as failure:
            self._state.failed(failure)
            return False
        self._state.well()
        self._memory = None
        self._events.clear()
        self._outcomes.clear()
        return True

    def due(self) -> bool:
        """Whether frames have waited for a beat."""
        return bool(self._frames) and self._mono_ms() - self._tried_mono_ms >= self._beat_ms - 500

    async def hand_over(self, *, at_once: bool = False) -> bool:
        """Everything untold into the outbox. What it cannot take now stays here; False then."""
        self._tried_mono_ms = self._mono_ms()
        try:
            await self._hand_over(at_once)
        except LinkError as failure:
            self._outbox.failed(failure)
        except sqlite3.Error as failure:
            self._state.failed(failure)
        else:
            self._outbox.well()
            return True
        return False

    async def _hand_over(self, at_once: bool) -> None:
        untold = await asyncio.to_thread(self._store.waiting)
        new = [one for one in untold if one.number not in self._accepted]
        frames = list(self._frames)
        try:
            await self._link.accept(frames, _events(new), _outcomes(new), at_once=at_once)
        except ValueError:  # one of them can never be sent: find out which
            await self._one_by_one(frames, new)
        else:
            self._took(frames, new)
        until_ms = frames[-1].observed_at_ms if frames else None
        await asyncio.to_thread(self._store.told, list(self._accepted), until_ms)
        self._accepted.clear()
        self._state.well()

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
                await asyncio.to_thread(self._store.put_aside, one.number)
            else:
                self._took((), [one])

    def _took(self, frames: Sequence[Frame], new: Sequence[Untold]) -> None:
        for frame in frames:
            if self._frames and self._frames[0] is frame:  # else it has gone already, as the oldest of too many
                self._frames.popleft()
        self._accepted |= {one.number for one in new}


def _events(untold: Sequence[Untold]) -> list[Event]:
    return [one.what for one in untold if isinstance(one.what, Event)]


def _outcomes(untold: Sequence[Untold]) -> list[Outcome]:
    return [one.what for one in untold if isinstance(one.what, Outcome)]


def _name(one: Untold) -> str:
    return one.what.kind if isinstance(one.what, Event) else f"outcome of {one.what.command_id[:40]}"
