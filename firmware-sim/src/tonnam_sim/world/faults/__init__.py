"""All that can go wrong with a world, and what people may do to it. Typed, JSON-able, each with its times.

    WeldedContact(at_s=3600, actuator="zone-1")
    parse_fault({"fault": "probe_pulled", "at_s": 7200, "until_s": 90000, "probe": "probe-1-a"})

Actuators are "pump", "contactor", "master", "circulation", a zone's id (its valve), an injector's id and its id
+ "-valve". Sensors are "level", "flow", "air", "light", "sun", "wind", "rain", "current", a probe, and with `mixing`
the solution probes "ec", "ph", "supply_ec" and "supply_ph".
Faults of the same kind and subject overlap: the later in the list rules.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from ..conditions import Conditions
from .cabinet import (
    BoardClock,
    BoardDown,
    BoardReboot,
    Brownout,
    BurntContact,
    BusLoss,
    CabinetSwitch,
    DeadUnit,
    EmergencyStop,
    ForeignWrite,
    LossyBus,
    PowerLoss,
    RefusingUnit,
    StuckCoil,
    WeldedContact,
)
from .flood import FloatFailed, LockTurned, RiverWave
from .sensors import (
    MeterBlind,
    MeterPhantom,
    MeterReset,
    ProbeDry,
    ProbeMoved,
    ProbePulled,
    SensorDrift,
    SensorDry,
    SensorFrozen,
    SensorGain,
    SensorOffset,
    TemperatureLost,
)
from .water import (
    BlockedZone,
    CheckValveFailed,
    CirculationDead,
    CloggedEmitters,
    CloggedFilter,
    Downpour,
    FilterCleaned,
    FlowSwitchStuck,
    Heat,
    InjectorAirlock,
    InjectorCheckFailed,
    JammedValve,
    LeakingValve,
    LineBurst,
    MainLeak,
    PumpDead,
    PumpWorn,
    Siphon,
    StockEmpty,
    StockRefilled,
    TankLeak,
    WellDry,
)

__all__ = [
    "BlockedZone",
    "BoardClock",
    "BoardDown",
    "BoardReboot",
    "Brownout",
    "BurntContact",
    "BusLoss",
    "CabinetSwitch",
    "CheckValveFailed",
    "CirculationDead",
    "CloggedEmitters",
    "CloggedFilter",
    "DeadUnit",
    "Downpour",
    "EmergencyStop",
    "Fault",
    "FilterCleaned",
    "FloatFailed",
    "FlowSwitchStuck",
    "ForeignWrite",
    "Heat",
    "InjectorAirlock",
    "InjectorCheckFailed",
    "JammedValve",
    "LeakingValve",
    "LineBurst",
    "LockTurned",
    "LossyBus",
    "MainLeak",
    "MeterBlind",
    "MeterPhantom",
    "MeterReset",
    "PowerLoss",
    "ProbeDry",
    "ProbeMoved",
    "ProbePulled",
    "PumpDead",
    "PumpWorn",
    "RefusingUnit",
    "RiverWave",
    "SensorDrift",
    "SensorDry",
    "SensorFrozen",
    "SensorGain",
    "SensorOffset",
    "Siphon",
    "StockEmpty",
    "StockRefilled",
    "StuckCoil",
    "TankLeak",
    "TemperatureLost",
    "WeldedContact",
    "WellDry",
    "conditions",
    "parse_fault",
]

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
    | InjectorAirlock
    | StockEmpty
    | StockRefilled
    | CirculationDead
    | FlowSwitchStuck
    | SensorDrift
    | SensorDry
    | TemperatureLost
    | RiverWave
    | FloatFailed
    | LockTurned
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
