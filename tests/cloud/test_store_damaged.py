"""One damaged blob in the embedded store costs its own readings, and no others."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from tests.cloud.readings import LEVEL, MOISTURE, START_MS, batch, good
from tonnam_cloud.store import compaction, damaged
from tonnam_cloud.store.chunks import Unreadable, _zstd
from tonnam_cloud.store.embedded import EmbeddedReader, EmbeddedStore
from tonnam_link.rarely import Rarely

EVER = (0, 2**53)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedStore]:
    """Three batches in its log, of which the first two become chunks."""
    for name, few in (("START_BATCHES", 3), ("SMALL_READINGS", 12), ("CROWD", 2)):
        monkeypatch.setattr(compaction, name, few)
    monkeypatch.setattr(damaged, "rarely", Rarely(structlog.get_logger()))
    store = EmbeddedStore(tmp_path)
    for number in range(3):
        append(store, number)
    yield store
    store.close()


def append(store: EmbeddedStore, number: int) -> None:
    at_ms = START_MS + number * 10_000
    store.append([batch(good([float(number)] * 3, MOISTURE, at_ms), good([180.0], LEVEL, at_ms))])


def moisture(store: EmbeddedReader) -> list[float]:
    return [float(value) for value in dict.fromkeys(store.series(MOISTURE, *EVER).value.tolist())]


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "readings.db")) as db:
        return db.execute(query).fetchall()


def harm(folder: Path, table: str, column: str, row: int, how: Callable[[bytes], bytes]) -> None:
    with closing(sqlite3.connect(folder / "readings.db")) as db, db:
        [(number, blob)] = db.execute(f"SELECT rowid, {column} FROM {table} LIMIT 1 OFFSET {row}")
        db.execute(f"UPDATE {table.split()[0]} SET {column} = ? WHERE rowid = ?", (how(blob), number))


def swap_last(blob: bytes) -> bytes:
    """What comes out is as long as before."""
    return blob[:-8] + bytes([blob[-8] ^ 0x10]) + blob[-7:]


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda blob: blob[: len(blob) // 2],
    "one bit": swap_last,
    "zeros": lambda blob: bytes(len(blob)),
    "too short inside": lambda blob: _zstd.fast.compress(_zstd.reader.decompress(blob)[:-20]),
    "no head": lambda _: _zstd.fast.compress(b"\x01"),
}


@pytest.mark.parametrize("how", HARMS)
def test_a_damaged_record_is_left_out_put_aside_and_stops_no_compaction(
    tmp_path: Path, store: EmbeddedStore, how: str
) -> None:
    harm(tmp_path, "log", "record", 1, HARMS[how])
    with structlog.testing.capture_logs() as logs:
        assert moisture(store) == [0.0, 2.0]
        with closing(EmbeddedReader(tmp_path)) as reader:
            assert reader.latest([MOISTURE])[MOISTURE].value == 2.0
        while store.maintain():
            pass
    assert rows(tmp_path, "SELECT count(*) FROM log") == [(0,)]
    assert moisture(store) == [0.0, 2.0]
    expected = [("log", START_MS + 10_000, START_MS + 12_000, 4)]
    assert rows(tmp_path, "SELECT kind, from_ms, to_ms, readings FROM damaged") == expected
    assert [log["log_level"] for log in logs] == ["warning", "error"]
    append(store, 3)
    assert moisture(store) == [0.0, 2.0, 3.0]


def test_a_store_with_a_damaged_record_opens_and_goes_on_when_nothing_else_is_there(
    tmp_path: Path, store: EmbeddedStore
) -> None:
    for row in range(3):
        harm(tmp_path, "log", "record", row, HARMS["cut"])
    store.close()
    again = EmbeddedStore(tmp_path)
    assert moisture(again) == []
    while again.maintain():
        pass
    assert rows(tmp_path, "SELECT count(*) FROM log") == [(0,)]
    for number in range(3, 6):
        append(again, number)
    while again.maintain():
        pass
    assert moisture(again) == [3.0, 4.0, 5.0]
    again.close()


def test_a_damaged_chunk_costs_its_own_readings_and_is_put_aside_when_chunks_are_joined(
    tmp_path: Path, store: EmbeddedStore
) -> None:
    while store.maintain():
        pass
    harm(tmp_path, "chunk WHERE datastream = 1", "packed", 0, HARMS["cut"])
    assert moisture(store) == []
    for number in range(3, 6):
        append(store, number)
    while store.maintain():
        pass
    assert moisture(store) == [3.0, 4.0, 5.0]
    assert rows(tmp_path, "SELECT kind, readings FROM damaged") == [("chunk", 9)]


def test_what_a_newer_version_wrote_is_not_called_damaged(tmp_path: Path, store: EmbeddedStore) -> None:
    harm(tmp_path, "log", "record", 1, lambda blob: _zstd.fast.compress(b"\x02" + _zstd.reader.decompress(blob)[1:]))
    with pytest.raises(Unreadable, match="version 2"):
        store.series(MOISTURE, *EVER)
