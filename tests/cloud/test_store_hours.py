"""Means of whole hours: finished ones are kept for a while, young ones are computed anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cloud.readings import LEVEL, MOISTURE, batch, good
from tonnam_cloud.store import hours as hours_module
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.hours import HOUR_MS, KEPT_MS, HourMeans
from tonnam_cloud.store.port import Buckets

NOON_MS = 1_790_000_000_000 // HOUR_MS * HOUR_MS
NOW_MS = NOON_MS + 60_000


class CountingStore(EmbeddedStore):
    """Notes how many hours of how many datastreams were asked for."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.asked: list[tuple[int, int]] = []

    def buckets_of(
        self, datastreams: Collection[str], from_ms: int, to_ms: int, step_ms: int
    ) -> Mapping[str, Buckets]:
        self.asked.append((len(datastreams), (to_ms - from_ms) // step_ms))
        return super().buckets_of(datastreams, from_ms, to_ms, step_ms)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CountingStore]:
    store = CountingStore(tmp_path / "store")
    yield store
    store.close()


def reads(store: EmbeddedStore, hours_ago: int, *values: float | None, datastream: str = MOISTURE) -> None:
    """Readings at the start of an hour that began so many hours before noon."""
    store.append([batch(good(values, datastream, NOON_MS - hours_ago * HOUR_MS))])


def test_means_are_of_the_last_whole_hours_oldest_first(store: CountingStore) -> None:
    reads(store, 5, 99.0)
    reads(store, 4, 1.0, 3.0)
    reads(store, 3, None)
    reads(store, 1, 7.0, None)
    reads(store, 0, 50.0)
    found = HourMeans(store).last([MOISTURE, LEVEL], 4, NOW_MS)
    assert found == {MOISTURE: [2.0, None, None, 7.0], LEVEL: [None] * 4}


def test_finished_hours_are_read_once_and_the_young_each_time(store: CountingStore) -> None:
    hours = HourMeans(store)
    reads(store, 20, 1.0)
    first = hours.last([MOISTURE, LEVEL], 24, NOW_MS)
    assert store.asked == [(2, 22), (2, 2)]
    assert hours.last([MOISTURE, LEVEL], 24, NOW_MS + 1000) == first
    assert store.asked[2:] == [(2, 2)]


def test_new_hour_and_new_datastream_are_all_that_is_read_anew(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hours_module, "KEPT_MS", 24 * HOUR_MS)
    hours = HourMeans(store)
    hours.last([MOISTURE], 24, NOW_MS)
    hours.last([MOISTURE], 24, NOW_MS + HOUR_MS)
    assert store.asked[2] == (1, 1)
    hours.last([MOISTURE, LEVEL], 24, NOW_MS + HOUR_MS)
    assert store.asked[4] == (1, 22)


def test_late_reading_of_a_young_hour_counts_at_once_and_of_an_old_one_soon(store: CountingStore) -> None:
    hours = HourMeans(store)
    reads(store, 1, 1.0)
    reads(store, 10, 1.0)
    assert hours.last([MOISTURE], 10, NOW_MS)[MOISTURE] == [1.0, *[None] * 8, 1.0]
    store.append([batch(good([3.0], MOISTURE, NOON_MS - ago * HOUR_MS + 5_000)) for ago in (1, 10)])
    assert hours.last([MOISTURE], 10, NOW_MS)[MOISTURE] == [1.0, *[None] * 8, 2.0]
    assert hours.last([MOISTURE], 10, NOW_MS + KEPT_MS)[MOISTURE] == [2.0, *[None] * 8, 2.0]


def test_what_is_kept_is_bounded(store: CountingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours_module, "MOST_KEPT", 10)
    hours = HourMeans(store)
    reads(store, 20, 1.0)
    assert hours.last([MOISTURE], 24, NOW_MS)[MOISTURE].count(1.0) == 1
    assert len(hours._kept) == 10
    assert hours.last([MOISTURE], 24, NOW_MS)[MOISTURE].count(1.0) == 1
