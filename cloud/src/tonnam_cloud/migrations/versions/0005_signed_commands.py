"""Which keys a node trusts, and whether a node itself has spoken of a command."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("node", sa.Column("keys_serial", sa.BigInteger(), nullable=True))
    op.add_column("node", sa.Column("trusts", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("command", sa.Column("answered_ms", sa.BigInteger(), nullable=True))
    # What was called expired without an answer was so called by the cloud, and is left open to the node's word.
    op.execute("UPDATE command SET answered_ms = changed_ms WHERE state NOT IN ('queued', 'sent', 'expired')")


def downgrade() -> None:
    raise NotImplementedError("Tonnam goes forward only: put the backup of before the upgrade in place")
