"""The last resort: every valve and pump off, whatever else has failed, over connections of its own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from tonnam_edge.core import Action
from tonnam_edge.modbus.wire import Transport
from tonnam_edge.modbus.writes import writes_of
from tonnam_edge.second_copy import Standing
from tonnam_edge.site.coils import position
from tonnam_edge.site.polling import Read, coil_id
from tonnam_edge.site.profile import FUNCTION_CODE
from tonnam_edge.site.site import Actuator, Site
from tonnam_edge.site.site_file import BusPart
from tonnam_edge.station_locks import in_hand

# How long the end may take: everything must be read back as off within this, or the relays' own timers must do.
ENDING_S = 4.0
AGAIN_S = 0.2
LOCK_SHARE = 0.25  # of the time, for reading who has what in hand
PERHAPS_LOCKED = (
    "its key or switch is not read, and what it said last is not known: somebody may be working there. It is left "
    "alone, and goes into its safe state when its board's timer ends"
)
IS_OFF = "Valves and pump were turned off, and read back as off"
IS_SAFE = "Pumps and gates were brought into their safe state, and read back there"
NOT_OFF = (
    "The cabinet did NOT confirm that valves and pump are off. Water may be running: "
    "look at the cabinet and close it by hand"
)


async def all_off(
    site: Site,
    transport: Callable[[BusPart], Transport],
    log: Any,
    remembered: Standing | None,
    *,
    within_s: float = ENDING_S,
) -> bool:
    """Bring every actuator into its safe state, pumps first, again and again for `within_s`.

    True when all were read back so. A latching valve was told to close; its coils do not say whether it has.

    Each bus and each actuator by itself: what fails on one holds up none of the others. Stations that somebody has in
    hand are left alone: by what their switches say, else by what is `remembered` of them. None: that is lost, and
    then one whose switches cannot be read is left alone, too, and nothing is proven of it.
    """
    by_bus: dict[str, list[Actuator]] = defaultdict(list)
    left = await in_hand(site, transport, within_s * LOCK_SHARE, remembered)
    for name in sorted(left.surely):
        log.warning("all_off.locked", actuator=name, meaning="somebody has it in hand or locked; it is left alone")
    ours = [each for each in site.actuators.values() if each.id not in left.surely | left.perhaps]
    for actuator in sorted(ours, key=lambda actuator: actuator.stops_at):
        by_bus[site.devices[actuator.part.device].part.bus].append(actuator)
    unproven = await asyncio.gather(
        *(_bus_off(site, site.buses[bus], found, transport, within_s) for bus, found in by_bus.items())
    )
    failures = {name: reason for one in unproven for name, reason in one.items()}
    failures |= dict.fromkeys(sorted(left.perhaps & site.actuators.keys()), PERHAPS_LOCKED)
    for name, reason in failures.items():
        log.error("all_off.failed", actuator=name, reason=reason)
    return not failures


def told(is_off: bool, site: Site) -> str:
    """The result of `all_off` in a sentence."""
    if not is_off:
        return NOT_OFF
    return IS_SAFE if site.stations else IS_OFF


async def _bus_off(
    site: Site,
    bus: BusPart,
    actuators: Sequence[Actuator],
    transport: Callable[[BusPart], Transport],
    within_s: float,
) -> dict[str, str]:
    """What is left that is not proven off on one bus, and why."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + within_s
    # So long may one device take that every actuator gets its turn before the end.
    turn_s = within_s / (len(actuators) + 1)
    left = {actuator.id: "nobody answered" for actuator in actuators}
    while left and loop.time() < ends:
        for actuator in actuators:
            if actuator.id in left and loop.time() < ends:
                reason = await _one_off(site, bus, actuator, transport, min(turn_s, ends - loop.time()))
                left.pop(actuator.id) if reason is None else left.update({actuator.id: reason})
        if left:
            await asyncio.sleep(AGAIN_S)
    return left


async def _one_off(
    site: Site, bus: BusPart, actuator: Actuator, transport: Callable[[BusPart], Transport], within_s: float
) -> str | None:
    """Turn one off and read it back; None when its coil says so, else why not. Never raises."""
    part = actuator.part
    port: Transport | None = None
    try:
        async with asyncio.timeout(within_s):
            port = transport(bus)
            for write in writes_of(Action(part.id, part.device, part.coil, part.safe_open, None, 0), site):
                await port.write(write)
            read = Read(FUNCTION_CODE["coil"], 0, actuator.relay.coils)
            bits = await port.read(site.devices[part.device].part.unit, read)
            seen = position(part, {coil_id(n): float(bit) for n, bit in enumerate(bits)})
            return None if part.kind == "latching" or seen is part.safe_open else "its coil does not say so yet"
    except Exception as failure:  # noqa: BLE001 - whatever it is, the next valve must still be closed; it is logged
        return str(failure) or type(failure).__name__
    finally:
        if port is not None:
            await port.close()
