"""One-minute aggregates in every store: used where a minute has no raw reading, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cloud.readings import LEVEL, MOISTURE, MinuteRow, Row, aggregates, batch, column, good, minutes, rows
from tests.servers import InfluxServer
from tonnam_cloud.store import compaction
from tonnam_cloud.store.embedded import EmbeddedReader, EmbeddedStore
from tonnam_cloud.store.influx import InfluxAddress, InfluxStore
from tonnam_cloud.store.minutes import MINUTE_MS
from tonnam_cloud.store.port import Buckets, Latest, Store
from tonnam_link.quality import Quality

NOON_MS = 1_790_000_000_000 // 3_600_000 * 3_600_000
EVER = (0, 2**53)
HOUR_MS = 3_600_000
SUSPECT = int(Quality.CLOCK_SUSPECT)


def minute(number: int) -> int:
    return NOON_MS + number * MINUTE_MS


def means(store: Store, datastream: str = MOISTURE) -> list[Row]:
    return rows(store.series(datastream, *EVER))


def hour(store: Store, datastream: str = MOISTURE) -> tuple[int, float, float, float]:
    """Count, minimum, maximum and mean of the first hour."""
    found = store.buckets(datastream, NOON_MS, NOON_MS + HOUR_MS, HOUR_MS)
    assert found.start_ms.tolist() == [NOON_MS]
    return int(found.count[0]), float(found.minimum[0]), float(found.maximum[0]), round(float(found.mean[0]), 9)


def test_minutes_without_readings_are_their_means(store: Store) -> None:
    store.append_aggregates(
        [aggregates(minutes([(minute(0), 6, 20.0, 22.0, 21.0, 0), (minute(1), 5, 1.0, 1.0, 1.0, 4)]))]
    )
    assert means(store) == [(minute(0), 21.0, 0, None), (minute(1), 1.0, 4, None)]
    assert store.datastreams() == [MOISTURE]
    assert store.series_of([MOISTURE, LEVEL], *EVER).keys() == {MOISTURE}
    assert store.latest([MOISTURE])[MOISTURE] == Latest(minute(1), 1.0, Quality.JUMPED, None)


@pytest.mark.parametrize("raw_first", [True, False])
def test_readings_of_a_minute_win_whenever_they_come(store: Store, raw_first: bool) -> None:
    def raw() -> None:
        store.append([batch(good([30.0, 31.0], start_ms=minute(1) + 58_000))])

    if raw_first:
        raw()
    store.append_aggregates([aggregates(minutes([(minute(n), 6, 20.0, 22.0, 21.0, 0) for n in range(4)]))])
    if not raw_first:
        assert len(means(store)) == 4
        raw()
    assert [(at_ms - NOON_MS, value) for at_ms, value, *_ in means(store)] == [
        (0, 21.0),
        (118_000, 30.0),
        (119_000, 31.0),
        (120_000, 21.0),
        (180_000, 21.0),
    ]
    assert hour(store) == (20, 20.0, 31.0, 21.95)


def test_a_reading_without_a_value_is_a_reading(store: Store) -> None:
    store.append([batch(column([(minute(0) + 5, None, 6, None)]))])
    store.append_aggregates([aggregates(minutes([(minute(0), 6, 20.0, 22.0, 21.0, 0)]))])
    assert means(store) == [(minute(0) + 5, None, 6, None)]


def test_the_same_aggregates_twice_count_once(store: Store) -> None:
    again = aggregates(minutes([(minute(0), 6, 20.0, 22.0, 21.0, 0)]))
    store.append_aggregates([again, again])
    store.append_aggregates([again])
    store.append_aggregates([aggregates(*again.columns)])
    assert hour(store) == (6, 20.0, 22.0, 21.0)


def test_parts_of_one_minute_are_joined(store: Store) -> None:
    """A node that thins twice may cut through a minute."""
    parts: list[MinuteRow] = [
        (minute(0), 6, 20.0, 22.0, 21.0, 0),
        (minute(0), 2, 25.0, 25.0, 25.0, 0),
        (minute(0), 9, 0.0, 99.0, 50.0, 4),
    ]
    for part in parts:
        store.append_aggregates([aggregates(minutes([part]))])
    assert hour(store) == (8, 20.0, 25.0, 22.0)
    assert means(store) == [(minute(0), 22.0, 0, None)]


def test_buckets_weigh_each_minute_by_its_count(store: Store) -> None:
    store.append([batch(good([10.0, None, 20.0], start_ms=minute(2)))])
    store.append_aggregates(
        [aggregates(minutes([(minute(0), 1, 100.0, 100.0, 100.0, 0), (minute(5), 7, -3.0, 4.0, 0.5, 0)]))]
    )
    assert hour(store) == (10, -3.0, 100.0, 13.35)
    found = store.buckets_of([MOISTURE, LEVEL], NOON_MS, NOON_MS + HOUR_MS, MINUTE_MS)[MOISTURE]
    assert ((found.start_ms - NOON_MS) // MINUTE_MS).tolist() == [0, 2, 5]
    assert found.count.tolist() == [1, 2, 7]
    assert found.mean.tolist() == [100.0, 15.0, 0.5]


def test_a_minute_lies_in_a_range_when_its_start_does(store: Store) -> None:
    store.append_aggregates([aggregates(minutes([(minute(n), 1, n, n, n, 0) for n in range(5)]))])
    found = store.series(MOISTURE, minute(1) - 1, minute(3) + 1)
    assert found.value.tolist() == [1.0, 2.0, 3.0]
    assert store.series(MOISTURE, minute(1) + 1, minute(3)).value.tolist() == [2.0]
    assert store.buckets(MOISTURE, minute(1) + 1, minute(3), MINUTE_MS).mean.tolist() == [2.0]


def test_a_reading_beyond_the_end_of_a_range_still_outdoes_its_minute(store: Store) -> None:
    store.append_aggregates([aggregates(minutes([(minute(0), 6, 20.0, 22.0, 21.0, 0)]))])
    store.append([batch(good([30.0], start_ms=minute(0) + 50_000))])
    assert len(store.series(MOISTURE, minute(0), minute(0) + 10_000)) == 0
    assert len(store.buckets(MOISTURE, minute(0), minute(0) + 10_000, 1000)) == 0


def test_latest_is_the_newer_of_reading_and_minute(store: Store) -> None:
    store.append([batch(good([30.0], start_ms=minute(1) + 50_000))])
    store.append_aggregates(
        [aggregates(minutes([(minute(1), 6, 20.0, 22.0, 21.0, 0), (minute(4), 6, 5.0, 5.0, 5.0, 0)]))]
    )
    assert store.latest([MOISTURE, LEVEL]) == {MOISTURE: Latest(minute(4), 5.0, Quality.GOOD, None)}
    assert store.latest([MOISTURE], minute(4)) == store.latest([MOISTURE])
    assert store.latest([MOISTURE], minute(4) - 1)[MOISTURE].value == 30.0


def test_a_suspect_clock_hides_nothing_that_is_known(store: Store) -> None:
    """Whatever a node without the time claims, what came with a true time is the newest."""
    for claimed_ms in (5_000, NOON_MS + 2_000):
        store.append([batch(column([(claimed_ms, 99.0, SUSPECT, None)]))])
    assert store.latest([MOISTURE])[MOISTURE] == Latest(NOON_MS + 2_000, 99.0, Quality.CLOCK_SUSPECT, None)
    store.append([batch(good([20.0, 21.0], start_ms=NOON_MS))])
    store.append([batch(column([(NOON_MS + 3_000, 98.0, SUSPECT, None)]))])
    known = Latest(NOON_MS + 1_000, 21.0, Quality.GOOD, None)
    for at_ms in (None, NOON_MS + 2_500, NOON_MS + HOUR_MS):
        assert store.latest([MOISTURE], at_ms) == {MOISTURE: known}
    while store.maintain():
        pass
    assert store.latest([MOISTURE]) == {MOISTURE: known}
    assert [row[0] for row in means(store)] == [5_000, *(NOON_MS + 1000 * n for n in range(4))]
    assert [row[2] for row in means(store)] == [SUSPECT, 0, 0, SUSPECT, SUSPECT]


def test_a_suspect_minute_hides_no_reading_and_no_other_minute(store: Store) -> None:
    store.append_aggregates(
        [aggregates(minutes([(minute(2), 1, 1.0, 1.0, 1.0, 0), (minute(8), 1, 2.0, 2.0, 2.0, SUSPECT)]))]
    )
    assert store.latest([MOISTURE])[MOISTURE].observed_at_ms == minute(2)
    store.append([batch(good([20.0], start_ms=minute(3)))])
    assert store.latest([MOISTURE])[MOISTURE].observed_at_ms == minute(3)


def test_what_a_suspect_clock_has_stamped_counts_nowhere(store: Store) -> None:
    store.append([batch(column([(minute(0) + 1, 99.0, SUSPECT, None), (minute(1) + 1, 98.0, SUSPECT, None)]))])
    assert len(store.buckets(MOISTURE, NOON_MS, NOON_MS + HOUR_MS, HOUR_MS)) == 0
    counted: list[MinuteRow] = [(minute(0), 6, 20.0, 22.0, 21.0, 0), (minute(2), 6, 97.0, 97.0, 97.0, SUSPECT)]
    store.append_aggregates([aggregates(minutes(counted))])
    store.append([batch(good([25.0], start_ms=minute(5)))])
    assert hour(store) == (7, 20.0, 25.0, 21.571428571)
    assert [(row[0] - NOON_MS, row[2]) for row in means(store)] == [
        (0, 0), (1, SUSPECT), (60_001, SUSPECT), (120_000, SUSPECT), (300_000, 0),
    ]  # fmt: skip


# ---- any order, against a model

RAW = st.lists(st.tuples(st.integers(0, 6 * 12 - 1), st.none() | st.integers(0, 9).map(float)), max_size=8)
COUNTED = st.lists(
    st.tuples(
        st.integers(0, 11), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9), st.sampled_from([0, 0, 4, 7])
    ),
    max_size=6,
    unique_by=lambda part: part[0],
)
WRITES = st.lists(st.tuples(RAW, COUNTED), min_size=1, max_size=6)
Part = tuple[int, int, float, float, float, int]


class Model:
    """What has been written, and what should be read."""

    def __init__(self) -> None:
        self.raw: dict[int, float | None] = {}
        self.parts: set[Part] = set()

    def joined(self) -> dict[int, Part]:
        taken = {at_ms // MINUTE_MS * MINUTE_MS for at_ms in self.raw}
        found: dict[int, Part] = {}
        for start in {part[0] for part in self.parts} - taken:
            mine = sorted((part for part in self.parts if part[0] == start), key=lambda part: part[5])
            if mine[0][5] == 0:
                mine = [part for part in mine if part[5] == 0]
            total = sum(part[1] for part in mine)
            mean = sum(part[1] * part[4] for part in mine) / total
            found[start] = (start, total, min(p[2] for p in mine), max(p[3] for p in mine), mean, mine[0][5])
        return found

    def series(self, from_ms: int, to_ms: int) -> list[tuple[int, float | None]]:
        whole = {**self.raw, **{start: part[4] for start, part in self.joined().items()}}
        return [(at, whole[at]) for at in sorted(whole) if from_ms <= at < to_ms]

    def buckets(self, from_ms: int, to_ms: int, step_ms: int) -> list[tuple[int, int, float, float, float]]:
        inside: dict[int, list[Part]] = {}
        for at, value in self.raw.items():
            known = value is not None
            inside.setdefault(at, []).append((at, int(known), value or 0.0, value or 0.0, value or 0.0, 0))
        for start, part in self.joined().items():
            if part[5] != SUSPECT:
                inside.setdefault(start, []).append(part)
        steps: dict[int, list[Part]] = {}
        for at, parts in inside.items():
            if from_ms <= at < to_ms:
                steps.setdefault(at // step_ms * step_ms, []).extend(parts)
        return [(step, *figures(parts)) for step, parts in sorted(steps.items())]


def figures(parts: list[Part]) -> tuple[int, float, float, float]:
    known = [part for part in parts if part[1]]
    total = sum(part[1] for part in known)
    if not total:
        return 0, np.nan, np.nan, np.nan
    return total, min(p[2] for p in known), max(p[3] for p in known), sum(p[1] * p[4] for p in known) / total


def as_rows(found: Buckets) -> list[tuple[int, int, float, float, float]]:
    columns = (found.start_ms, found.count, found.minimum, found.maximum, found.mean)
    return list(zip(*(each.tolist() for each in columns), strict=True))


@pytest.fixture(params=["embedded", "influx"])
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Store]]:
    """Empty stores of one kind, as many as wanted."""
    made: list[Store] = []

    def make() -> Iterator[Store]:
        while True:
            if request.param == "embedded":
                made.append(EmbeddedStore(tmp_path_factory.mktemp("store")))
            else:
                influx: InfluxServer = request.getfixturevalue("influx")
                made.append(InfluxStore(InfluxAddress(influx.url, influx.database())))
            yield made[-1]

    yield make()
    for store in made:
        store.close()


@given(writes=WRITES, raw_first=st.booleans(), cut=st.tuples(st.integers(0, 72), st.integers(0, 72)))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_readings_aggregates_and_housekeeping_reads_as_the_model_says(
    stores: Iterator[Store], writes: list[tuple[list[tuple[int, float | None]], list[tuple[int, ...]]]],
    raw_first: bool, cut: tuple[int, int],
) -> None:  # fmt: skip
    store, model = next(stores), Model()
    with pytest.MonkeyPatch.context() as eager:
        for name, few in (("START_BATCHES", 2), ("SMALL_READINGS", 6), ("CROWD", 3)):
            eager.setattr(compaction, name, few)
        for raw, counted in writes:
            for readings in (raw_first, not raw_first):
                if readings:
                    write_raw(store, model, raw)
                else:
                    write_minutes(store, model, counted)
                store.maintain()
    from_ms, to_ms = NOON_MS + cut[0] * 10_000, NOON_MS + cut[1] * 10_000
    found = store.series(MOISTURE, from_ms, to_ms)
    assert [(at, value) for at, value, *_ in rows(found)] == [
        (at, value if value is None else pytest.approx(value)) for at, value in model.series(from_ms, to_ms)
    ]
    for step_ms in (10_000, MINUTE_MS, 7 * MINUTE_MS):
        buckets = as_rows(store.buckets(MOISTURE, from_ms, to_ms, step_ms))
        expected = [pytest.approx(row, nan_ok=True) for row in model.buckets(from_ms, to_ms, step_ms)]
        assert buckets == expected


def write_raw(store: Store, model: Model, raw: list[tuple[int, float | None]]) -> None:
    once = {NOON_MS + at * 10_000: value for at, value in raw}
    new = {at: value for at, value in once.items() if at not in model.raw}
    model.raw |= new
    if new:
        store.append([batch(column([(at, value, 0, None) for at, value in new.items()]))])


def write_minutes(store: Store, model: Model, counted: list[tuple[int, ...]]) -> None:
    parts = []
    for at, count, low, span, quality in counted:
        parts.append((minute(at), count, float(low), float(low + span), low + span / 2, quality))
    model.parts |= set(parts)
    if parts:
        written = aggregates(minutes(parts))
        store.append_aggregates([written, written])


def test_a_reader_in_another_process_sees_aggregates_too(embedded_store: EmbeddedStore) -> None:
    embedded_store.append_aggregates([aggregates(minutes([(minute(0), 6, 20.0, 22.0, 21.0, 0)]))])
    reader = EmbeddedReader(embedded_store._path.parent)
    assert reader.latest([MOISTURE]) == embedded_store.latest([MOISTURE])
    assert reader.datastreams() == [MOISTURE]
    reader.close()


def test_aggregates_are_there_after_a_restart_and_after_compaction(
    embedded_store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "START_BATCHES", 2)
    for part in range(6):
        starts = [minute(part * 10 + n) for n in range(10)]
        embedded_store.append_aggregates([aggregates(minutes([(at, 6, 20.0, 22.0, 21.0, 0) for at in starts]))])
    while embedded_store.maintain():
        pass
    directory = embedded_store._path.parent
    embedded_store.close()
    again = EmbeddedStore(directory)
    assert len(means(again)) == 60
    assert again.latest([MOISTURE])[MOISTURE].observed_at_ms == minute(59)
    again.close()


def test_a_replay_is_written_though_its_identity_was_seen(store: Store) -> None:
    """Of a batch of which only a part was stored, the rest has the same identity."""
    first = batch(good([1.0]), sequence=900_001)
    store.append([first])
    whole = batch(good([1.0, 2.0]), sequence=900_001)
    store.append([type(whole)(whole.source, whole.epoch, whole.sequence, whole.columns, again=True)])
    assert store.series(MOISTURE, *EVER).value.tolist() == [1.0, 2.0]
