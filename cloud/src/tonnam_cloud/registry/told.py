"""What nodes tell in the bodies of events, as checked values. Unknown fields are for newer versions and are ignored;
anything else that does not fit makes the event Rejected. Ids in bodies are the node's own, without the tenant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import msgspec

from tonnam_cloud.errors import Rejected
from tonnam_link.messages import Event
from tonnam_link.topics import ID_PATTERN

_PROPERTY = r"[a-z][a-z0-9_]{0,63}"
_STREAM = rf"{ID_PATTERN}/{ID_PATTERN}/{_PROPERTY}"
NAME_PATTERN = rf"^{_STREAM}$"
"""A datastream as a node names it: `{site}/{thing}/{property}`."""

Id = Annotated[str, msgspec.Meta(pattern=rf"^{ID_PATTERN}$")]
Token = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}$")]
NodeName = Annotated[str, msgspec.Meta(pattern=rf"^{ID_PATTERN}/{ID_PATTERN}$")]
StreamName = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
LatchId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Line = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Phrase = Annotated[str, msgspec.Meta(max_length=1000, pattern=r"^[^\x00]*$")]
Millis = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
"""Of water, ground or height: far more than there is, and never infinite."""
Level = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e7)]
"""A duration: no watering and no silence that anybody plans is longer than a season."""


class Words(msgspec.Struct, frozen=True):
    """Words for people."""

    th: Phrase
    en: Phrase


class SiteTold(msgspec.Struct, frozen=True):
    id: Id
    kind: Literal["farm", "city"]
    name: Words
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None


class StreamTold(msgspec.Struct, frozen=True):
    id: StreamName
    name: Words
    unit: Annotated[str, msgspec.Meta(max_length=32)]
    max_age_s: Annotated[float, msgspec.Meta(gt=0, le=1e7)]
    kind: Literal["measure", "state"]


class ZoneTold(msgspec.Struct, frozen=True):
    id: Id
    name: Words
    max_run_s: Seconds
    moisture: StreamName | None = None
    valve: StreamName | None = None
    band_low_pct: Level | None = None
    band_high_pct: Level | None = None
    crop: Words | None = None
    area_m2: Amount | None = None


class TankTold(msgspec.Struct, frozen=True):
    datastream: StreamName
    full_cm: Amount


class SensorTold(msgspec.Struct, frozen=True):
    thing: Id
    kind: Literal["air", "rain", "river"]
    name: Words
    datastreams: list[StreamName]
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    bank_height_m: Level | None = None
    bed_m: Level | None = None


class StationPartTold(msgspec.Struct, frozen=True):
    """A pump or a gate of a station, and the datastream of its state."""

    id: Id
    name: Words
    datastream: StreamName
    state: Literal["on", "off", "open", "closed", "unknown"] = "unknown"


class StationTold(msgspec.Struct, frozen=True):
    """A pumping station or a gate, and the level that moves it."""

    id: Id
    name: Words
    level: StreamName
    parts: Annotated[list[StationPartTold], msgspec.Meta(max_length=16)] = []


class SiteDescribed(msgspec.Struct, frozen=True):
    """The whole truth of a site. `zones` stay as they came too, because pages show more of them than we check."""

    site: SiteTold
    datastreams: list[StreamTold]
    zones: list[ZoneTold] = []
    pump: StreamName | None = None
    tank: TankTold | None = None
    flow: StreamName | None = None
    sensors: list[SensorTold] = []
    stations: Annotated[list[StationTold], msgspec.Meta(max_length=200)] = []

    @property
    def site_id(self) -> str:
        return self.site.id


class RunStarted(msgspec.Struct, frozen=True):
    run_id: Token
    site: Id
    zone: Id
    cause: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{0,15}$")]
    planned_s: Seconds
    program: Token | None = None
    command_id: Token | None = None
    reason: Words | None = None

    @property
    def site_id(self) -> str:
        return self.site


class InjectorTold(msgspec.Struct, frozen=True):
    """What an injector doses, and what people call it."""

    liquid: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{0,31}$")]
    name: Words


class RunEnded(msgspec.Struct, frozen=True):
    """`dosed`: mL by injector. `kwh` and `baht` are estimates: without them nobody knows, nor below zero, as where a
    current is measured the wrong way round. Older nodes tell none of these.
    """

    run_id: Token
    site: Id
    zone: Id
    outcome: Literal["done", "stopped", "failed", "interrupted"]
    duration_s: Seconds
    litres: Amount | None = None
    reason: Words | None = None
    dosed: Annotated[dict[Id, Amount], msgspec.Meta(max_length=64)] = {}
    injectors: Annotated[dict[Id, InjectorTold], msgspec.Meta(max_length=64)] = {}
    kwh: Level | None = None
    baht: Level | None = None

    @property
    def site_id(self) -> str:
        return self.site


class ZonePlanned(msgspec.Struct, frozen=True):
    site: Id
    zone: Id
    next_at_ms: Millis | None = None
    text: Words | None = None

    @property
    def site_id(self) -> str:
        return self.site


class LatchTold(msgspec.Struct, frozen=True):
    """Something found wrong, that stands until a person clears it. `zones` get no water meanwhile."""

    id: LatchId
    of: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{0,31}$")]
    subject: Id
    text: Words
    zones: Annotated[list[Id], msgspec.Meta(max_length=1000)] = []
    since_ms: Millis | None = None


class LockoutTold(msgspec.Struct, frozen=True):
    """Somebody has locked a zone, or with None the whole site."""

    id: Token
    who: Line
    why: Line
    zone: Id | None = None
    since_ms: Millis | None = None
    afar: bool = False


class EmergencyTold(msgspec.Struct, frozen=True):
    since_ms: Millis | None = None


class ModeTold(msgspec.Struct, frozen=True):
    """Where the cabinet's switch of a zone stands."""

    zone: Id
    mode: Literal["off", "hand", "auto", "unknown"]
    text: Words


class StationStands(msgspec.Struct, frozen=True):
    """How a station stands and why. In hand nobody afar moves it. `alarm`: what somebody must look after at once.

    `order_state` is what an order from afar makes of it, for at most `max_order_s`; older nodes do not tell it.
    """

    id: Id
    name: Words
    text: Words
    state: Literal["on", "off", "open", "closed", "unknown"] = "unknown"
    parts: Annotated[list[StationPartTold], msgspec.Meta(max_length=16)] = []
    level: StreamName | None = None
    level_by: Literal["gauge", "witness", "nobody"] = "gauge"
    mode: Literal["off", "hand", "auto", "unknown"] | None = None
    locked: bool | None = None
    in_hand: bool = False
    ordered: bool = False
    order_state: Literal["on", "open", "closed"] | None = None
    max_order_s: Seconds = 0.0
    alarm: Words | None = None


class DoubtTold(msgspec.Struct, frozen=True):
    """What a site believes no more, until it agrees again. Without a zone it is of the whole site."""

    of: Annotated[str, msgspec.Meta(max_length=64)]
    text: Words
    zone: Id | None = None


class ThirstyTold(msgspec.Struct, frozen=True):
    """A zone that has wanted water for long and got none; `of` says in one word why."""

    zone: Id
    of: Annotated[str, msgspec.Meta(max_length=64)]
    text: Words
    since_ms: Millis | None = None


class SiteStands(msgspec.Struct, frozen=True):
    """All that stands at a site and keeps water off until a person acts, what it doubts, and which zones want water
    and get none. What is not in it stands no more."""

    site: Id
    latches: Annotated[list[LatchTold], msgspec.Meta(max_length=1000)] = []
    lockouts: Annotated[list[LockoutTold], msgspec.Meta(max_length=1000)] = []
    emergency: EmergencyTold | None = None
    modes: Annotated[list[ModeTold], msgspec.Meta(max_length=1000)] = []
    stations: Annotated[list[StationStands], msgspec.Meta(max_length=200)] = []
    doubts: Annotated[list[DoubtTold], msgspec.Meta(max_length=1000)] = []
    thirsty: Annotated[list[ThirstyTold], msgspec.Meta(max_length=1000)] = []

    @property
    def site_id(self) -> str:
        return self.site


class NodeStarted(msgspec.Struct, frozen=True):
    """A node runs again. Between its last sign of life, if it knows of one, and now it has measured nothing."""

    gap_from_ms: Millis | None = None
    gap_to_ms: Millis | None = None
    site: Id | None = None

    @property
    def site_id(self) -> str | None:
        return self.site


class ReadingsGap(msgspec.Struct, frozen=True):
    """Readings that are missing, or kept as one value a minute. `node` is whose they were, if not the teller's."""

    gap_to_ms: Millis = msgspec.field(name="to_ms")
    cause: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{0,15}$")]
    gap_from_ms: Millis | None = msgspec.field(default=None, name="from_ms")
    readings: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] | None = None
    node: NodeName | None = None
    text: Words | None = None

    @property
    def site_id(self) -> None:
        return None


class OfASite(msgspec.Struct, frozen=True):
    """Any other event; it may name its site."""

    site: Id | None = None

    @property
    def site_id(self) -> str | None:
        return self.site


Gapped = NodeStarted | ReadingsGap
Told = SiteDescribed | RunStarted | RunEnded | ZonePlanned | SiteStands | NodeStarted | ReadingsGap | OfASite
KINDS: Mapping[
    str, type[SiteDescribed | RunStarted | RunEnded | ZonePlanned | SiteStands | NodeStarted | ReadingsGap]
] = {
    "site.described": SiteDescribed,
    "run.started": RunStarted,
    "run.ended": RunEnded,
    "zone.planned": ZonePlanned,
    "site.stands": SiteStands,
    "node.started": NodeStarted,
    "readings.gap": ReadingsGap,
}


class _Heading(msgspec.Struct, frozen=True):
    id: Token
    kind: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    at_ms: Millis


def is_suspect(event: Event) -> bool:
    """Whether the node did not know the time when it happened. Its boot was over when it was sealed, so it is old."""
    return event.body.get("clock_suspect") is True


def read(event: Event) -> Told:
    """The checked body of an event. Raises Rejected that says what is wrong with it."""
    try:
        msgspec.convert({"id": event.id, "kind": event.kind, "at_ms": event.at_ms}, _Heading)
        told = cast(Told, msgspec.convert(event.body, KINDS.get(event.kind, OfASite)))
    except msgspec.ValidationError as error:
        raise Rejected(f"event {event.kind[:64]!r}: {error}") from error
    if isinstance(told, SiteDescribed):
        _check_streams(told)
    return told


def _check_streams(told: SiteDescribed) -> None:
    """Every datastream of a description is one of its site's own."""
    known = {stream.id for stream in told.datastreams}
    used = {name for zone in told.zones for name in (zone.moisture, zone.valve)}
    used |= {told.pump, told.flow, told.tank.datastream if told.tank else None}
    used |= {name for sensor in told.sensors for name in sensor.datastreams}
    used |= {name for each in told.stations for name in (each.level, *(part.datastream for part in each.parts))}
    if unknown := sorted(name for name in used - known if name):
        raise Rejected(f"event 'site.described': {unknown[0]} is not among its datastreams")
    if foreign := sorted(name for name in known if not name.startswith(f"{told.site.id}/")):
        raise Rejected(f"event 'site.described': {foreign[0]} is not of site {told.site.id}")


def doses(content: RunEnded) -> list[dict[str, Any]] | None:
    """What was dosed in a run, as it is kept: each {injector, ml}, with liquid and name where they were told."""
    known = content.injectors
    found = [
        {"injector": name, "ml": ml, **(msgspec.to_builtins(known[name]) if name in known else {})}
        for name, ml in content.dosed.items()
    ]
    return found or None


def spent(value: float | None) -> float | None:
    """What a run took of something, or None where that cannot be."""
    return value if value is not None and value >= 0 else None


def as_words(words: Words | None) -> dict[str, str] | None:
    return None if words is None else {"th": words.th, "en": words.en}
