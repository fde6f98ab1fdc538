"""How sealed batches are made. Needs no numpy, so that a small node can seal. The layout is in docs/link.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tonnam_link.messages import Event, Forwarded, Outcome
from tonnam_link.topics import Origin
from tonnam_link.wire.aggregates import MINUTE_MS, AggregateRow, aggregates_body
from tonnam_link.wire.columns import MAX_FRAMES, MAX_READINGS
from tonnam_link.wire.dictionary import MAX_DATASTREAMS, Dictionary, parse_dictionary, steps_per_unit
from tonnam_link.wire.envelope import (
    FORWARD_BYTES,
    HEADER_BYTES,
    MAX_BATCH_BYTES,
    MAX_BODY_BYTES,
    WIRE_VERSION,
    Envelope,
    Kind,
    checksum,
    identify,
    intact,
    seal,
    wrap,
)
from tonnam_link.wire.readings import ReadingsBody, Row, check_time, clean, readings_body, trimmed

__all__ = [
    "FORWARD_BYTES",
    "HEADER_BYTES",
    "MAX_BATCH_BYTES",
    "MAX_BODY_BYTES",
    "MAX_DATASTREAMS",
    "MAX_EVENT_BYTES",
    "MAX_FRAMES",
    "MAX_READINGS",
    "MINUTE_MS",
    "WIRE_VERSION",
    "AggregateRow",
    "Dictionary",
    "Envelope",
    "Kind",
    "ReadingsBody",
    "Row",
    "check_time",
    "checksum",
    "clean",
    "encode_aggregates",
    "encode_dictionary",
    "encode_events",
    "encode_forward",
    "encode_outcomes",
    "encode_readings",
    "identify",
    "intact",
    "parse_dictionary",
    "readings_body",
    "steps_per_unit",
    "wrap",
]

MAX_EVENT_BYTES = 192 * 1024


def encode_dictionary(origin: Origin, epoch: int, sequence: int, dictionary: Dictionary) -> bytes:
    """The batch that tells a receiver what the numbers of `dictionary` stand for."""
    return wrap(origin, epoch, sequence, Kind.DICTIONARY, dictionary.digest, dictionary.body)


def encode_events(origin: Origin, epoch: int, sequence: int, events: Iterable[Event]) -> bytes:
    """A batch of events; their bodies travel as JSON text. Raises TooLarge.

    Without any event it is a hello: it asks for nothing but a reply.
    """
    rows = [[e.id, e.kind, e.at_ms, msgspec.json.encode(e.body).decode()] for e in events]
    return wrap(origin, epoch, sequence, Kind.EVENTS, None, msgspec.msgpack.encode(rows))


def encode_outcomes(origin: Origin, epoch: int, sequence: int, outcomes: Iterable[Outcome]) -> bytes:
    """A batch of command outcomes. Raises TooLarge."""
    rows = [[o.command_id, o.state, o.at_ms, o.reason, o.run_id] for o in outcomes]
    return wrap(origin, epoch, sequence, Kind.OUTCOMES, None, msgspec.msgpack.encode(rows))


def encode_forward(origin: Origin, epoch: int, sequence: int, forwarded: Forwarded) -> bytes:
    """A sealed batch of another node in one of `origin`, which has it in custody. Raises TooLarge."""
    tenant, node = forwarded.origin
    body = msgspec.msgpack.encode([tenant, node, forwarded.channel, forwarded.payload])
    envelope = Envelope(epoch, sequence, Kind.FORWARD, None, False, body)
    return seal(origin, envelope, MAX_BATCH_BYTES + FORWARD_BYTES)


def encode_readings(origin: Origin, epoch: int, sequence: int, dictionary: Dictionary, rows: Sequence[Row]) -> bytes:
    """A batch of readings. Raises TooLarge: seal fewer rows at once then.

    A value is sent as the nearest multiple of its datastream's resolution; where the column does not fit into
    16-bit deltas, or the resolution is 0, as an exact float64. Of two samples of one datastream at one instant the
    first in `rows` counts, as in the store: a reading is not judged again. A value that is not finite is unknown.
    """
    body = trimmed(readings_body(dictionary, rows))
    return wrap(origin, epoch, sequence, Kind.READINGS, dictionary.digest, body)


def encode_aggregates(
    origin: Origin, epoch: int, sequence: int, dictionary: Dictionary, rows: Sequence[AggregateRow]
) -> bytes:
    """A batch of one-minute aggregates, in any order. Raises TooLarge: seal fewer rows at once then.

    ValueError when a row cannot be: no start of a minute, a minute of a datastream twice, nothing counted, numbers
    that are not finite or not in order. Minima and maxima are rounded as readings are, means hardly at all.
    """
    body = trimmed(aggregates_body(dictionary, rows))
    return wrap(origin, epoch, sequence, Kind.AGGREGATES, dictionary.digest, body)
