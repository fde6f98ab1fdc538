"""Sensors that lie, and probes and meters in their own ways."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..conditions import Conditions
from .base import BaseFault


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


class SensorDrift(BaseFault):
    """A sensor whose first quantity wanders by so much a day, beginning with nothing."""

    fault: Literal["sensor_drift"] = "sensor_drift"
    sensor: str
    per_day: Annotated[float, Field(ge=-1e4, le=1e4)]

    def onto(self, on: Conditions) -> None:
        on.drifts[self.sensor] = (self.per_day, self.at_s)


class SensorDry(BaseFault):
    """An EC or pH probe out of the water: EC 0, and a pH that wanders around 7."""

    fault: Literal["sensor_dry"] = "sensor_dry"
    solution_probe: str

    def onto(self, on: Conditions) -> None:
        on.out_of_water.add(self.solution_probe)


class TemperatureLost(BaseFault):
    """An EC or pH probe that believes all water to be at 25 C: EC is 2 % a degree too high, pH a slope off."""

    fault: Literal["temperature_lost"] = "temperature_lost"
    solution_probe: str

    def onto(self, on: Conditions) -> None:
        on.uncompensated.add(self.solution_probe)


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
