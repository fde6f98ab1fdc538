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
WholeNumber = Annotated[int, Field(strict=True)]


class Run(BaseModel):
    """One watering of one zone; running while `ended_at` is null."""

    id: str
    zone: str
    cause: str | None
    started_at: Instant
    ended_at: Instant | None
    planned_s: float | None
    litres: float | None
    outcome: str | None
    reason: Words | None


class Command(BaseModel):
    """A person's wish and what became of it."""

    id: str
    tenant: str
    site: str
    zone: str
    action: Literal["water", "stop"]
    minutes: int | None
    state: CommandStateLabel
    reason: Words | None
    created_at: Instant
    expires_at: Instant
    run_id: str | None


class CommandWish(BaseModel):
    """`{"action": "water", "minutes": 5}` or `{"action": "stop"}`."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["water", "stop"]
    minutes: Annotated[
        WholeNumber | None, Field(description="only with water: from 1 to the zone's max_run_s / 60")
    ] = None


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
