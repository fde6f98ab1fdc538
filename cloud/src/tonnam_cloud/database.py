"""The relational database: SQLite in WAL, or PostgreSQL. Everything but readings lives here.

How to use it, from a worker thread (a plain `def` route of FastAPI, or an executor):

    database = Database("sqlite:////data/tonnam.db")
    with database.reading() as session:      # one transaction, rolled back at the end
        ...
    with database.writing() as session:      # one transaction, committed at the end, rolled back on an exception
        ...

`writing()` takes the write lock of SQLite at its start (BEGIN IMMEDIATE), so that it can never fail half-way with
"database is locked". Application code never calls `commit`, and asks the store of readings only after its session has
ended: a session holds one of a bounded number of connections. Tables derive from `Base`; times are integer
milliseconds since 1970 (UTC) in columns named `..._ms`; words for people are JSON `{"th": ..., "en": ...}` (`Text2`).
Every slice that has tables is imported by `tonnam_cloud.tables`, and adds its own alembic migration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Connection, Engine, MetaData, String, create_engine, event, exc, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from tonnam_cloud.errors import Transient

BUSY_TIMEOUT_S = 10
IDLE_CONNECTIONS = 20
MOST_CONNECTIONS = 85
"""More than all that may ask at once: 40 threads of the API, up to 36 beside the event loop, ingest's own."""
CONNECTION_WITHIN_S = 10
GIVE_UP = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How long PostgreSQL's client waits for a server that says nothing, in its own words; the URL may say otherwise.
Left alone it waits for a machine without power for two hours, and whoever asks waits with it."""
READ_ONLY = "25006"
"""PostgreSQL's word for a database that takes nothing: a standby, or one that somebody has made read-only."""

Id = Annotated[str, mapped_column(String(32))]
"""A tenant, node, site or thing id."""
DatastreamId = Annotated[str, mapped_column(String(200))]
"""A full datastream id: `{tenant}/{site}/{thing}/{property}`."""
Millis = Annotated[int, mapped_column(BigInteger)]
"""Milliseconds since 1970, UTC."""
Text2 = Annotated[dict[str, str], mapped_column(JSON(none_as_null=True))]
"""Words for people in both languages: {"th": ..., "en": ...}."""


class Base(DeclarativeBase):
    """Base of all tables. Constraint names are fixed, so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012 (SQLAlchemy reads it so)


class Database:
    """One engine with its pool; hands out one transaction at a time."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._immediate = self.engine.execution_options(immediate=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads: one snapshot. Raises Transient when the database is away."""
        with _transient_when_away(), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session in one transaction, durable when the block has ended. Raises Transient when it is away."""
        with _transient_when_away(), Session(self._immediate) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _transient_when_away() -> Iterator[None]:
    try:
        yield
    except exc.TimeoutError as error:
        raise Transient("the database is too busy: all its connections are taken") from error
    except exc.DBAPIError as error:
        if not _is_away(error):
            raise
        raise Transient(f"the database does not answer: {' '.join(str(error.orig).split())}") from error


def _is_away(error: exc.DBAPIError) -> bool:
    """Whether the database itself is at fault, and not what it was told."""
    damaged = type(error) is exc.DatabaseError
    read_only = getattr(error.orig, "sqlstate", None) == READ_ONLY
    return (
        damaged
        or read_only
        or error.connection_invalidated
        or isinstance(error, (exc.OperationalError, exc.InterfaceError))
    )


def _engine(url: str) -> Engine:
    """An engine for a `sqlite:///` or `postgresql+psycopg://` URL (plain `postgresql://` means psycopg 3)."""
    parsed = make_url(url)
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    pool: dict[str, Any] = {
        "poolclass": QueuePool,
        "pool_size": IDLE_CONNECTIONS,
        "max_overflow": MOST_CONNECTIONS - IDLE_CONNECTIONS,
        "pool_timeout": CONNECTION_WITHIN_S,
    }
    if parsed.get_backend_name() != "sqlite":
        give_up = {name: value for name, value in GIVE_UP.items() if name not in parsed.query}
        return create_engine(parsed, pool_pre_ping=True, connect_args=give_up, **pool)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}, **pool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """The driver must not begin transactions by itself: it would begin them without the write lock."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
