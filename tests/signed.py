"""A cloud's key for tests, and what it signs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tonnam_link.commands.signing import public_key, public_text, sign
from tonnam_link.messages import Command
from tonnam_link.topics import Channel, Origin

PRIVATE = bytes(range(32))
PUBLIC = public_text(public_key(PRIVATE))
"""What a node of these tests has as TONNAM_CLOUD_KEY."""


def command(wish: Command, origin: Origin, private: bytes = PRIVATE) -> bytes:
    """A command as the cloud sends it."""
    return sign(private, Channel.COMMAND, origin, msgspec.json.encode(wish))


def keys(serial: int, privates: Sequence[bytes], origin: Origin, private: bytes = PRIVATE) -> bytes:
    """A key document as the cloud sends it: these keys count from now on."""
    texts = [public_text(public_key(each)) for each in privates]
    body = msgspec.json.encode({"kind": "keys", "serial": serial, "keys": texts})
    return sign(private, Channel.CONFIG, origin, body)
