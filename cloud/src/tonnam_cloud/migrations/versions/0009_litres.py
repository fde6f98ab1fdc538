"""How many litres a command asks for."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("command", sa.Column("max_litres", sa.Integer(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Tonnam goes forward only: put the backup of before the upgrade in place")
