"""What a new process begins with: the state on disk, else the second copy of what stands, else nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from tonnam_edge.second_copy import Damaged
from tonnam_edge.state_store import StateStore

T = TypeVar("T")
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
