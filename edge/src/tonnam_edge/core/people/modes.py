"""The cabinet's switch of each zone: off, hand, auto. In off and hand nothing of ours starts.

What unknown means: the last known position counts for `UNKNOWN_AFTER_S`. After that no program starts, a run in
progress ends by its deadline, and a person may still ask for water, unless the switch was last seen on off or hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.people import people_texts
from tonnam_edge.core.people.contact import UNKNOWN_AFTER_S, Contact
from tonnam_edge.core.plant.motors import OnAuto
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_file import ModePart


class Mode(StrEnum):
    """Where a switch stands. A zone without one is on auto."""

    OFF = "off"
    HAND = "hand"
    AUTO = "auto"


TEXTS = {
    Mode.OFF: people_texts.switch_off,
    Mode.HAND: people_texts.switch_hand,
    Mode.AUTO: people_texts.switch_auto,
}


class Turned(NamedTuple):
    """Somebody has turned the switch of a zone."""

    zone: str
    mode: Mode


class Modes:
    """The switches of a site, as they were last seen."""

    def __init__(self, site: Site, memory: Memory, mono_ms: int) -> None:
        self._site, self._memory = site, memory
        self._contacts = {
            zone.id: Contact(_known(memory.modes.get(zone.id)), mono_ms)
            for zone in site.zones.values()
            if zone.part.mode is not None
        }

    @property
    def switched(self) -> list[str]:
        """The zones that have a switch."""
        return list(self._contacts)

    def recall(self) -> None:
        """Take over what the memory has come to know of since."""
        for zone, contact in self._contacts.items():
            contact.known = contact.known or _known(self._memory.modes.get(zone))

    def look(self, image: Image) -> list[Turned]:
        """Read the switches; those that were turned."""
        found = []
        for zone, contact in self._contacts.items():
            said = _said(self._site, self._site.zones[zone].part.mode, image)
            if contact.hear(said, image.now.mono_ms) and contact.known is not None:
                self._memory.modes[zone] = contact.known.value
                found.append(Turned(zone, contact.known))
        return found

    def of(self, zone: str) -> Mode | None:
        """Where the switch of a zone was last seen; None when it never was."""
        contact = self._contacts.get(zone)
        return Mode.AUTO if contact is None else contact.known

    def unknown(self, zone: str, now: Now) -> bool:
        """Whether nobody knows any more where a zone's switch stands."""
        contact = self._contacts.get(zone)
        return contact is not None and contact.silent(now.mono_ms)

    def in_hand(self) -> tuple[str, ...]:
        """The zones that somebody waters at the cabinet, or may."""
        return tuple(zone for zone, contact in self._contacts.items() if contact.known is Mode.HAND)

    def may_be_in_hand(self) -> tuple[str, ...]:
        """Those, and zones whose switch has just been turned to hand or away from it: what flows may be theirs."""
        found = self._contacts.items()
        return tuple(zone for zone, contact in found if Mode.HAND in {contact.known, contact.said})

    def on_auto(self, image: Image) -> dict[str, OnAuto]:
        """The zones whose switch says by now that it is on auto: not one that is silent, or on its way."""
        found = {}
        for zone, contact in self._contacts.items():
            part = self._site.zones[zone].part.mode
            if part is not None and contact.known is Mode.AUTO and contact.stands_since is not None:
                read = image.read_mono_ms.get(f"{self._site.id}/{part.auto}", 0)
                found[zone] = OnAuto(contact.stands_since, read)
        return found

    def by_hand(self, zone: str) -> bool | None:
        """Whether somebody waters a zone at the cabinet, or did when the last process ended; None while its switch
        does not answer."""
        contact = self._contacts.get(zone)
        if contact is None:
            return False
        if Mode.HAND in {contact.known, contact.said}:
            return True
        return None if contact.stands_since is None and contact.said is contact.known else False

    def unheard(self) -> Iterable[str]:
        """The zones whose switch does not answer now, and was not on hand when it last did."""
        return (zone for zone in self._contacts if self.by_hand(zone) is None)

    def blocks(self, zone: str, now: Now, *, by_person: bool) -> Text | None:
        """Why nothing may start in a zone, or None."""
        mode = self.of(zone)
        if mode is Mode.OFF or mode is Mode.HAND:
            return TEXTS[mode]()
        if self.unknown(zone, now):
            return None if by_person else people_texts.switch_unknown(UNKNOWN_AFTER_S)
        return people_texts.switch_not_read() if mode is None else None

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When a switch must be looked at again."""
        for contact in self._contacts.values():
            yield from contact.deadlines_mono_ms()


def _known(word: str | None) -> Mode | None:
    """A position that an earlier process has seen; None for a word that is none."""
    return Mode(word) if word in set(Mode) else None


def _said(site: Site, part: ModePart | None, image: Image) -> Mode | None:
    """What the contacts say; None when they are not read, or say auto and hand at once: then a wire is wrong."""
    if part is None:
        return Mode.AUTO
    auto = image.value(f"{site.id}/{part.auto}")
    hand = 0.0 if part.hand is None else image.value(f"{site.id}/{part.hand}")
    if auto is None or hand is None or (auto and hand):
        return None
    if auto:
        return Mode.AUTO
    return Mode.HAND if hand or part.hand is None else Mode.OFF
