"""The relational database's shape, version by version. `upgrade` brings any older one to this version's."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import text

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Misconfigured

UPGRADE_LOCK = 7_866_226
"""An arbitrary number, the same in every process: in PostgreSQL one of them upgrades and the others wait."""


def upgrade(database: Database) -> None:
    """Bring the database to this version, whole or not at all.

    Raises Transient when it is away, Misconfigured when a newer Tonnam has written it.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(str(files(__name__)))))
    try:
        with database.writing() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": UPGRADE_LOCK})
            config.attributes["connection"] = session.connection()
            command.upgrade(config, "head")
    except CommandError as error:
        raise Misconfigured(f"the database was written by another version of Tonnam: {error}") from error
