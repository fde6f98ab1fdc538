"""What the API tells about a town."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tonnam_cloud.farm.schemas import NodeStatus
from tonnam_cloud.measures.schemas import Measure
from tonnam_cloud.times import Instant
from tonnam_cloud.words import Words


class Air(BaseModel):
    """The air by Thailand's index of B.E. 2566, from 24-hour running means."""

    pm2_5_24h: Annotated[float | None, Field(description="ug/m3; null with under 18 of 24 hours")]
    hours: Annotated[int, Field(ge=0, le=24, description="how many of the last 24 hours have readings")]
    aqi: Annotated[int | None, Field(description="null above 200, where only the band is defined")]
    aqi_text: str | None
    pollutant: Annotated[Literal["pm2_5", "pm10"] | None, Field(description="the one that sets the index")]
    band: Literal["very_good", "good", "moderate", "starts_to_affect", "affects", "not_enough_data"]
    label: Words
    advice: Words


class Rain(BaseModel):
    """Rain since 07:00 in Thailand. `today_mm` is what fell between `since` and `until`."""

    today_mm: Annotated[float | None, Field(description="null without a reading since 07:00")]
    since: Annotated[Instant | None, Field(description="when the counter was first read, if not at 07:00")]
    until: Annotated[Instant | None, Field(description="the last reading, when it is too old to stand for now")]
    band: Literal["none", "trace", "light", "moderate", "heavy", "very_heavy", "unknown"]
    label: Words


class River(BaseModel):
    """The river against its bank."""

    level_m: float | None
    bank_height_m: float | None
    bank_pct: float | None
    band: Literal["critically_low", "low", "normal", "high", "overflowing", "unknown"]
    label: Words
    trend: Literal["rising", "falling", "steady"] | None


class TownSensor(BaseModel):
    """One instrument; with it `air`, `rain` or `river`, after its kind."""

    thing: str
    kind: Literal["air", "rain", "river"]
    name: Words
    latitude: float | None
    longitude: float | None
    measures: list[Measure]
    air: Air | None = None
    rain: Rain | None = None
    river: River | None = None


class StationPart(BaseModel):
    """A pump or a gate."""

    id: str
    name: Words
    state: Literal["on", "off", "open", "closed", "unknown"]


class StationLatch(BaseModel):
    """Something found wrong with a station, until a person has looked and clears it."""

    id: str
    kind: str
    text: Words
    since: Instant | None


class Station(BaseModel):
    """A pumping station or a gate: how it stands, and why."""

    id: str
    name: Words
    state: Literal["on", "off", "open", "closed", "unknown"]
    text: Annotated[Words, Field(description="why it is as it is, or why it does not move")]
    parts: list[StationPart]
    level: Measure | None
    level_by: Annotated[
        Literal["gauge", "witness", "nobody"], Field(description="what tells the level; with nobody it is not known")
    ]
    mode: Annotated[Literal["off", "hand", "auto", "unknown"] | None, Field(description="null without a switch")]
    locked: Annotated[bool | None, Field(description="by the key at the cabinet; null without one, or not read")]
    in_hand: Annotated[bool, Field(description="nobody afar moves it, nor does the program")]
    ordered: Annotated[bool, Field(description="somebody afar has asked for it to act for a time")]
    order_state: Annotated[
        Literal["on", "open", "closed"] | None, Field(description="what an order makes of it; null when not told")
    ]
    max_order_s: Annotated[float, Field(description="the longest that an order may be")]
    heard_at: Annotated[Instant | None, Field(description="the newest reading of its level, pumps or gate")]
    fresh: Annotated[bool, Field(description="whether any of those is; else all of this is from then")]
    alarm: Annotated[Words | None, Field(description="what somebody must look after at once")]
    latches: list[StationLatch]


class TownSite(BaseModel):
    """A town, its instruments, and what moves there by a level of water."""

    tenant: str
    id: str
    name: Words
    node: NodeStatus
    sensors: list[TownSensor]
    stations: list[Station]


class Town(BaseModel):
    """All towns of the person."""

    now: Instant
    sites: list[TownSite]
