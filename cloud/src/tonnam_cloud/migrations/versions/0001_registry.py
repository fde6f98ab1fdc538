"""What nodes tell: tenants, nodes, sites, datastreams, zones, sensors, events, runs, commands."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "command",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("zone", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("max_run_s", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command")),
        sa.UniqueConstraint("tenant", "created_by", "idempotency_key", name=op.f("uq_command_tenant")),
    )
    op.create_index("ix_command_state", "command", ["state", "expires_ms"], unique=False)
    op.create_index("ix_command_zone", "command", ["tenant", "site", "zone", "created_ms"], unique=False)
    op.create_table(
        "datastream",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("thing", sa.String(length=32), nullable=False),
        sa.Column("property", sa.String(length=64), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("max_age_s", sa.Double(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datastream")),
    )
    op.create_index("ix_datastream_site", "datastream", ["tenant", "site"], unique=False)
    op.create_table(
        "dictionary",
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hash", name=op.f("pk_dictionary")),
    )
    op.create_table(
        "event",
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "node", "id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_at", "event", ["tenant", "at_ms"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("digest", name=op.f("uq_quarantine_digest")),
    )
    op.create_table(
        "run",
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("zone", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=True),
        sa.Column("program", sa.String(length=64), nullable=True),
        sa.Column("command_id", sa.String(length=64), nullable=True),
        sa.Column("planned_s", sa.Double(), nullable=True),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("start_reason", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("litres", sa.Double(), nullable=True),
        sa.Column("end_reason", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "run_id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_zone", "run", ["tenant", "site", "zone", "started_ms"], unique=False)
    op.create_table(
        "tenant",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant")),
    )
    op.create_table(
        "node",
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=True),
        sa.Column("online_changed_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_heard_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenant.id"], name=op.f("fk_node_tenant_tenant")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_node")),
    )
    op.create_table(
        "site",
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("pump", sa.String(length=200), nullable=True),
        sa.Column("tank", sa.String(length=200), nullable=True),
        sa.Column("tank_full_cm", sa.Double(), nullable=True),
        sa.Column("flow", sa.String(length=200), nullable=True),
        sa.Column("described_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant", "node"], ["node.tenant", "node.id"], name=op.f("fk_site_tenant_node")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_site")),
    )
    op.create_table(
        "sensor",
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("thing", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("datastreams", sa.JSON(), nullable=False),
        sa.Column("bank_height_m", sa.Double(), nullable=True),
        sa.Column("bed_m", sa.Double(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant", "site"], ["site.tenant", "site.id"], name=op.f("fk_sensor_tenant_site")),
        sa.PrimaryKeyConstraint("tenant", "site", "thing", name=op.f("pk_sensor")),
    )
    op.create_table(
        "zone",
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("moisture", sa.String(length=200), nullable=True),
        sa.Column("valve", sa.String(length=200), nullable=True),
        sa.Column("band_low_pct", sa.Double(), nullable=True),
        sa.Column("band_high_pct", sa.Double(), nullable=True),
        sa.Column("max_run_s", sa.Double(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("next_text", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("planned_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["tenant", "site"], ["site.tenant", "site.id"], name=op.f("fk_zone_tenant_site")),
        sa.PrimaryKeyConstraint("tenant", "site", "id", name=op.f("pk_zone")),
    )


def downgrade() -> None:
    raise NotImplementedError("Tonnam goes forward only: put the backup of before the upgrade in place")
