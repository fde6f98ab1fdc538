"""What the API tells and takes about a farm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tonnam_cloud.alerts.schemas import Alert
from tonnam_cloud.measures.schemas import Gap, Measure, Points
from tonnam_cloud.times import Instant
from tonnam_cloud.words import Words

ZoneState = Literal["dry", "good", "wet", "unknown"]
CommandStateLabel = Literal["queued", "sent", "accepted", "running", "refused", "done", "failed", "expired"]
ZONE_ID = r"^[a-z0-9][a-z0-9-]{0,31}$"
WholeNumber = Annotated[int, Field(strict=True)]
MOST_LITRES = 1_000_000


class Dose(BaseModel):
    """What one injector gave in a run."""

    injector: str
    liquid: Annotated[
        str | None, Field(description="a, b, acid, base, hypochlorite, fertiliser ...; null when it was not told")
    ]
    name: Words | None
    ml: float


class Run(BaseModel):
    """One watering of one zone; running while `ended_at` is null."""

    id: str
    zone: str
    cause: str | None
    started_at: Instant
    ended_at: Instant | None
    planned_s: float | None
    planned_litres: Annotated[
        float | None, Field(description="that a person asked for; then planned_s is the longest that it may take")
    ]
    duration_s: Annotated[float | None, Field(description="how long water ran; null while it runs")]
    litres: float | None
    doses: Annotated[list[Dose], Field(description="also of a run that was cut off; empty where nothing was dosed")]
    kwh: Annotated[float | None, Field(description="an estimate of what the pump took; null when not known")]
    baht: Annotated[float | None, Field(description="what that cost by the site's tariffs; null when not known")]
    outcome: str | None
    reason: Words | None


class Command(BaseModel):
    """A person's wish and what became of it."""

    id: str
    tenant: str
    site: str
    zone: Annotated[str | None, Field(description="null where it is about the whole site")]
    action: Literal["water", "stop", "clear", "lock"]
    minutes: int | None
    litres: Annotated[int | None, Field(description="ends a watering before its minutes do")]
    latch: Annotated[str | None, Field(description="what is to be cleared")]
    state: CommandStateLabel
    reason: Words | None
    created_at: Instant
    expires_at: Instant
    run_id: str | None


class CommandWish(BaseModel):
    """`{"action": "water", "minutes": 5}`, `{"action": "water", "litres": 200}` or `{"action": "stop"}`."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["water", "stop"]
    minutes: Annotated[
        WholeNumber | None, Field(description="only with water: from 1 to the zone's max_run_s / 60")
    ] = None
    litres: Annotated[
        WholeNumber | None,
        Field(description=f"only with water, 1 to {MOST_LITRES}; the zone's longest time ends it in any case"),
    ] = None


class LockWish(BaseModel):
    """`{"zone": "zone-1", "why": "digging up the pipe"}`; without a zone the whole site is locked."""

    model_config = ConfigDict(extra="forbid")

    zone: Annotated[str | None, Field(pattern=ZONE_ID)] = None
    why: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$", max_length=200)]


class Latch(BaseModel):
    """Something found wrong. What it concerns gets no water until a person has looked and clears it."""

    id: str
    kind: Annotated[str, Field(description="no_flow, low_flow, high_flow, leak, welded, not_closed, unexpected, ...")]
    subject: Annotated[str, Field(description="a zone, a valve, a pump, or `meter`")]
    zones: list[str]
    text: Words
    since: Instant | None


class Lockout(BaseModel):
    """Somebody has locked a zone, or the whole site; it is unlocked at the place itself only."""

    id: str
    zone: Annotated[str | None, Field(description="null when the whole site is locked")]
    who: str
    why: str
    since: Instant | None


class Mode(BaseModel):
    """Where the cabinet's switch of a zone stands."""

    mode: Literal["off", "hand", "auto", "unknown"]
    text: Words


class Emergency(BaseModel):
    """The emergency stop is pressed."""

    since: Instant | None


class Band(BaseModel):
    """The soil moisture that the crop wants."""

    low_pct: float | None
    high_pct: float | None


class NextWatering(BaseModel):
    """What the farm itself intends."""

    at: Instant | None
    text: Words


class Zone(BaseModel):
    """Ground that one valve waters, as it is now."""

    id: str
    name: Words
    crop: Words | None
    area_m2: float | None
    moisture: Measure
    band: Band
    state: ZoneState
    valve: Measure
    running: Annotated[bool | None, Field(description="null when the valve's state is not known")]
    run: Run | None
    last_run: Run | None
    next: NextWatering | None
    max_run_s: float
    mode: Annotated[Mode | None, Field(description="null for a zone without a switch")]
    latches: list[Latch]
    lockouts: list[Lockout]
    why_not: Annotated[Words | None, Field(description="why no water runs now, in one sentence; null while it runs")]


class Tank(Measure):
    """The level of the tank, and what is full."""

    full_cm: float | None


class NodeStatus(BaseModel):
    """The machine at the site."""

    id: str
    online: bool
    last_heard_at: Instant | None


class FarmSite(BaseModel):
    """A farm as it is now."""

    tenant: str
    id: str
    kind: Literal["farm"]
    name: Words
    node: NodeStatus
    zones: list[Zone]
    pump: Measure | None
    tank: Tank | None
    flow: Measure | None
    measures: list[Measure]
    emergency: Emergency | None
    latches: Annotated[list[Latch], Field(description="all that stand here, also those that concern no zone")]
    lockouts: list[Lockout]


class Overview(BaseModel):
    """All farms of the person, and what needs a hand."""

    now: Instant
    sites: list[FarmSite]
    alerts: list[Alert]


class ZoneHistory(BaseModel):
    """A zone's last hours: soil moisture with its band, the waterings in it, and why it may have holes."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    moisture: Points
    band: Band
    runs: list[Run]
    gaps: list[Gap]


class SiteEvent(BaseModel):
    """Something that a site's controller has told."""

    id: str
    kind: str
    at: Annotated[Instant | None, Field(description="null where the controller did not know the time")]
    title: Words
    text: Words | None
    zone: Annotated[str | None, Field(description="the zone that it is about, if it is about one")]


class SiteEvents(BaseModel):
    """What a site's controller has told, the newest first."""

    events: list[SiteEvent]
