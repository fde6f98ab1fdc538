"""What a new process begins with: the state on disk, else the second copy of what stands, else nothing."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from tonnam_edge.second_copy import Damaged, SecondCopy, Standing, standing_of
from tonnam_edge.state_store import STATE_FILE, StateStore

T = TypeVar("T")
COPY_ANSWERS_S = 0.5
UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, OSError)


class Recollection(NamedTuple):
    """A memory to begin with. `whole`: it is the state itself. `lost`: there was one, and nothing of it can be read.

    `reason` says why there is no better one, where that is known here.
    """

    document: bytes | None
    whole: bool = False
    lost: bool = False
    reason: str = ""


def recollections(store: StateStore) -> list[Recollection]:
    """What there is, the best first: who cannot make sense of one takes the next. Raises sqlite3.Error while the disk
    does not answer."""
    document, reason = store.memory(), ""
    found = [] if document is None else [Recollection(document, whole=True)]
    try:
        copy = store.copy.read()
    except Damaged as damaged:
        copy, reason = None, str(damaged)
    if copy is not None:
        found.append(Recollection(copy))
    lost = document is not None or copy is not None or bool(reason) or store.was_damaged()
    return [*found, Recollection(None, lost=lost, reason=reason)]


def begin_with(
    found: Sequence[Recollection],
    begin: Callable[[bytes | None], T],
    damaged: Callable[[Recollection, Exception], None],
) -> tuple[T, Recollection]:
    """What was begun with the first of them that can be understood, and which that was. Of others `damaged` hears."""
    *better, nothing = found
    for each in better:
        try:
            return begin(each.document), each
        except UNREADABLE as failure:
            damaged(each, failure)
    return begin(nothing.document), nothing


async def standing_in(folder: Path, within_s: float = COPY_ANSWERS_S) -> Standing | None:
    """What stands by the copy in a state directory: nothing where no agent has lived. None when that cannot be read
    within so many seconds. A disk that hangs is not waited for, nor does it hold up the end of the process."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Standing | None] = loop.create_future()

    def read() -> None:
        found = _standing_in(folder)
        with contextlib.suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(found))

    threading.Thread(target=read, name="standing", daemon=True).start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await answer
    return None


def _standing_in(folder: Path) -> Standing | None:
    try:
        document = SecondCopy(folder).read()
        if document is not None:
            return standing_of(document)
        return None if (folder / STATE_FILE).exists() else Standing()
    except (Damaged, *UNREADABLE):
        return None
