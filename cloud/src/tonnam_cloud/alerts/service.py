"""Alerts as a person sees them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tonnam_cloud.alerts import repository
from tonnam_cloud.alerts.models import AlertRow
from tonnam_cloud.alerts.schemas import Alert, Alerts
from tonnam_cloud.people.person import Person
from tonnam_cloud.times import utc, utc_or_none

KEPT_MS = 7 * 86_400_000
"""For so long a resolved alert is still listed."""


def firing(session: Session, person: Person) -> list[Alert]:
    """What fires in the person's tenants, the gravest first."""
    return [alert_out(row) for row in repository.firing(session, person.tenants)]


def recent(session: Session, person: Person, now_ms: int) -> Alerts:
    rows = repository.recent(session, person.tenants, now_ms - KEPT_MS)
    return Alerts(alerts=[alert_out(row) for row in rows])


def alert_out(row: AlertRow) -> Alert:
    """An alert as the API tells it."""
    return Alert.model_validate(
        {
            "id": row.id,
            "rule": row.rule,
            "tenant": row.tenant,
            "site": row.site,
            "datastream": row.datastream,
            "state": row.state,
            "severity": row.severity,
            "title": row.title,
            "text": row.text,
            "since": utc(row.since_ms),
            "resolved_at": utc_or_none(row.resolved_ms),
        }
    )
