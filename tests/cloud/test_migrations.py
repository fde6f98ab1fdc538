"""The relational database's shape: an upgrade from nothing gives what the tables say, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Misconfigured, Transient
from tonnam_cloud.migrations import upgrade
from tonnam_cloud.registry import repository
from tonnam_cloud.tables import metadata


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def test_an_upgrade_from_nothing_gives_the_tables_of_this_version(empty: Database) -> None:
    upgrade(empty)
    with empty.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_an_upgrade_keeps_what_is_there_and_may_be_repeated(empty: Database) -> None:
    upgrade(empty)
    with empty.writing() as session:
        repository.add_node(session, "demo-farm", "edge-1", {"th": "ตู้", "en": "Cabinet"}, 1)
    upgrade(empty)
    with empty.reading() as session:
        (node,) = repository.all_nodes(session)
        assert (node.id, node.name["th"], node.online) == ("edge-1", "ตู้", False)


def test_two_processes_may_upgrade_at_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(upgrade, databases)) == [None, None]
    assert set(metadata.tables) < set(inspect(databases[0].engine).get_table_names())
    for database in databases:
        database.close()


def test_a_database_of_a_newer_version_is_left_alone(empty: Database) -> None:
    upgrade(empty)
    with empty.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="another version"):
        upgrade(empty)


def test_a_database_that_is_away_is_transient() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Transient, match="does not answer"):
        upgrade(database)
    database.close()


def test_a_transaction_that_fails_leaves_nothing(empty: Database) -> None:
    upgrade(empty)

    def half_way() -> None:
        with empty.writing() as session:
            repository.add_node(session, "demo-farm", "edge-1", {"th": "", "en": ""}, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_way()
    with empty.reading() as session:
        assert repository.senders(session) == {}
