"""Tables of the registry, filled from what nodes tell (`site.described`, runs, outcomes) and from the command line.

Keys: things of a tenant are keyed (tenant, id). The id of a datastream is the full one,
`{tenant}/{site}/{thing}/{property}`.
Wherever a row names a datastream (Zone.moisture, Site.pump, Sensor.datastreams ...) it is the full id.
All ingest writes are upserts or inserts that may be repeated: a batch may come twice.

- Tenant, Node (online, last_heard_ms), Site (pump, tank, flow), Datastream, Zone (band, plan, its next watering),
  Sensor (a town's instrument).
- Event: everything nodes have told, as it came; unique by (tenant, node, id).
- Run: one watering; made by `run.started` or `run.ended`, whichever comes first.
- Command: a wish with its state; `state` only moves forward and never leaves a final one
  (`tonnam_cloud.registry.application.apply_outcome`).
- Gap: a time of which a node has told that readings of it are missing or thinned, and why.
- Dictionary, Quarantine: ingest's own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from tonnam_cloud.database import Base, DatastreamId, Id, Millis, Text2


class Tenant(Base):
    """Who owns sites."""

    __tablename__ = "tenant"

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[Text2]
    created_ms: Mapped[Millis]


class Node(Base):
    """An edge or gateway that may send. `session` is the one that last said it is online (see Presence)."""

    __tablename__ = "node"

    tenant: Mapped[Id] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[Text2]
    created_ms: Mapped[Millis]
    online: Mapped[bool] = mapped_column(default=False)
    session: Mapped[str | None] = mapped_column(String(64))
    online_changed_ms: Mapped[Millis | None]
    last_heard_ms: Mapped[Millis | None]
    via: Mapped[Id | None]
    """The gateway of the same tenant that may pass on what this node seals, and speak of its presence."""
    password_bcrypt: Mapped[str | None] = mapped_column(String(100))
    """The hash of its broker password, as NATS reads it; None before it has one."""
    password_pbkdf2: Mapped[str | None] = mapped_column(String(200))
    """The hash of the same password, as Mosquitto reads it."""
    revoked_ms: Mapped[Millis | None]
    """Since when it may not connect nor send; None while it may."""
    keys_serial: Mapped[int | None] = mapped_column(BigInteger)
    """The serial of the key document that counts at the node, as its presence says; None before it has said."""
    trusts: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """The ids of the keys whose signature it obeys; empty when it has none, None before it has said."""


class Site(Base):
    """A place of a tenant, as its node described it. `kind` is `farm` or `city`."""

    __tablename__ = "site"
    __table_args__ = (ForeignKeyConstraint(["tenant", "node"], ["node.tenant", "node.id"]),)

    tenant: Mapped[Id] = mapped_column(primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True)
    node: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[Text2]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    pump: Mapped[DatastreamId | None]
    tank: Mapped[DatastreamId | None]
    tank_full_cm: Mapped[float | None]
    flow: Mapped[DatastreamId | None]
    described_ms: Mapped[Millis]
    stands: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What keeps water off until a person acts, as its node last told it whole (`told.SiteStands`)."""
    stands_ms: Mapped[Millis | None]
    """When the node said so: an older `site.stands` does not overwrite a newer one."""


class Datastream(Base):
    """One observed property of one thing. `kind` is `measure` or `state`; older than `max_age_s` is not fresh."""

    __tablename__ = "datastream"
    __table_args__ = (Index("ix_datastream_site", "tenant", "site"),)

    id: Mapped[DatastreamId] = mapped_column(primary_key=True)
    tenant: Mapped[Id]
    site: Mapped[Id]
    thing: Mapped[Id]
    property: Mapped[str] = mapped_column(String(64))
    name: Mapped[Text2]
    unit: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    max_age_s: Mapped[float]
    position: Mapped[int]
    """Its place in the node's own list, for a steady order on pages."""


class Zone(Base):
    """Ground that one valve waters. `description` is the node's own account (crop, programs ...), with full ids."""

    __tablename__ = "zone"
    __table_args__ = (ForeignKeyConstraint(["tenant", "site"], ["site.tenant", "site.id"]),)

    tenant: Mapped[Id] = mapped_column(primary_key=True)
    site: Mapped[Id] = mapped_column(primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[Text2]
    moisture: Mapped[DatastreamId | None]
    valve: Mapped[DatastreamId | None]
    band_low_pct: Mapped[float | None]
    band_high_pct: Mapped[float | None]
    max_run_s: Mapped[float]
    description: Mapped[dict[str, Any]]
    position: Mapped[int]
    next_at_ms: Mapped[Millis | None]
    next_text: Mapped[Text2 | None]
    planned_ms: Mapped[Millis | None]
    """When the node said what is next: an older `zone.planned` does not overwrite a newer one."""


class Sensor(Base):
    """A town's instrument. `kind` is `air`, `rain` or `river`."""

    __tablename__ = "sensor"
    __table_args__ = (ForeignKeyConstraint(["tenant", "site"], ["site.tenant", "site.id"]),)

    tenant: Mapped[Id] = mapped_column(primary_key=True)
    site: Mapped[Id] = mapped_column(primary_key=True)
    thing: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[Text2]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    datastreams: Mapped[list[str]]
    bank_height_m: Mapped[float | None]
    bed_m: Mapped[float | None]
    position: Mapped[int]


class Event(Base):
    """Something that happened at a node, as it told it."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_at", "tenant", "at_ms"),)

    tenant: Mapped[Id] = mapped_column(primary_key=True)
    node: Mapped[Id] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    at_ms: Mapped[Millis]
    received_ms: Mapped[Millis]
    body: Mapped[dict[str, Any]]


class Run(Base):
    """One watering of one zone. Running while `ended_ms` is None; `outcome` done, stopped, failed or interrupted."""

    __tablename__ = "run"
    __table_args__ = (Index("ix_run_zone", "tenant", "site", "zone", "started_ms"),)

    tenant: Mapped[Id] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    node: Mapped[Id]
    site: Mapped[Id]
    zone: Mapped[Id]
    cause: Mapped[str | None] = mapped_column(String(16))
    program: Mapped[str | None] = mapped_column(String(64))
    command_id: Mapped[str | None] = mapped_column(String(64))
    planned_s: Mapped[float | None]
    started_ms: Mapped[Millis]
    suspect: Mapped[bool] = mapped_column(default=False)
    """Whether a node that did not know the time said when it started: then it is never the newest."""
    start_reason: Mapped[Text2 | None]
    ended_ms: Mapped[Millis | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    duration_s: Mapped[float | None]
    litres: Mapped[float | None]
    doses: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """What was dosed (`told.doses`); None for a run without, or of a node that does not tell it."""
    kwh: Mapped[float | None]
    baht: Mapped[float | None]
    end_reason: Mapped[Text2 | None]


class Command(Base):
    """A person's wish. `state` is a tonnam_link CommandState; `reason` for people; times in the cloud's clock.

    `max_run_s` is 0 but for water; `zone` is empty where it is about the whole site. `idempotency_key` is the
    client's; the same key of the same person is one command.
    """

    __tablename__ = "command"
    __table_args__ = (
        UniqueConstraint("tenant", "created_by", "idempotency_key"),
        Index("ix_command_state", "state", "expires_ms"),
        Index("ix_command_zone", "tenant", "site", "zone", "created_ms"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[Id]
    site: Mapped[Id]
    node: Mapped[Id]
    zone: Mapped[Id]
    action: Mapped[str] = mapped_column(String(16))
    max_run_s: Mapped[int]
    max_litres: Mapped[int | None]
    """Ends a watering before its time does; None or 0: no limit."""
    latch: Mapped[str | None] = mapped_column(String(64))
    """What `clear` is to clear."""
    who: Mapped[str | None] = mapped_column(String(64))
    """Who clears or locks, as people know them."""
    why: Mapped[str | None] = mapped_column(String(200))
    """Why it is locked."""
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[Text2 | None]
    run_id: Mapped[str | None] = mapped_column(String(64))
    created_by: Mapped[str] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(String(128))
    created_ms: Mapped[Millis]
    expires_ms: Mapped[Millis]
    sent_ms: Mapped[Millis | None]
    """When it was last published; None before the first time."""
    signed_by: Mapped[str | None] = mapped_column(String(16))
    """The id of the key that signed it when it was first published. No other key ever signs a wish to water."""
    answered_ms: Mapped[Millis | None]
    """When the node itself first spoke of it. While it is None, `expired` is only what the cloud believes."""
    changed_ms: Mapped[Millis]
    """When `state` last changed."""


class Dictionary(Base):
    """What the numbers in a node's batches stand for. Immutable; `content` is as the link sent it."""

    __tablename__ = "dictionary"

    tenant: Mapped[Id] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    received_ms: Mapped[Millis]


class Gap(Base):
    """Readings of a node that are missing, or kept as one value a minute, and why. `id` is the telling event's.

    `cause` is `thinned`, `dropped`, `damaged`, `memory` (see `readings.gap`), `stopped` (the node was not running) or
    `quarantine` (ours made way there). `from_ms` is None where nobody knows when it began.
    """

    __tablename__ = "gap"
    __table_args__ = (Index("ix_gap_time", "tenant", "node", "to_ms"),)

    tenant: Mapped[Id] = mapped_column(primary_key=True)
    node: Mapped[Id] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    cause: Mapped[str] = mapped_column(String(16))
    from_ms: Mapped[Millis | None]
    to_ms: Mapped[Millis]
    readings: Mapped[Millis | None]
    """How many, where that is known."""
    text: Mapped[Text2 | None]


class Quarantine(Base):
    """What could not be taken as it came: kept as it came, with the reason, for a person. Bounded by ingest.

    `node` is who sealed it, or sent it where that cannot be told; `via` the gateway that passed it on.
    `state` is `kept`, or `stored` once a replay has taken all of it.
    """

    __tablename__ = "quarantine"
    __table_args__ = (
        UniqueConstraint("digest"),
        Index("ix_quarantine_node", "tenant", "node", "id"),
        Index("ix_quarantine_asked", "asked_ms"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of tenant, node and payload: the same thing sent again is one row."""
    tenant: Mapped[Id]
    node: Mapped[Id]
    via: Mapped[Id | None]
    channel: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(500))
    readings: Mapped[int]
    """How many readings of the batch were not stored; 0 when it could not be read at all."""
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    """As it came, or its beginning when it was oversized."""
    size: Mapped[int] = mapped_column(default=0)
    """Its bytes as it came."""
    received_ms: Mapped[Millis]
    state: Mapped[str] = mapped_column(String(16), default="kept")
    asked_ms: Mapped[Millis | None]
    """When somebody asked for a replay that has not been tried yet."""
    tried_ms: Mapped[Millis | None]
    """When a replay was last tried."""
    result: Mapped[str | None] = mapped_column(String(500))
    """What came of it."""
