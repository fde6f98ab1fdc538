"""Recorded data, played into the town: one CSV column is one property of one thing.

Reading the file and choosing what to send is pure; `run_replay` sends it. A row becomes one message a thing,
`town/{thing}/state` {"{property}": value, ..., "ts": seconds}, stamped with the moment it is sent, because it plays
at being live. Blank cells are not sent; cells that are no finite number are counted.
"""

import asyncio
import csv
import difflib
import gzip
import io
import json
import math
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .field_client import FieldBroker, FieldClient

_TARGET = re.compile(r"([a-z0-9][a-z0-9-]{0,31})/([a-z][a-z0-9_]{0,63})")
_GZIP = b"\x1f\x8b"
_PATIENCE_S = 30.0
_CATCH_UP_S = 1.0  # after a broker that was away there is no flood


class BadReplay(ValueError):
    """A file, column or target that cannot be played; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a column goes."""

    thing: str
    property: str

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read thing/property; BadReplay says what would be right."""
        match = _TARGET.fullmatch(text)
        if match is None or match[2] == "ts":
            raise BadReplay(f"--as {text!r} is not thing/property, for example air-1/pm2_5")
        return cls(match[1], match[2])


@dataclass(slots=True)
class Tally:
    """What became of the cells of the chosen columns."""

    rows: int = 0
    messages: int = 0
    readings: int = 0
    blank: int = 0
    not_numbers: int = 0


Readings = dict[str, dict[str, float]]
"""thing -> property -> value"""


class Recording:
    """An open CSV (gzip or plain, UTF-8) whose columns have been found. A context manager; read it once."""

    def __init__(self, path: Path, columns: Sequence[tuple[str, Target]]) -> None:
        self._file = _open_text(path)
        try:
            self._rows = csv.reader(self._file)
            header = next(self._rows, None)
            if header is None:
                raise BadReplay(f"{path} is empty; its first line must name the columns")
            self._columns = [(_find(path, header, name), target) for name, target in columns]
        except (BadReplay, csv.Error, UnicodeDecodeError, EOFError, OSError) as why:
            self._file.close()
            raise why if isinstance(why, BadReplay) else BadReplay(f"{path} cannot be read as CSV: {why}") from why

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def readings(self, tally: Tally) -> Iterator[Readings]:
        """Row after row of what is to be sent, counting; rows without anything are left out."""
        for row in self._read():
            tally.rows += 1
            things: Readings = {}
            for column, target in self._columns:
                value = _number(row[column] if column < len(row) else "", tally)
                if value is not None:
                    things.setdefault(target.thing, {})[target.property] = value
            if things:
                yield things

    def _read(self) -> Iterator[list[str]]:
        try:
            yield from self._rows
        except (csv.Error, UnicodeDecodeError, EOFError, OSError, zlib.error) as why:
            raise BadReplay(f"the recording breaks off after line {self._rows.line_num}: {why}") from why


def _open_text(path: Path) -> io.TextIOWrapper:
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == _GZIP
        raw = gzip.open(path, "rb") if packed else path.open("rb")  # noqa: SIM115 - Recording closes it
    except OSError as why:
        raise BadReplay(f"{path} cannot be read: {why.strerror}") from why
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


def _find(path: Path, header: Sequence[str], name: str) -> int:
    found = [index for index, title in enumerate(header) if title == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadReplay(f"{path} has {len(found)} columns named {name!r}; rename one")
    near = nearest(name, header)
    listed = "\n".join(f"  {title}" for title in near)
    raise BadReplay(f"{path} has no column {name!r}. Nearest:\n{listed}")


def nearest(name: str, titles: Sequence[str], most: int = 5) -> list[str]:
    """The titles that a person most likely meant: those that hold the words first, then those that look alike."""
    wanted = name.casefold()
    named = [title for title in titles if title.strip()]
    holding = [title for title in named if wanted and wanted in title.casefold()]
    alike = difflib.get_close_matches(wanted, [title.casefold() for title in named], n=most, cutoff=0.0)
    by_folded = {title.casefold(): title for title in named}
    return list(dict.fromkeys([*holding, *(by_folded[title] for title in alike)]))[:most]


def _number(cell: str, tally: Tally) -> float | None:
    text = cell.strip()
    if not text:
        tally.blank += 1
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        tally.not_numbers += 1
        return None
    tally.readings += 1
    return value


def replay_messages(things: Readings, ts: float) -> list[tuple[str, bytes]]:
    """One row's messages, as of `ts` seconds since 1970."""
    stamp = {"ts": round(ts, 3)}
    return [(f"town/{thing}/state", json.dumps(values | stamp).encode()) for thing, values in things.items()]


async def run_replay(
    recording: Recording, broker: FieldBroker, rows_s: float, tally: Tally, now_s: Callable[[], float]
) -> None:
    """Play a recording to its end at `rows_s` rows a second, counting in `tally`.

    Returns when the broker has acknowledged everything; waits for a broker that goes away in between. BrokerAway
    when there is none to begin with, BadReplay when the file breaks off.
    """
    client = FieldClient(broker, f"tonnam-sim-replay-{time.time_ns():x}")
    link = asyncio.create_task(client.run())
    try:
        await client.first_connection(_PATIENCE_S)
        due_s = asyncio.get_running_loop().time()
        for things in recording.readings(tally):
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, due_s - now))
            due_s = max(due_s, now - _CATCH_UP_S) + 1.0 / rows_s
            for topic, payload in replay_messages(things, now_s()):
                await client.deliver(topic, payload)
                tally.messages += 1
        await client.drained()
    finally:
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)
