"""Towns over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from tonnam_cloud.access import PartsOf, SignedIn
from tonnam_cloud.city import schemas, service

router = APIRouter(prefix="/api", tags=["city"])


@router.get("/town")
def town(person: SignedIn, parts: PartsOf) -> schemas.Town:
    """All towns of the person, as they are now."""
    return service.town(parts.database, parts.store, parts.hours, person, parts.clock_ms())
