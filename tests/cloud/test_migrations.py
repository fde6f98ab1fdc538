"""The relational database's shape: an upgrade from nothing gives what the tables say, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

from tonnam_cloud import migrations
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Misconfigured, Transient
from tonnam_cloud.migrations import newest_version, upgrade
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Gap, Quarantine, Run
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


def test_scripts_are_named_after_their_versions_and_the_newest_is_alembics_head(empty: Database) -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_heads() == [newest_version()]
    upgrade(empty)
    with empty.reading() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == newest_version()


def test_an_upgrade_keeps_what_is_there_and_may_be_repeated(empty: Database) -> None:
    upgrade(empty)
    with empty.writing() as session:
        repository.add_node(session, "demo-farm", "edge-1", {"th": "ตู้", "en": "Cabinet"}, 1)
    upgrade(empty)
    with empty.reading() as session:
        (node,) = repository.all_nodes(session)
        assert (node.id, node.name["th"], node.online) == ("edge-1", "ตู้", False)


def test_what_the_first_release_kept_of_stops_and_quarantine_is_still_there(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database as the version wrote it that knew neither gaps nor replays."""
    with monkeypatch.context() as then:
        then.setattr(command, "upgrade", lambda config, _head, upgrade=command.upgrade: upgrade(config, "0003"))
        upgrade(empty)
    with empty.writing() as session:
        for statement in (
            "INSERT INTO tenant VALUES ('demo-farm', '{}', 0)",
            "INSERT INTO node (tenant, id, name, created_ms, online) VALUES ('demo-farm', 'edge-1', '{}', 0, false)",
            *(
                f"INSERT INTO event VALUES ('demo-farm', 'edge-1', '{number}', '{kind}', 9, 9, '{body}')"
                for number, (kind, body) in enumerate(TOLD_BEFORE)
            ),
            "INSERT INTO quarantine (digest, tenant, node, channel, reason, readings, payload, received_ms) "
            f"VALUES ('d', 'demo-farm', 'edge-1', 'up', 'malformed', 2, {BYTES[empty.engine.dialect.name]}, 7)",
        ):
            session.connection().exec_driver_sql(statement)
    upgrade(empty)
    with empty.reading() as session:
        (gap,) = session.scalars(select(Gap)).all()
        assert (gap.tenant, gap.node, gap.id, gap.cause) == ("demo-farm", "edge-1", "0", "stopped")
        assert (gap.from_ms, gap.to_ms, gap.readings, gap.text) == (3, 8, None, None)
        (entry,) = session.scalars(select(Quarantine)).all()
        assert (entry.payload, entry.size, entry.state, entry.via, entry.asked_ms) == (
            b"\x01\x02",
            2,
            "kept",
            None,
            None,
        )


TOLD_BEFORE = [
    ("node.started", '{"boot": "b", "gap_from_ms": 3, "gap_to_ms": 8}'),
    ("node.started", '{"boot": "b", "gap_from_ms": null, "gap_to_ms": 8}'),
    ("node.started", '{"boot": "b", "gap_from_ms": "x", "gap_to_ms": {}}'),
    ("node.stopped", "{}"),
]
BYTES = {"sqlite": "X'0102'", "postgresql": "'\\x0102'"}


def test_what_runs_were_given_and_took_is_taken_from_what_was_told_before(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database as the version wrote it that kept doses and electricity as a part of events only."""
    with monkeypatch.context() as then:
        then.setattr(command, "upgrade", lambda config, _head, upgrade=command.upgrade: upgrade(config, "0009"))
        upgrade(empty)
    bodies = {
        "r-0": '{"run_id": "r-0", "dosed": {"a": 12.5, "b": "x"}, "kwh": 0.4, "baht": 1.1}',
        "r-1": '{"run_id": "r-1", "dosed": {}, "kwh": -1, "baht": null}',
        "r-2": "[]",
    }
    with empty.writing() as session:
        for name, body in bodies.items():
            for statement in (
                f"INSERT INTO event VALUES ('demo-farm', 'edge-1', '{name}', 'run.ended', 9, 9, '{body}')",
                "INSERT INTO run (tenant, run_id, node, site, zone, started_ms, suspect) "
                f"VALUES ('demo-farm', '{name}', 'edge-1', 'farm', 'zone-1', 1, false)",
            ):
                session.connection().exec_driver_sql(statement)
    upgrade(empty)
    with empty.reading() as session:
        runs = {run.run_id: (run.doses, run.kwh, run.baht) for run in session.scalars(select(Run))}
    assert runs.pop("r-0") == ([{"injector": "a", "ml": 12.5}], 0.4, 1.1)
    assert set(runs.values()) == {(None, None, None)}


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
