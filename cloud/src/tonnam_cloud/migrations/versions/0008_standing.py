"""What stands at a site until a person acts, and what a command clears or locks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("stands", sa.JSON(), nullable=True))
    op.add_column("site", sa.Column("stands_ms", sa.BigInteger(), nullable=True))
    op.add_column("command", sa.Column("latch", sa.String(length=64), nullable=True))
    op.add_column("command", sa.Column("who", sa.String(length=64), nullable=True))
    op.add_column("command", sa.Column("why", sa.String(length=200), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Tonnam goes forward only: put the backup of before the upgrade in place")
