"""The embedded store beside one SQLite row per reading: writing, size, and the two questions that pages ask.

    python benchmarks/store.py [--hours 24]

Both keep every acknowledged reading across a power cut (WAL, synchronous=FULL) and get the same readings, in batches
as an edge sends them: 30 datastreams, every 10 s, a minute a batch, eight batches a commit.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.port import Column, ReadingBatch

DATASTREAMS, IMAGES_A_BATCH, BATCHES_A_COMMIT, EVERY_MS = 30, 6, 8, 10_000
START_MS = 1_790_000_000_000
SEED = 1


def batches(hours: float) -> list[ReadingBatch]:
    """Readings that wander like soil and air do, in steps of 0.01."""
    dice = np.random.default_rng(SEED)
    count = round(hours * 60)
    steps = dice.normal(0, 0.02, (DATASTREAMS, count * IMAGES_A_BATCH)).cumsum(axis=1)
    values = np.round(25 + steps, 2)
    good, none = np.zeros(IMAGES_A_BATCH, np.uint8), np.full(IMAGES_A_BATCH, np.nan)
    made = []
    for number in range(count):
        at = slice(number * IMAGES_A_BATCH, (number + 1) * IMAGES_A_BATCH)
        times = START_MS + np.arange(at.start, at.stop, dtype=np.int64) * EVERY_MS
        columns = [Column(name(n), times, values[n, at], good, none) for n in range(DATASTREAMS)]
        made.append(ReadingBatch("farm/edge", 1, number + 1, columns))
    return made


def name(number: int) -> str:
    return f"farm/house/probe-{number}/soil_moisture"


class Rows:
    """The peer: one row per reading, keyed by datastream and time."""

    def __init__(self, directory: Path) -> None:
        self.db = sqlite3.connect(directory / "rows.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(
            "CREATE TABLE reading (datastream INTEGER, at INTEGER, value REAL, quality INTEGER, "
            "PRIMARY KEY (datastream, at)) WITHOUT ROWID"
        )

    def append(self, group: Sequence[ReadingBatch]) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        for batch in group:
            for number, column in enumerate(batch.columns):
                rows = zip(column.observed_at_ms.tolist(), column.value.tolist(), strict=True)
                self.db.executemany(f"INSERT OR IGNORE INTO reading VALUES ({number}, ?, ?, 0)", list(rows))
        self.db.execute("COMMIT")

    def latest(self) -> None:
        for number in range(DATASTREAMS):
            self.db.execute(
                "SELECT at, value FROM reading WHERE datastream = ? ORDER BY at DESC LIMIT 1", (number,)
            ).fetchone()

    def series(self) -> int:
        return len(self.db.execute("SELECT at, value FROM reading WHERE datastream = 0 ORDER BY at").fetchall())


def groups(made: Sequence[ReadingBatch]) -> Iterator[Sequence[ReadingBatch]]:
    for first in range(0, len(made), BATCHES_A_COMMIT):
        yield made[first : first + BATCHES_A_COMMIT]


def seconds(what: Callable[[], object], times: int = 1) -> float:
    """The median time of a call."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.iterdir())


def embedded(made: Sequence[ReadingBatch], directory: Path) -> dict[str, float]:
    store = EmbeddedStore(directory)
    count = DATASTREAMS * IMAGES_A_BATCH * len(made)

    def write() -> None:
        for group in groups(made):
            store.append(group)
            while store.maintain():
                pass

    taken = seconds(write)
    names = [name(n) for n in range(DATASTREAMS)]
    result = {
        "million readings/s, on disk": count / taken / 1e6,
        "latest of 30, ms": seconds(lambda: store.latest(names), 21) * 1e3,
        "series of one datastream, ms": seconds(lambda: store.series(names[0], 0, 2**53), 21) * 1e3,
    }
    store.close()
    return {**result, "bytes a reading on disk": size(directory) / count}


def rows(made: Sequence[ReadingBatch], directory: Path) -> dict[str, float]:
    peer = Rows(directory)
    count = DATASTREAMS * IMAGES_A_BATCH * len(made)

    def write() -> None:
        for group in groups(made):
            peer.append(group)

    taken = seconds(write)
    result = {
        "million readings/s, on disk": count / taken / 1e6,
        "latest of 30, ms": seconds(peer.latest, 21) * 1e3,
        "series of one datastream, ms": seconds(peer.series, 21) * 1e3,
    }
    peer.db.close()
    return {**result, "bytes a reading on disk": size(directory) / count}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0, help="how much of a node's life to write")
    hours = parser.parse_args().hours
    made = batches(hours)
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        measured, peer = embedded(made, Path(ours)), rows(made, Path(theirs))
    print(f"{hours:g} hours of 30 datastreams every 10 s, {os.cpu_count()} cores, seed {SEED}")
    print(f"{'':34} {'embedded':>10} {'rows':>10} {'ratio':>8}")
    for what, value in measured.items():
        print(f"{what:34} {value:10.3f} {peer[what]:10.3f} {value / peer[what]:8.2f}")


if __name__ == "__main__":
    main()
