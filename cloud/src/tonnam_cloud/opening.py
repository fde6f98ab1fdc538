"""Opens what the settings name: the relational database, brought to this version."""

from __future__ import annotations

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Misconfigured
from tonnam_cloud.migrations import upgrade
from tonnam_cloud.settings import Settings


def open_database(settings: Settings) -> Database:
    """The database. Raises Transient or Misconfigured, each with one clear line."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"TONNAM_DATA: {settings.data}: {error.strerror}") from error
    database = Database(settings.relational_url)
    try:
        upgrade(database)
    except BaseException:
        database.close()
        raise
    return database
