"""A real town's page: many sensors cost a few questions, not a few questions each."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, insert

from tests.cloud.readings import batch
from tests.cloud.scene import HOUR_MS, MINUTE_MS, NOW_MS, describe, words
from tonnam_cloud.city import service
from tonnam_cloud.database import Database
from tonnam_cloud.people.person import Person, Role
from tonnam_cloud.registry.models import Datastream, Sensor
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.hours import HourMeans
from tonnam_cloud.store.port import Column, Latest, Series

SENSORS = 100
SOMCHAI = Person("somchai", "Somchai", {"demo-town": Role.VIEWER})
STREAMS = [f"demo-town/town/dust-{number}/{name}" for number in range(SENSORS) for name in ("pm2_5", "pm10")]


class CountingStore(EmbeddedStore):
    """Notes each question."""

    asked = 0

    def series(self, datastream: str, from_ms: int, to_ms: int, max_points: int | None = None) -> Series:
        self.asked += 1
        return super().series(datastream, from_ms, to_ms, max_points)

    def series_of(self, datastreams: Collection[str], from_ms: int, to_ms: int) -> Mapping[str, Series]:
        self.asked += 1
        return super().series_of(datastreams, from_ms, to_ms)

    def latest(self, datastreams: Collection[str], at_ms: int | None = None) -> Mapping[str, Latest]:
        self.asked += 1
        return super().latest(datastreams, at_ms)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CountingStore]:
    store = CountingStore(tmp_path / "store")
    yield store
    store.close()


def settle_many(database: Database) -> None:
    """A hundred air sensors beside the three of the scene."""
    with database.writing() as session:
        describe(session)
        session.flush()
        session.execute(insert(Datastream), [stream_row(place, name) for place, name in enumerate(STREAMS)])
        session.execute(insert(Sensor), [sensor_row(number) for number in range(SENSORS)])


def stream_row(position: int, name: str) -> dict[str, Any]:
    tenant, site, thing, prop = name.split("/")
    place = {"id": name, "tenant": tenant, "site": site, "thing": thing, "property": prop, "position": position}
    return {**place, "name": words(prop), "unit": "ug/m3", "kind": "measure", "max_age_s": 600.0}


def sensor_row(number: int) -> dict[str, Any]:
    names = STREAMS[2 * number : 2 * number + 2]
    place = {"tenant": "demo-town", "site": "town", "thing": f"dust-{number}", "position": 10 + number}
    return {**place, "kind": "air", "name": words("x"), "datastreams": names}


def a_day(store: EmbeddedStore) -> None:
    """A reading a minute of every stream for a day, in batches of ten minutes; sensor n reads n."""
    for start_ms in range(NOW_MS - 24 * HOUR_MS, NOW_MS, 10 * MINUTE_MS):
        times = start_ms + np.arange(10, dtype=np.int64) * MINUTE_MS
        nothing = np.full(10, np.nan)
        store.append(
            [
                batch(
                    *(
                        Column(name, times, np.full(10, float(place // 2)), np.zeros(10, np.uint8), nothing)
                        for place, name in enumerate(STREAMS)
                    )
                )
            ]
        )


def test_page_of_a_hundred_sensors_is_quick_and_right(database: Database, store: CountingStore) -> None:
    settle_many(database)
    a_day(store)
    hours = HourMeans(store)
    service.town(database, store, hours, SOMCHAI, NOW_MS)
    store.asked = 0
    started = time.perf_counter()
    (site,) = service.town(database, store, hours, SOMCHAI, NOW_MS).sites
    assert time.perf_counter() - started < 0.5
    assert store.asked <= 5
    dust = [sensor for sensor in site.sensors if sensor.thing.startswith("dust-")]
    assert [sensor.air and sensor.air.pm2_5_24h for sensor in dust] == [float(n) for n in range(SENSORS)]
    assert {sensor.air and sensor.air.hours for sensor in dust} == {24}
    assert all([each.property for each in sensor.measures] == ["pm2_5", "pm10"] for sensor in dust)


def test_more_sensors_are_not_more_statements(database: Database, store: CountingStore) -> None:
    settle_many(database)
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    service.town(database, store, HourMeans(store), SOMCHAI, NOW_MS)
    assert sum(statement.startswith("SELECT") for statement in said) == 4  # sites, their nodes, sensors, datastreams
