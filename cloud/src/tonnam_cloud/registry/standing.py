"""What stands at a site until a person acts: latches, lock-outs, the emergency stop, switches. The newest word
counts, and it is always the whole. Alerts about it are raised and ended in the same transaction: none can be lost.
"""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from tonnam_cloud.alerts import standing as alerts
from tonnam_cloud.registry import told
from tonnam_cloud.registry.models import Site


def keep(session: Session, tenant: str, at_ms: int, content: told.SiteStands, received_ms: int) -> None:
    """Keep what a node has told, unless something newer is known or the site is not. `at_ms` is by what it counts."""
    site = session.get(Site, (tenant, content.site))
    if site is None or (site.stands_ms or 0) > at_ms:
        return
    site.stands, site.stands_ms = msgspec.to_builtins(content), at_ms
    session.flush()
    alerts.follow(session, site, content, received_ms)


def of(site: Site) -> told.SiteStands:
    """What stands at a site; nothing where its node has told nothing."""
    return told.SiteStands(site.id) if site.stands is None else msgspec.convert(site.stands, told.SiteStands)
