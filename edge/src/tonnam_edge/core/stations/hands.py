"""Who has a station in hand: the key switch that locks it, and the switch off/hand/auto at its cabinet.

What unknown means: the last known position counts for `UNKNOWN_AFTER_S`; after that a station that was last seen
locked, off or in hand stays alone, and any other goes into its safe state. After a start nothing is moved before the
switches have been read, or for `FIRST_LOOK_S`: somebody may have locked it meanwhile. When what they said last is
lost with the memory, nothing is moved before they have been read, however long that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Text
from tonnam_edge.core.people.contact import Contact
from tonnam_edge.core.people.modes import Mode
from tonnam_edge.core.stations import texts
from tonnam_edge.core.stations.kept import StationKept
from tonnam_edge.site.station_file import LockPart, StationModePart, StationPart

FIRST_LOOK_S = 10.0
Changed = Callable[[str, Text, Now], None]
"""Tells of a switch that was turned: the kind of event and what it means."""
Reading = Callable[[str], float | None]
"""What a contact says, by device/input; None when it is not read."""


class Hands:
    """Lock and switch of one station, as they were last seen."""

    def __init__(self, station: StationPart, site: str, kept: StationKept, mono_ms: int, changed: Changed) -> None:
        self._station, self._site, self._kept, self._changed = station, site, kept, changed
        self._since = mono_ms
        self._lock = Contact(kept.locked, mono_ms)
        self._mode = Contact(_mode(kept.mode), mono_ms)
        self._read: set[str] = set()

    @property
    def locked(self) -> bool | None:
        """Whether the key switch was last seen on locked; None when it never was seen, False where there is none."""
        return False if self._station.lock is None else self._lock.known

    @property
    def mode(self) -> Mode | None:
        """Where the switch off/hand/auto was last seen."""
        return Mode.AUTO if self._station.mode is None else self._mode.known

    def recall(self, kept: StationKept) -> None:
        """Take over what an earlier process has seen, where this one has not seen anything yet."""
        self._kept = kept
        if self._lock.known is None:
            self._lock.known = kept.locked
        if self._mode.known is None:
            self._mode.known = _mode(kept.mode)
        kept.locked, kept.mode = self._lock.known, None if self._mode.known is None else self._mode.known.value

    def look(self, image: Image) -> None:
        """Read both. A single look is enough to see it locked, or not on auto."""
        mono_ms = image.now.mono_ms
        if self._station.lock is not None:
            locked = said_locked(self._station.lock, self._reading(image))
            self._heard("lock", locked)
            if self._lock.hear(locked, mono_ms, at_once=locked is True):
                self._kept.locked = locked
                self._changed("station.lock", texts.locked() if locked else texts.unlocked(), image.now)
        if self._station.mode is not None:
            mode = said_mode(self._station.mode, self._reading(image))
            self._heard("mode", mode)
            by_hand = mode is not None and mode is not Mode.AUTO
            if self._mode.hear(mode, mono_ms, at_once=by_hand) and self._mode.known is not None:
                self._kept.mode = self._mode.known.value
                self._changed("station.mode", texts.MODES[self._mode.known](), image.now)

    def leaves_alone(self, now: Now) -> Text | None:
        """Why nothing of the station may be moved at all, or None."""
        if self.locked:
            return texts.locked()
        if self.mode is Mode.OFF or self.mode is Mode.HAND:
            return texts.MODES[self.mode]()
        wanted = {key for key in ("lock", "mode") if getattr(self._station, key) is not None}
        unread = not wanted <= self._read or self.locked is None or self.mode is None
        if unread and self._kept.forgotten:
            return texts.switches_forgotten()
        self._kept.forgotten = False
        if unread and now.mono_ms - self._since < FIRST_LOOK_S * 1000:
            return texts.switches_not_read()
        return None

    def unknown(self, now: Now) -> Text | None:
        """Why nobody knows whether somebody works there: then it goes into its safe state. Or None."""
        if self._station.lock is not None and (self.locked is None or self._lock.silent(now.mono_ms)):
            return texts.lock_unknown()
        if self._station.mode is not None and (self.mode is None or self._mode.silent(now.mono_ms)):
            return texts.mode_unknown()
        return None

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When they must be looked at again."""
        yield self._since + round(FIRST_LOOK_S * 1000)
        if self._station.lock is not None:
            yield from self._lock.deadlines_mono_ms()
        if self._station.mode is not None:
            yield from self._mode.deadlines_mono_ms()

    def _heard(self, key: str, said: object) -> None:
        if said is not None:
            self._read.add(key)

    def _reading(self, image: Image) -> Reading:
        return lambda contact: image.value(f"{self._site}/{contact}")


def said_locked(part: LockPart, value: Reading) -> bool | None:
    """What the contact of a key says; None when it is not read."""
    closed = value(part.contact)
    return None if closed is None else bool(closed) is part.closed_when_locked


def said_mode(part: StationModePart, value: Reading) -> Mode | None:
    """What the contacts of a switch say; None when they are not read, or say auto and hand at once."""
    auto = value(part.auto)
    hand = 0.0 if part.hand is None else value(part.hand)
    if auto is None or hand is None or (auto and hand):
        return None
    if auto:
        return Mode.AUTO
    return Mode.HAND if hand or part.hand is None else Mode.OFF


def _mode(word: str | None) -> Mode | None:
    return Mode(word) if word in set(Mode) else None
