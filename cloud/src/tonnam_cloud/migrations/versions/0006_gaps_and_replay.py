"""Gaps that nodes have told of, and quarantine that can be looked at and replayed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gap",
        sa.Column("tenant", sa.String(length=32), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=True),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("readings", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "node", "id", name=op.f("pk_gap")),
    )
    op.create_index("ix_gap_time", "gap", ["tenant", "node", "to_ms"], unique=False)
    _gaps_of_starts()
    _quarantine()


def _gaps_of_starts() -> None:
    """What nodes have told so far of the times when they were not running."""
    event = sa.table(
        "event", *(sa.column(name) for name in ("tenant", "node", "id", "kind")), sa.column("body", sa.JSON())
    )
    gap = sa.table("gap", *(sa.column(name) for name in ("tenant", "node", "id", "cause", "from_ms", "to_ms")))
    database = op.get_bind()
    starts = sa.select(event.c.tenant, event.c.node, event.c.id, event.c.body).where(event.c.kind == "node.started")
    for tenant, node, name, body in database.execute(starts).all():
        from_ms, to_ms = ((body or {}).get(key) for key in ("gap_from_ms", "gap_to_ms"))
        if isinstance(from_ms, int) and isinstance(to_ms, int) and 0 <= from_ms < to_ms < 1 << 62:
            row = {"tenant": tenant, "node": node, "id": name, "cause": "stopped", "from_ms": from_ms, "to_ms": to_ms}
            database.execute(sa.insert(gap).values(row))


def _quarantine() -> None:
    for column in (
        sa.Column("via", sa.String(length=32), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("state", sa.String(length=16), nullable=False, server_default="kept"),
        sa.Column("asked_ms", sa.BigInteger(), nullable=True),
        sa.Column("tried_ms", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.String(length=500), nullable=True),
    ):
        op.add_column("quarantine", column)
    op.execute("UPDATE quarantine SET size = length(payload)")
    with op.batch_alter_table("quarantine") as table:
        table.alter_column("size", existing_type=sa.Integer(), server_default=None)
        table.alter_column("state", existing_type=sa.String(length=16), server_default=None)
    op.create_index("ix_quarantine_node", "quarantine", ["tenant", "node", "id"], unique=False)
    op.create_index("ix_quarantine_asked", "quarantine", ["asked_ms"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("Tonnam goes forward only: put the backup of before the upgrade in place")
