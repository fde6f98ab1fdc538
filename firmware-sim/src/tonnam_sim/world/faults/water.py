"""Valves, pipes, pump, tank, injectors, filter and weather."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..conditions import Conditions
from .base import BaseFault, Share


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
    pump: str = "pump"

    def onto(self, on: Conditions) -> None:
        on.dead_pumps.add(self.pump)


class PumpWorn(BaseFault):
    """A pump that has lost this share of its head, by wear or by what hangs in its rack."""

    fault: Literal["pump_worn"] = "pump_worn"
    pump: str = "pump"
    share: Annotated[float, Field(ge=0.0, le=0.9)]

    def onto(self, on: Conditions) -> None:
        on.worn_pumps[self.pump] = max(on.worn_pumps.get(self.pump, 0.0), self.share)


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


class InjectorAirlock(BaseFault):
    """An injector with air in its head: it runs and draws its current, and doses nothing."""

    fault: Literal["injector_airlock"] = "injector_airlock"
    injector: str

    def onto(self, on: Conditions) -> None:
        on.airlocked.add(self.injector)


class StockEmpty(BaseFault):
    """An injector whose stock tank is as good as empty: its lance hangs in the air."""

    fault: Literal["stock_empty"] = "stock_empty"
    injector: str

    def onto(self, on: Conditions) -> None:
        on.stocks_empty.add(self.injector)


class StockRefilled(BaseFault):
    """Once, at `at_s`: somebody fills a stock tank up with fresh stock."""

    fault: Literal["stock_refilled"] = "stock_refilled"
    injector: str


class CirculationDead(BaseFault):
    """The circulation pump of a mixing tank stands still, whatever its contact says."""

    fault: Literal["circulation_dead"] = "circulation_dead"

    def onto(self, on: Conditions) -> None:
        on.circulation_dead = True


class FlowSwitchStuck(BaseFault):
    """The flow switch at the injectors says the same whatever flows."""

    fault: Literal["flow_switch_stuck"] = "flow_switch_stuck"
    closed: bool

    def onto(self, on: Conditions) -> None:
        on.flow_switch = self.closed


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
