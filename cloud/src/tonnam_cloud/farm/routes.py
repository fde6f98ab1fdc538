"""Farms over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, status

from tonnam_cloud.access import ID, OwnPage, PartsOf, SignedIn
from tonnam_cloud.farm import schemas, service

router = APIRouter(prefix="/api", tags=["farm"])

Id = Annotated[str, Path(pattern=ID)]
Hours = Annotated[int, Query(ge=1, le=168)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="The same key again is the same command, however often a bad link makes the phone send it.",
    ),
]


@router.get("/overview")
def overview(person: SignedIn, parts: PartsOf) -> schemas.Overview:
    """All farms of the person, as they are now."""
    return service.overview(parts.database, parts.store, person, parts.clock_ms())


@router.get("/sites/{tenant}/{site}/zones/{zone}/history")
def zone_history(
    tenant: Id, site: Id, zone: Id, person: SignedIn, parts: PartsOf, hours: Hours = 24
) -> schemas.ZoneHistory:
    """A zone's soil moisture, its band, and the waterings in it."""
    return service.zone_history(parts.database, parts.store, person, (tenant, site, zone), hours, parts.clock_ms())


@router.get("/sites/{tenant}/{site}/events")
def site_events(tenant: Id, site: Id, person: SignedIn, parts: PartsOf, hours: Hours = 72) -> schemas.SiteEvents:
    """What the controller of a site has told, in words: at most the newest hundred."""
    return service.site_events(parts.database, person, tenant, site, hours, parts.clock_ms())


@router.post(
    "/sites/{tenant}/{site}/zones/{zone}/commands", status_code=status.HTTP_202_ACCEPTED, dependencies=[OwnPage]
)
def order(
    tenant: Id, site: Id, zone: Id, wish: schemas.CommandWish, person: SignedIn, parts: PartsOf, key: Key = None
) -> schemas.Command:
    """Ask for water, or for it to stop. What became of it comes as `command` events and from its own address."""
    return parts.commands.order(person, tenant, site, zone, wish, key)


@router.post(
    "/sites/{tenant}/{site}/latches/{latch}/clear", status_code=status.HTTP_202_ACCEPTED, dependencies=[OwnPage]
)
def clear(
    tenant: Id,
    site: Id,
    latch: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")],
    person: SignedIn,
    parts: PartsOf,
    key: Key = None,
) -> schemas.Command:
    """Say that what was found wrong is mended. It is `done` when the farm has cleared the latch."""
    return parts.commands.clear(person, tenant, site, latch, key)


@router.post("/sites/{tenant}/{site}/lockouts", status_code=status.HTTP_202_ACCEPTED, dependencies=[OwnPage])
def lock(
    tenant: Id, site: Id, wish: schemas.LockWish, person: SignedIn, parts: PartsOf, key: Key = None
) -> schemas.Command:
    """Lock a zone, or the whole site: what runs ends, and nothing starts. Nothing unlocks it from afar."""
    return parts.commands.lock(person, tenant, site, wish, key)


@router.get("/commands/{command_id}")
def command(
    command_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")], person: SignedIn, parts: PartsOf
) -> schemas.Command:
    """A command and where it stands."""
    return parts.commands.get(person, command_id)
