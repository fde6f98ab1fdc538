"""Sealed batches back to arrays. Needs numpy (the extra `receiver`).

Bytes come from strangers here: whatever they are, the answer is a Batch, MissingDictionary or Rejected, and it takes
bounded memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, cast

import msgspec
import zstandard

from tonnam_link.codec import (
    FORWARD_BYTES,
    HEADER_BYTES,
    MAX_BATCH_BYTES,
    MAX_BODY_BYTES,
    WIRE_VERSION,
    Dictionary,
    Envelope,
    Kind,
    ReadingsBody,
    check_time,
    intact,
    parse_dictionary,
)
from tonnam_link.errors import LinkError, MissingDictionary, Rejected
from tonnam_link.messages import CommandState, DatastreamSpec, Event, Forwarded, Outcome
from tonnam_link.topics import Channel, Origin, is_id
from tonnam_link.unpack import Column, unpack_readings

KindLabel = Literal["readings", "events", "outcomes", "dictionary", "aggregates", "forward"]


__all__ = ["Batch", "Column", "Peek", "decode", "intact", "peek"]


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
WITH_DICTIONARY = {Kind.READINGS, Kind.DICTIONARY, Kind.AGGREGATES}
FORWARDED_CHANNELS = {Channel.UP, Channel.BACK, Channel.OUTCOME}


def peek(payload: bytes) -> Peek:
    """Whose batch this is and what it carries. Raises Rejected."""
    envelope = _envelope(payload)
    digest = envelope.dictionary
    return Peek(envelope.epoch, envelope.sequence, _label(envelope), None if digest is None else digest.hex())


def decode(payload: bytes, dictionaries: Mapping[str, Dictionary] | None = None) -> Batch:
    """Open a batch. `dictionaries` are those that are known, by their hash. Raises Rejected, MissingDictionary."""
    try:
        return _decode(payload, dictionaries or {})
    except LinkError:
        raise
    except (ValueError, OverflowError, IndexError, RecursionError, zstandard.ZstdError) as error:
        raise Rejected(f"malformed: {error}") from error


def _envelope(payload: bytes) -> Envelope:
    if len(payload) > MAX_BATCH_BYTES + FORWARD_BYTES:
        raise Rejected(f"oversized: {len(payload)} bytes, at most {MAX_BATCH_BYTES} are allowed")
    if not payload or payload[0] != WIRE_VERSION:
        raise Rejected(f"wrong version: {payload[:1].hex() or 'empty'}, here it is {WIRE_VERSION:02x}")
    try:
        envelope = msgspec.msgpack.decode(memoryview(payload)[HEADER_BYTES:], type=Envelope)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"malformed envelope: {error}") from error
    if not (-(2**63) <= envelope.epoch < 2**63 and 0 < envelope.sequence < 2**63):
        raise Rejected("malformed envelope: epoch or sequence out of range")
    if envelope.kind not in set(Kind):
        raise Rejected(f"unknown kind {envelope.kind}")
    if len(payload) > MAX_BATCH_BYTES and envelope.kind != Kind.FORWARD:
        raise Rejected(f"oversized: {len(payload)} bytes, at most {MAX_BATCH_BYTES} are allowed")
    if (envelope.dictionary is None) == (envelope.kind in WITH_DICTIONARY):
        raise Rejected("a dictionary's hash is missing, or stands where none belongs")
    if envelope.dictionary is not None and len(envelope.dictionary) != 8:
        raise Rejected("a dictionary's hash has 8 bytes")
    return envelope


def _label(envelope: Envelope) -> KindLabel:
    return cast(KindLabel, Kind(envelope.kind).label)


def _decode(payload: bytes, dictionaries: Mapping[str, Dictionary]) -> Batch:
    envelope = _envelope(payload)
    content: dict[str, Any] = {}
    if envelope.dictionary is not None:
        content["dictionary"] = envelope.dictionary.hex()
    match envelope.kind:
        case Kind.READINGS:
            content["columns"] = _readings(envelope, dictionaries)
        case Kind.EVENTS:
            content["events"] = [_event(row) for row in _rows(envelope, _EventRow)]
        case Kind.OUTCOMES:
            content["outcomes"] = [_outcome(row) for row in _rows(envelope, _OutcomeRow)]
        case Kind.DICTIONARY:
            dictionary = parse_dictionary(_body(envelope))
            if dictionary.hash != content["dictionary"]:
                raise Rejected("the dictionary does not have the hash that it claims")
            content["specs"] = dictionary.specs
        case Kind.FORWARD:
            content["forwarded"] = _forwarded(envelope)
    return Batch(envelope.epoch, envelope.sequence, _label(envelope), **content)


def _body(envelope: Envelope) -> bytes:
    if not envelope.compressed:
        return envelope.body
    size = zstandard.get_frame_parameters(envelope.body).content_size
    if size > MAX_BODY_BYTES:
        raise Rejected(f"oversized: the body unpacks to more than {MAX_BODY_BYTES} bytes or does not say its size")
    decompressor = zstandard.ZstdDecompressor(max_window_size=2 * MAX_BODY_BYTES)
    return decompressor.decompress(envelope.body, max_output_size=MAX_BODY_BYTES, allow_extra_data=False)


def _rows(envelope: Envelope, row: type[_Row]) -> list[_Row]:
    rows: list[_Row] = msgspec.msgpack.decode(_body(envelope), type=list[row])  # type: ignore[valid-type]
    return rows


def _readings(envelope: Envelope, dictionaries: Mapping[str, Dictionary]) -> list[Column]:
    name = (envelope.dictionary or b"").hex()
    dictionary = dictionaries.get(name)
    if dictionary is None:
        raise MissingDictionary(name)
    return unpack_readings(msgspec.msgpack.decode(_body(envelope), type=ReadingsBody), dictionary)


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
