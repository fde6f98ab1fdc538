"""What a full outbox does with its oldest: raw readings become one-minute aggregates, then the oldest are dropped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from tonnam_link.errors import Rejected
from tonnam_link.messages import Sample
from tonnam_link.outbox import forwards
from tonnam_link.outbox.book import Writing
from tonnam_link.outbox.damage import Damaged
from tonnam_link.outbox.gaps import Cause, Gap
from tonnam_link.outbox.sealing import Rank, Sealing
from tonnam_link.quality import Quality
from tonnam_link.wire import codec
from tonnam_link.wire.aggregates import MINUTE_MS, AggregateRow
from tonnam_link.wire.codec import Dictionary, Kind, Row
from tonnam_link.wire.plain import rows_of

READINGS_AT_ONCE = 8_192
BATCHES_AT_ONCE = 64
WORTH_IT = 0.9


class Old(NamedTuple):
    """A batch that is to go."""

    sequence: int
    kind: int
    dictionary: str | None
    readings: int
    size: int
    since_ms: int
    from_ms: int | None
    to_ms: int | None
    payload: bytes


_COLUMNS = ", ".join(Old._fields)


def thin(writing: Writing, before_ms: int) -> bool:
    """Replace some of the oldest raw readings by aggregates; False when there are none.

    Only of batches that are here since before `before_ms`, by the time that the outbox has been open. What would
    hardly become smaller stays as it is, to be dropped in its turn.
    """
    sealing = writing.sealing
    batches = _oldest(sealing, Rank.THINNED, before_ms, READINGS_AT_ONCE)
    for name, group in groupby(batches, key=attrgetter("dictionary")):
        dictionary = _dictionary(sealing, name)
        readable = [(batch, rows) for batch in group if (rows := _rows(sealing, batch, dictionary))]
        if readable:
            _thin(
                writing, dictionary, [batch for batch, _ in readable], [row for _, rows in readable for row in rows]
            )
    return bool(batches)


def drop(writing: Writing, before_ms: int, most_bytes: int) -> bool:
    """Drop some of the oldest of what may be dropped; False when there is none."""
    sealing = writing.sealing
    dropped = 0
    batches = _oldest(sealing, Rank.DROPPED, before_ms, BATCHES_AT_ONCE)
    for batch in batches:
        if dropped >= most_bytes:
            break
        _verify(sealing, batch)
        sealing.gap(_gap_of(sealing, batch))
        sealing.forget([batch.sequence])
        dropped += batch.size
    return bool(batches)


def minutes(rows: Iterable[Row]) -> list[AggregateRow]:
    """One aggregate for each minute and datastream with a known value. Where any is good, only good ones count."""
    found: dict[tuple[int, int], list[Sample]] = {}
    for at_ms, samples in rows:
        minute_ms = at_ms - at_ms % MINUTE_MS
        for number, sample in samples:
            if sample.value is not None:
                found.setdefault((minute_ms, number), []).append(sample)
    return [_aggregate(minute_ms, number, samples) for (minute_ms, number), samples in found.items()]


def _aggregate(minute_ms: int, number: int, samples: Sequence[Sample]) -> AggregateRow:
    good = [sample for sample in samples if not sample.quality]
    values = [sample.value for sample in good or samples if sample.value is not None]
    quality = Quality.GOOD if good else samples[0].quality
    least, most = min(values), max(values)
    mean = min(max(math.fsum(value / len(values) for value in values), least), most)
    return AggregateRow(minute_ms, number, len(values), least, most, mean, quality)


def _thin(writing: Writing, dictionary: Dictionary, batches: Sequence[Old], rows: Sequence[Row]) -> None:
    """Replace batches of one dictionary. Their last minute is held, raw, when it goes on or may do so."""
    sealing, waiting = writing
    first_ms, last_ms = min(row.observed_at_ms for row in rows), max(row.observed_at_ms for row in rows)
    minute_ms = last_ms - last_ms % MINUTE_MS
    next_ms = _next(sealing, batches[-1].sequence)
    goes_on = first_ms < minute_ms and (next_ms is None or minute_ms <= next_ms < minute_ms + MINUTE_MS)
    end_ms = minute_ms - 1 if goes_on else last_ms
    between = (first_ms - first_ms % MINUTE_MS, end_ms)
    gone = [row for row in rows if row.observed_at_ms <= end_ms] + waiting.between(dictionary, *between)
    aggregates = sealing.encode_aggregates(dictionary, minutes(gone))
    if sum(len(payload) for payload, _ in aggregates) > WORTH_IT * sum(batch.size for batch in batches):
        sealing.rank([batch.sequence for batch in batches], Rank.DROPPED)
        return
    sealing.forget(batch.sequence for batch in batches)
    waiting.remove(dictionary, *between)
    for row in rows:
        if row.observed_at_ms > end_ms:
            waiting.hold(dictionary, row)
    sealing.aggregates(dictionary, aggregates, max(batch.since_ms for batch in batches))
    from_ms = min(row.observed_at_ms for row in gone)
    sealing.gap(_gap("thinned", from_ms, max(row.observed_at_ms for row in gone), _readings(gone)))


def _oldest(sealing: Sealing, rank: Rank, before_ms: int, most_readings: int, most: int = -1) -> list[Old]:
    """The first batches of a rank, so many as have so many readings together; one at least."""
    query = f"SELECT {_COLUMNS} FROM batch WHERE rank = ? ORDER BY sequence LIMIT ?"
    found: list[Old] = []
    readings = 0
    for row in sealing.db.execute(query, (rank, most)):
        batch = Old(*row)
        readings += batch.readings
        if batch.since_ms >= before_ms or (found and readings > most_readings):
            break
        found.append(batch)
    return found


def _next(sealing: Sealing, sequence: int) -> int | None:
    """When the raw readings after that batch begin, sealed or waiting; None when there are none yet."""
    query = "SELECT from_ms FROM batch WHERE rank = ? AND sequence > ? ORDER BY sequence LIMIT 1"
    row = sealing.db.execute(query, (Rank.THINNED, sequence)).fetchone()
    if row is None:
        row = sealing.db.execute("SELECT min(observed_at_ms) FROM pending WHERE held = 0").fetchone()
    return None if row[0] is None else int(row[0])


def _rows(sealing: Sealing, batch: Old, dictionary: Dictionary) -> list[Row]:
    """What is in it; of one that is whole and cannot be read, nothing: that one may only be dropped."""
    _verify(sealing, batch)
    try:
        return rows_of(batch.payload, dictionary)
    except Rejected:
        sealing.rank([batch.sequence], Rank.DROPPED)
        return []


def _verify(sealing: Sealing, batch: Old) -> None:
    if not codec.intact(batch.payload, sealing.state.origin) or forwards.inner_of(batch.payload).kind != batch.kind:
        raise Damaged(f"batch {batch.sequence} is not what was sealed")


def _dictionary(sealing: Sealing, name: str | None) -> Dictionary:
    dictionary = None if name is None else sealing.dictionary(name)
    if dictionary is None:
        raise Damaged(f"dictionary {name} is not there")
    return dictionary


def _gap_of(sealing: Sealing, batch: Old) -> Gap:
    """What is lost with a batch. How many readings are in another node's nobody has counted."""
    item = forwards.unwrap(batch.payload) if batch.kind == Kind.FORWARD else None
    times = forwards.times_of(batch.payload if item is None else item.payload)
    from_ms, to_ms = times or (None, max((last for _, last in sealing.state.spans), default=0))
    if item is None:
        return _gap("dropped", from_ms, to_ms, batch.readings)
    return _gap("dropped", from_ms, to_ms, None, str(item.origin))


def _gap(cause: Cause, from_ms: int | None, to_ms: int, readings: int | None, node: str | None = None) -> Gap:
    return Gap(cause, from_ms, to_ms, readings, node)


def _readings(rows: Iterable[Row]) -> int:
    return sum(len(row.samples) for row in rows)
