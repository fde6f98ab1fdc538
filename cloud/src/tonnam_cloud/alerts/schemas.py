"""An alert as the API tells it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tonnam_cloud.times import Instant
from tonnam_cloud.words import Words

AlertState = Literal["pending", "firing", "resolved"]
Severity = Literal["warning", "critical"]


class Alert(BaseModel):
    """Something that needs a person: what it is, what it means for the water, and what to do."""

    id: str
    rule: str
    tenant: str
    site: str
    datastream: Annotated[str | None, Field(description="null when it is about the whole site")]
    state: AlertState
    severity: Severity
    title: Words
    text: Words
    since: Instant
    resolved_at: Instant | None


class Alerts(BaseModel):
    """Those that fire first, then those that may, then those of the last week that are over; newest first."""

    alerts: list[Alert]
