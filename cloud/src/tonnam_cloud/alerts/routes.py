"""Alerts over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from tonnam_cloud.access import PartsOf, SignedIn
from tonnam_cloud.alerts import service
from tonnam_cloud.alerts.schemas import Alerts

router = APIRouter(prefix="/api", tags=["alerts"])


@router.get("/alerts")
def alerts(person: SignedIn, parts: PartsOf) -> Alerts:
    """What fires, what may soon, and what was resolved in the last week."""
    with parts.database.reading() as session:
        return service.recent(session, person, parts.clock_ms())
