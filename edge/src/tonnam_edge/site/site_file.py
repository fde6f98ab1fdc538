"""The site file, key by key: what may stand in it. What must fit together is in `site`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tonnam_edge.site.dosing_file import DosePart, EcPart, InjectorPart, MixingLinePart, PhPart
from tonnam_edge.site.growing_file import GrowingPart, HoldsPart, SafePart, WeatherPart
from tonnam_edge.site.plant_file import FilterPart, FlowPart, GroupPart, MeterPart, TankPart
from tonnam_edge.site.profile import Model, Words
from tonnam_edge.site.program_file import ProgramPart
from tonnam_edge.site.site_types import Coil, Day, Id, Percent, Positive
from tonnam_edge.site.station_file import StationPart
from tonnam_edge.site.tariff_file import ElectricityPart, TariffPart


class NodePart(Model):
    """This machine, as the cloud knows it."""

    tenant: Id
    id: Id


class PlacePart(Model):
    """The site: what it is called, where it lies (for the sun), and whether a roof keeps rain and wind away."""

    id: Id
    name: Words
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    timezone: str = "Asia/Bangkok"
    elevation_m: Annotated[float, Field(ge=-400, le=5000)] = 0.0
    coastal: bool = False
    cover: Literal["none", "greenhouse"] = "none"

    @property
    def under_cover(self) -> bool:
        """Whether no rain falls on the crop and no wind blows through it."""
        return self.cover == "greenhouse"


class TellingPart(Model):
    """How often readings are put on disk, and how often what is there is sent. Events never wait."""

    every_s: Annotated[float, Field(ge=1, le=3600)] = 10.0
    send_s: Annotated[float, Field(ge=1, le=3600)] = 60.0


class BusPart(Model):
    """A cable with devices on it: tcp://host:port, rtu+tcp://host:port (a serial server), or a serial port's path."""

    id: Id
    address: str
    timeout_s: Annotated[float, Field(ge=0.05, le=30)] = 1.0
    pause_s: Annotated[float, Field(ge=0, le=5)] | None = None
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1


class DevicePart(Model):
    """A device on a bus. What it measures becomes datastreams of the thing `thing` (or else of its own id).

    `power_on` is how a board's relays come back after a power cut, as commissioning has seen it: all off, or with one
    on that was on before. What holds such a relay then is no timer.
    """

    id: Id
    bus: Id
    unit: Annotated[int, Field(ge=0, le=247)]
    profile: str
    name: Words
    thing: Id | None = None
    tells: tuple[str, ...] | None = None
    parameters: dict[str, Positive] = Field(default={})
    power_on: Literal["off", "on"] | None = None
    poll_s: Annotated[float, Field(ge=0.2, le=3600)] | None = None
    max_age_s: Annotated[float, Field(ge=1, le=86400)] | None = None


Role = Literal["valve", "pump", "master", "injector", "contactor", "gate"]
Kind = Literal["normally_closed", "normally_open", "latching", "motorised"]
# What is turned off before what. A contactor is the cut-off in series with a pump.
STOP_ORDER: tuple[Role, ...] = ("injector", "pump", "contactor", "master", "valve", "gate")


FlowAt = tuple[Positive, Annotated[float, Field(gt=0, le=150)]]
"""Watts, and per cent of the flow that zones have at the pump's best."""


class ActuatorPart(Model):
    """What a relay board moves. Open means that it lets water through; a pump or contactor is open while it runs.

    `kind` says what its coil does: normally_closed is open while energised, normally_open closed; latching takes a
    pulse of `pulse_s` on `coil` to open and one on `close_coil` to close; motorised drives open while the coil is on
    and closed while it is off, for `travel_s`, and stays where it is without supply. `cut_off_min`: something that
    does not depend on this machine or the board ends the water after so long. `renewable`: whether somebody has tried
    that a second timer replaces the first. `commissioned` is the day on which a person saw it do what it should.
    A pump whose supply comes and goes, such as the sun, tells by `power` how much there is for it, running or not:
    under `least_w` it stands, and `flow_at` says what share of its zones' flow it gives at how many watts.
    """

    id: Id
    role: Role
    kind: Kind = "normally_closed"
    device: Id
    coil: Coil
    close_coil: Coil | None = None
    pulse_s: Annotated[float, Field(ge=0.1, le=5)] | None = None
    name: Words
    travel_s: Annotated[float, Field(ge=0, le=120)] = 0.0
    safe_state: Literal["closed", "open", "off", "on"] | None = None
    renewable: Literal["verified", "unknown"] = "unknown"
    cut_off_min: Annotated[float, Field(ge=1, le=1440)] | None = None
    capacity_l_min: Positive | None = None
    rest_s: Annotated[float, Field(ge=0, le=3600)] | None = None
    starts_per_hour: Annotated[int, Field(ge=1, le=60)] | None = None
    contactor: Id | None = None
    current: str | None = None
    runs_above: Positive | None = None
    dry_below: Positive | None = None
    power: str | None = None
    least_w: Positive | None = None
    flow_at: Annotated[tuple[FlowAt, ...], Field(min_length=2)] | None = None
    lead_s: Annotated[float, Field(ge=0, le=120)] | None = None
    lag_s: Annotated[float, Field(ge=0, le=120)] | None = None
    commissioned: Day | None = None

    @property
    def turns(self) -> bool:
        """Whether people say on and off of it, not open and closed."""
        return self.role in {"pump", "contactor", "injector"}

    @property
    def safe_open(self) -> bool:
        """Whether it lets water through when something is wrong: a flood pump's safe state is on."""
        return self.safe_state in {"open", "on"}


class BandPart(Model):
    low_pct: Percent
    high_pct: Percent


class ModePart(Model):
    """The contacts of a zone's switch at the cabinet, as device/input: `auto` is closed in auto, `hand` in hand.

    With neither closed it is off. A switch without a `hand` contact counts as in hand whenever it is not on auto.
    """

    auto: str
    hand: str | None = None


class CabinetPart(Model):
    """The cabinet's own switches. The emergency stop is hard-wired: the agent only learns of it, by device/input."""

    emergency_stop: str
    closed_when_pressed: bool = False


class ZonePart(Model):
    """Ground that one valve waters. `band` is how wet its soil should be; only a moisture program needs it.

    `dose` is what goes into its water; where that cannot be, `without_dose` says: plain water, or wait. Who wants
    water for `alert_dry_h` hours and gets none is an alert; None: see `core.programs.thirst`.
    """

    id: Id
    name: Words
    crop: Words
    area_m2: Positive
    valve: Id
    pump: Id | None = None
    master: Id | None = None
    probes: tuple[Id, ...] = ()
    flow_l_min: Positive
    band: BandPart | None = None
    max_run_min: Annotated[float, Field(gt=0, le=53)]
    max_day_min: Annotated[float, Field(gt=0, le=1440)]
    hold_after_stop_min: Annotated[float, Field(ge=0, le=1440)] = 60.0
    mode: ModePart | None = None
    growing: GrowingPart | None = None
    safe: SafePart | None = None
    quota_l_day: Positive | None = None
    alert_dry_h: Annotated[float, Field(ge=2, le=720)] | None = None
    dose: tuple[DosePart, ...] = ()
    ec: EcPart | None = None
    ph: PhPart | None = None
    without_dose: Literal["water", "wait"] = "water"


class RestartPart(Model):
    """After the agent has been started again, programs wait `first_s`, and `each_s` more for every further zone."""

    first_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    each_s: Annotated[float, Field(ge=0, le=600)] = 20.0


class SiteFile(Model):
    """A whole site file."""

    node: NodePart
    site: PlacePart
    telling: TellingPart = TellingPart()
    bus: Annotated[tuple[BusPart, ...], Field(min_length=1)]
    device: Annotated[tuple[DevicePart, ...], Field(min_length=1)]
    actuator: tuple[ActuatorPart, ...] = ()
    mixing_line: tuple[MixingLinePart, ...] = ()
    injector: tuple[InjectorPart, ...] = ()
    zone: tuple[ZonePart, ...] = ()
    tank: TankPart | None = None
    flow: FlowPart | None = None
    meter: tuple[MeterPart, ...] = ()
    group: tuple[GroupPart, ...] = ()
    filter: tuple[FilterPart, ...] = ()
    cabinet: CabinetPart | None = None
    restart: RestartPart = RestartPart()
    weather: WeatherPart = WeatherPart()
    holds: HoldsPart = HoldsPart()
    electricity: ElectricityPart = ElectricityPart()
    tariff: tuple[TariffPart, ...] = ()
    program: tuple[ProgramPart, ...] = ()
    station: tuple[StationPart, ...] = ()
