"""What a node writes to its memory card in an hour: its own calls, counted by strace, and what the kernel wrote.

    python -m benchmarks.linkcost.disk DIRECTORY

is the process that is watched. It lives through an hour of the farm in each way, without waiting: an image accepted
every ten seconds, a batch sealed every minute and, but for `away`, answered before the next.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.linkcost.field import IMAGES_A_BATCH, Field, farm
from tonnam_link.messages import Frame
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.topics import Origin

BEGIN, END = "begin ", "end "
CALLS = "fsync,fdatasync,write,pwrite64,writev,pwritev"
POSTPONED_READINGS = 16_384
_CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((\d+).*\)\s+= (\d+)")


@dataclass(frozen=True)
class Written:
    """In an hour: syncs, and bytes by the process's own calls and by what the kernel sent to the disk."""

    readings: int
    syncs: int
    asked: int
    by_kernel: int

    @property
    def bytes_a_reading(self) -> float:
        return self.asked / self.readings


def measure(directory: Path) -> dict[str, Written] | None:
    """An hour in each way; None where there is no strace that may watch."""
    if shutil.which("strace") is None:
        return None
    directory.mkdir(parents=True)
    log = directory / "strace.log"
    watch = ["strace", "-f", "-e", f"trace={CALLS}", "-s", "32", "-o", str(log)]
    command = [*watch, sys.executable, "-m", __name__, str(directory)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    calls = log.read_text(errors="replace").splitlines()
    return {what: _written(what, calls, **told[what]) for what in HOURS}


def _written(what: str, calls: Sequence[str], readings: int, by_kernel: int) -> Written:
    begin = next(number for number, line in enumerate(calls) if BEGIN + what in line)
    end = next(number for number, line in enumerate(calls) if END + what in line)
    syncs = asked = 0
    for call in filter(None, map(_CALL.match, calls[begin + 1 : end])):
        if call[1] in {"fsync", "fdatasync"}:
            syncs += 1
        elif int(call[2]) > 2:
            asked += int(call[3])
    return Written(readings, syncs, asked, by_kernel)


def _kernel_bytes() -> int:
    """What this process has caused to be sent to the disk."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


Hour = Callable[[Field, Sequence[Frame], Path], Callable[[], None]]


def outbox_hour(
    source: Field, frames: Sequence[Frame], directory: Path, *, answered: bool = True
) -> Callable[[], None]:
    """Our outbox, sealed and released as the uplink does."""
    outbox = Outbox(directory / "outbox.sqlite3", Origin("demo-farm", "edge-1"))
    outbox.register(source.specs)
    outbox.begin("boot")

    def live() -> None:
        for number, frame in enumerate(frames, 1):
            outbox.accept([frame])
            if number % IMAGES_A_BATCH == 0:
                sealed = outbox.seal(0 if answered else POSTPONED_READINGS)
                outbox.release([batch.sequence for batch in sealed] if answered else [])
                outbox.tend()

    return live


def away_hour(source: Field, frames: Sequence[Frame], directory: Path) -> Callable[[], None]:
    """Our outbox while nobody answers."""
    return outbox_hour(source, frames, directory, answered=False)


def rows_hour(source: Field, frames: Sequence[Frame], directory: Path) -> Callable[[], None]:
    """A row for each reading in SQLite (WAL, synchronous=FULL), a transaction for each image, deleted when sent."""
    db = sqlite3.connect(directory / "rows.sqlite3", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE reading (id INTEGER PRIMARY KEY, datastream TEXT, at INTEGER, value REAL)")

    def live() -> None:
        for number, frame in enumerate(frames, 1):
            rows = [(name, frame.observed_at_ms, sample.value) for name, sample in frame.samples.items()]
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO reading (datastream, at, value) VALUES (?, ?, ?)", rows)
            db.execute("COMMIT")
            if number % IMAGES_A_BATCH == 0:
                db.execute("DELETE FROM reading")

    return live


def lines_hour(source: Field, frames: Sequence[Frame], directory: Path) -> Callable[[], None]:
    """A file of JSON lines that only grows, synced after each image: the least that keeps the same promise."""
    file = (directory / "lines.jsonl").open("ab", buffering=0)

    def live() -> None:
        for frame in frames:
            at = frame.observed_at_ms
            lines = [
                json.dumps({"datastream": name, "time": at, "value": sample.value})
                for name, sample in frame.samples.items()
            ]
            file.write("\n".join([*lines, ""]).encode())
            os.fsync(file.fileno())

    return live


HOURS: dict[str, Hour] = {"outbox": outbox_hour, "away": away_hour, "rows": rows_hour, "lines": lines_hour}
NAMES = {
    "outbox": "outbox, answered every minute",
    "away": "outbox, nobody answers",
    "rows": "SQLite, a row a reading",
    "lines": "limit: JSON lines, only appended",
}


def main(directory: str) -> None:
    source = farm(1.0)
    frames = list(source.frames(360))
    readings = sum(len(frame.samples) for frame in frames)
    told = {}
    for what, hour in HOURS.items():
        place = Path(directory) / what
        place.mkdir()
        live = hour(source, frames, place)
        os.write(2, f"{BEGIN}{what}\n".encode())
        before = _kernel_bytes()
        live()
        told[what] = {"readings": readings, "by_kernel": _kernel_bytes() - before}
        os.write(2, f"{END}{what}\n".encode())
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
