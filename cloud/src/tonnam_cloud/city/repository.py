"""Reads of what gateways told about towns, within a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonnam_cloud.registry.models import Datastream, Sensor, Site


def sites(session: Session, tenants: Collection[str]) -> Sequence[Site]:
    wanted = select(Site).where(Site.tenant.in_(tenants), Site.kind == "city")
    return session.scalars(wanted.order_by(Site.tenant, Site.id)).all()


def sensors(session: Session, tenants: Collection[str]) -> Sequence[Sensor]:
    wanted = select(Sensor).where(Sensor.tenant.in_(tenants))
    return session.scalars(wanted.order_by(Sensor.position, Sensor.thing)).all()


def datastreams(session: Session, tenants: Collection[str]) -> Sequence[Datastream]:
    """Those of all towns."""
    its_site = (Site.tenant == Datastream.tenant) & (Site.id == Datastream.site)
    wanted = select(Datastream).join(Site, its_site).where(Datastream.tenant.in_(tenants), Site.kind == "city")
    return session.scalars(wanted.order_by(Datastream.position, Datastream.id)).all()
