"""Coils, contacts, boards, power, buses, and the people at the cabinet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..conditions import Conditions, Position
from .base import BaseFault, Seconds, Share


class StuckCoil(BaseFault):
    """A coil that obeys nobody and reads `closed`."""

    fault: Literal["stuck_coil"] = "stuck_coil"
    actuator: str
    closed: bool

    def onto(self, on: Conditions) -> None:
        on.stuck[self.actuator] = self.closed


class WeldedContact(BaseFault):
    """The coil obeys and reads as told; the current flows on."""

    fault: Literal["welded_contact"] = "welded_contact"
    actuator: str

    def onto(self, on: Conditions) -> None:
        on.welded.add(self.actuator)


class BurntContact(BaseFault):
    """The coil obeys and reads as told; no current ever flows."""

    fault: Literal["burnt_contact"] = "burnt_contact"
    actuator: str

    def onto(self, on: Conditions) -> None:
        on.burnt.add(self.actuator)


class BoardReboot(BaseFault):
    """Once, at `at_s`: the board restarts, is silent for `down_s`, and has forgotten coils and timers."""

    fault: Literal["board_reboot"] = "board_reboot"
    board: Annotated[int, Field(ge=0)]
    down_s: Seconds = 3.0


class BoardDown(BaseFault):
    """A board without power; it boots when it is over."""

    fault: Literal["board_down"] = "board_down"
    board: Annotated[int, Field(ge=0)]

    def onto(self, on: Conditions) -> None:
        on.boards_down.add(self.board)


class BoardClock(BaseFault):
    """A board whose second lasts `rate` true seconds, for timers begun while it is on."""

    fault: Literal["board_clock"] = "board_clock"
    board: Annotated[int, Field(ge=0)]
    rate: Annotated[float, Field(ge=0.5, le=2.0)]

    def onto(self, on: Conditions) -> None:
        on.clock_rates[self.board] = self.rate


class ForeignWrite(BaseFault):
    """Once, at `at_s`: a second master or a hand on the board moves a coil."""

    fault: Literal["foreign_write"] = "foreign_write"
    actuator: str
    on: bool


class Brownout(BaseFault):
    """Supply at this share of its voltage: under 0.8 boards go down, under 0.7 the pump stalls."""

    fault: Literal["brownout"] = "brownout"
    share: Share

    def onto(self, on: Conditions) -> None:
        on.voltage = min(on.voltage, self.share)


class PowerLoss(BaseFault):
    """No power in the cabinet: boards, valves, pump and everything on its bus."""

    fault: Literal["power_loss"] = "power_loss"

    def onto(self, on: Conditions) -> None:
        on.voltage = 0.0


class BusLoss(BaseFault):
    """A cut cable: nobody on it answers, nothing on it hears."""

    fault: Literal["bus_loss"] = "bus_loss"
    bus: str

    def onto(self, on: Conditions) -> None:
        on.silent_buses.add(self.bus)


class LossyBus(BaseFault):
    """This share of transactions fails. A lost answer's request was carried out."""

    fault: Literal["lossy_bus"] = "lossy_bus"
    bus: str
    share: Share
    loses: Literal["requests", "answers"] = "requests"

    def onto(self, on: Conditions) -> None:
        on.lossy_buses[self.bus] = (self.share, self.loses)


class DeadUnit(BaseFault):
    """A device that does not answer. (A relay board that is only dumb goes on with its coils and timers.)"""

    fault: Literal["dead_unit"] = "dead_unit"
    bus: str
    unit: int

    def onto(self, on: Conditions) -> None:
        on.dead_units.add((self.bus, self.unit))


class RefusingUnit(BaseFault):
    """A device that answers everything with a Modbus exception: 4 broken, 6 busy."""

    fault: Literal["refusing_unit"] = "refusing_unit"
    bus: str
    unit: int
    code: Literal[4, 6] = 4

    def onto(self, on: Conditions) -> None:
        on.refusing_units[self.bus, self.unit] = self.code


class CabinetSwitch(BaseFault):
    """Somebody turns a zone's switch, or "pump" (and master). Hand: energised whatever the coil says; off: never."""

    fault: Literal["cabinet_switch"] = "cabinet_switch"
    subject: str
    position: Position

    def onto(self, on: Conditions) -> None:
        on.switches[self.subject] = self.position


class EmergencyStop(BaseFault):
    """Somebody presses it: hard-wired, it takes the current from pump and valves; coils stay as they are."""

    fault: Literal["emergency_stop"] = "emergency_stop"

    def onto(self, on: Conditions) -> None:
        on.emergency_stop = True
