"""A receiver's replies on the wire: a CRC-32, then the reply as an array in MessagePack.

The checksum covers whom the reply is for. A byte garbled on the way must never release another batch.
"""

from __future__ import annotations

import msgspec

from tonnam_link.errors import Rejected
from tonnam_link.messages import Reply
from tonnam_link.topics import Origin
from tonnam_link.wire.codec import checksum

CHECKSUM_BYTES = 4
NEEDED = 4


def encode_reply(origin: Origin, reply: Reply) -> bytes:
    """The reply to a batch of `origin`. What says nothing at its end is left out: this is sent once a batch."""
    parts = list(msgspec.structs.astuple(reply))
    while len(parts) > NEEDED and not parts[-1]:
        parts.pop()
    array = msgspec.msgpack.encode(parts)
    return checksum(origin, b"", array) + array


def decode_reply(origin: Origin, payload: bytes) -> Reply:
    """The reply that came for `origin`. Raises Rejected."""
    array = payload[CHECKSUM_BYTES:]
    if payload[:CHECKSUM_BYTES] != checksum(origin, b"", array):
        raise Rejected("the reply was garbled on its way")
    try:
        return msgspec.msgpack.decode(array, type=Reply)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Rejected(f"malformed reply: {error}") from error
