"""What a contact of the cabinet says: settled, and for how long it has said nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

# A contact bounces, and a switch passes through off on its way: what it says counts when it has stood for so long.
SETTLES_S = 2.0
# After so long without a word nobody knows where it stands any more.
UNKNOWN_AFTER_S = 180.0

T = TypeVar("T")


class Contact(Generic[T]):
    """The settled word of one switch. `before` is what was known when the last process ended. Times since boot."""

    def __init__(self, before: T | None, mono_ms: int) -> None:
        self.known = before
        self._new: T | None = None
        self._since = self._heard = mono_ms
        self.stands_since: int | None = None  # since when its word counts and was heard without a break, or None

    def hear(self, said: T | None, mono_ms: int, *, at_once: bool = False) -> bool:
        """Take in what it says now, None for nothing. True when another word counts since."""
        if said is None:
            self._new = self.stands_since = None
            return False
        self._heard = mono_ms
        if said == self.known:
            self._new = None
            self.stands_since = mono_ms if self.stands_since is None else self.stands_since
            return False
        self.stands_since = None
        if said != self._new:
            self._new, self._since = said, mono_ms
        if not at_once and mono_ms - self._since < SETTLES_S * 1000:
            return False
        self.known, self._new, self.stands_since = said, None, mono_ms
        return True

    @property
    def said(self) -> T | None:
        """What it says by now, though it may not have settled; the known word while it says nothing else."""
        return self.known if self._new is None else self._new

    def silent(self, mono_ms: int) -> bool:
        """Whether it has said nothing for so long that its last word counts no more."""
        return mono_ms - self._heard > UNKNOWN_AFTER_S * 1000

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When it must be looked at again."""
        if self._new is not None:
            yield self._since + round(SETTLES_S * 1000)
        yield self._heard + round(UNKNOWN_AFTER_S * 1000) + 1
