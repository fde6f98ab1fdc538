"""Reads of what gateways told about towns, within a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonnam_cloud.registry.models import Datastream, Node, Sensor, Site


def sites(session: Session, tenants: Collection[str]) -> Sequence[Site]:
    wanted = select(Site).where(Site.tenant.in_(tenants), Site.kind == "city")
    return session.scalars(wanted.order_by(Site.tenant, Site.id)).all()


def nodes(session: Session, tenants: Collection[str]) -> dict[tuple[str, str], Node]:
    """The machines at the sites, by (tenant, id)."""
    rows = session.scalars(select(Node).where(Node.tenant.in_(tenants)))
    return {(row.tenant, row.id): row for row in rows}


def sensors(session: Session, tenants: Collection[str]) -> Sequence[Sensor]:
    wanted = select(Sensor).where(Sensor.tenant.in_(tenants))
    return session.scalars(wanted.order_by(Sensor.position, Sensor.thing)).all()


def datastreams(session: Session, tenants: Collection[str]) -> Sequence[Datastream]:
    """Those of all towns."""
    its_site = (Site.tenant == Datastream.tenant) & (Site.id == Datastream.site)
    wanted = select(Datastream).join(Site, its_site).where(Datastream.tenant.in_(tenants), Site.kind == "city")
    return session.scalars(wanted.order_by(Datastream.position, Datastream.id)).all()
