"""Bytes on the wire are those of the first release: golden.json is what other implementations can be held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.link.harness import ORIGIN
from tests.link.wire.test_aggregates import ROWS as AGGREGATES
from tests.link.wire.test_codec import DICTIONARY, EPOCH, EVENTS, OUTCOMES, ROWS, SEQUENCE, batches
from tests.signed import PRIVATE
from tests.signed import command as signed_command
from tonnam_link.commands.checking import read_command
from tonnam_link.commands.refusals import Forged
from tonnam_link.commands.signing import open_signed, public_key, public_text, trust
from tonnam_link.errors import Rejected
from tonnam_link.messages import Command, CommandAction, Forwarded, Reply, Sample, Verdict
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Row
from tonnam_link.wire.decode import decode, peek
from tonnam_link.wire.envelope import open_body, open_envelope
from tonnam_link.wire.replies import decode_reply, encode_reply

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
KNOWN = {DICTIONARY.hash: DICTIONARY}
ONE = [Row(1_795_000_000_000, [(0, Sample(26.4))])]
SAME = [Row(1_795_000_000_000 + k * 10_000, [(3, Sample(0.1 + 0.2))]) for k in range(20)]
FORWARDED = Forwarded(Origin("farm", "edge-2"), Channel.BACK, bytes(range(16)))
REPLY = Reply(EPOCH, SEQUENCE, Verdict.BUSY, 1_795_000_000_123, 1, 7.5, "the database is away")
COMMAND = Command("c-1", CommandAction.WATER, "zone-1", 1_795_000_000_000, 1_795_000_060_000, 600, max_litres=250)
STORED = Reply(EPOCH, SEQUENCE, Verdict.STORED, 1_795_000_000_123)


def vectors() -> dict[str, tuple[bytes, Any]]:
    """Every kind of batch, and what is in it."""
    name = (ORIGIN, EPOCH, SEQUENCE)
    return {
        "readings": (batches()["readings"], ROWS),
        "readings_one": (codec.encode_readings(*name, DICTIONARY, ONE), ONE),
        "readings_compressed": (codec.encode_readings(*name, DICTIONARY, SAME), SAME),
        "events": (batches()["events"], EVENTS),
        "hello": (codec.encode_events(*name, []), []),
        "outcomes": (batches()["outcomes"], OUTCOMES),
        "dictionary": (batches()["dictionary"], DICTIONARY.specs),
        "aggregates": (codec.encode_aggregates(*name, DICTIONARY, AGGREGATES), AGGREGATES),
        "forward": (codec.encode_forward(*name, FORWARDED), {**msgspec.to_builtins(FORWARDED), "payload": "00..0f"}),
    }


def as_json(payload: bytes, content: Any) -> dict[str, Any]:
    return {
        "content": json.loads(msgspec.json.encode(content)),
        "body": open_body(open_envelope(payload)).hex(),
        "payload": payload.hex(),
    }


@pytest.mark.parametrize("name", vectors())
def test_batch_is_sealed_as_in_the_first_release(name: str) -> None:
    """To the byte, but for what zstd makes of a body, which may differ from version to version."""
    made, golden = as_json(*vectors()[name]), GOLDEN[name]
    assert made["body"] == golden["body"]
    assert made["content"] == golden["content"]
    if not open_envelope(bytes.fromhex(golden["payload"])).compressed:
        assert made["payload"] == golden["payload"]


@pytest.mark.parametrize("name", vectors())
def test_batch_of_the_first_release_is_read(name: str) -> None:
    golden = bytes.fromhex(GOLDEN[name]["payload"])
    assert codec.intact(golden, ORIGIN)
    assert not codec.intact(golden, FORWARDED.origin)
    assert peek(golden)[:2] == (EPOCH, SEQUENCE)
    assert repr(decode(golden, KNOWN)) == repr(decode(vectors()[name][0], KNOWN))


def test_some_of_them_are_compressed_and_some_are_not() -> None:
    compressed = {name for name in vectors() if open_envelope(bytes.fromhex(GOLDEN[name]["payload"])).compressed}
    assert compressed == {"readings_compressed", "aggregates", "dictionary"}


def test_dictionary_has_the_hash_of_the_first_release() -> None:
    assert DICTIONARY.body.hex() == GOLDEN["dictionary"]["body"]
    assert DICTIONARY.hash == GOLDEN["dictionary_hash"]


def test_reply_is_that_of_the_first_release() -> None:
    for name, reply in (("reply", REPLY), ("reply_short", STORED)):
        golden = bytes.fromhex(GOLDEN[name])
        assert encode_reply(ORIGIN, reply) == golden
        assert decode_reply(ORIGIN, golden) == reply
    with pytest.raises(Rejected):
        decode_reply(FORWARDED.origin, golden)


def test_signed_command_is_that_of_the_first_release() -> None:
    """Ed25519 signs alike each time. The private key is 00 to 1f, for others to sign and check with."""
    golden = GOLDEN["command"]
    payload = bytes.fromhex(golden["payload"])
    assert public_text(public_key(PRIVATE)) == golden["public_key"]
    assert signed_command(COMMAND, ORIGIN) == payload
    opened = open_signed(payload, trust([public_key(PRIVATE)]), Channel.COMMAND, ORIGIN)
    assert opened.body == golden["body"].encode()
    assert read_command(opened.body) == COMMAND
    with pytest.raises(Forged):
        open_signed(payload, trust([public_key(PRIVATE)]), Channel.COMMAND, FORWARDED.origin)
