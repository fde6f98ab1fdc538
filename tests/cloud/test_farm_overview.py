"""The overview of many farms with many waterings: a few questions, each answered from an index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, insert
from sqlalchemy.orm import Session

from tests.cloud.readings import batch, good
from tests.cloud.scene import MOISTURE, NOW_MS, describe, run, words
from tonnam_cloud.database import Database
from tonnam_cloud.farm import repository, service
from tonnam_cloud.people.person import Person, Role
from tonnam_cloud.registry.models import Run, Site, Zone
from tonnam_cloud.store.embedded import EmbeddedStore

SOMCHAI = Person("somchai", "Somchai", {"demo-farm": Role.FARMER})


@pytest.fixture
def farms(database: Database) -> Database:
    with database.writing() as session:
        describe(session)
    return database


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield said
    event.remove(database.engine, "before_cursor_execute", note)


def overview_statements(database: Database, store: EmbeddedStore) -> int:
    with counted_statements(database) as said:
        service.overview(database, store, SOMCHAI, NOW_MS)
    return len(said)


def test_more_farms_are_not_more_questions(farms: Database, embedded_store: EmbeddedStore) -> None:
    few = overview_statements(farms, embedded_store)
    with farms.writing() as session:
        for number in range(30):
            place, name = {"tenant": "demo-farm", "site": f"s{number}"}, words("x")
            session.add(
                Site(tenant="demo-farm", id=f"s{number}", node="edge-1", kind="farm", name=name, described_ms=0)
            )
            session.flush()
            session.add(Zone(**place, id="z", name=name, max_run_s=60, description={}, position=0))
    assert overview_statements(farms, embedded_store) == few
    overview = service.overview(farms, embedded_store, SOMCHAI, NOW_MS)
    assert [len(site.zones) for site in overview.sites] == [2] + [1] * 30


def test_each_farm_shows_its_own_readings(farms: Database, embedded_store: EmbeddedStore) -> None:
    embedded_store.append([batch(good([27.5], MOISTURE, NOW_MS))])
    (site,) = service.overview(farms, embedded_store, SOMCHAI, NOW_MS).sites
    assert [zone.moisture.value for zone in site.zones] == [27.5, None]
    assert (site.node.online, site.tank and site.tank.full_cm) == (True, 200.0)


def waterings(session: Session, count: int) -> None:
    """Many waterings of zone 1 in the past, each done."""
    rows = [
        {
            "tenant": "demo-farm",
            "run_id": f"old-{number}",
            "node": "edge-1",
            "site": "melon-greenhouse",
            "zone": "zone-1",
            "started_ms": NOW_MS - 86_400_000 - number * 1000,
            "ended_ms": NOW_MS - 86_400_000 - number * 1000 + 500,
        }
        for number in range(count)
    ]
    session.execute(insert(Run), rows)


def work_of_newest_runs(database: Database) -> int:
    """How many hundred steps SQLite takes to find the newest runs."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with database.reading() as session:
        wire: Any = session.connection().connection.driver_connection
        wire.set_progress_handler(step, 100)
        repository.newest_runs(session, SOMCHAI.tenants)
        wire.set_progress_handler(None, 0)
    return steps


def test_years_of_waterings_do_not_slow_the_newest_down(farms: Database) -> None:
    with farms.writing() as session:
        waterings(session, 10)
    few = work_of_newest_runs(farms)
    with farms.writing() as session:
        session.query(Run).delete()
        waterings(session, 5_000)
    assert work_of_newest_runs(farms) <= few + 5


def test_newest_run_is_running_and_the_newest_ended_one_is_the_last(any_database: Database) -> None:
    with any_database.writing() as session:
        describe(session)
        session.add_all([run("first", 7200, 7000), run("second", 3600, 3000), run("third", 60)])
    with any_database.reading() as session:
        running, ended = repository.newest_runs(session, ["demo-farm"])
        assert ([row.run_id for row in running], [row.run_id for row in ended]) == (["third"], ["second"])
        assert repository.newest_runs(session, ["demo-town"]) == ([], [])


def test_run_whose_end_was_lost_is_not_running_once_another_has_ended(any_database: Database) -> None:
    with any_database.writing() as session:
        describe(session)
        session.add_all([run("lost", 7200), run("done", 3600, 3000)])
    with any_database.reading() as session:
        running, ended = repository.newest_runs(session, ["demo-farm"])
        assert ([row.run_id for row in running], [row.run_id for row in ended]) == ([], ["done"])
