"""The table of alerts. An open row (pending or firing) is the whole state of its rule for its subject."""

from __future__ import annotations

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tonnam_cloud.database import Base, DatastreamId, Id, Millis, Text2


class AlertRow(Base):
    """One alert, from the first reading that breached its rule. `subject` is a datastream or `{tenant}/{site}`."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_tenant", "tenant", "state", "since_ms"),
        Index("ix_alert_subject", "rule", "subject"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    rule: Mapped[str] = mapped_column(String(64))
    subject: Mapped[DatastreamId]
    tenant: Mapped[Id]
    site: Mapped[Id]
    datastream: Mapped[DatastreamId | None]
    state: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    title: Mapped[Text2]
    text: Mapped[Text2]
    since_ms: Mapped[Millis]
    seen_ms: Mapped[Millis]
    """Up to which reading it was evaluated when it last changed: a restart goes on from there."""
    resolved_ms: Mapped[Millis | None]
