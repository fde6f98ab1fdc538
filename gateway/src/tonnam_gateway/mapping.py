"""The mapping file: which node this is, which devices speak, and what of theirs becomes which datastream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from tonnam_gateway.dialects import DIALECTS
from tonnam_gateway.dialects.base import covers
from tonnam_gateway.measurement import TimeForm, Timing
from tonnam_link import topics
from tonnam_link.messages import DatastreamSpec

PROPERTY_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"


def _id(text: str) -> str:
    if not topics.is_id(text):
        raise ValueError("must be 1 to 32 of a-z, 0-9 and -, not beginning with -, and not 'live'")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError('must be a time zone such as "Asia/Bangkok"') from error
    return name


def _dialect(name: str) -> str:
    if name not in DIALECTS:
        raise ValueError(f"must be one of {', '.join(DIALECTS)}")
    return name


def _range(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] >= limits[1]:
        raise ValueError("must be [lowest, highest], the lowest first")
    return limits


Id = Annotated[str, AfterValidator(_id)]
Zone = Annotated[str, AfterValidator(_zone)]
Latitude = Annotated[FiniteFloat, Field(ge=-90, le=90)]
Longitude = Annotated[FiniteFloat, Field(ge=-180, le=180)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class Part(BaseModel):
    """What all parts of the file have in common: no unknown keys, no guessing of types, no change after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Name(Part):
    """A name as people read it."""

    th: Text = Field(description='the name in Thai, such as "แม่น้ำที่สะพาน"')
    en: Text = Field(description='the name in English, such as "River at the bridge"')

    def texts(self) -> dict[str, str]:
        return {"th": self.th, "en": self.en}


class Site(Part):
    """The town."""

    id: Id = Field(description='such as "town"')
    kind: Literal["city"] = Field(description='"city"')
    name: Name = Field(description='{ th = "...", en = "..." }')
    latitude: Latitude = Field(description="degrees north, such as 14.72")
    longitude: Longitude = Field(description="degrees east, such as 102.02")
    timezone: Zone = Field("Asia/Bangkok", description="the zone of times that devices send without offset")


class TimeField(Part):
    """Where a device puts the time of a reading, and how it writes it."""

    path: Text = Field(description='the JSON path, such as "ts"')
    form: TimeForm = Field(description='"s" or "ms" since 1970, or "iso"')


class Device(Part):
    """A machine that publishes over MQTT."""

    id: Id = Field(description='a short name for this device, such as "air-node"')
    dialect: Annotated[str, AfterValidator(_dialect)] = Field(description="how it speaks")
    address: str = Field(description="tasmota: its topic; chirpstack: its devEui; json: the whole topic")
    timezone: Zone | None = Field(None, description="if its times are in another zone than the site's")
    time: TimeField | None = Field(None, description='{ path = "ts", form = "s" }')

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        dialect = DIALECTS[self.dialect]
        if problem := dialect.address_problem(self.address):
            raise ValueError(f"address {problem}")
        if self.time and not dialect.timed_by_path:
            raise ValueError(f"time is not for {self.dialect}, which has a fixed place for it")
        return self

    def timing(self, site: Site) -> Timing:
        zone = ZoneInfo(self.timezone or site.timezone)
        return Timing(zone, self.time.path, self.time.form) if self.time else Timing(zone)


class Datastream(Part):
    """One observed property, and where it comes from."""

    device: str = Field(description="the id of one of the [[devices]]")
    measure: Text = Field(description='what the device calls it: a JSON path such as "PMS5003.PM2.5"')
    name: Name = Field(description='{ th = "...", en = "..." }')
    unit: Text = Field(description='a UCUM code such as "ug/m3", "mm", "m", "Cel", "%"')
    scale: FiniteFloat = Field(1.0, description="what the device's number is multiplied by to get the unit")
    range: Annotated[tuple[FiniteFloat, FiniteFloat], Field(strict=False), AfterValidator(_range)] = Field(
        description="[lowest, highest] that can be true; what is outside is kept as raw only"
    )
    resolution: FiniteFloat = Field(ge=0, description="the smallest step worth sending, such as 0.1; 0 sends all")
    max_age_s: int = Field(gt=0, description="seconds after which the last reading is stale")


class Sensor(Part):
    """What people call a sensor: a thing at a place, with one or more datastreams."""

    thing: Id = Field(description='such as "air-1"')
    kind: Literal["air", "rain", "river"] = Field(description='"air", "rain" or "river"')
    name: Name = Field(description='{ th = "...", en = "..." }')
    latitude: Latitude = Field(description="degrees north, such as 14.72")
    longitude: Longitude = Field(description="degrees east, such as 102.02")
    bank_height_m: FiniteFloat | None = Field(None, gt=0, description="river: the level at which it overflows")
    bed_m: FiniteFloat | None = Field(None, description="river: the level of the bed")
    datastreams: dict[Annotated[str, Field(pattern=PROPERTY_PATTERN)], Datastream] = Field(
        min_length=1, description="one table [sensors.datastreams.PROPERTY] for each"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "river" and self.bank_height_m is None:
            raise ValueError("a river needs bank_height_m, the level in m at which it overflows")
        if self.kind != "river" and (self.bank_height_m is not None or self.bed_m is not None):
            raise ValueError("bank_height_m and bed_m are for kind river only")
        if self.bank_height_m is not None and self.bed_m is not None and self.bed_m >= self.bank_height_m:
            raise ValueError("bed_m must be below bank_height_m: the river has no room")
        return self


class Gather(Part):
    """How long readings may wait for company: in memory before they are committed, on disk before they are sent."""

    every_s: FiniteFloat = Field(5.0, ge=0.1, le=60, description="0.1 to 60 seconds")
    send_every_s: FiniteFloat = Field(60.0, ge=0.1, le=3600, description="0.1 to 3600 seconds")


class Behind(Part):
    """Nodes of the same tenant that reach the cloud through this gateway. They connect to the site's own broker."""

    nodes: list[Id] = Field(min_length=1, max_length=1000, description='their ids, such as ["edge-1", "edge-2"]')


class Mapping(Part):
    """The whole file. A gateway that only relays has no site, devices or sensors of its own."""

    tenant: Id = Field(description='such as "demo-town"')
    node: Id = Field(description='such as "gateway-1"')
    site: Site | None = Field(None, description="a table [site]")
    gather: Gather = Field(default_factory=lambda: Gather.model_validate({}), description="a table [gather]")
    relay: Behind | None = Field(None, description="a table [relay], for nodes behind this gateway")
    devices: list[Device] = Field([], description="a table [[devices]] for each device")
    sensors: list[Sensor] = Field([], description="a table [[sensors]] for each sensor")

    @property
    def place(self) -> Site:
        """Where the sensors are. There must be some."""
        if self.site is None:
            raise LookupError("a gateway that only relays has no site")
        return self.site

    def streams(self) -> Iterator[tuple[str, Sensor, Datastream]]:
        """Every datastream with its full id `{site}/{thing}/{property}`."""
        for sensor in self.sensors:
            for name, stream in sensor.datastreams.items():
                yield f"{self.place.id}/{sensor.thing}/{name}", sensor, stream

    def specs(self) -> list[DatastreamSpec]:
        """What the link must know of the datastreams."""
        return [
            DatastreamSpec(full_id, stream.unit, float(stream.resolution)) for full_id, _, stream in self.streams()
        ]

    def filters(self) -> list[str]:
        """The fewest MQTT subscriptions that bring everything that the devices say."""
        return subscriptions(self.devices)


def subscriptions(devices: list[Device]) -> list[str]:
    """The filters of the devices' dialects, without those that another one covers (which would deliver twice)."""
    wanted: set[str] = set()
    for name, dialect in DIALECTS.items():
        addresses = [device.address for device in devices if device.dialect == name]
        wanted |= dialect.filters(addresses) if addresses else set()
    return sorted(one for one in wanted if not any(other != one and covers(other, one) for other in wanted))
