"""Times of which readings of a node are missing, or kept as one value a minute, and why."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonnam_cloud.registry.models import Gap, Site
from tonnam_link.topics import Origin

MOST = 200
STOPPED, QUARANTINE = "stopped", "quarantine"
_OVERFLOW = "quarantine-overflow"


def note(session: Session, gap: Gap) -> None:
    """Keep a gap; the same one again changes nothing."""
    session.merge(gap)
    session.flush()


def lost_in_quarantine(session: Session, origin: Origin, received_ms: int) -> None:
    """Batches of a node that came until then could not be taken and are not kept any more. One row a node."""
    known = session.get(Gap, (*origin, _OVERFLOW))
    to_ms = max(received_ms, known.to_ms if known else 0)
    note(session, Gap(tenant=origin.tenant, node=origin.node, id=_OVERFLOW, cause=QUARANTINE, to_ms=to_ms))


def of_site(session: Session, tenant: str, site: str, from_ms: int, to_ms: int) -> Sequence[Gap]:
    """The gaps of a site's node that overlap a range, oldest first; of very many the newest."""
    its_node = (Gap.tenant == Site.tenant) & (Gap.node == Site.node)
    mine = select(Gap).join(Site, its_node).where(Site.tenant == tenant, Site.id == site)
    overlapping = mine.where(Gap.to_ms > from_ms, Gap.from_ms.is_(None) | (Gap.from_ms < to_ms))
    return list(reversed(session.scalars(overlapping.order_by(Gap.to_ms.desc(), Gap.id).limit(MOST)).all()))
