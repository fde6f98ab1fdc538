"""The events of `/api/live`. Each is sent under its own event name; the content is JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from tonnam_cloud.measures.schemas import QualityLabel
from tonnam_cloud.times import Instant

What = Literal["overview", "town", "alerts"]
EndReason = Literal["lagged", "signed_out", "closing"]


class LiveReading(BaseModel):
    """The newest reading of a datastream."""

    datastream: str
    observed_at: Instant
    value: float | None
    quality: QualityLabel


class Readings(BaseModel):
    """Event `readings`: what just came from a site."""

    tenant: str
    site: str
    readings: list[LiveReading]


class Changed(BaseModel):
    """Event `changed`: worth fetching again."""

    what: What


class End(BaseModel):
    """Event `end`: this stream is over; connect anew and fetch all. `lagged`: events were lost on the way."""

    reason: EndReason
