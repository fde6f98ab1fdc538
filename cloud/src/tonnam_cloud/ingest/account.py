"""What can be told of the bytes of a quarantined batch, in lines for a person. Whatever the bytes are, it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tonnam_cloud.times import utc
from tonnam_link.errors import MissingDictionary, Rejected
from tonnam_link.quality import Quality
from tonnam_link.topics import Origin
from tonnam_link.wire.decode import AggregateColumn, Batch, Column, Peek, decode, peek
from tonnam_link.wire.dictionary import Dictionary
from tonnam_link.wire.envelope import HEADER_BYTES, WIRE_VERSION, identify, intact

FIRST = 5
LONGEST = 200

FindDictionary = Callable[[str, str], Dictionary | None]
"""By tenant and hash."""


def account(payload: bytes, origin: Origin, find: FindDictionary, *, cut: bool = False) -> Iterator[str]:
    """Line by line, what the bytes are; of what was `cut` they are the beginning."""
    if not payload:
        yield "nothing: the message was empty"
        return
    yield f"wire version {payload[0]}{'' if payload[0] == WIRE_VERSION else f' (here it is {WIRE_VERSION})'}"
    if cut:
        yield f"nobody can tell any more whether it is as {origin} has sealed it"
        yield _beginning(payload)
        return
    sealed = intact(payload, origin)
    yield f"as {origin} has sealed it" if sealed else f"not as {origin} would have sealed it: its checksum is wrong"
    try:
        seen = peek(payload)
    except Rejected as error:
        identity = identify(payload)
        yield f"epoch {identity[0]}, sequence {identity[1]}" if identity else "no epoch and sequence can be found"
        yield f"it cannot be opened: {_short(error.reason)}"
        yield _beginning(payload)
        return
    yield f"{seen.kind}, epoch {seen.epoch}, sequence {seen.sequence}"
    yield from _content(payload, origin, seen, find)


def _content(payload: bytes, origin: Origin, seen: Peek, find: FindDictionary) -> Iterator[str]:
    dictionary = find(origin.tenant, seen.dictionary) if seen.dictionary else None
    try:
        batch = decode(payload, {dictionary.hash: dictionary} if dictionary else {})
    except MissingDictionary as error:
        yield f"its dictionary {error.dictionary} is not known here"
        return
    except Rejected as error:
        yield f"its body cannot be read: {_short(error.reason)}"
        return
    yield from _of_batch(batch)
    if batch.forwarded is not None:
        inner = batch.forwarded
        yield f"passes on a batch of {inner.origin} for {inner.channel}, {len(inner.payload)} bytes:"
        yield from (f"  {line}" for line in account(inner.payload, inner.origin, find))


def _of_batch(batch: Batch) -> Iterator[str]:
    if batch.columns:
        yield f"{sum(len(column.observed_at_ms) for column in batch.columns)} readings, such as"
        yield from (f"  {_reading(column)}" for column in batch.columns[:FIRST])
    if batch.aggregates:
        yield f"{sum(len(column.minute_ms) for column in batch.aggregates)} minutes, such as"
        yield from (f"  {_minute(column)}" for column in batch.aggregates[:FIRST])
    for event in batch.events[:FIRST]:
        yield f"event {_short(event.kind)} of {_at(event.at_ms)}: {_short(str(event.body))}"
    for outcome in batch.outcomes[:FIRST]:
        yield f"outcome {outcome.state} of command {_short(outcome.command_id)} at {_at(outcome.at_ms)}"
    words = len(batch.events) + len(batch.outcomes)
    if words > FIRST:
        yield f"and {words - FIRST} more"
    if batch.specs:
        yield f"a dictionary of {len(batch.specs)} datastreams, the first {_short(batch.specs[0].datastream)}"


def _reading(column: Column) -> str:
    value, quality = float(column.value[0]), Quality(int(column.quality[0])).label
    shown = "unknown" if value != value else f"{value:g} {column.unit}"
    span = _span(int(column.observed_at_ms[0]), int(column.observed_at_ms[-1]), len(column.observed_at_ms))
    return f"{_short(column.datastream)}: {shown} ({quality}), {span}"


def _minute(column: AggregateColumn) -> str:
    span = _span(int(column.minute_ms[0]), int(column.minute_ms[-1]), len(column.minute_ms))
    return f"{_short(column.datastream)}: mean {float(column.mean[0]):g} of {int(column.count[0])}, {span}"


def _span(first_ms: int, last_ms: int, count: int) -> str:
    return _at(first_ms) if count == 1 else f"the first of {count} from {_at(first_ms)} to {_at(last_ms)}"


def _at(at_ms: int) -> str:
    return utc(at_ms).strftime("%Y-%m-%d %H:%M:%S UTC")


def _beginning(payload: bytes) -> str:
    return f"begins with {payload[: HEADER_BYTES + 11].hex(' ')}"


def _short(text: str) -> str:
    """One line that no terminal trips over."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= LONGEST else f"{clean[:LONGEST]}..."
