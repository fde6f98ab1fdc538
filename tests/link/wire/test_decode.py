"""Whatever bytes come, the answer is a batch, a missing dictionary or a rejection with a reason."""

from __future__ import annotations

import contextlib
import io
import tracemalloc
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.harness import ORIGIN, sealed
from tests.link.wire.test_codec import DICTIONARY, EPOCH, ROWS, SEQUENCE, batches
from tonnam_link.errors import MissingDictionary, Rejected
from tonnam_link.messages import LATEST_MS, DatastreamSpec
from tonnam_link.wire import codec
from tonnam_link.wire.bits import pack
from tonnam_link.wire.codec import Kind, ReadingsBody
from tonnam_link.wire.decode import decode, peek
from tonnam_link.wire.envelope import WITH_DICTIONARY
from tonnam_link.wire.readings import trimmed

KNOWN = {DICTIONARY.hash: DICTIONARY}
GOOD = list(batches().values())
BODY = codec.readings_body(DICTIONARY, ROWS)


def envelope(body: bytes, *, kind: int = Kind.READINGS, compressed: bool = False, **changed: Any) -> bytes:
    """A batch with any body and any field changed."""
    digest = DICTIONARY.digest if kind in WITH_DICTIONARY else None
    fields = {"epoch": EPOCH, "sequence": SEQUENCE, "kind": kind, "dictionary": digest, "compressed": compressed}
    return sealed(b"\x02", [*(fields | changed).values(), body])


def readings(**changed: Any) -> bytes:
    """A batch of readings with parts of its body changed."""
    return envelope(msgspec.msgpack.encode(msgspec.structs.replace(BODY, **changed)))


def open_safely(payload: bytes) -> None:
    """Decode; anything but a batch, MissingDictionary or Rejected is a failure."""
    with contextlib.suppress(MissingDictionary, Rejected):
        peek(payload)
        decode(payload, KNOWN)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_never_raise_anything_else(payload: bytes) -> None:
    open_safely(payload)
    open_safely(b"\x02" + payload)
    for kind in Kind:
        open_safely(envelope(payload, kind=kind))


@given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4), st.data())
@settings(max_examples=400, deadline=None)
def test_mutated_batches_never_raise_anything_else(
    payload: bytes, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    mutated = bytearray(payload)
    for position, byte in changes:
        mutated[position % len(mutated)] = byte
    open_safely(bytes(mutated[: data.draw(st.integers(0, len(mutated)))]))
    open_safely(bytes(mutated))


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_mutated_uncompressed_bodies_never_raise_anything_else(changes: list[tuple[int, int]]) -> None:
    body = bytearray(msgspec.msgpack.encode(BODY))
    for position, byte in changes:
        body[position % len(body)] = byte
    open_safely(envelope(bytes(body)))


BYTES = st.binary(max_size=24)


@given(
    st.builds(
        ReadingsBody,
        st.one_of(st.integers(-1, 10), st.integers(-(2**63), 2**63 - 1)),
        st.integers(-1, 20),
        st.one_of(st.integers(-1, 5), st.integers(0, 2**32)),
        st.integers(-1, 6),
        BYTES,
        BYTES,
        st.sampled_from([b"", b"\x44\x80\x08\x08", b"\x01\x05"]),
        *[BYTES] * 7,
    )
)
@settings(max_examples=400, deadline=None)
def test_parts_that_do_not_fit_together_never_raise_anything_else(body: ReadingsBody) -> None:
    open_safely(envelope(trimmed(body)))


def zstd_without_size(content: bytes) -> bytes:
    """A zstd frame that does not say how long its content is."""
    packed = io.BytesIO()
    writer = zstandard.ZstdCompressor().stream_writer(packed, closefd=False)
    writer.write(content)
    writer.flush(zstandard.FLUSH_FRAME)
    return packed.getvalue()


def zstd_that_lies(content: bytes, claimed: int) -> bytes:
    """A zstd frame whose header claims less than it holds (4-byte content size at offset 6, single segment off)."""
    packed = bytearray(zstandard.ZstdCompressor(level=1).compress(content))
    packed[5:9] = claimed.to_bytes(4, "little")
    return bytes(packed)


BOMB = bytes(64 * 1024 * 1024)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "wrong version"),
        (b"\x01" + GOOD[0][1:], "wrong version"),
        (b"\x02" + bytes(codec.MAX_BATCH_BYTES + codec.FORWARD_BYTES), "oversized"),
        (envelope(zstandard.ZstdCompressor().compress(BOMB), compressed=True), "oversized"),
        (envelope(zstd_without_size(BOMB), compressed=True), "oversized"),
        (envelope(zstd_that_lies(BOMB, 1000), compressed=True), "malformed"),
        (envelope(b"not zstd", compressed=True), "malformed"),
        (envelope(b"\xdd\xff\xff\xff\xff", kind=Kind.EVENTS), "malformed"),
        (envelope(b"\x91" * 100_000, kind=Kind.EVENTS), "malformed"),
        (envelope(msgspec.msgpack.encode([["e", "k", 0, "[" * 50_000]]), kind=Kind.EVENTS), "malformed"),
        (envelope(msgspec.msgpack.encode([["e", "k", 0, "[]"]]), kind=Kind.EVENTS), "malformed"),
        (envelope(msgspec.msgpack.encode([["e", "k", -1, "{}"]]), kind=Kind.EVENTS), "no time"),
        (envelope(msgspec.msgpack.encode([["c", "perhaps", 0, {}, None]]), kind=Kind.OUTCOMES), "malformed"),
        (envelope(DICTIONARY.body, kind=Kind.DICTIONARY, dictionary=bytes(8)), "hash"),
        (envelope(b"", kind=9, dictionary=None), "unknown kind"),
        (envelope(b"", dictionary=None), "missing"),
        (envelope(b"", dictionary=b"short"), "8 bytes"),
        (envelope(b"", sequence=0), "out of range"),
        (envelope(b"", epoch=2**63), "malformed"),
        (readings(columns=0), "no columns"),
        (readings(columns=5), "more than datastreams"),
        (readings(columns=2, numbers=b"\x02\x0c"), "not there"),
        (readings(forms=b"\x04\x00\x90"), "unknown form"),
        (envelope(trimmed(ReadingsBody(0, 1, 0, 1, pack([[5]]), numbers=pack([[3]])))), "without a resolution"),
        (readings(frames=0), "time axis"),
        (readings(frames=codec.MAX_FRAMES + 1), "time axis"),
        (readings(first_at_ms=-1), "time axis"),
        (readings(step_ms=0), "time axis"),
        (readings(step_ms=2**32), "time axis"),
        (readings(first_at_ms=LATEST_MS), "after 9999"),
        (readings(extra_steps=BODY.extra_steps[:-1]), "too few or too many"),
        (readings(integers=b""), "too few"),
        (readings(integers=BODY.integers + b"0"), "too few or too many"),
        (readings(doubles=b""), "too few"),
        (readings(doubles=b"\xff" * len(BODY.doubles)), "not finite"),
        (readings(masks=BODY.masks + b"\x0f\x0f", frames=9), "bitmap|time axis|too"),
        (readings(masks=b""), "not there"),
        (readings(masks=bytes(len(BODY.masks))), "without samples"),
        (readings(marks=BODY.marks[:-1]), "too few or too many"),
        (readings(marks=bytes(len(BODY.marks))), "marks nothing"),
        (readings(marks=b"\x21" * len(BODY.marks)), "too few|mark"),
        (readings(odd=b"\x0f" + b"\xff" * 17), "not there"),
        (readings(raws=b"\xff" * 8), "not finite"),
        (readings(raws=b""), "too few"),
    ],
)
def test_bad_batch_is_rejected_with_a_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        decode(payload, KNOWN)


def test_too_many_readings_are_rejected_before_they_are_unpacked() -> None:
    specs = [DatastreamSpec(f"s/t/p{n}", "1", 1.0) for n in range(8)]
    dictionary = codec.Dictionary(specs)
    payload = codec.wrap(
        ORIGIN, 1, 1, Kind.READINGS, dictionary.digest, trimmed(ReadingsBody(0, codec.MAX_FRAMES, 1, 8, bytes(9000)))
    )
    with pytest.raises(Rejected, match="more than 65536"):
        decode(payload, {dictionary.hash: dictionary})


def test_thousands_of_bitmaps_take_bounded_memory() -> None:
    masks = bytes.fromhex("ff") * (codec.MAX_FRAMES // 8 * 900)
    body = ReadingsBody(0, codec.MAX_FRAMES, 1, 4, bytes(9000), masks=masks, mask_numbers=pack([[1, 2, 3, 900]]))
    payload = codec.wrap(ORIGIN, 1, 1, Kind.READINGS, DICTIONARY.digest, trimmed(body))
    assert len(payload) < 5_000
    tracemalloc.start()
    with pytest.raises(Rejected, match="too few"):
        decode(payload, KNOWN)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 32 * 1024 * 1024


def test_batch_of_a_later_version_can_still_be_answered() -> None:
    later = sealed(b"\x07", [EPOCH, SEQUENCE, {"anything": 1}])
    assert codec.identify(later) == (EPOCH, SEQUENCE)
    assert codec.identify(b"\x07nonsense") is None
    assert codec.identify(b"") is None
