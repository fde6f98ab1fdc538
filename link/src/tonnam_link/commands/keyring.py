"""The public keys that a node obeys. It begins with one that a person gave it; the cloud tells of later ones.

A key document is a configuration `{"kind": "keys", "serial": n, "keys": ["ed25519:...", ...]}`, signed by a key that
is trusted already. Its keys take the place of all before; its serial must be higher. So keys change without a visit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tonnam_link.commands.refusals import Forged, Why
from tonnam_link.commands.signing import Trust, public_text, read_public, trust
from tonnam_link.errors import Rejected

MOST_KEYS = 8
LAST_SERIAL = 2**53

Serial = Annotated[int, Meta(ge=0, le=LAST_SERIAL)]
Keys = Annotated[tuple[str, ...], Meta(min_length=1, max_length=MOST_KEYS)]


class KeyDocument(msgspec.Struct, frozen=True):
    """What the cloud says of its keys. The last key is the one that it signs with."""

    kind: Literal["keys"]
    serial: Annotated[int, Meta(ge=1, le=LAST_SERIAL)]
    keys: Keys


class _Kept(msgspec.Struct, frozen=True):
    """The file: the document that was learned last, and the first key with which all began."""

    first: str
    serial: Serial
    keys: Keys


class Keyring:
    """The trusted keys of a node, in a file so that they survive; blocking only where it says so.

    `first_key` counts until the cloud has told of others. A first key that is new to the file is a person's word at
    the node itself: then all begins anew with it. Raises ValueError when it is no key.

    A file that cannot be read is no reason to obey nobody: the first key counts again, `damaged` says why, and the
    cloud tells the rest.
    """

    def __init__(self, path: Path | None = None, first_key: str | None = None) -> None:
        self.damaged: str | None = None
        self._path = path
        first = public_text(read_public(first_key)) if first_key else ""
        kept = self._read()
        self._set(_begin(first, kept) if first else kept)
        self._unkept = self._kept != kept

    @property
    def trusted(self) -> Trust:
        """The keys that are trusted now, by their ids. None of them: nobody is obeyed."""
        return self._trusted

    @property
    def serial(self) -> int:
        """The serial of the document that counts; 0 while only the first key does."""
        return 0 if self._kept is None else self._kept.serial

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the trusted keys, as presence tells them."""
        return [key_id.hex() for key_id in self._trusted]

    @property
    def unkept(self) -> bool:
        """Whether the file does not yet have what counts."""
        return self._unkept

    def learn(self, body: bytes) -> bool:
        """Trust what a key document says, whose signature the caller has checked. False when it counts already.

        Call `keep` soon after. Raises Rejected when it is malformed, and Forged when it is older than what counts.
        """
        try:
            document = msgspec.json.decode(body, type=KeyDocument)
            keys = tuple(public_text(read_public(text)) for text in document.keys)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Rejected(f"keys: {error}") from error
        if document.serial < self.serial:
            raise Forged(Why.OLD_KEYS, f"key document {document.serial} is older than {self.serial}")
        if document.serial == self.serial:
            return False
        first = keys[0] if self._kept is None else self._kept.first
        self._set(_Kept(first, document.serial, keys))
        self._unkept = True
        return True

    def keep(self) -> None:
        """Put what counts into the file, for good when it returns. Blocking. Raises OSError; try again later then."""
        kept = self._kept
        if self._path is not None and kept is not None:
            part = self._path.with_name(f"{self._path.name}.part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(kept))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
            _sync_folder(self._path.parent)
        self._unkept = self._kept is not kept

    def _set(self, kept: _Kept | None) -> None:
        self._kept = kept
        self._trusted = trust(read_public(text) for text in kept.keys) if kept is not None else {}

    def _read(self) -> _Kept | None:
        if self._path is None:
            return None
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            for text in kept.keys:
                read_public(text)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            self.damaged = f"{self._path.name}: {error}"
            return None
        return kept


def _begin(first: str, kept: _Kept | None) -> _Kept:
    """What counts with this first key. One that the file has trusted since is remembered: if the cloud retires it
    later, the next start must not trust it anew."""
    if kept is None or first not in {kept.first, *kept.keys}:
        return _Kept(first, 0, (first,))
    return _Kept(first, kept.serial, kept.keys)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
