"""Pumping stations and gates in the site file: what moves by a level of water, not by what a crop wants."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tonnam_edge.site.profile import Model, Words
from tonnam_edge.site.site_types import Id, Positive

Seconds = Annotated[float, Field(ge=0, le=3600)]
Height = Annotated[float, Field(ge=-10_000, le=10_000)]


class WitnessPart(Model):
    """Another gauge that counts while the station's own is unknown: what it says and `plus_cm`.

    With `apart_cm`: while both are known and further apart than this, the one counts that leads to the safe state.
    """

    level: str
    plus_cm: Height = 0.0
    apart_cm: Positive | None = None


class DryPart(Model):
    """What keeps pumps from running without water: below `below_cm` at their intake they stop, until `again_cm`.

    `guard` says, in words, what stops them without this machine: a float switch in the pump's own circuit. A pump
    whose current says that it draws no water rests for `retry_min`.
    """

    level: str
    below_cm: Height
    again_cm: Height
    guard: Words | None = None
    retry_min: Annotated[float, Field(ge=1, le=240)] = 10.0


class LockPart(Model):
    """The contact of a key switch at the cabinet that takes the relay out of the circuit."""

    contact: str
    closed_when_locked: bool = True


class SeenPart(Model):
    """A gate's own limit switches, each a contact that is closed at its end."""

    open: str
    closed: str


class StationModePart(Model):
    """The contacts of a station's switch off/hand/auto; as a zone's."""

    auto: str
    hand: str | None = None


class StationPart(Model):
    """Pumps that take turns, or one gate, which a level moves. Outside `stop_cm` to `start_cm` its state is sure.

    From `start_cm` up `duty` pumps run, or the gate is moved to `above`; from `stop_cm` down the opposite. From
    `all_cm` up every pump runs. What has moved stays so for `least_on_s` and `least_off_s`; into its safe state only
    a pump that stops waits so long. What is held out of its safe state goes back into it by its board's own timer,
    within `hold_s` of this machine's last word. Somebody afar may ask for what it does from `start_cm` up, for at
    most `max_order_min`.
    """

    id: Id
    name: Words
    pumps: tuple[Id, ...] = ()
    gate: Id | None = None
    above: Literal["on", "open", "closed"] = "on"
    duty: Annotated[int, Field(ge=1, le=8)] = 1
    level: str
    witness: WitnessPart | None = None
    start_cm: Height
    stop_cm: Height
    all_cm: Height | None = None
    least_on_s: Seconds = 60.0
    least_off_s: Seconds = 0.0
    hold_s: Annotated[float, Field(ge=20, le=3276)] = 120.0
    max_order_min: Annotated[float, Field(ge=1, le=1440)] = 60.0
    dry: DryPart | None = None
    falls_within_min: Annotated[float, Field(ge=5, le=1440)] | None = None
    lock: LockPart | None = None
    mode: StationModePart | None = None
    seen: SeenPart | None = None

    @property
    def moved(self) -> tuple[str, ...]:
        """The actuators of the station."""
        return self.pumps if self.gate is None else (self.gate,)

    @property
    def opens_above(self) -> bool:
        """Whether its actuators are open (pumps: run) from `start_cm` up."""
        return self.above != "closed"
