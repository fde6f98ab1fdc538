"""The relational database's shape, version by version. `upgrade` brings any older one to this version's."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Misconfigured

UPGRADE_LOCK = 7_866_226
"""An arbitrary number, the same in every process: in PostgreSQL one of them upgrades and the others wait."""


def upgrade(database: Database) -> None:
    """Bring the database to this version, whole or not at all.

    Raises Transient when it is away, Misconfigured when a newer Tonnam has written it.
    """
    with database.reading() as session:
        if _version(session) == newest_version():
            return
    with database.writing() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": UPGRADE_LOCK})
        _upgrade(session)


def newest_version() -> str:
    """The version that this Tonnam brings a database to: the scripts are named after theirs."""
    return max(each.name.split("_")[0] for each in files(__name__).joinpath("versions").iterdir() if "_" in each.name)


def _version(session: Session) -> str | None:
    """What alembic last noted in the database; None when it has noted nothing."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    version: str | None = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _upgrade(session: Session) -> None:
    from alembic import command  # noqa: PLC0415 - a tenth of a second to load, and seldom needed
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(str(files(__name__)))))
    config.attributes["connection"] = session.connection()
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Misconfigured(f"the database was written by another version of Tonnam: {error}") from error
