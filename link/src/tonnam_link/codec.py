"""How a sealed batch looks on the wire. Needs no numpy, so that a small node can seal. The layout is in docs/link.md.

A batch is one byte of wire version, a CRC-32, then an array in MessagePack: epoch, sequence, kind, the hash of its
dictionary or nil, whether the body is compressed with zstd, and the body. The CRC covers the name of the sender too.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import zstandard

from tonnam_link.errors import Rejected, TooLarge
from tonnam_link.messages import LATEST_MS, DatastreamSpec, Event, Forwarded, Outcome, Sample
from tonnam_link.quality import Quality
from tonnam_link.topics import Origin

WIRE_VERSION = 2
HEADER_BYTES = 5
MAX_BATCH_BYTES = 256 * 1024
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_READINGS = 65_536
MAX_FRAMES = 16_384
MAX_DATASTREAMS = 4_096
MAX_EVENT_BYTES = 192 * 1024
ZSTD_LEVEL = 6
FORWARD_BYTES = 1024


class Kind(IntEnum):
    """What a batch carries. The numbers are on the wire and never change."""

    READINGS = 0
    EVENTS = 1
    OUTCOMES = 2
    DICTIONARY = 3
    AGGREGATES = 4
    FORWARD = 5

    @property
    def label(self) -> str:
        return self.name.lower()


class Dictionary:
    """What the numbers in a batch of readings stand for: entry 0, 1, 2 ... It never changes; its hash names it."""

    def __init__(self, specs: Sequence[DatastreamSpec]) -> None:
        names = [spec.datastream for spec in specs]
        if len(specs) > MAX_DATASTREAMS:
            raise TooLarge(f"a dictionary has at most {MAX_DATASTREAMS} datastreams, not {len(specs)}")
        if len(set(names)) != len(names):
            raise ValueError("a datastream is named twice")
        for spec in specs:
            if not (math.isfinite(spec.resolution) and spec.resolution >= 0):
                raise ValueError(f"{spec.datastream}: the resolution is a number from 0 up, not {spec.resolution}")
        self.specs = tuple(specs)
        self.numbers: Mapping[str, int] = {name: number for number, name in enumerate(names)}
        self.body = msgspec.msgpack.encode([[s.datastream, s.unit, float(s.resolution)] for s in specs])
        self.digest = hashlib.sha256(self.body).digest()[:8]
        self.hash = self.digest.hex()


class _SpecRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    datastream: str
    unit: str
    resolution: float


def parse_dictionary(body: bytes) -> Dictionary:
    """A dictionary from its canonical body, as `Dictionary.body` has it. Raises Rejected."""
    try:
        rows = msgspec.msgpack.decode(body, type=list[_SpecRow])
        dictionary = Dictionary([DatastreamSpec(row.datastream, row.unit, row.resolution) for row in rows])
    except (ValueError, RecursionError) as error:
        raise Rejected(f"malformed dictionary: {error}") from error
    if dictionary.body != body:
        raise Rejected("the dictionary is not in its canonical form")
    return dictionary


def check_time(at_ms: int) -> None:
    """Raise ValueError unless `at_ms` lies where batches can carry it."""
    if not 0 <= at_ms <= LATEST_MS:
        raise ValueError(f"{at_ms} ms is no time from 1970 to 9999")


class Row(NamedTuple):
    """One image, with datastreams as numbers of a dictionary."""

    observed_at_ms: int
    samples: Sequence[tuple[int, Sample]]


class Envelope(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """What stands around every body."""

    epoch: int
    sequence: int
    kind: int
    dictionary: bytes | None
    compressed: bool
    body: bytes


def checksum(origin: Origin, version: bytes, array: bytes) -> bytes:
    """The CRC-32 that goes before an array: over the version (if any), the sender's name, a zero byte, the array."""
    name = version + str(origin).encode() + b"\0"
    return zlib.crc32(array, zlib.crc32(name)).to_bytes(4, "little")


def intact(payload: bytes, origin: Origin) -> bool:
    """Whether a batch of any wire version is as `origin` sealed it: no byte of it, or of its topic, was changed."""
    return payload[1:HEADER_BYTES] == checksum(origin, payload[:1], payload[HEADER_BYTES:])


def identify(payload: bytes) -> tuple[int, int] | None:
    """Epoch and sequence of a batch of any wire version, so that it can be answered; None when there are none."""
    try:
        epoch, sequence = msgspec.msgpack.decode(payload[HEADER_BYTES:], type=list[msgspec.Raw])[:2]
        return msgspec.msgpack.decode(epoch, type=int), msgspec.msgpack.decode(sequence, type=int)
    except (ValueError, RecursionError):
        return None


class ReadingsBody(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The columns of a batch of readings. Little-endian; bitmaps begin with the lowest bit.

    Columns are numbered in order: those of `scaled`, then those of `floats`. `present` has a bitmap over the time
    axis for columns that lack samples; the other sparse parts have bitmaps over the samples of their column.
    """

    first_at_ms: int
    step_bytes: int
    steps: bytes
    scaled: list[int]
    firsts: bytes
    deltas: bytes
    floats: list[int]
    doubles: bytes
    present: list[tuple[int, bytes]]
    unknown: list[tuple[int, bytes]]
    qualities: list[tuple[int, bytes, bytes]]
    raws: list[tuple[int, bytes, bytes]]


def steps_per_unit(resolution: float) -> int | None:
    """How many steps make one unit, where that is a whole number (0.1 -> 10). It keeps decimals exact."""
    if not 0 < resolution < 1:
        return None
    whole = round(1 / resolution)
    return whole if abs(whole * resolution - 1) < 1e-9 else None


def wrap(origin: Origin, epoch: int, sequence: int, kind: Kind, digest: bytes | None, body: bytes) -> bytes:
    """The batch around a body. Raises TooLarge."""
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"the body has {len(body)} bytes, at most {MAX_BODY_BYTES} are allowed")
    packed = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
    compressed = len(packed) < len(body)
    envelope = Envelope(epoch, sequence, kind, digest, compressed, packed if compressed else body)
    return _sealed(origin, envelope, MAX_BATCH_BYTES)


def _sealed(origin: Origin, envelope: Envelope, most: int) -> bytes:
    version, array = bytes([WIRE_VERSION]), msgspec.msgpack.encode(envelope)
    payload = version + checksum(origin, version, array) + array
    if len(payload) > most:
        raise TooLarge(f"the batch has {len(payload)} bytes, at most {most} are allowed")
    return payload


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
    return _sealed(origin, envelope, MAX_BATCH_BYTES + FORWARD_BYTES)


def encode_readings(origin: Origin, epoch: int, sequence: int, dictionary: Dictionary, rows: Sequence[Row]) -> bytes:
    """A batch of readings. Raises TooLarge: seal fewer rows at once then.

    A value is sent as the nearest multiple of its datastream's resolution; where the column does not fit into
    16-bit deltas, or the resolution is 0, as an exact float64. Of two samples of one datastream at one instant the
    first in `rows` counts, as in the store: a reading is not judged again. A value that is not finite is unknown.
    """
    body = msgspec.msgpack.encode(readings_body(dictionary, rows))
    return wrap(origin, epoch, sequence, Kind.READINGS, dictionary.digest, body)


def readings_body(dictionary: Dictionary, rows: Sequence[Row]) -> ReadingsBody:
    """The columns of `rows`. Raises TooLarge when they pass the limits of one batch."""
    axis = sorted({row.observed_at_ms for row in rows})
    columns = _columns(axis, rows)
    _check_limits(axis, columns)
    step_bytes, steps = _pack_steps(axis)
    scaled: dict[int, bytes] = {}
    firsts, doubles = bytearray(), bytearray()
    floats: list[int] = []
    for number, cells in columns.items():
        known = [sample.value for sample in cells.values() if sample.value is not None]
        packed = _pack_scaled(known, dictionary.specs[number].resolution)
        if packed is None:
            floats.append(number)
            doubles += struct.pack(f"<{len(known)}d", *known)
        else:
            firsts += packed[0]
            scaled[number] = packed[1]
    order = [*scaled, *floats]
    return ReadingsBody(
        axis[0], step_bytes, steps, list(scaled), bytes(firsts), b"".join(scaled.values()), floats, bytes(doubles),
        *_sparse(len(axis), [columns[number] for number in order]),
    )  # fmt: skip


def _columns(axis: Sequence[int], rows: Sequence[Row]) -> dict[int, dict[int, Sample]]:
    """Datastream number -> position on the axis -> sample, both in ascending order."""
    position = {observed_at_ms: index for index, observed_at_ms in enumerate(axis)}
    columns: dict[int, dict[int, Sample]] = {}
    for row in sorted(rows, key=lambda row: row.observed_at_ms):
        at = position[row.observed_at_ms]
        for number, sample in row.samples:
            columns.setdefault(number, {}).setdefault(at, sample)
    return dict(sorted(columns.items()))


def _check_limits(axis: Sequence[int], columns: Mapping[int, Mapping[int, Sample]]) -> None:
    readings = sum(map(len, columns.values()))
    if not readings:
        raise ValueError("a batch of readings has at least one")
    if readings > MAX_READINGS or len(axis) > MAX_FRAMES:
        raise TooLarge(f"{readings} readings at {len(axis)} instants do not fit into one batch")
    check_time(axis[0])
    check_time(axis[-1])


def _pack_steps(axis: Sequence[int]) -> tuple[int, bytes]:
    steps = [after - before for before, after in pairwise(axis)]
    widest = max(steps, default=0)
    if widest > 0xFFFF_FFFF:
        raise TooLarge("the readings of one batch lie more than 49 days apart")
    width, letter = (2, "H") if widest <= 0xFFFF else (4, "I")
    return width, struct.pack(f"<{len(steps)}{letter}", *steps)


def _pack_scaled(values: Sequence[float], resolution: float) -> tuple[bytes, bytes] | None:
    """The first value in 32 bits and the 16-bit deltas, or None where the values do not fit."""
    if resolution == 0:
        return None
    if not values:
        return b"", b""
    per_unit = steps_per_unit(resolution)
    try:
        if per_unit is None:
            scaled = [round(value / resolution) for value in values]
        else:
            scaled = [round(value * per_unit) for value in values]
        deltas = [after - before for before, after in pairwise(scaled)]
        return struct.pack("<i", scaled[0]), struct.pack(f"<{len(deltas)}h", *deltas)
    except (struct.error, OverflowError):
        return None


def _bitmap(positions: Iterable[int], size: int) -> bytes:
    bits = bytearray((size + 7) // 8)
    for position in positions:
        bits[position >> 3] |= 1 << (position & 7)
    return bytes(bits)


def _sparse(
    frames: int, columns: Sequence[Mapping[int, Sample]]
) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """What is not everywhere: absent samples, unknown values, qualities other than good, rejected raw numbers."""
    present: list[Any] = []
    unknown: list[Any] = []
    qualities: list[Any] = []
    raws: list[Any] = []
    for index, cells in enumerate(columns):
        if len(cells) < frames:
            present.append((index, _bitmap(cells, frames)))
        samples = list(cells.values())
        bare = [at for at, sample in enumerate(samples) if sample.value is None]
        if bare:
            unknown.append((index, _bitmap(bare, len(samples))))
        bad = [at for at, sample in enumerate(samples) if sample.quality]
        if bad:
            words = bytes(samples[at].quality for at in bad)
            qualities.append((index, _bitmap(bad, len(samples)), words))
        kept = [(at, sample.raw) for at, sample in enumerate(samples) if sample.raw is not None]
        if kept:
            numbers = struct.pack(f"<{len(kept)}d", *(raw for _, raw in kept))
            raws.append((index, _bitmap((at for at, _ in kept), len(samples)), numbers))
    return present, unknown, qualities, raws


def clean(sample: Sample) -> Sample:
    """The sample as it can be sent: a number that is not finite is unknown, and then its quality is not good."""
    value, quality, raw = sample
    if raw is None and type(value) is float and type(quality) is Quality and math.isfinite(value):
        return sample
    if value is not None and not math.isfinite(value):
        value, quality = None, quality or Quality.DEVICE_FAULT
    if raw is not None and not math.isfinite(raw):
        raw = None
    return Sample(None if value is None else float(value), Quality(quality), None if raw is None else float(raw))
