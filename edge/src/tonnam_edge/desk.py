"""Where a person at the controller and the running agent meet: files in the state directory.

A request is a file that the agent takes away; its answer is another one, written when what it says is on disk. Who
may write there is at the place itself, as far as this machine can tell. While no agent runs, the state is changed.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from tonnam_edge.core.image import Now
from tonnam_edge.core.latches import Latches
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.people.at_site import Answer, Request, answer
from tonnam_edge.core.people.lockouts import Lockouts
from tonnam_edge.core.stations.kept import leave_unknown
from tonnam_edge.errors import Misconfigured, Transient
from tonnam_edge.recollection import Recollection, begin_with, recollections
from tonnam_edge.site.site import Site
from tonnam_edge.state_store import STATE_FILE, StateLock, StateStore
from tonnam_link.messages import Event
from tonnam_link.node.node_clock import NodeClock

FOLDER = "desk"
ANSWER_WITHIN_S = 15.0
LOOK_S = 0.05


class Desk:
    """The agent's side. Blocking."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def open(self) -> None:
        """Make the desk, empty: what somebody asked of an earlier agent was answered or given up."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            for path in self._folder.iterdir():
                path.unlink()

    def take(self) -> list[Request]:
        """The requests that lie there now. Each is taken once; what is none is thrown away."""
        found = []
        with contextlib.suppress(OSError):
            for path in sorted(self._folder.glob("ask-*.json")):
                content = path.read_bytes()
                path.unlink()
                with contextlib.suppress(msgspec.MsgspecError, ValueError):
                    found.append(msgspec.json.decode(content, type=Request))
        return found

    def give(self, answers: Iterable[Answer]) -> None:
        """Lay down answers."""
        with contextlib.suppress(OSError):
            for each in answers:
                _lay(self._folder / f"answer-{each.id}.json", msgspec.json.encode(each))


def ask(state: Path, site: Site, request: Request, *, within_s: float = ANSWER_WITHIN_S) -> Answer:
    """The answer of the agent that runs on a state directory; where none runs the state itself is changed.

    Raises Misconfigured where there is no such state, Transient when nobody has answered.
    """
    if not (state / STATE_FILE).exists():
        raise Misconfigured(f"{state}: no agent has run with this state directory")
    try:
        lock = StateLock(state)
    except Misconfigured as used:
        if not isinstance(used.__cause__, BlockingIOError):
            raise
        return _ask_agent(state / FOLDER, request, within_s)
    with contextlib.closing(lock), contextlib.closing(StateStore(state, lock)) as store:
        return _change(store, site, request)


def new_request(deed: Any, **said: str | None) -> Request:
    """A request with an id of its own. Raises ValueError when something said is more than one short line."""
    for key, text in said.items():
        most = 200 if key == "why" else 64
        if text is not None and (not text.strip() or len(text) > most or not text.isprintable()):
            raise ValueError(f"--{key}: one line of 1 to {most} characters")
    return msgspec.convert({"id": uuid.uuid4().hex, "deed": deed, **said}, Request)


def _ask_agent(folder: Path, request: Request, within_s: float) -> Answer:
    asked, answered = folder / f"ask-{request.id}.json", folder / f"answer-{request.id}.json"
    try:
        _lay(asked, msgspec.json.encode(request))
    except OSError as failure:
        raise Transient(f"{folder}: {failure.strerror}. Run this as the user of the agent") from failure
    until = time.monotonic() + within_s
    while not answered.exists():
        if time.monotonic() > until:
            taken = not _removed(asked)
            state = "It may have been done: look what stands" if taken else "Nothing was changed"
            raise Transient(f"the agent has not answered within {within_s:g} s. {state}")
        time.sleep(LOOK_S)
    found = msgspec.json.decode(answered.read_bytes(), type=Answer)
    _removed(answered)
    return found


def _change(store: StateStore, site: Site, request: Request) -> Answer:
    """Change what the next agent will remember, and let it tell the cloud."""
    memory, chosen = begin_with(recollections(store), _memory, partial(_set_aside, store))
    clock = NodeClock()
    at = clock.instant()
    now = Now(at.ms, at.mono_ms, clock.boot, at.stamp is None)
    events: list[Event] = []

    def tell(kind: str, when: Now, /, **body: Any) -> None:
        events.append(Event(uuid.uuid4().hex, kind, when.wall_ms, {"site": site.id, **body}, when.stamp))

    def new_id() -> str:
        return uuid.uuid4().hex

    lockouts, latches = Lockouts(memory, site, tell, new_id), Latches(memory, site, tell, new_id)
    found = answer(request, site, lockouts, latches, now, memory.dosing)
    if chosen.document is not None and not chosen.whole:
        leave_unknown(memory.stations, site)
    if chosen.lost:  # this is the first that anybody sees of it
        latches.lose(now)
    store.commit(memory.encode(), events, [])
    return found


def _memory(document: bytes | None) -> Memory:
    return Memory() if document is None else Memory.decode(document)


def _set_aside(store: StateStore, found: Recollection, failure: Exception) -> None:
    if found.whole:
        store.set_memory_aside()


def _lay(path: Path, content: bytes) -> None:
    """Write a file whole, on disk, readable by the agent whoever asks."""
    fresh = path.with_name(f".{path.name}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
