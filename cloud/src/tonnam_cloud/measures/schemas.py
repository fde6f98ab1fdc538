"""A measured value as the API tells it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tonnam_cloud.times import Instant
from tonnam_cloud.words import Words

QualityLabel = Literal[
    "good",
    "stale",
    "stuck",
    "out_of_range",
    "jumped",
    "disagrees",
    "device_fault",
    "clock_suspect",
    "substituted",
]


class Measure(BaseModel):
    """The newest reading of a datastream. `value` is null unless it is known and fresh."""

    datastream: str
    property: str
    name: Words
    unit: Annotated[str, Field(description="UCUM code")]
    value: float | None
    last_value: Annotated[float | None, Field(description="the newest reading's value if known, however old")]
    quality: QualityLabel
    observed_at: Instant | None
    fresh: Annotated[bool, Field(description="not older than the datastream's max_age_s")]


class Points(BaseModel):
    """A line to draw: times in epoch seconds, strictly increasing; a null value is a gap."""

    t: list[float]
    v: list[float | None]


class Gap(BaseModel):
    """A time of which nothing is recorded, or only one value a minute (cause `thinned`), and why."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: Annotated[Instant | None, Field(alias="from", description="null when nobody knows when it began")]
    to: Instant
    cause: Annotated[str, Field(description="thinned, dropped, damaged, memory, stopped, quarantine or a newer word")]
    readings: Annotated[int | None, Field(description="how many, where that is known")]
    text: Words


class History(Points):
    """A line with its unit, and why it may have holes."""

    unit: str
    gaps: list[Gap]
