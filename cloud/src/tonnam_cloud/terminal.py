"""What the commands of `tonnam-cloud` share: clear failures, and the database for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer

from tonnam_cloud.database import Database
from tonnam_cloud.errors import CloudError, Misconfigured
from tonnam_cloud.opening import open_database
from tonnam_cloud.settings import read_settings

WRONG_SETTINGS = 2
FAILED = 1


def when(at_ms: int | None) -> str:
    """A time as people at this machine read it."""
    if at_ms is None:
        return "never"
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


@contextmanager
def clear_failures(code: int = FAILED) -> Iterator[None]:
    """An expected failure is one clear line on stderr and an exit code, never a traceback."""
    try:
        yield
    except CloudError as error:
        typer.echo(f"tonnam-cloud: {error}", err=True)
        raise typer.Exit(code) from error


@contextmanager
def command_database(*, make: bool = False) -> Iterator[Database]:
    """The relational database for one command, brought up to this version.

    Only a command that may come first may `make` it: others would look into an empty one, in the wrong place.
    """
    with clear_failures(WRONG_SETTINGS):
        settings = read_settings()
        if not (make or settings.database_url or settings.database_file.exists()):
            raise Misconfigured(
                f"TONNAM_DATA: there is no database in {settings.data}: is that the cloud's directory? "
                "`tonnam-cloud node add` makes one, and so does the cloud when it starts"
            )
    with clear_failures():
        database = open_database(settings)
        try:
            yield database
        finally:
            database.close()
