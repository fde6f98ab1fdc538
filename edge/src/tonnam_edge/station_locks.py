"""Which pumps and gates somebody has in hand, seen without an agent: `all_off` leaves them alone.

What unknown means: a key, a switch or an emergency stop that is not read stands as it is remembered. Where the memory
cannot be read either, nobody knows, and nothing of the station is moved: what its board holds ends by its own timer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tonnam_edge.commissioning.bench import Bench
from tonnam_edge.core.latches import LatchKind
from tonnam_edge.core.people.modes import Mode
from tonnam_edge.core.stations.hands import said_locked, said_mode
from tonnam_edge.errors import EdgeError
from tonnam_edge.modbus.wire import Transport
from tonnam_edge.second_copy import Standing, StationStands
from tonnam_edge.site.polling import Values
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_file import BusPart
from tonnam_edge.site.station_file import StationPart

Read = dict[str, float]
"""What contacts say now, by their address in the site file; what is not read is not in it."""


class InHand(NamedTuple):
    """Pumps and gates that nothing may move. `perhaps`: nobody can know whether somebody works there."""

    surely: frozenset[str]
    perhaps: frozenset[str]


async def in_hand(
    site: Site, transport: Callable[[BusPart], Transport], within_s: float, remembered: Standing | None
) -> InHand:
    """What of the stations is in hand: by what is read within so many seconds, and else by what is remembered.

    `remembered` is None where there is a memory that cannot be read. What is read wins over it.
    """
    if not site.stations:
        return InHand(frozenset(), frozenset())
    read = await _read(site, transport, within_s)
    found: dict[bool | None, set[str]] = {True: set(), False: set(), None: set()}
    for station in site.stations.values():
        found[_is_in_hand(station, site, read, remembered)].update(station.moved)
    return InHand(frozenset(found[True]), frozenset(found[None] - found[True]))


async def _read(site: Site, transport: Callable[[BusPart], Transport], within_s: float) -> Read:
    """Each device is asked once, and none may use up the time of the others."""
    sensed = {each.datastream.id: each for each in site.sensed}
    asked = {contact: sensed[f"{site.id}/{contact}"] for contact in _contacts(site)}
    devices = sorted({each.device for each in asked.values()})
    said: dict[str, Values] = {}
    bench = Bench(site, transport)
    try:
        for device in devices:
            with contextlib.suppress(TimeoutError, OSError, EdgeError):
                async with asyncio.timeout(within_s / len(devices)):
                    said[device] = await bench.values(device)
    finally:
        await bench.close()
    found = {contact: said.get(each.device, {}).get(each.value) for contact, each in asked.items()}
    return {contact: value for contact, value in found.items() if value is not None}


def _contacts(site: Site) -> Iterable[str]:
    if site.file.cabinet is not None:
        yield site.file.cabinet.emergency_stop
    for station in site.stations.values():
        if station.lock is not None:
            yield station.lock.contact
        if station.mode is not None:
            yield from (contact for contact in (station.mode.auto, station.mode.hand) if contact is not None)


def _is_in_hand(station: StationPart, site: Site, read: Read, remembered: Standing | None) -> bool | None:
    """Whether somebody has a station in hand; None when that is not read, and its memory is lost."""
    stands = StationStands() if remembered is None else remembered.stations.get(station.id, StationStands())
    words: list[bool | None] = []
    if station.lock is not None:
        locked = said_locked(station.lock, read.get)
        words.append(_known(locked, stands.locked is True, remembered, stands))
    if station.mode is not None:
        mode = said_mode(station.mode, read.get)
        by_hand = None if mode is None else mode is not Mode.AUTO
        words.append(_known(by_hand, stands.mode in {Mode.OFF, Mode.HAND}, remembered, stands))
    if site.file.cabinet is not None:
        closed, when = read.get(site.file.cabinet.emergency_stop), site.file.cabinet.closed_when_pressed
        pressed = None if closed is None else bool(closed) is when
        words.append(_known(pressed, remembered is not None and remembered.emergency is not None, remembered, stands))
    if remembered is not None and (_locked_out(station.id, remembered) or _lost(remembered)):
        return True
    return True if True in words else None if None in words else False


def _known(said: bool | None, before: bool, remembered: Standing | None, stands: StationStands) -> bool | None:
    """What is said now, else what was said before, as far as anybody remembers that."""
    if said is not None:
        return said
    return True if before else None if remembered is None or stands.forgotten else False


def _locked_out(station: str, remembered: Standing) -> bool:
    return any(each.zone in {None, station} and not each.afar for each in remembered.lockouts.values())


def _lost(remembered: Standing) -> bool:
    return any(latch.kind == LatchKind.MEMORY_LOST for latch in remembered.latches.values())
