"""Cutting a stream into MQTT packets, however it arrives and whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.link_faults import DRAWS, Garble, Part, Way
from tests.faults.packets import Packet, Splitter

ONE_WAY = {"cut with RST", "cut with FIN", "connect garbled", "subscribe garbled"}
PING = b"\xc0\x00"


def publish(topic: str, payload: bytes, qos: int = 0) -> bytes:
    """A PUBLISH as MQTT 3.1.1 writes it."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (b"\x00\x07" if qos else b"") + payload
    length, rest = b"", len(body)
    while rest >= 128:
        length, rest = length + bytes([rest & 127 | 128]), rest >> 7
    return bytes([0x30 | qos << 1]) + length + bytes([rest]) + body


def pieces(stream: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    """The stream in pieces of these sizes, then in one."""
    for size in sizes:
        yield stream[:size]
        stream = stream[size:]
    yield stream


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=300), st.sampled_from([0, 1]))),
    st.lists(st.integers(1, 40), max_size=30),
)
def test_packets_are_the_same_however_the_stream_arrives(sent: list[tuple[bytes, int]], sizes: list[int]) -> None:
    packets = [each for payload, qos in sent for each in (publish("t/ว", payload, qos), PING)]
    splitter = Splitter()
    found = [packet for piece in pieces(b"".join(packets), iter(sizes)) for packet in splitter.feed(piece)]
    assert [packet.raw for packet in found] == packets
    told = [(packet.topic, packet.payload) for packet in found if packet.is_publish]
    assert told == [("t/ว", payload) for payload, _ in sent]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(1, 40), max_size=10))
def test_bytes_that_are_no_packets_are_neither_lost_nor_changed(junk: bytes, sizes: list[int]) -> None:
    splitter, stream = Splitter(), b"\x30\xff\xff\xff\xff" + junk
    found = [packet.raw for piece in pieces(stream, iter(sizes)) for packet in splitter.feed(piece)]
    assert b"".join(found) == stream


@pytest.mark.parametrize(
    ("part", "expected"),
    [("header", range(2)), ("topic", range(2, 7)), ("payload", range(7, 12)), ("anywhere", range(12))],
)
def test_garbled_byte_is_one_and_lies_where_it_was_aimed(part: Part, expected: range) -> None:
    raw, dice = publish("a/b", b"water"), Random(1)
    places = set()
    for _ in range(200):
        garbled = Garble(Way.UP, part).garbled(Packet(raw, 2), dice)
        changed = [place for place, pair in enumerate(zip(raw, garbled, strict=True)) if pair[0] != pair[1]]
        assert len(changed) == 1
        places.update(changed)
    assert places == set(expected)


def test_same_dice_draw_the_same_faults_and_each_is_of_its_kind() -> None:
    for kind, draw in DRAWS.items():
        assert draw(Random(3)) == draw(Random(3))
        assert draw(Random(3)).kind == kind
        assert len({draw(Random(seed)) for seed in range(50)}) > 1 or kind in ONE_WAY
