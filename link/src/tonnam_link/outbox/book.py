"""An outbox file that is open: its database, what of it is kept in memory, and the transactions that change both."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from tonnam_link.errors import Rejected
from tonnam_link.outbox import outbox_file
from tonnam_link.outbox.damage import Damaged
from tonnam_link.outbox.progress import Progress
from tonnam_link.outbox.sealing import Sealing
from tonnam_link.outbox.state import Boot
from tonnam_link.outbox.waiting import Counts, Waiting, progress_of
from tonnam_link.wire.codec import Dictionary, parse_dictionary


class Writing(NamedTuple):
    """One transaction: what it seals, and what waits."""

    sealing: Sealing
    waiting: Waiting


class Book:
    """Raises sqlite3.Error throughout."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.state = outbox_file.load(db)
        self._saved = copy.copy(self.state)
        self.counts = Counts.load(db)
        self._dictionaries: dict[str, Dictionary] = {}

    def dictionary(self, name: str) -> Dictionary | None:
        """A dictionary that was ever registered here."""
        known = self._dictionaries.get(name)
        if known is None:
            row = self.db.execute("SELECT body FROM dictionary WHERE hash = ?", (name,)).fetchone()
            if row is None:
                return None
            known = self._dictionaries[name] = _parse(name, row[0])
        return known

    def register(self, dictionary: Dictionary) -> None:
        """Keep a dictionary."""
        if self.dictionary(dictionary.hash) is None:
            with self.transaction():
                Sealing(self.db, self.state, self.dictionary).register(dictionary)

    def take_over(self, dictionary: Dictionary | None, boot: Boot | None) -> None:
        """Know what the file before this one knew, if there was one: it is damaged."""
        if dictionary is not None:
            self.register(dictionary)
        if boot is not None and boot.learned_ms is not None and self.state.boot(boot.name).learned_ms is None:
            with self.writing(boot.name, (), self.state.ran_ms) as (_, waiting):
                waiting.learn(boot.name, boot.learned_ms)

    @property
    def progress(self) -> Progress:
        """How far the file has come."""
        return progress_of(self._saved, self.counts)

    def sealable(self, current: str | None) -> int:
        """How many readings wait that have a time."""
        untimed = sum(n for boot, n in self.counts.untimed.items() if self.state.timing(boot, current) is not None)
        return self.counts.pending + untimed

    @contextlib.contextmanager
    def writing(self, current: str | None, released: Iterable[int], ran_ms: int) -> Iterator[Writing]:
        """A transaction that also forgets what was released. What is kept in memory changes only with its commit."""
        state, counts = copy.copy(self.state), self.counts.copy()
        state.ran_ms = ran_ms
        with self.transaction():
            sealing = Sealing(self.db, state, self.dictionary)
            sealing.forget(released)
            yield Writing(sealing, Waiting(sealing, counts, current))
            changed = msgspec.structs.replace(state, ran_ms=self._saved.ran_ms) != self._saved
            if changed:
                outbox_file.save(self.db, state)
        if changed:
            self._saved = copy.copy(state)
        self.state, self.counts = state, counts

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what the block does, or nothing."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        finally:
            if self.db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")


def _parse(name: str, body: bytes) -> Dictionary:
    if not is_hash(name, body):
        raise Damaged(f"dictionary {name} is not what was written")
    try:
        return parse_dictionary(body)
    except Rejected as error:
        raise Damaged(f"dictionary {name} cannot be read: {error}") from error


def is_hash(name: str, body: bytes) -> bool:
    """Whether this is the name of the dictionary with that body."""
    return hashlib.sha256(body).digest()[:8].hex() == name
