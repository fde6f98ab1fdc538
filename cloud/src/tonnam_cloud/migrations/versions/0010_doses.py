"""What was dosed in a run, and what its pump took of electricity; of runs that were told before, too."""

import math
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("doses", sa.JSON(), nullable=True))
    op.add_column("run", sa.Column("kwh", sa.Double(), nullable=True))
    op.add_column("run", sa.Column("baht", sa.Double(), nullable=True))
    _of_ended_runs()


def _of_ended_runs() -> None:
    """What nodes have told so far at the end of their runs, and nobody has kept but as an event."""
    event = sa.table("event", sa.column("tenant"), sa.column("kind"), sa.column("body", sa.JSON()))
    run = sa.table(
        "run", *(sa.column(name) for name in ("tenant", "run_id", "kwh", "baht")), sa.column("doses", sa.JSON())
    )
    database = op.get_bind()
    ended = sa.select(event.c.tenant, event.c.body).where(event.c.kind == "run.ended")
    bodies = ((tenant, body) for tenant, body in database.execute(ended) if isinstance(body, dict))
    found = [(tenant, body.get("run_id"), told) for tenant, body in bodies if (told := _told(body))]
    for tenant, run_id, told in found:
        database.execute(sa.update(run).where(run.c.tenant == tenant, run.c.run_id == run_id).values(**told))


def _told(body: dict[str, Any]) -> dict[str, Any]:
    """The columns that an event fills, without what is no amount."""
    told = {key: body[key] for key in ("kwh", "baht") if _is_amount(body.get(key))}
    dosed = body.get("dosed")
    doses = dosed.items() if isinstance(dosed, dict) else ()
    kept = [{"injector": name, "ml": ml} for name, ml in doses if _is_amount(ml)]
    return {**told, "doses": kept} if kept else told


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def downgrade() -> None:
    raise NotImplementedError("Tonnam goes forward only: put the backup of before the upgrade in place")
