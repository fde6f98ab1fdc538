"""What is signed is obeyed as it was signed, by whom it was signed for; nothing else is anything but Forged."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import signed
from tests.link.harness import START_MS
from tonnam_link.commands.checking import read_command
from tonnam_link.commands.refusals import Forged, Why
from tonnam_link.commands.signing import (
    MAX_SIGNED_BYTES,
    key_id,
    new_private_key,
    open_signed,
    public_key,
    public_text,
    read_public,
    sign,
    trust,
    unverified_body,
)
from tonnam_link.errors import Rejected
from tonnam_link.messages import Command, CommandAction
from tonnam_link.topics import Channel, Origin

NODE = Origin("farm", "edge-1")
WATER = Command("c-1", CommandAction.WATER, "zone-1", START_MS, START_MS + 60_000, 600)
GOOD = signed.command(WATER, NODE)
KEYS = trust([public_key(signed.PRIVATE)])
OTHER = bytes(range(1, 33))


def why_of(payload: bytes, channel: Channel = Channel.COMMAND, origin: Origin = NODE) -> Why:
    with pytest.raises(Forged) as caught:
        open_signed(payload, KEYS, channel, origin)
    return caught.value.why


def test_what_the_cloud_signed_is_opened_and_names_the_key() -> None:
    opened = open_signed(GOOD, KEYS, Channel.COMMAND, NODE)
    assert read_command(opened.body) == WATER
    assert opened.key_id == key_id(public_key(signed.PRIVATE))


def test_the_envelope_is_as_the_protocol_says() -> None:
    """RFC 8032, section 7.1, test 1, is the key. Another implementation can be checked with this."""
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = public_key(private)
    assert public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert public_text(public) == "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    envelope = sign(private, Channel.COMMAND, NODE, b'{"id":"c-1"}')
    assert envelope.hex() == (
        "94" "01" "c408" "21fe31dfa154a261" "c440"
        "3687a15a4f74ccf50761d35305a511cdc2c74012a32833e0b2f7962913695037"
        "747bc77110da1699f83726d3d815d612f2cb0a7d610928cc5ccd8cd6dcb4af08"
        "c40c" "7b226964223a22632d31227d"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", Why.UNSIGNED),
        (msgspec.json.encode(WATER), Why.UNSIGNED),
        (b"\x94" * 5_000, Why.UNSIGNED),
        (b"\x91" * 5_000, Why.UNSIGNED),
        (GOOD + b"\0" * MAX_SIGNED_BYTES, Why.UNSIGNED),
        (GOOD + b"\0", Why.UNSIGNED),
        (msgspec.msgpack.encode([2, *msgspec.msgpack.decode(GOOD)[1:]]), Why.UNSIGNED),
        (msgspec.msgpack.encode([*msgspec.msgpack.decode(GOOD), b"more"]), Why.UNSIGNED),
        (msgspec.msgpack.encode([1, b"short", *msgspec.msgpack.decode(GOOD)[2:]]), Why.UNSIGNED),
        (signed.command(WATER, NODE, OTHER), Why.UNKNOWN_KEY),
        (signed.command(WATER, Origin("farm", "edge-2")), Why.ALTERED),
        (signed.command(WATER, Origin("other", "edge-1")), Why.ALTERED),
        (sign(signed.PRIVATE, Channel.CONFIG, NODE, msgspec.json.encode(WATER)), Why.ALTERED),
        (GOOD.replace(b'"max_run_s":600', b'"max_run_s":900'), Why.ALTERED),
    ],
)
def test_what_is_not_signed_for_this_node_and_channel_is_forged(payload: bytes, why: Why) -> None:
    assert why_of(payload) is why


def test_a_node_without_keys_opens_nothing() -> None:
    with pytest.raises(Forged) as caught:
        open_signed(GOOD, {}, Channel.COMMAND, NODE)
    assert caught.value.why is Why.NO_KEY


def test_the_parts_of_two_envelopes_make_no_third() -> None:
    """A signature of one body under another, and a key's id over another key's signature."""
    stop = signed.command(Command("c-2", CommandAction.STOP, "zone-1", START_MS, START_MS + 60_000), NODE)
    foreign = signed.command(WATER, NODE, OTHER)
    mine, theirs, others = (msgspec.msgpack.decode(each) for each in (GOOD, stop, foreign))
    assert why_of(msgspec.msgpack.encode([*mine[:3], theirs[3]])) is Why.ALTERED
    assert why_of(msgspec.msgpack.encode([1, mine[1], *others[2:]])) is Why.ALTERED
    assert why_of(msgspec.msgpack.encode([1, others[1], *mine[2:]])) is Why.UNKNOWN_KEY


def test_every_single_byte_garbled_is_forged() -> None:
    for place in range(len(GOOD)):
        for flip in (0x01, 0x80, 0xFF):
            garbled = bytearray(GOOD)
            garbled[place] ^= flip
            why_of(bytes(garbled))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_is_cut_in_put_in_or_turned_round_is_forged(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, len(GOOD)))
    payload = GOOD[:start] + data.draw(st.binary(max_size=40)) + GOOD[end:]
    if payload != GOOD:
        why_of(payload)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_are_forged(payload: bytes) -> None:
    why_of(payload)
    unverified_body(payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300, deadline=None)
def test_a_signed_body_that_is_no_command_is_rejected_and_nothing_else(body: bytes) -> None:
    envelope = sign(signed.PRIVATE, Channel.COMMAND, NODE, body)
    with pytest.raises(Rejected):
        read_command(open_signed(envelope, KEYS, Channel.COMMAND, NODE).body)


def test_a_key_is_written_as_text_and_read_again() -> None:
    private = new_private_key()
    assert len(private) == 32
    assert private != new_private_key()
    assert read_public(f" {public_text(public_key(private))}\n") == public_key(private)


@pytest.mark.parametrize(
    "text",
    ["", "ed25519:", "ed25519:AAAA", "ed25519:???", signed.PUBLIC[8:], signed.PUBLIC + "A", "x" + signed.PUBLIC],
)
def test_what_is_no_key_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"tonnam-cloud keys public"):
        read_public(text)
