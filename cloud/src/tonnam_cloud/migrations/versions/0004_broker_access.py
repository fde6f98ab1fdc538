"""Who may connect to the broker: hashes of each node's password, revocation, and the gateway that speaks for it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("node", sa.Column("via", sa.String(length=32), nullable=True))
    op.add_column("node", sa.Column("password_bcrypt", sa.String(length=100), nullable=True))
    op.add_column("node", sa.Column("password_pbkdf2", sa.String(length=200), nullable=True))
    op.add_column("node", sa.Column("revoked_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Tonnam goes forward only: put the backup of before the upgrade in place")
