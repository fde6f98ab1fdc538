"""The emergency stop. It is hard-wired: it works without this machine, which only learns of it.

What unknown means: the last known state counts for `UNKNOWN_AFTER_S`. After that no program starts, and a person may
still ask for water, unless it was last seen pressed.
"""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Memory, Pressed, Text
from tonnam_edge.core.people import people_texts
from tonnam_edge.core.people.contact import UNKNOWN_AFTER_S, Contact
from tonnam_edge.site.site import Site

# After its release nothing waters by itself for so long; a person may ask for water at once.
WAIT_AFTER_RELEASE_S = 60.0


class Emergency:
    """The emergency stop of a site, if the site file names one."""

    def __init__(self, site: Site, memory: Memory, mono_ms: int) -> None:
        self._memory, self._part = memory, site.file.cabinet
        self._input = None if self._part is None else f"{site.id}/{self._part.emergency_stop}"
        self._contact = Contact(True if memory.emergency else None, mono_ms)
        self._released: int | None = None

    @property
    def pressed(self) -> bool:
        """Whether it was last seen pressed."""
        return self._memory.emergency is not None

    def recall(self) -> None:
        """Take over what the memory has come to know of since."""
        if self.pressed and self._contact.known is None:
            self._contact.known = True

    def look(self, image: Image) -> bool:
        """Read it. True when it was pressed or released. A single look is enough to see it pressed."""
        if self._part is None:
            self._memory.emergency = None
            return False
        closed = image.value(self._input)
        said = None if closed is None else bool(closed) is self._part.closed_when_pressed
        before, now = self.pressed, image.now
        if not self._contact.hear(said, now.mono_ms, at_once=said is True):
            return False
        self._memory.emergency = Pressed(now.wall_ms, now.stamp) if self._contact.known else None
        if before and not self.pressed:
            self._released = now.mono_ms
        return before is not self.pressed

    def blocks(self, now: Now, *, by_person: bool) -> Text | None:
        """Why nothing may start on the whole site, or None."""
        if self._part is None:
            return None
        if self.pressed:
            return people_texts.emergency()
        if self._contact.silent(now.mono_ms):
            return None if by_person else people_texts.emergency_unknown(UNKNOWN_AFTER_S)
        if self._contact.known is None:
            return people_texts.emergency_not_read()
        waits = self._released is not None and now.mono_ms - self._released < WAIT_AFTER_RELEASE_S * 1000
        return people_texts.emergency_just_over(WAIT_AFTER_RELEASE_S) if waits and not by_person else None

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When it must be looked at again."""
        if self._part is None:
            return
        yield from self._contact.deadlines_mono_ms()
        if self._released is not None:
            yield self._released + round(WAIT_AFTER_RELEASE_S * 1000)
