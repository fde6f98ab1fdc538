"""By which key a command was signed first, and whether a run's time is known."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("command", sa.Column("signed_by", sa.String(length=16), nullable=True))
    op.add_column("run", sa.Column("suspect", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("run") as table:
        table.alter_column("suspect", existing_type=sa.Boolean(), server_default=None)


def downgrade() -> None:
    raise NotImplementedError("Tonnam goes forward only: put the backup of before the upgrade in place")
