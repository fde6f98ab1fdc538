"""What tests of the cloud share: stores on real servers, and relational databases of both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import InfluxServer, PostgresServer
from tonnam_cloud.database import Database
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.influx import InfluxAddress, InfluxStore
from tonnam_cloud.store.port import Store
from tonnam_cloud.tables import metadata


@pytest.fixture
def embedded_store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """An empty embedded store."""
    store = EmbeddedStore(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def influx_store(influx: InfluxServer) -> Iterator[InfluxStore]:
    """A store on a database of its own in a real InfluxDB 1.6.7."""
    store = InfluxStore(InfluxAddress(influx.url, influx.database()))
    yield store
    store.close()


@pytest.fixture(params=["embedded", "influx"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of the stores."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty relational database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tonnam.db'}"
    server = request.getfixturevalue("postgres")
    assert isinstance(server, PostgresServer)
    return server.database()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database with all tables."""
    database = Database(f"sqlite:///{tmp_path / 'tonnam.db'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def any_database(database_url: str) -> Iterator[Database]:
    """A database of each kind with all tables."""
    database = Database(database_url)
    metadata.create_all(database.engine)
    yield database
    database.close()
