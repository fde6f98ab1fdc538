"""What an action looks like on the wire: writes of single coils, with a deadline where the board can hold one."""

from __future__ import annotations

from typing import NamedTuple

from tonnam_edge.core.plant.actuators import Action
from tonnam_edge.site.coils import switches
from tonnam_edge.site.profile import Relay
from tonnam_edge.site.site import Site

ON, OFF = 0xFF00, 0x0000


class Write(NamedTuple):
    """Function 5 with a raw value: a flash has a count there, which ordinary write-coil calls cannot send."""

    unit: int
    address: int
    value: int


def writes_of(action: Action, site: Site) -> tuple[Write, ...]:
    """The writes that carry out an action on its device, in their order."""
    actuator, unit = site.actuators[action.actuator], site.devices[action.device].part.unit
    moves = switches(actuator.part, is_open=action.open, hold_s=action.hold_s)
    return tuple(Write(unit, *coil_write(actuator.relay, one.coil, one.on, one.back_s)) for one in moves)


def coil_write(relay: Relay, coil: int, on: bool, back_s: float | None) -> tuple[int, int]:
    """Address and value: on or off, for good or until the board turns it back (never later than it can)."""
    flash = relay.flash_at(on=on)
    if back_s is None or flash is None:
        return coil, ON if on else OFF
    count = min(relay.flash_max, max(1, round(back_s / relay.flash_step_s)))
    return flash + coil, count
