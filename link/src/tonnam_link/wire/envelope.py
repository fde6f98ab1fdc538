"""What stands around every body on the wire. The layout is in docs/link.md.

A batch is one byte of wire version, a CRC-32, then an array in MessagePack: epoch, sequence, kind, the hash of its
dictionary or nil, whether the body is compressed with zstd, and the body. The CRC covers the name of the sender too.
"""

from __future__ import annotations

import zlib
from enum import IntEnum

import msgspec
import zstandard

from tonnam_link.errors import Rejected, TooLarge
from tonnam_link.topics import Origin

WIRE_VERSION = 2
HEADER_BYTES = 5
MAX_BATCH_BYTES = 256 * 1024
MAX_BODY_BYTES = 2 * 1024 * 1024
FORWARD_BYTES = 1024
ZSTD_LEVEL = 6


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


WITH_DICTIONARY = {Kind.READINGS, Kind.DICTIONARY, Kind.AGGREGATES}


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


def wrap(origin: Origin, epoch: int, sequence: int, kind: Kind, digest: bytes | None, body: bytes) -> bytes:
    """The batch around a body, compressed where that is smaller. Raises TooLarge."""
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"the body has {len(body)} bytes, at most {MAX_BODY_BYTES} are allowed")
    packed = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
    compressed = len(packed) < len(body)
    envelope = Envelope(epoch, sequence, kind, digest, compressed, packed if compressed else body)
    return seal(origin, envelope, MAX_BATCH_BYTES)


def seal(origin: Origin, envelope: Envelope, most: int) -> bytes:
    """The bytes of a batch: version, checksum, array. Raises TooLarge when they are more than `most`."""
    version, array = bytes([WIRE_VERSION]), msgspec.msgpack.encode(envelope)
    payload = version + checksum(origin, version, array) + array
    if len(payload) > most:
        raise TooLarge(f"the batch has {len(payload)} bytes, at most {most} are allowed")
    return payload


def open_envelope(payload: bytes) -> Envelope:
    """What stands around the body of a batch, whoever sent it. Raises Rejected."""
    if len(payload) > MAX_BATCH_BYTES + FORWARD_BYTES:
        raise Rejected(f"oversized: {len(payload)} bytes, at most {MAX_BATCH_BYTES} are allowed")
    if not payload or payload[0] != WIRE_VERSION:
        raise Rejected(f"wrong version: {payload[:1].hex() or 'empty'}, here it is {WIRE_VERSION:02x}")
    try:
        envelope = msgspec.msgpack.decode(memoryview(payload)[HEADER_BYTES:], type=Envelope)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"malformed envelope: {error}") from error
    _check(envelope)
    if len(payload) > MAX_BATCH_BYTES and envelope.kind != Kind.FORWARD:
        raise Rejected(f"oversized: {len(payload)} bytes, at most {MAX_BATCH_BYTES} are allowed")
    return envelope


def _check(envelope: Envelope) -> None:
    if not (-(2**63) <= envelope.epoch < 2**63 and 0 < envelope.sequence < 2**63):
        raise Rejected("malformed envelope: epoch or sequence out of range")
    if envelope.kind not in set(Kind):
        raise Rejected(f"unknown kind {envelope.kind}")
    if (envelope.dictionary is None) == (envelope.kind in WITH_DICTIONARY):
        raise Rejected("a dictionary's hash is missing, or stands where none belongs")
    if envelope.dictionary is not None and len(envelope.dictionary) != 8:
        raise Rejected("a dictionary's hash has 8 bytes")


def open_body(envelope: Envelope) -> bytes:
    """The body, unpacked. It takes bounded memory. Raises Rejected."""
    if not envelope.compressed:
        return envelope.body
    try:
        size = zstandard.get_frame_parameters(envelope.body).content_size
        if size > MAX_BODY_BYTES:
            raise Rejected(f"oversized: the body has more than {MAX_BODY_BYTES} bytes or does not say how many")
        decompressor = zstandard.ZstdDecompressor(max_window_size=2 * MAX_BODY_BYTES)
        return decompressor.decompress(envelope.body, max_output_size=MAX_BODY_BYTES, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Rejected(f"malformed: {error}") from error
