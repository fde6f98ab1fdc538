"""What an action looks like on the wire: one write of one coil, with a deadline where the board can hold one."""

from __future__ import annotations

from typing import NamedTuple

from tonnam_edge.core.actuators import Action
from tonnam_edge.profile import Relay
from tonnam_edge.site import Site

ON, OFF = 0xFF00, 0x0000


class Write(NamedTuple):
    """Function 5 with a raw value: a flash has a count there, which ordinary write-coil calls cannot send."""

    unit: int
    address: int
    value: int


def write_of(action: Action, site: Site) -> Write:
    """The write that carries out an action on its device."""
    device = site.devices[action.device]
    relay = site.actuators[action.actuator].relay
    return Write(device.part.unit, *coil_write(relay, action.coil, action.on, action.hold_s))


def coil_write(relay: Relay, coil: int, on: bool, hold_s: float | None) -> tuple[int, int]:
    """Address and value: off, on, or on for `hold_s` guarded by the board (never more than it can)."""
    if not on:
        return coil, OFF
    if hold_s is None or relay.flash_address is None:
        return coil, ON
    count = min(relay.flash_max, max(1, round(hold_s / relay.flash_step_s)))
    return relay.flash_address + coil, count
