"""The embedded store: kills, locks, compaction, and readers in other processes."""

from __future__ import annotations

import itertools
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cloud.readings import LEVEL, MOISTURE, START_MS, Row, batch, column, good, rows
from tonnam_cloud.errors import Misconfigured, Transient
from tonnam_cloud.store import compaction, embedded
from tonnam_cloud.store.chunks import Record, pack_chunk
from tonnam_cloud.store.embedded import FILE_NAME, EmbeddedReader, EmbeddedStore
from tonnam_cloud.store.port import Series
from tonnam_link.quality import Quality

EVER = (0, 2**53)
READINGS_A_BATCH = 20


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compaction that begins after a few batches, so that small tests see all of it."""
    monkeypatch.setattr(compaction, "START_BATCHES", 3)
    monkeypatch.setattr(compaction, "SMALL_READINGS", 40)
    monkeypatch.setattr(compaction, "MERGED_READINGS", 80)


def count(directory: Path, table: str) -> int:
    with sqlite3.connect(directory / FILE_NAME) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    first = EmbeddedStore(tmp_path)
    with pytest.raises(Misconfigured, match="held by another tonnam-cloud"):
        EmbeddedStore(tmp_path)
    first.append([batch(good([1.0]))])
    first.close()
    EmbeddedStore(tmp_path).close()


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match=r"TONNAM_DATA: .*readings\.lock: "):
        EmbeddedStore(tmp_path / "file")


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    store.append([batch(good([1.0, None]), good([180.0], LEVEL))])
    store.close()
    store = EmbeddedStore(tmp_path)
    assert store.datastreams() == [LEVEL, MOISTURE]
    assert store.latest([MOISTURE])[MOISTURE].observed_at_ms == START_MS + 1000
    store.append([batch(good([3.0], start_ms=START_MS + 2000))])
    assert [row[1] for row in rows(store.series(MOISTURE, *EVER))] == [1.0, None, 3.0]
    store.close()


def test_the_first_written_of_one_instant_stays(embedded_store: EmbeddedStore, eager: None) -> None:
    """A reading is never judged again under the same key, wherever the two stand."""
    for value in (1.0, 2.0, 3.0, 4.0, 5.0):
        embedded_store.append([batch(good([value]))])
        embedded_store.maintain()
        assert embedded_store.series(MOISTURE, *EVER).value.tolist() == [1.0]
        assert embedded_store.latest([MOISTURE])[MOISTURE].value == 1.0


def test_compaction_empties_the_log_and_joins_small_chunks(
    embedded_store: EmbeddedStore, eager: None, tmp_path: Path
) -> None:
    for part in range(60):
        embedded_store.append(
            [batch(good([float(part)] * 10, name, START_MS + part * 10_000)) for name in (MOISTURE, LEVEL)]
        )
        while embedded_store.maintain():
            pass
    assert count(tmp_path / "store", "log") < compaction.START_BATCHES
    assert count(tmp_path / "store", "chunk") < 2 * 60 / 3
    expected = [float(part) for part in range(60) for _ in range(10)]
    assert embedded_store.series(MOISTURE, *EVER).value.tolist() == expected
    assert EmbeddedReader(tmp_path / "store").latest([LEVEL]) == embedded_store.latest([LEVEL])


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 60), st.integers(0, 3).map(float), st.integers(0, 6), st.none()), max_size=9
        ),
        max_size=25,
    ),
    st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_any_order_of_writes_and_housekeeping_reads_as_first_written(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[Row]], often: int
) -> None:
    kept: dict[int, Row] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, few in (("START_BATCHES", 2), ("SMALL_READINGS", 12), ("MERGED_READINGS", 20), ("CROWD", 3)):
            patch.setattr(compaction, name, few)
        store = EmbeddedStore(tmp_path_factory.mktemp("store"))
        for turn, drawn in enumerate(parts):
            part = [row if row[0] % 3 else (row[0], row[1], int(Quality.CLOCK_SUSPECT), row[3]) for row in drawn]
            store.append([batch(column(part))] if part else [])
            for row in part:
                kept.setdefault(row[0], row)
            if turn % often == 0:
                store.maintain()
        assert rows(store.series(MOISTURE, *EVER)) == [kept[at_ms] for at_ms in sorted(kept)]
        for at_ms in range(0, 60, 7):
            known = [(row[2] != Quality.CLOCK_SUSPECT, row[0]) for row in kept.values() if row[0] <= at_ms]
            expected = max(known)[1] if known else None
            found = store.latest([MOISTURE], at_ms).get(MOISTURE)
            assert (found and found.observed_at_ms) == expected
        store.close()


def test_a_slice_of_compaction_is_short_even_with_a_large_log(embedded_store: EmbeddedStore) -> None:
    names = [f"t/s/thing-{i}/level" for i in range(400)]
    values = np.round(np.random.default_rng(1).normal(20, 2, 30), 2).tolist()
    for part in range(60):
        embedded_store.append([batch(*(good(values, name, START_MS + part * 30_000) for name in names))])
    longest, more = 0.0, True
    while more:
        started = time.thread_time()
        more = embedded_store.maintain(0.05)
        longest = max(longest, time.thread_time() - started)
    assert longest < 0.5, "of computing, however busy the machine is; one slice is meant to take 0.05 s"
    assert len(embedded_store.series(names[-1], *EVER)) == 60 * 30


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Somebody else holds the file's write lock."""
    blocker = sqlite3.connect(directory / FILE_NAME, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    yield
    blocker.rollback()
    blocker.close()


@pytest.fixture
def impatient_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedStore]:
    """A store that does not wait for a lock."""
    monkeypatch.setattr(embedded, "BUSY_TIMEOUT_S", 0)
    store = EmbeddedStore(tmp_path)
    yield store
    store.close()


def test_a_failed_write_leaves_nothing_behind(impatient_store: EmbeddedStore, tmp_path: Path) -> None:
    waiting = batch(good([1.0], LEVEL))
    with held(tmp_path), pytest.raises(Transient, match="locked"):
        impatient_store.append([waiting])
    assert impatient_store.latest([LEVEL]) == {}
    impatient_store.append([batch(good([2.0]))])
    impatient_store.append([waiting])
    assert impatient_store.latest([LEVEL])[LEVEL].value == 1.0
    assert EmbeddedReader(tmp_path).series(LEVEL, *EVER).value.tolist() == [1.0]


def test_a_write_that_the_disk_refuses_half_way_leaves_nothing_behind(
    embedded_store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that were numbered in the failed transaction must not keep their numbers."""

    def failing(record: Record) -> bytes:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(embedded, "pack_record", failing)
        with pytest.raises(Transient, match="disk is full"):
            embedded_store.append([batch(good([1.0]), good([2.0], LEVEL))])
    embedded_store.append([batch(good([3.0], LEVEL))])
    embedded_store.append([batch(good([4.0]))])
    assert embedded_store.datastreams() == [LEVEL, MOISTURE]
    assert embedded_store.series(LEVEL, *EVER).value.tolist() == [3.0]
    assert embedded_store.series(MOISTURE, *EVER).value.tolist() == [4.0]


def test_reading_where_no_store_is_makes_none(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="unable to open"):
        EmbeddedReader(tmp_path).datastreams()
    assert list(tmp_path.iterdir()) == []


def test_a_slice_of_compaction_that_fails_half_way_loses_nothing(
    embedded_store: EmbeddedStore, eager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"t/s/thing-{i}/level" for i in range(50)]
    for part in range(4):
        embedded_store.append([batch(*(good([float(part)] * 5, name, START_MS + part * 5000) for name in names))])
    calls = itertools.count(1)

    def failing(series: Series) -> bytes:
        if next(calls) in {7, 30}:
            raise sqlite3.OperationalError("disk I/O error")
        return pack_chunk(series)

    monkeypatch.setattr(compaction, "pack_chunk", failing)
    failures, more = 0, True
    while more:
        try:
            more = embedded_store.maintain()
        except Transient:
            failures += 1
    assert failures == 2
    assert {len(embedded_store.series(name, *EVER)) for name in names} == {20}


def test_a_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all" * 100)
    with pytest.raises(Misconfigured, match="backup"):
        EmbeddedStore(tmp_path)


WRITER = """
import sys
from pathlib import Path
from tests.cloud.readings import batch, good, START_MS
from tonnam_cloud.store import compaction, embedded
from tonnam_cloud.store.chunks import Record, pack_chunk
from tonnam_cloud.store.embedded import EmbeddedStore

compaction.START_BATCHES = 5
compaction.CROWD = 3
store = EmbeddedStore(Path(sys.argv[1]))
for line in sys.stdin:
    number = int(line)
    store.append([batch(good([float(number)] * 20, start_ms=START_MS + number * 20_000), sequence=number + 1)])
    print(number, flush=True)
    store.maintain()
"""


def writer(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def write_until_killed(directory: Path, first: int, after_s: float) -> int:
    """Sends batches from `first` on, kills the writer some time after its first answer; the last one acknowledged."""
    process = writer(directory)
    assert process.stdin is not None
    assert process.stdout is not None
    acknowledged = first - 1
    process.stdin.write("".join(f"{number}\n" for number in range(first, first + 2000)))
    process.stdin.flush()
    acknowledged = int(process.stdout.readline())
    killer = threading.Timer(after_s, process.kill)
    killer.start()
    for line in process.stdout:
        if line.endswith("\n"):
            acknowledged = int(line)
    killer.cancel()
    process.wait()
    process.stdout.close()
    swallow(process.stdin.close)
    return acknowledged


def swallow(close: Callable[[], None]) -> None:
    """The pipe to a killed process may still hold what it never read."""
    try:
        close()
    except BrokenPipeError:
        return


def test_kill_at_any_instant_loses_nothing_acknowledged_and_doubles_nothing(tmp_path: Path) -> None:
    rng = random.Random(20261120)
    acknowledged = -1
    for _ in range(6):
        resent_from = max(0, acknowledged - 3)  # as a sender does that has not seen the last answers
        newest = write_until_killed(tmp_path, resent_from, rng.uniform(0.0, 0.15))
        acknowledged = max(acknowledged, newest)  # a kill may come while it acknowledges what it has again
        found = EmbeddedReader(tmp_path).series(MOISTURE, *EVER)
        expected = (acknowledged + 1) * READINGS_A_BATCH
        assert len(found) >= expected
        assert len(found) % READINGS_A_BATCH == 0
        assert len(found) <= expected + READINGS_A_BATCH, "at most the one batch whose answer was under way"
        assert np.array_equal(found.observed_at_ms, START_MS + 1000 * np.arange(len(found)))
    store = EmbeddedStore(tmp_path)
    while store.maintain():
        pass
    stored = store.series(MOISTURE, *EVER)
    assert np.array_equal(stored.observed_at_ms, START_MS + 1000 * np.arange(len(stored)))
    store.close()
