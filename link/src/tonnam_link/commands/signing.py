"""Signed envelopes: the cloud signs with Ed25519 what a node is to do, so that holding the broker opens no valve.

On the wire an envelope is a MessagePack array `[1, key id, signature, body]`. The signature covers the channel and
the node as well: what is signed for one node, or as a command, is nothing for another, or as a configuration.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from tonnam_link.commands.refusals import Forged, Why
from tonnam_link.topics import ROOT, Channel, Origin

VERSION = 1
KEY_BYTES = 32
KEY_ID_BYTES = 8
SIGNATURE_BYTES = 64
MAX_SIGNED_BYTES = 8_192
_PREFIX = "ed25519:"

Trust = Mapping[bytes, bytes]
"""Public keys by their ids."""


class Signed(NamedTuple):
    """A body whose signature was right, and the key that made it."""

    body: bytes
    key_id: bytes


class _Envelope(msgspec.Struct, array_like=True, frozen=True):
    version: int
    key_id: bytes
    signature: bytes
    body: bytes


def new_private_key() -> bytes:
    """A new private key: 32 random bytes."""
    return bytes(SigningKey.generate())


def public_key(private: bytes) -> bytes:
    """The public key of a private one; 32 bytes."""
    return bytes(SigningKey(private).verify_key)


def key_id(public: bytes) -> bytes:
    """The first 8 bytes of the SHA-256 of a public key."""
    return hashlib.sha256(public).digest()[:KEY_ID_BYTES]


def public_text(public: bytes) -> str:
    """A public key as people and settings have it: `ed25519:` and BASE64."""
    return _PREFIX + base64.b64encode(public).decode()


def read_public(text: str) -> bytes:
    """The public key in a text. Raises ValueError that says what would be right."""
    try:
        public = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        public = b""
    if not text.strip().startswith(_PREFIX) or len(public) != KEY_BYTES:
        raise ValueError(f"{_PREFIX} and 44 letters and digits are right, as `tonnam-cloud keys public` prints them")
    return public


def trust(publics: Iterable[bytes]) -> Trust:
    """These keys by their ids."""
    return {key_id(public): public for public in publics}


def sign(private: bytes, channel: Channel, origin: Origin, body: bytes) -> bytes:
    """The envelope of a body for one node."""
    key = SigningKey(private)
    signature = key.sign(_signed(channel, origin, body)).signature
    return msgspec.msgpack.encode(_Envelope(VERSION, key_id(bytes(key.verify_key)), signature, body))


def open_signed(payload: bytes, keys: Trust, channel: Channel, origin: Origin) -> Signed:
    """The body of an envelope that one of `keys` has signed for this node and channel. Raises Forged for all else."""
    envelope = _read(payload)
    public = keys.get(envelope.key_id)
    if public is None:
        raise Forged(Why.UNKNOWN_KEY if keys else Why.NO_KEY, f"key {envelope.key_id.hex()} is not trusted here")
    try:
        VerifyKey(public).verify(_signed(channel, origin, envelope.body), envelope.signature)
    except (CryptoError, ValueError) as error:
        raise Forged(Why.ALTERED, f"the signature of key {envelope.key_id.hex()} does not fit") from error
    return Signed(envelope.body, envelope.key_id)


def unverified_body(payload: bytes) -> bytes | None:
    """The body of an envelope, whoever signed it; None when it is none. Only to answer: never to obey."""
    try:
        return _read(payload).body
    except Forged:
        return None


def _read(payload: bytes) -> _Envelope:
    """The envelope in a payload. There is one way to write one: every other one is Forged."""
    if len(payload) > MAX_SIGNED_BYTES:
        raise Forged(Why.UNSIGNED, f"{len(payload)} bytes, at most {MAX_SIGNED_BYTES} are read")
    try:
        envelope = msgspec.msgpack.decode(payload, type=_Envelope)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Forged(Why.UNSIGNED, f"it is no signed envelope: {error}") from error
    lengths = (len(envelope.key_id), len(envelope.signature))
    if envelope.version != VERSION or lengths != (KEY_ID_BYTES, SIGNATURE_BYTES):
        raise Forged(Why.UNSIGNED, "it is no signed envelope of version 1")
    if msgspec.msgpack.encode(envelope) != payload:
        raise Forged(Why.UNSIGNED, "it is not written as envelopes are")
    return envelope


def _signed(channel: Channel, origin: Origin, body: bytes) -> bytes:
    """The bytes that a signature covers."""
    return b"\0".join((f"{ROOT} {channel}".encode(), str(origin).encode(), body))
