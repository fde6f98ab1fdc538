"""The store on InfluxDB: line protocol in, InfluxQL out, through influxdb-client with synchronous calls only.

A datastream is the measurement `{property}` with tags tenant, site and thing, and fields `value` (only if known),
`quality` (integer) and `raw` (only if present), in milliseconds. Its aggregates are the measurement
`{property}:minute` with the same tags and fields `count`, `minimum`, `maximum`, `mean` and `quality`. Writes go to
`/api/v2/write` where the server has it (InfluxDB 1.8, 2, 3), else to `/write`; reads go to `/query`, which all of
them have.

Writing a reading again is harmless since it is the same reading; a *different* one under the same key would replace
its fields here (the engine's rule), where the embedded store keeps the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from tonnam_cloud.errors import Rejected
from tonnam_cloud.store import arrays
from tonnam_cloud.store.influx_answers import (
    Rows,
    as_buckets,
    as_latest,
    as_minutes,
    as_series,
    as_starts,
    datastream_of,
    may_be_suspect,
)
from tonnam_cloud.store.influx_server import InfluxAddress, InfluxServer
from tonnam_cloud.store.line_protocol import (
    MINUTES,
    column_lines,
    minute_lines,
    quote_name,
    quote_text,
    split_datastream,
)
from tonnam_cloud.store.minutes import MINUTE_MS, Minutes, bucketed, filled, next_minute, nothing, slot, uncovered
from tonnam_cloud.store.newest import SUSPECT
from tonnam_cloud.store.port import AggregateBatch, Buckets, Latest, ReadingBatch, Refused, Series

__all__ = ["InfluxAddress", "InfluxStore"]

LINES_A_REQUEST = 5_000
_EARLIEST_MS, _LATEST_MS = -9_223_372_036_854, 9_223_372_036_854
_DROPPED = re.compile(r"dropped=(\d+)")
_READINGS = "SELECT value, quality, raw"
_FIGURES = "SELECT count(value), min(value), max(value), mean(value), count(quality), max(quality)"
_MINUTES = 'SELECT "count", minimum, maximum, mean, quality'
_MEANS = "SELECT mean, quality"
_TRUSTED = f"quality <> {SUSPECT}"
_NEWEST = " ORDER BY time DESC LIMIT 1"


class _Place(NamedTuple):
    """What one question is about: a property of a site, and the things of which it is wanted."""

    tenant: str
    site: str
    measured: str
    things: frozenset[str]


class _Share(NamedTuple):
    """How many lines in a row of a request are of one batch."""

    batch: ReadingBatch | AggregateBatch
    lines: int


class _Part(NamedTuple):
    """A column of a batch on its way to be lines."""

    batch: ReadingBatch | AggregateBatch
    readings: int
    lines: Callable[[], list[str]]


class InfluxStore:
    """A client of one server."""

    def __init__(self, address: InfluxAddress) -> None:
        self._server = InfluxServer(address)

    def append(self, batches: Sequence[ReadingBatch]) -> Sequence[Refused]:
        """See Store.append."""
        return self._append(
            _Part(batch, len(column.observed_at_ms), partial(column_lines, column))
            for batch in batches
            for column in batch.columns
        )

    def append_aggregates(self, batches: Sequence[AggregateBatch]) -> Sequence[Refused]:
        """See Store.append_aggregates."""
        return self._append(
            _Part(batch, len(column.minute_ms), partial(minute_lines, column, slot(batch)))
            for batch in batches
            for column in batch.columns
        )

    def maintain(self, budget_s: float = 0.05) -> bool:
        """InfluxDB keeps its own house."""
        return False

    def series(self, datastream: str, from_ms: int, to_ms: int, max_points: int | None = None) -> Series:
        """See Store.series."""
        found = self.series_of([datastream], from_ms, to_ms).get(datastream, arrays.empty())
        return found if max_points is None else arrays.thin(found, max_points)

    def series_of(self, datastreams: Collection[str], from_ms: int, to_ms: int) -> Mapping[str, Series]:
        """See Store.series_of: one question for each property of a site, and one for its aggregates."""
        found, minutes = self._within(_READINGS, datastreams, from_ms, to_ms)
        named = {name: filled(as_series(found.get(name, [])), minutes.get(name, nothing())) for name in datastreams}
        return {name: series for name, series in named.items() if len(series)}

    def latest(self, datastreams: Collection[str], at_ms: int | None = None) -> Mapping[str, Latest]:
        """See Store.latest: one question for each property of a site, and one for its aggregates."""
        found = self._newest(datastreams, at_ms)
        doubtful = [name for name, each in found.items() if any(_is_suspect(latest) for latest in each)]
        for name, trusted in self._newest(doubtful, at_ms, _TRUSTED).items():
            found[name] += trusted
        return {name: max(each, key=_rank) for name, each in found.items()}

    def buckets(self, datastream: str, from_ms: int, to_ms: int, step_ms: int) -> Buckets:
        """See Store.buckets."""
        return self.buckets_of([datastream], from_ms, to_ms, step_ms).get(datastream, as_buckets([]))

    def buckets_of(
        self, datastreams: Collection[str], from_ms: int, to_ms: int, step_ms: int
    ) -> Mapping[str, Buckets]:
        """See Store.buckets_of; the server does the sums."""
        ending = f", time({step_ms}ms) fill(none)"
        found, minutes = self._within(_FIGURES, datastreams, from_ms, to_ms, ending)
        doubtful = [name for name, rows in found.items() if may_be_suspect(rows)]
        found |= {name: [] for name in doubtful}
        found |= self._figures(doubtful, _and(_between(from_ms, to_ms), _TRUSTED), ending)
        named = {
            name: bucketed(as_buckets(found.get(name, [])), minutes.get(name, nothing()), step_ms)
            for name in datastreams
        }
        return {name: buckets for name, buckets in named.items() if len(buckets)}

    def datastreams(self) -> Sequence[str]:
        """See Store.datastreams."""
        answer = self._server.query("SHOW SERIES")
        keys = [row[0] for series in answer[0] for row in series["values"]]
        return sorted(set(filter(None, map(datastream_of, keys))))

    def close(self) -> None:
        """Close the sockets."""
        self._server.close()

    def _within(
        self, select: str, datastreams: Collection[str], from_ms: int, to_ms: int, ending: str = ""
    ) -> tuple[dict[str, Rows], dict[str, Minutes]]:
        """The rows of each datastream in a range, and the aggregates of those of its minutes that have no reading."""
        places = _places(datastreams)
        whole = _between(next_minute(from_ms), next_minute(to_ms))
        found, minutes = self._ask(
            [_question(select, place, _between(from_ms, to_ms), ending) for place in places],
            [_question(_MINUTES, place, whole, of=MINUTES) for place in places],
            places,
        )
        return found, self._uncovered({name: as_minutes(rows) for name, rows in minutes.items()})

    def _figures(self, datastreams: Collection[str], when: str, ending: str) -> dict[str, Rows]:
        """Asks with a condition, which takes three times as long, and nearly never."""
        places = _places(datastreams)
        found, _ = self._ask([_question(_FIGURES, place, when, ending) for place in places], [], places)
        return found

    def _uncovered(self, minutes: dict[str, Minutes]) -> dict[str, Minutes]:
        """Asks only where there are aggregates: nearly never."""
        if not minutes:
            return minutes
        from_ms = min(int(each.minute_ms[0]) for each in minutes.values())
        to_ms = max(int(each.minute_ms[-1]) for each in minutes.values()) + MINUTE_MS
        places = _places(minutes)
        ending = f", time({MINUTE_MS}ms) fill(none)"
        when = _and(_between(from_ms, to_ms), _TRUSTED)
        questions = [_question("SELECT count(quality)", place, when, ending) for place in places]
        counted, _ = self._ask(questions, [], places)
        return {name: uncovered(each, as_starts(counted.get(name, []))) for name, each in minutes.items()}

    def _newest(self, datastreams: Collection[str], at_ms: int | None, also: str = "") -> dict[str, list[Latest]]:
        """The newest raw reading and the newest aggregate of each, those that there are."""
        places = _places(datastreams)
        until, whole = ("", "") if at_ms is None else (_until(at_ms + 1), _until(next_minute(at_ms + 1)))
        raw, minutes = self._ask(
            [_question(_READINGS, place, _and(until, also), _NEWEST) for place in places],
            [_question(_MEANS, place, _and(whole, also), _NEWEST, MINUTES) for place in places],
            places,
        )
        found = {name: [as_latest(rows[0])] for name, rows in raw.items()}
        for name, ((at, mean, quality), *_) in minutes.items():
            found.setdefault(name, []).append(as_latest([at // MINUTE_MS * MINUTE_MS, mean, quality, None]))
        return found

    def _ask(
        self, questions: Sequence[str], others: Sequence[str], places: Sequence[_Place]
    ) -> tuple[dict[str, Rows], dict[str, Rows]]:
        """The rows of two questions about each place, in one request, by the ids of the datastreams asked for."""
        if not places:
            return {}, {}
        answers = self._server.query(*questions, *others)
        cut = len(questions)
        return _named(places, answers[:cut]), _named(places, answers[cut:])

    def _append(self, parts: Iterable[_Part]) -> Sequence[Refused]:
        refused: list[Refused] = []
        for lines, owners in _requests(parts, refused):
            refused.extend(self._write_all(lines, owners))
        return _joined(refused)

    def _write_all(self, lines: list[str], owners: list[_Share]) -> Iterator[Refused]:
        """Write lines; what the server can never take comes back.

        A refusal does not say which lines it means, but how many: halves are tried until it means all or one. The
        good lines are written again on the way, which is harmless.
        """
        try:
            self._server.write("\n".join(lines))
        except Rejected as error:
            found = _DROPPED.search(str(error))
            if len(lines) == 1 or (found and int(found[1]) == len(lines)):
                yield from (_refused(owner.batch, owner.lines, _DROPPED.sub("", str(error))) for owner in owners)
                return
            half = len(lines) // 2
            for part, first in ((lines[:half], 0), (lines[half:], half)):
                yield from self._write_all(part, _owners_of(owners, first, first + len(part)))


def _requests(parts: Iterable[_Part], refused: list[Refused]) -> Iterator[tuple[list[str], list[_Share]]]:
    """Lines in portions for one request each, and whose they are. Columns that cannot be written are refused."""
    lines: list[str] = []
    owners: list[_Share] = []
    for part in parts:
        try:
            new = part.lines()
        except Rejected as error:
            refused.append(_refused(part.batch, part.readings, str(error)))
            continue
        lines += new
        owners.append(_Share(part.batch, len(new)))
        if len(lines) >= LINES_A_REQUEST:
            yield lines, owners
            lines, owners = [], []
    if lines:
        yield lines, owners


def _refused(batch: ReadingBatch | AggregateBatch, readings: int, reason: str) -> Refused:
    return Refused(batch.source, batch.epoch, batch.sequence, readings, reason.strip())


def _joined(refused: Sequence[Refused]) -> list[Refused]:
    """What was refused of one batch for one reason, as one."""
    readings: dict[tuple[str, int, int, str], int] = {}
    for each in refused:
        key = (each.source, each.epoch, each.sequence, each.reason)
        readings[key] = readings.get(key, 0) + each.readings
    return [Refused(*key[:3], count, key[3]) for key, count in readings.items()]


def _owners_of(owners: list[_Share], first: int, end: int) -> list[_Share]:
    """Whose the lines from `first` to `end` are."""
    found, at = [], 0
    for owner in owners:
        count = min(end, at + owner.lines) - max(first, at)
        if count > 0:
            found.append(_Share(owner.batch, count))
        at += owner.lines
    return found


def _places(datastreams: Collection[str]) -> list[_Place]:
    """The datastreams by what one question can be about."""
    things: dict[tuple[str, str, str], list[str]] = {}
    for name in datastreams:
        tenant, site, thing, measured = split_datastream(name)
        things.setdefault((tenant, site, measured), []).append(thing)
    return [_Place(*place, frozenset(wanted)) for place, wanted in things.items()]


def _question(select: str, place: _Place, when: str, ending: str = "", of: str = "") -> str:
    """One statement about a property of a site: of all its things, or of the one that is wanted."""
    where = {"tenant": place.tenant, "site": place.site}
    if len(place.things) == 1:
        (where["thing"],) = place.things
    tags = [f"{key} = {quote_text(text)}" for key, text in where.items()]
    return f"{select} FROM {quote_name(place.measured + of)} WHERE {_and(*tags, when)} GROUP BY thing{ending}"


def _named(places: Sequence[_Place], answers: Sequence[list[dict[str, Any]]]) -> dict[str, Rows]:
    """Rows by the ids of the datastreams that are wanted."""
    return {
        f"{place.tenant}/{place.site}/{one['tags']['thing']}/{place.measured}": one["values"]
        for place, series in zip(places, answers, strict=bool(answers))
        for one in series
        if one["tags"]["thing"] in place.things
    }


def _and(*conditions: str) -> str:
    return " AND ".join(filter(None, conditions))


def _between(from_ms: int, to_ms: int) -> str:
    return f"time >= {_bounded(from_ms)}ms AND {_until(to_ms)}"


def _until(to_ms: int) -> str:
    return f"time < {_bounded(to_ms)}ms"


def _bounded(at_ms: int) -> int:
    return min(max(at_ms, _EARLIEST_MS), _LATEST_MS)


def _is_suspect(latest: Latest) -> bool:
    return latest.quality == SUSPECT


def _rank(latest: Latest) -> tuple[bool, int]:
    """What is newer has the higher one."""
    return not _is_suspect(latest), latest.observed_at_ms
