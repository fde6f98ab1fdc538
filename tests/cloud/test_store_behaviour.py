"""What every store does, on the embedded one and on a real InfluxDB."""

from __future__ import annotations

import math
import threading

import numpy as np

from tests.cloud.readings import LEVEL, MOISTURE, START_MS, batch, column, good, rows
from tonnam_cloud.store.port import Latest, Store
from tonnam_link.quality import Quality

EVER = (0, 2**53)


def test_readings_come_back_as_they_were_written(store: Store) -> None:
    written = [
        (START_MS, 23.5, 0, None),
        (START_MS + 1, 0.0, 0, None),
        (START_MS + 2, None, int(Quality.DEVICE_FAULT), None),
        (START_MS + 3, None, int(Quality.OUT_OF_RANGE), -40.0),
        (START_MS + 4, -1e-7, int(Quality.SUBSTITUTED), 3.25),
        (START_MS + 5, 1.2345678901234567e18, 0, None),
    ]
    assert store.append([batch(column(written))]) == []
    assert rows(store.series(MOISTURE, *EVER)) == written


def test_a_range_includes_its_start_and_not_its_end(store: Store) -> None:
    store.append([batch(good([1.0, 2.0, 3.0, 4.0]))])
    assert store.series(MOISTURE, START_MS + 1000, START_MS + 3000).value.tolist() == [2.0, 3.0]


def test_a_datastream_without_readings_is_empty(store: Store) -> None:
    store.append([batch(good([1.0]))])
    assert len(store.series(LEVEL, *EVER)) == 0
    assert len(store.series(MOISTURE, 0, START_MS)) == 0
    assert len(store.buckets(LEVEL, *EVER, 60_000)) == 0


def test_the_same_batch_twice_is_stored_once(store: Store) -> None:
    again = batch(good([1.0, 2.0]))
    store.append([again, again])
    store.append([again])
    assert store.series(MOISTURE, *EVER).value.tolist() == [1.0, 2.0]


def test_the_same_readings_in_another_batch_are_stored_once(store: Store) -> None:
    store.append([batch(good([1.0, 2.0]))])
    store.append([batch(good([1.0, 2.0, 3.0]), epoch=99, sequence=1)])
    assert store.series(MOISTURE, *EVER).value.tolist() == [1.0, 2.0, 3.0]


def test_backlog_after_live_readings_is_sorted_in(store: Store) -> None:
    store.append([batch(good([5.0, 6.0], start_ms=START_MS + 10_000))])
    store.append([batch(good([1.0, 2.0]))])
    assert store.series(MOISTURE, *EVER).value.tolist() == [1.0, 2.0, 5.0, 6.0]
    assert store.latest([MOISTURE])[MOISTURE].value == 6.0


def test_things_and_tenants_are_kept_apart(store: Store) -> None:
    names = ["a/s/t/level", "a/s/u/level", "a/r/t/level", "b/s/t/level", "b/s/t/rate"]
    store.append([batch(*(good([float(i)], name) for i, name in enumerate(names)))])
    assert [store.series(name, *EVER).value.tolist() for name in names] == [[float(i)] for i in range(5)]
    assert [store.latest(names)[name].value for name in names] == [float(i) for i in range(5)]
    assert store.datastreams() == sorted(names)


def test_a_new_store_has_nothing(store: Store) -> None:
    assert store.datastreams() == []
    assert store.latest([MOISTURE]) == {}
    assert store.append([]) == []


def test_latest_is_the_newest_reading_even_when_its_value_is_unknown(store: Store) -> None:
    store.append([batch(column([(START_MS, 20.0, 0, None), (START_MS + 1, None, 3, 120.0)]))])
    assert store.latest([MOISTURE, LEVEL]) == {MOISTURE: Latest(START_MS + 1, None, Quality.OUT_OF_RANGE, 120.0)}


def test_latest_as_of_an_instant_looks_back_from_there(store: Store) -> None:
    store.append([batch(good([1.0, 2.0, 3.0])), batch(good([7.0], LEVEL, START_MS - 40 * 86_400_000))])
    assert store.latest([MOISTURE, LEVEL], START_MS + 1500) == {
        MOISTURE: Latest(START_MS + 1000, 2.0, Quality.GOOD, None),
        LEVEL: Latest(START_MS - 40 * 86_400_000, 7.0, Quality.GOOD, None),
    }
    assert store.latest([MOISTURE], START_MS - 1) == {}
    assert store.latest([MOISTURE], START_MS)[MOISTURE].value == 1.0


def test_a_thinned_series_keeps_lowest_highest_and_gaps(store: Store) -> None:
    values: list[float | None] = [20.0 + math.sin(i / 40) for i in range(1000)]
    values[333], values[777] = 5.0, 95.0
    values[400:500] = [None] * 100
    store.append([batch(good(values))])
    thinned = store.series(MOISTURE, *EVER, max_points=100)
    assert len(thinned) <= 100
    assert (np.nanmin(thinned.value), np.nanmax(thinned.value)) == (5.0, 95.0)
    gap = (thinned.observed_at_ms >= START_MS + 400_000) & (thinned.observed_at_ms < START_MS + 500_000)
    assert gap.any()
    assert np.isnan(thinned.value[gap]).all()


def test_few_readings_are_not_thinned(store: Store) -> None:
    store.append([batch(good([1.0, 2.0, 3.0]))])
    assert store.series(MOISTURE, *EVER, max_points=3).value.tolist() == [1.0, 2.0, 3.0]


def test_buckets_count_known_values_and_skip_empty_steps(store: Store) -> None:
    start_ms = START_MS // 60_000 * 60_000
    store.append(
        [
            batch(good([1.0, None, 3.0, 8.0], start_ms=start_ms)),
            batch(good([None], start_ms=start_ms + 180_000)),
            batch(good([0.0], start_ms=start_ms + 240_000)),
        ]
    )
    found = store.buckets(MOISTURE, start_ms, start_ms + 300_000, 60_000)
    assert ((found.start_ms - start_ms) // 60_000).tolist() == [0, 3, 4]
    assert found.count.tolist() == [3, 0, 1]
    np.testing.assert_array_equal(found.minimum, [1.0, np.nan, 0.0])
    np.testing.assert_array_equal(found.maximum, [8.0, np.nan, 0.0])
    np.testing.assert_array_equal(found.mean, [4.0, np.nan, 0.0])


def test_buckets_of_a_range_leave_out_what_lies_outside(store: Store) -> None:
    start_ms = START_MS // 60_000 * 60_000
    store.append([batch(good([1.0, 2.0, 3.0, 4.0], start_ms=start_ms))])
    found = store.buckets(MOISTURE, start_ms + 1000, start_ms + 3000, 60_000)
    assert (found.start_ms.tolist(), found.mean.tolist()) == ([start_ms], [2.5])


def test_housekeeping_changes_nothing_that_is_read(store: Store) -> None:
    for part in range(20):
        start_ms = START_MS + part * 5000
        store.append([batch(good([float(part)] * 5, name, start_ms)) for name in (MOISTURE, LEVEL)])
    before = (rows(store.series(MOISTURE, *EVER)), store.latest([MOISTURE, LEVEL]))
    while store.maintain():
        pass
    assert (rows(store.series(MOISTURE, *EVER)), store.latest([MOISTURE, LEVEL])) == before


def test_readers_in_other_threads_see_whole_batches_while_a_writer_writes(store: Store) -> None:
    torn: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            length = len(store.series(MOISTURE, *EVER))
            if length % 10:
                torn.append(length)

    reader = threading.Thread(target=read)
    reader.start()
    for part in range(30):
        store.append([batch(good([1.0] * 10, start_ms=START_MS + part * 10_000))])
        store.maintain()
    done.set()
    reader.join()
    assert torn == []
    assert len(store.series(MOISTURE, *EVER)) == 300


def test_many_datastreams_are_read_with_one_question(store: Store) -> None:
    names = [f"a/{site}/t{number}/level" for site in ("r", "s") for number in range(5)]
    for part in range(4):
        start_ms = START_MS + part * 3000
        store.append([batch(*(good([float(i), None, part], name, start_ms) for i, name in enumerate(names)))])
        while store.maintain():
            pass
    store.append([batch(good([99.0], names[0], START_MS))])
    asked = [*names[::2], LEVEL, "a/s/t1/rate"]
    found = store.series_of(asked, START_MS + 1000, START_MS + 11_000)
    assert set(found) == set(names[::2])
    for name in found:
        assert rows(found[name]) == rows(store.series(name, START_MS + 1000, START_MS + 11_000))
    assert store.series_of(asked, 0, START_MS) == {}
    assert store.series_of([], *EVER) == {}


def test_buckets_of_many_datastreams_are_those_of_each(store: Store) -> None:
    start_ms = START_MS // 60_000 * 60_000
    store.append(
        [
            batch(good([1.0, None, 3.0], MOISTURE, start_ms), good([8.0], LEVEL, start_ms + 120_000)),
            batch(good([None], MOISTURE, start_ms + 180_000), good([7.0], "a/s/t/level", start_ms)),
        ]
    )
    found = store.buckets_of([MOISTURE, LEVEL, "a/s/u/level"], start_ms, start_ms + 240_000, 60_000)
    assert set(found) == {MOISTURE, LEVEL}
    for name, buckets in found.items():
        alone = store.buckets(name, start_ms, start_ms + 240_000, 60_000)
        for figure in ("start_ms", "count", "minimum", "maximum", "mean"):
            np.testing.assert_array_equal(getattr(buckets, figure), getattr(alone, figure))
    assert store.buckets_of([LEVEL], 0, start_ms, 60_000) == {}


def test_latest_of_many_as_of_an_instant(store: Store) -> None:
    names = [f"a/s/t{number}/level" for number in range(4)]
    for number, name in enumerate(names[:3]):
        store.append([batch(good([1.0, 2.0, 3.0], name, START_MS - number * 7_200_000))])
    found = store.latest(names, START_MS + 1000)
    assert {name: latest.value for name, latest in found.items()} == dict(zip(names, (2.0, 3.0, 3.0), strict=False))
