"""All that can go wrong with a world, and what people may do to it. Typed, JSON-able, each with its times.

    WeldedContact(at_s=3600, actuator="zone-1")
    parse_fault({"fault": "probe_pulled", "at_s": 7200, "until_s": 90000, "probe": "probe-1-a"})

Actuators are "pump", "contactor", "master", a zone's id (its valve), an injector's id and its id + "-valve".
Sensors are "level", "flow", "air", "light", "sun", "wind", "rain", "current", or a probe.
Faults of the same kind and subject overlap: the later in the list rules.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from .conditions import Conditions, Position

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]


class BaseFault(BaseModel):
    """On from `at_s` (world time) until `until_s`, or for good."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    at_s: Seconds
    until_s: Seconds | None = None

    def onto(self, on: Conditions) -> None:
        """Add what it does to the conditions while it is on; what happens once is `World`'s to do at `at_s`."""


# ----------------------------------------------------------------------------- coils, contacts, boards


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


# ------------------------------------------------------------------------------------ valves and water


class JammedValve(BaseFault):
    """A valve that stays where it stands."""

    fault: Literal["jammed_valve"] = "jammed_valve"
    actuator: str

    def onto(self, on: Conditions) -> None:
        on.jammed.add(self.actuator)


class LeakingValve(BaseFault):
    """A zone's valve that lets this share through when it is shut."""

    fault: Literal["leaking_valve"] = "leaking_valve"
    zone: str
    share: Share

    def onto(self, on: Conditions) -> None:
        on.leaking[self.zone] = self.share


class BlockedZone(BaseFault):
    """A zone behind a closed hand valve or a kinked pipe: open on paper only."""

    fault: Literal["blocked_zone"] = "blocked_zone"
    zone: str

    def onto(self, on: Conditions) -> None:
        on.blocked.add(self.zone)


class LineBurst(BaseFault):
    """A hole behind a zone's valve, as wide as `size` times all its emitters."""

    fault: Literal["line_burst"] = "line_burst"
    zone: str
    size: Annotated[float, Field(ge=0.0, le=5.0)]

    def onto(self, on: Conditions) -> None:
        on.bursts[self.zone] = self.size


class CloggedEmitters(BaseFault):
    """One sub-plot (0 to 7) whose emitters pass only this share of their water."""

    fault: Literal["clogged_emitters"] = "clogged_emitters"
    zone: str
    subplot: Annotated[int, Field(ge=0, le=7)]
    share: Share

    def onto(self, on: Conditions) -> None:
        on.emitters[self.zone, self.subplot] = self.share


class MainLeak(BaseFault):
    """A hole between meter and valves, as wide as `size` times the emitters of the first zone."""

    fault: Literal["main_leak"] = "main_leak"
    size: Annotated[float, Field(ge=0.0, le=5.0)]

    def onto(self, on: Conditions) -> None:
        on.main_leak = max(on.main_leak, self.size)


class CloggedFilter(BaseFault):
    """A filter with this many times its clean resistance."""

    fault: Literal["clogged_filter"] = "clogged_filter"
    factor: Annotated[float, Field(ge=1.0, le=1000.0)]

    def onto(self, on: Conditions) -> None:
        on.filter_factor = max(on.filter_factor, self.factor)


class PumpDead(BaseFault):
    """The contact closes; the motor stands still and draws nothing."""

    fault: Literal["pump_dead"] = "pump_dead"

    def onto(self, on: Conditions) -> None:
        on.pump_dead = True


class PumpWorn(BaseFault):
    """A pump that has lost this share of its head."""

    fault: Literal["pump_worn"] = "pump_worn"
    share: Annotated[float, Field(ge=0.0, le=0.9)]

    def onto(self, on: Conditions) -> None:
        on.pump_wear = max(on.pump_wear, self.share)


class Siphon(BaseFault):
    """The tank's water stands `head_m` over the field and runs through the standing pump into any open path."""

    fault: Literal["siphon"] = "siphon"
    head_m: Annotated[float, Field(gt=0.0, le=20.0)]

    def onto(self, on: Conditions) -> None:
        on.siphon_m = max(on.siphon_m, self.head_m)


class CheckValveFailed(BaseFault):
    """Lines that stand open drain back through the pump and meter into the tank."""

    fault: Literal["check_valve_failed"] = "check_valve_failed"

    def onto(self, on: Conditions) -> None:
        on.check_failed = True


class InjectorCheckFailed(BaseFault):
    """Water under pressure goes back into the stock tank while its closing valve is open and its pump stands."""

    fault: Literal["injector_check_failed"] = "injector_check_failed"
    injector: str

    def onto(self, on: Conditions) -> None:
        on.injector_checks_failed.add(self.injector)


class WellDry(BaseFault):
    """Nothing comes into the tank."""

    fault: Literal["well_dry"] = "well_dry"

    def onto(self, on: Conditions) -> None:
        on.well_dry = True


class TankLeak(BaseFault):
    """The tank loses water."""

    fault: Literal["tank_leak"] = "tank_leak"
    l_min: Annotated[float, Field(gt=0.0, le=200.0)]

    def onto(self, on: Conditions) -> None:
        on.tank_leak_l_min += self.l_min


# ------------------------------------------------------------------------------------- buses and units


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


# --------------------------------------------------------------------------------------------- sensors


class SensorOffset(BaseFault):
    """A sensor that adds `offset` to its first quantity (its own unit: cm, L/min, C, lx, W/m2, m/s, A, % VWC)."""

    fault: Literal["sensor_offset"] = "sensor_offset"
    sensor: str
    offset: float

    def onto(self, on: Conditions) -> None:
        on.offsets[self.sensor] = self.offset


class SensorGain(BaseFault):
    """A sensor that multiplies its first quantity."""

    fault: Literal["sensor_gain"] = "sensor_gain"
    sensor: str
    gain: Annotated[float, Field(ge=0.0, le=10.0)]

    def onto(self, on: Conditions) -> None:
        on.gains[self.sensor] = self.gain


class SensorFrozen(BaseFault):
    """A sensor that goes on saying what it said when it began."""

    fault: Literal["sensor_frozen"] = "sensor_frozen"
    sensor: str

    def onto(self, on: Conditions) -> None:
        on.frozen.add(self.sensor)


class ProbeDry(BaseFault):
    """A probe with a gap to the soil: it feels a third of the water."""

    fault: Literal["probe_dry"] = "probe_dry"
    probe: str

    def onto(self, on: Conditions) -> None:
        on.dry_contact.add(self.probe)


class ProbePulled(BaseFault):
    """A probe out of the soil: moisture 0, EC 0, the temperature of the air."""

    fault: Literal["probe_pulled"] = "probe_pulled"
    probe: str

    def onto(self, on: Conditions) -> None:
        on.pulled.add(self.probe)


class ProbeMoved(BaseFault):
    """A probe that was put into another zone."""

    fault: Literal["probe_moved"] = "probe_moved"
    probe: str
    zone: str

    def onto(self, on: Conditions) -> None:
        on.moved[self.probe] = self.zone


class MeterBlind(BaseFault):
    """A meter that makes no pulses."""

    fault: Literal["meter_blind"] = "meter_blind"

    def onto(self, on: Conditions) -> None:
        on.meter_blind = True


class MeterPhantom(BaseFault):
    """A meter that counts water that is not there."""

    fault: Literal["meter_phantom"] = "meter_phantom"
    l_min: Annotated[float, Field(gt=0.0, le=500.0)]

    def onto(self, on: Conditions) -> None:
        on.phantom_l_min += self.l_min


class MeterReset(BaseFault):
    """Once, at `at_s`: the counter starts anew from 0."""

    fault: Literal["meter_reset"] = "meter_reset"


# ---------------------------------------------------------------------------------- people and weather


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


class FilterCleaned(BaseFault):
    """Once, at `at_s`: somebody washes the filter."""

    fault: Literal["filter_cleaned"] = "filter_cleaned"


class Downpour(BaseFault):
    """Rain on top of what the weather draws."""

    fault: Literal["downpour"] = "downpour"
    mm_h: Annotated[float, Field(gt=0.0, le=200.0)]

    def onto(self, on: Conditions) -> None:
        on.rain_mm_h += self.mm_h


class Heat(BaseFault):
    """Air warmer than drawn."""

    fault: Literal["heat"] = "heat"
    warmer_c: Annotated[float, Field(ge=-20.0, le=20.0)]

    def onto(self, on: Conditions) -> None:
        on.warmer_c += self.warmer_c


Fault = (
    StuckCoil
    | WeldedContact
    | BurntContact
    | BoardReboot
    | BoardDown
    | BoardClock
    | ForeignWrite
    | Brownout
    | PowerLoss
    | JammedValve
    | LeakingValve
    | BlockedZone
    | LineBurst
    | CloggedEmitters
    | MainLeak
    | CloggedFilter
    | PumpDead
    | PumpWorn
    | Siphon
    | CheckValveFailed
    | InjectorCheckFailed
    | WellDry
    | TankLeak
    | BusLoss
    | LossyBus
    | DeadUnit
    | RefusingUnit
    | SensorOffset
    | SensorGain
    | SensorFrozen
    | ProbeDry
    | ProbePulled
    | ProbeMoved
    | MeterBlind
    | MeterPhantom
    | MeterReset
    | CabinetSwitch
    | EmergencyStop
    | FilterCleaned
    | Downpour
    | Heat
)
_FAULT: TypeAdapter[Fault] = TypeAdapter(Annotated[Fault, Field(discriminator="fault")])


def parse_fault(plain: dict[str, Any]) -> Fault:
    """A fault from `model_dump()`; pydantic.ValidationError when it is none."""
    return _FAULT.validate_python(plain)


def conditions(faults: list[Fault], at_s: float) -> Conditions:
    """The sum of the faults that are on at that time."""
    found = Conditions()
    for fault in faults:
        if fault.at_s <= at_s and (fault.until_s is None or at_s < fault.until_s):
            fault.onto(found)
    return found
