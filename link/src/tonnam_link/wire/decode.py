"""Sealed batches back to arrays. Needs numpy (the extra `receiver`).

Bytes come from strangers here: whatever they are, the answer is a Batch, MissingDictionary or Rejected, and it takes
bounded memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, cast

import msgspec

from tonnam_link.errors import LinkError, MissingDictionary, Rejected
from tonnam_link.messages import CommandState, DatastreamSpec, Event, Forwarded, Outcome
from tonnam_link.topics import Channel, Origin, is_id
from tonnam_link.wire.aggregates import AggregatesBody
from tonnam_link.wire.dictionary import Dictionary, parse_dictionary
from tonnam_link.wire.envelope import Envelope, Kind, intact, open_body, open_envelope
from tonnam_link.wire.readings import ReadingsBody, check_time
from tonnam_link.wire.unpack import AggregateColumn, Column, unpack_aggregates, unpack_readings

KindLabel = Literal["readings", "events", "outcomes", "dictionary", "aggregates", "forward"]


__all__ = ["AggregateColumn", "Batch", "Column", "Peek", "decode", "intact", "peek"]


class Peek(NamedTuple):
    """What can be known of a batch without its dictionary. `dictionary` is a hash in hexadecimal, or None."""

    epoch: int
    sequence: int
    kind: KindLabel
    dictionary: str | None


@dataclass(frozen=True)
class Batch:
    """A sealed batch, opened. `dictionary` is the hash of the dictionary that it uses or, of kind dictionary, is."""

    epoch: int
    sequence: int
    kind: KindLabel
    columns: list[Column] = field(default_factory=list)
    aggregates: list[AggregateColumn] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    dictionary: str | None = None
    specs: tuple[DatastreamSpec, ...] = ()
    forwarded: Forwarded | None = None


class _EventRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    id: str
    kind: str
    at_ms: int
    body: str


class _OutcomeRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    command_id: str
    state: CommandState
    at_ms: int
    reason: dict[str, str]
    run_id: str | None


class _ForwardRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    tenant: str
    node: str
    channel: Channel
    payload: bytes


_Row = TypeVar("_Row", _EventRow, _OutcomeRow)
MAX_WORDS = 4_096
"""Events or outcomes in one batch. No node of ours seals as many, and each costs more than a reading."""
FORWARDED_CHANNELS = {Channel.UP, Channel.BACK, Channel.OUTCOME}


def peek(payload: bytes) -> Peek:
    """Whose batch this is and what it carries. Raises Rejected."""
    envelope = open_envelope(payload)
    digest = envelope.dictionary
    return Peek(envelope.epoch, envelope.sequence, _label(envelope), None if digest is None else digest.hex())


def decode(payload: bytes, dictionaries: Mapping[str, Dictionary] | None = None) -> Batch:
    """Open a batch. `dictionaries` are those that are known, by their hash. Raises Rejected, MissingDictionary."""
    try:
        return _decode(payload, dictionaries or {})
    except LinkError:
        raise
    except (ValueError, OverflowError, IndexError, RecursionError) as error:
        raise Rejected(f"malformed: {error}") from error


def _label(envelope: Envelope) -> KindLabel:
    return cast(KindLabel, Kind(envelope.kind).label)


def _decode(payload: bytes, dictionaries: Mapping[str, Dictionary]) -> Batch:
    envelope = open_envelope(payload)
    content: dict[str, Any] = {}
    if envelope.dictionary is not None:
        content["dictionary"] = envelope.dictionary.hex()
    match envelope.kind:
        case Kind.READINGS:
            readings = msgspec.msgpack.decode(open_body(envelope), type=ReadingsBody)
            content["columns"] = unpack_readings(readings, _dictionary(envelope, dictionaries))
        case Kind.AGGREGATES:
            aggregates = msgspec.msgpack.decode(open_body(envelope), type=AggregatesBody)
            content["aggregates"] = unpack_aggregates(aggregates, _dictionary(envelope, dictionaries))
        case Kind.EVENTS:
            content["events"] = [_event(row) for row in _rows(envelope, _EventRow)]
        case Kind.OUTCOMES:
            content["outcomes"] = [_outcome(row) for row in _rows(envelope, _OutcomeRow)]
        case Kind.DICTIONARY:
            dictionary = parse_dictionary(open_body(envelope))
            if dictionary.hash != content["dictionary"]:
                raise Rejected("the dictionary does not have the hash that it claims")
            content["specs"] = dictionary.specs
        case Kind.FORWARD:
            content["forwarded"] = _forwarded(envelope)
    return Batch(envelope.epoch, envelope.sequence, _label(envelope), **content)


def _rows(envelope: Envelope, row: type[_Row]) -> list[_Row]:
    body = open_body(envelope)
    count = _array_size(body)
    if count > MAX_WORDS:
        raise Rejected(f"malformed: {count} events or outcomes in one batch, at most {MAX_WORDS} are allowed")
    rows: list[_Row] = msgspec.msgpack.decode(body, type=list[row])  # type: ignore[valid-type]
    return rows


def _array_size(body: bytes) -> int:
    """How many elements the array at the head of a body claims to have: known before any of them costs anything."""
    kind = body[:1]
    if kind in {b"\xdc", b"\xdd"}:
        return int.from_bytes(body[1 : 3 if kind == b"\xdc" else 5])
    return 0  # at most 15, or no array at all


def _dictionary(envelope: Envelope, dictionaries: Mapping[str, Dictionary]) -> Dictionary:
    name = (envelope.dictionary or b"").hex()
    dictionary = dictionaries.get(name)
    if dictionary is None:
        raise MissingDictionary(name)
    return dictionary


def _forwarded(envelope: Envelope) -> Forwarded:
    if envelope.compressed:
        raise Rejected("a forwarded batch is not compressed again")
    row = msgspec.msgpack.decode(envelope.body, type=_ForwardRow)
    if not (is_id(row.tenant) and is_id(row.node)) or row.channel not in FORWARDED_CHANNELS:
        raise Rejected("a forwarded batch names no node, or not the channel of a batch")
    return Forwarded(Origin(row.tenant, row.node), row.channel, row.payload)


def _event(row: _EventRow) -> Event:
    check_time(row.at_ms)
    return Event(row.id, row.kind, row.at_ms, msgspec.json.decode(row.body, type=dict[str, Any]))


def _outcome(row: _OutcomeRow) -> Outcome:
    check_time(row.at_ms)
    return Outcome(row.command_id, row.state, row.at_ms, row.reason, row.run_id)
