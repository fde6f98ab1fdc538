"""What open and closed mean for the coils of each kind of actuator. Nothing else knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tonnam_edge.site.polling import coil_id
from tonnam_edge.site.profile import Relay
from tonnam_edge.site.site_file import ActuatorPart

# A latching valve is moved by a pulse of this length unless the site file gives another.
PULSE_S = 0.1


class Switch(NamedTuple):
    """One write to one coil. `back_s`: after so long the board itself turns it back."""

    coil: int
    on: bool
    back_s: float | None = None


def energised(part: ActuatorPart, *, is_open: bool) -> bool:
    """Whether the coil of an actuator that stays where its coil puts it is on while it is open, or closed."""
    return is_open is not (part.kind == "normally_open")


def timer_s(part: ActuatorPart, relay: Relay) -> float | None:
    """The longest deadline that the board can hold for it; None when no timer of the board ends in its safe state."""
    if part.kind == "latching":
        return None
    return relay.timer_max_s(on=energised(part, is_open=not part.safe_open))


def switches(part: ActuatorPart, *, is_open: bool, hold_s: float | None) -> tuple[Switch, ...]:
    """The writes that open or close an actuator, in their order. With `hold_s` the board ends it by itself.

    A latching valve takes one pulse, which the board ends; the opposite coil is turned off before.
    """
    if part.kind != "latching":
        return (Switch(part.coil, energised(part, is_open=is_open), hold_s),)
    close_coil = part.coil if part.close_coil is None else part.close_coil
    pulsed, other = (part.coil, close_coil) if is_open else (close_coil, part.coil)
    return Switch(other, on=False), Switch(pulsed, on=True, back_s=part.pulse_s or PULSE_S)


def coils_of(part: ActuatorPart) -> tuple[int, ...]:
    """The coils that move it."""
    return (part.coil,) if part.close_coil is None else (part.coil, part.close_coil)


def position(part: ActuatorPart, values: Mapping[str, float | None]) -> bool | None:
    """Whether it is open, by its coil. None when that is not known, and for a latching valve: coils do not say it."""
    on = values.get(coil_id(part.coil))
    if on is None or part.kind == "latching":
        return None
    return energised(part, is_open=True) is (on > 0.5)


def at_rest(part: ActuatorPart, values: Mapping[str, float | None]) -> bool:
    """Whether its coils are known; of a latching valve, whether no pulse is under way."""
    found = [values.get(coil_id(coil)) for coil in coils_of(part)]
    return all(on is not None and (part.kind != "latching" or on < 0.5) for on in found)
