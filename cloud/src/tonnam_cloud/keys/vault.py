"""The cloud's private keys: in one file of TONNAM_DATA/keys, readable by its owner, and nowhere else.

The newest key signs. Nodes accept it and the older ones until those are retired. A retired key stays in the file,
because a node that was away for long must be told of the newer ones by a key that it trusts.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from tonnam_cloud.errors import Misconfigured, Rejected
from tonnam_cloud.outage import Outage
from tonnam_link.commands.keyring import MOST_KEYS, KeyDocument
from tonnam_link.commands.signing import KEY_BYTES, key_id, new_private_key, public_key, public_text, sign
from tonnam_link.topics import Channel, Origin

FOLDER = "keys"
FILE = "keys.json"
FURTHEST = 1_000
"""A node that says it knows a document so much newer than ours is mistaken or lies."""

log = structlog.get_logger(__name__)


class CloudKey(msgspec.Struct, frozen=True):
    """One pair of keys. `retired_ms` is None while nodes accept it."""

    private: bytes
    made_ms: int
    retired_ms: int | None = None

    def __repr__(self) -> str:
        return f"CloudKey({self.id})"

    def sign(self, channel: Channel, origin: Origin, body: bytes) -> bytes:
        """An envelope for a node."""
        return sign(self.private, channel, origin, body)

    @property
    def id(self) -> str:
        """How people and presence name it: 16 hex digits."""
        return key_id(public_key(self.private)).hex()

    @property
    def public(self) -> str:
        """The public half, as nodes have it in TONNAM_CLOUD_KEY."""
        return public_text(public_key(self.private))


class _Kept(msgspec.Struct, frozen=True):
    """The file. `serial` is that of the key document which says what counts; 0 before the first rotation."""

    serial: int
    keys: tuple[CloudKey, ...]

    @property
    def accepted(self) -> Sequence[CloudKey]:
        return [key for key in self.keys if key.retired_ms is None]


def expect_keys(data: Path) -> None:
    """Raises Misconfigured where there are none: who looks into a wrong directory must not go on with new keys, by
    which nobody signs and which no node knows."""
    if not (data / FOLDER / FILE).exists():
        raise Misconfigured(
            f"TONNAM_DATA: there is no {data / FOLDER / FILE}: is that the cloud's directory? "
            "The cloud makes its first key when it starts"
        )


class Vault:
    """The keys of one installation. The first is made here when there is none; see `expect_keys`.

    What another process changes in the file counts here at once. If the file can no longer be read, what was read
    before goes on.
    """

    def __init__(self, data: Path, clock_ms: Callable[[], int]) -> None:
        """Raises Misconfigured when the file cannot be used: nothing is overwritten then."""
        self._folder = data / FOLDER
        self._path = self._folder / FILE
        self._clock_ms = clock_ms
        self._outage = Outage("the file of keys cannot be read; the keys known so far go on")
        self._seen: tuple[int, int, int] | None = None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                if not self._path.exists():
                    self._write(_Kept(0, (CloudKey(new_private_key(), clock_ms()),)))
            self._kept = self._read()
        except OSError as error:
            raise Misconfigured(f"TONNAM_DATA: {self._path}: {error.strerror}") from error

    @property
    def serial(self) -> int:
        """The serial of the newest key document; 0 while only the first key was ever told."""
        return self._fresh().serial

    @property
    def keys(self) -> Sequence[CloudKey]:
        """All keys, oldest first."""
        return self._fresh().keys

    @property
    def current(self) -> CloudKey:
        """The key that signs: what a new node is given."""
        return self._fresh().accepted[-1]

    def trusted_by(self, trusts: Collection[str]) -> CloudKey | None:
        """The newest of our keys that is among these ids, retired or not; None when there is none."""
        return next((key for key in reversed(self.keys) if key.id in trusts), None)

    def signer(self, trusts: Collection[str] | None) -> CloudKey:
        """The key to sign with for a node: our newest that it trusts; the current one if there is none."""
        return self.trusted_by(trusts or ()) or self.current

    def document(self) -> bytes:
        """The key document that says what counts now."""
        kept = self._fresh()
        return msgspec.json.encode(KeyDocument("keys", kept.serial, tuple(key.public for key in kept.accepted)))

    def rotate(self, known_serial: int = 0) -> CloudKey:
        """Make a new key, which signs from now on; the older ones are still accepted. Raises Rejected, Misconfigured.

        `known_serial` is the highest that a node has told: when this file was restored from an older copy, the new
        document must be newer than what nodes know all the same.
        """
        with self._changing() as kept:
            if len(kept.accepted) >= MOST_KEYS:
                raise Rejected(f"{MOST_KEYS} keys are accepted already: retire one first")
            new = CloudKey(new_private_key(), self._clock_ms())
            self._write(_Kept(_next(kept, known_serial), (*kept.keys, new)))
        return new

    def retire(self, name: str, known_serial: int = 0) -> CloudKey:
        """From now on nodes are told not to accept this key. Raises Rejected when that cannot be, Misconfigured."""
        with self._changing() as kept:
            found = [key for key in kept.keys if key.id == name]
            if not found:
                raise Rejected(f"there is no key {name}: `tonnam-cloud keys list` shows them")
            if found[0].retired_ms is not None:
                raise Rejected(f"key {name} is retired already")
            if found[0] == kept.accepted[-1]:
                raise Rejected(
                    f"key {name} is the one that signs: make a new one first with `tonnam-cloud keys rotate`"
                )
            retired = msgspec.structs.replace(found[0], retired_ms=self._clock_ms())
            keys = tuple(retired if key.id == name else key for key in kept.keys)
            self._write(_Kept(_next(kept, known_serial), keys))
        return retired

    def _fresh(self) -> _Kept:
        """What the file says, read again when somebody has changed it."""
        try:
            if self._stamp() != self._seen:
                self._kept = self._read()
            self._outage.over()
        except (OSError, Misconfigured) as error:
            self._outage.note(error)
        return self._kept

    def _read(self) -> _Kept:
        seen = self._stamp()
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            whole = all(len(key.private) == KEY_BYTES for key in kept.keys) and kept.serial >= 0
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Misconfigured(f"{self._path} is damaged: put the copy from a backup in its place") from error
        if not whole or not kept.accepted:
            raise Misconfigured(f"{self._path} has no key that signs: put the copy from a backup in its place")
        if self._path.stat().st_mode & 0o077:
            log.warning("others on this machine can read the private keys", file=str(self._path), right="chmod 600")
        self._seen = seen
        return kept

    def _stamp(self) -> tuple[int, int, int]:
        stat = self._path.stat()
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    @contextmanager
    def _changing(self) -> Iterator[_Kept]:
        """What the file says, while nobody else changes it."""
        try:
            with self._alone():
                yield self._read()
        except OSError as error:
            raise Misconfigured(f"{self._path}: {error.strerror}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        number = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)

    def _write(self, kept: _Kept) -> None:
        """Put the file in place as a whole, for good when it returns."""
        part = self._path.with_name(f"{FILE}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _next(kept: _Kept, known_serial: int) -> int:
    """The serial of the next document: above ours, and above what nodes know if that can be."""
    return max(kept.serial, known_serial if known_serial < kept.serial + FURTHEST else 0) + 1
