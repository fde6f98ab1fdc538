"""The history of any datastream over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from tonnam_cloud.access import ID, PartsOf, SignedIn
from tonnam_cloud.measures import gaps, service
from tonnam_cloud.measures.schemas import History
from tonnam_cloud.refusals import NotFound
from tonnam_cloud.registry.models import Datastream

router = APIRouter(prefix="/api", tags=["measures"])

Id = Annotated[str, Path(pattern=ID)]
PropertyName = Annotated[str, Path(alias="property", pattern=r"^[a-z][a-z0-9_]{0,63}$")]


@router.get("/sites/{tenant}/{site}/things/{thing}/{property}/history")
def history(
    tenant: Id,
    site: Id,
    thing: Id,
    observed: PropertyName,
    person: SignedIn,
    parts: PartsOf,
    hours: Annotated[int, Query(ge=1, le=168)] = 24,
) -> History:
    """The line of a datastream, in at most 400 points; a null is a gap. And the gaps that its node has told of."""
    from_ms, to_ms = parts.clock_ms() - hours * service.HOUR_MS, parts.clock_ms() + 1
    with parts.database.reading() as session:
        row = session.get(Datastream, f"{tenant}/{site}/{thing}/{observed}") if person.may_see(tenant) else None
        if row is None:
            raise NotFound
        known = gaps.of_site(session, tenant, site, from_ms, to_ms)
    return service.history(parts.store, row, known, from_ms, to_ms)
