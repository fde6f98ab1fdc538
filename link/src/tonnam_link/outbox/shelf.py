"""Where an outbox lies, come what may: opened, waited for while the disk refuses, begun anew when it is damaged."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tonnam_link.errors import LinkError, OutboxInUse, OutboxUnavailable
from tonnam_link.outbox import aside, deleted, outbox_file, progress
from tonnam_link.outbox.aside import Unread
from tonnam_link.outbox.book import Book, Writing
from tonnam_link.outbox.damage import TROUBLES, LogLost, is_damage, is_unreadable
from tonnam_link.outbox.gaps import Gap, join
from tonnam_link.outbox.progress import Progress
from tonnam_link.outbox.sealing import Sealed
from tonnam_link.outbox.state import Boot
from tonnam_link.topics import Origin
from tonnam_link.wire.codec import Dictionary

UNREADABLE_TIMES = 3
LEAP = 2**36


@dataclass(frozen=True)
class Backlog:
    """What the next tier has not confirmed. `readings` counts those too that are accepted but not yet sealed.

    `words` are events and outcomes that wait unsealed until the time is known.
    """

    batches: int = 0
    readings: int = 0
    bytes: int = 0
    words: int = 0

    @property
    def empty(self) -> bool:
        return not (self.batches or self.readings or self.words)


class Shelf:
    """The file of an outbox, or one in memory. Raises OutboxUnavailable, OutboxInUse, OutboxOfAnother.

    `released` are batches that are forgotten in memory, and on the disk with the next transaction. `boot` is the one
    that is going on, `dictionary` the one of new frames; both outlive a file. `unread` is a damaged file of which not
    all has been taken over yet, and `delivered` what of the last one the next tier has. `put_back` counts how often
    files that somebody had deleted were written again.
    """

    def __init__(self, path: Path | None, origin: Origin, mono_ms: Callable[[], int]) -> None:
        self.path = path
        self.origin = origin
        self.epoch = 0
        self.set_aside: Path | None = None
        self.unread: Unread | None = None
        self.delivered: frozenset[int] = frozenset()
        self.dictionary: Dictionary | None = None
        self.boot: Boot | None = None
        self.released: dict[int, Sealed] = {}
        self.backlog = Backlog()
        self.book: Book | None = None
        self.put_back = 0
        self._mono_ms = mono_ms
        self._next = 1
        self._lock = None if path is None else outbox_file.lock(path)
        try:
            self._open()
        except LinkError:
            self._unlock()
            raise

    @property
    def current(self) -> str | None:
        """The name of the boot that is going on, if we were told."""
        return None if self.boot is None else self.boot.name

    @property
    def ran_ms(self) -> int:
        """How long this outbox has been open in all its life."""
        return self._ran_ms + self._mono_ms() - self._opened_ms

    @contextlib.contextmanager
    def using(self, verb: str) -> Iterator[Book]:
        """The open file. What SQLite says against it is an OutboxUnavailable; damage makes a new file at once."""
        if self.book is None:
            self._open()
        book = self.book
        assert book is not None
        try:
            yield book
        except TROUBLES as error:
            self._unreadable += is_unreadable(error)
            if is_damage(error) or self._unreadable >= UNREADABLE_TIMES:
                self._renew(book, error)
            raise OutboxUnavailable(f"the outbox {self.path or 'in memory'} cannot be {verb}: {error}") from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writing]:
        """A transaction that also forgets what was released. Raises OutboxUnavailable; nothing was written then."""
        self._keep_place()
        with self.using("written") as book, book.writing(self.current, self.released, self.ran_ms) as writing:
            yield writing
        if self._lock is not None:
            progress.note(self._lock, book.progress)
        self.released.clear()
        self.recount()

    def recount(self) -> None:
        """Say anew how much is here."""
        book, released = self.book, self.released.values()
        if book is not None:
            state = book.state
            self.backlog = Backlog(
                state.batches - len(released),
                state.readings + book.counts.readings - sum(sealed.readings for sealed in released),
                state.size - sum(sealed.size for sealed in released),
                sum(book.counts.words.values()),
            )

    def read_to_its_end(self, unread: Unread) -> None:
        """A damaged file has been taken over; go on with the next, if there is one. Raises OutboxUnavailable."""
        assert self.path is not None
        try:
            aside.done(self.path, unread.file)
            self.unread = aside.unread(self.path)
        except OSError as error:
            raise OutboxUnavailable(f"the files beside the outbox {self.path} cannot be read: {error}") from error

    def close(self) -> None:
        """Close the file, and let others have it."""
        try:
            if self.book is not None:
                self.book.db.close()
        finally:
            self._unlock()

    def _open(self) -> None:
        """Open the file, or begin a new one in place of one that is damaged. Raises OutboxUnavailable."""
        try:
            self._finish_aside()
            try:
                self._take_file()
            except TROUBLES as error:
                if not is_damage(error):
                    raise
                self._finish_aside()
                self._take_file()
        except (*TROUBLES, OSError) as error:
            raise OutboxUnavailable(f"the outbox {self.path} cannot be opened: {error}") from error

    def _take_file(self) -> None:
        """Take the file, or make it.

        Nobody knows that the disk has kept the last commits of a file that was here before. So sequences leap, each
        time by another width: one that was used is not used again, for the receiver would take it for the old one.
        """
        leap = 1 + secrets.randbelow(LEAP) if self.path is not None and self.path.exists() else 0
        db = outbox_file.open_file(self.path, self.origin, self._next, self._announce)
        try:
            book = Book(db)
            self.unread = None if self.path is None else aside.unread(self.path)
            self._look_for_what_is_gone(book)
            book.state.next += leap
            book.take_over(self.dictionary, self.boot)
        except BaseException as error:
            with closing(db):
                if isinstance(error, TROUBLES) and is_damage(error):
                    self._announce(error)
            raise
        self.book, self.epoch, self._unreadable = book, book.state.epoch, 0
        self._opened_ms, self._ran_ms = self._mono_ms(), book.state.ran_ms
        self._files = [] if self.path is None else deleted.identities(self.path)
        self.recount()

    def _keep_place(self) -> None:
        """Write again what somebody has deleted, unless the whole folder is gone. Raises OutboxUnavailable."""
        if self.path is None or self._lock is None or self.book is None or not self.path.parent.is_dir():
            return
        try:
            locked = deleted.identity(outbox_file.lock_of(self.path)) == deleted.identity(self._lock.fileno())
            if locked and deleted.identities(self.path) == self._files:
                return
            if not locked:
                mine, self._lock = self._lock, outbox_file.lock(self.path)
                mine.close()
            deleted.put_back(self.book.db, self.path, self._files[0])
            self.book.db.close()
        except OutboxInUse as error:
            raise OutboxUnavailable(f"the outbox {self.path} was deleted, and another process has it now") from error
        except (*TROUBLES, OSError) as error:
            raise OutboxUnavailable(f"the outbox {self.path} was deleted and cannot be put back: {error}") from error
        self.book, self.put_back = None, self.put_back + 1
        self._open()

    def _look_for_what_is_gone(self, book: Book) -> None:
        """A file that lacks commits is told as a gap; one that was set aside tells for itself."""
        noted = self._noted()
        if noted is None or self.unread is not None or not book.progress.lacks(noted):
            return
        if noted.epoch == book.state.epoch:
            book.state.next = max(book.state.next, noted.next)
        latest_ms = max((last for _, last in book.state.spans), default=0)
        book.state.gaps = join(book.state.gaps, Gap("damaged", None, latest_ms, None))

    def _noted(self) -> Progress | None:
        return None if self._lock is None else progress.noted(self._lock)

    def _renew(self, book: Book, error: Exception) -> None:
        """Begin a new file in place of a damaged one; sequences go on, so that none under way is mistaken."""
        try:
            self._announce(error)
            self._next = book.state.next
            self.delivered = frozenset(self.released)
            self.released.clear()
            with contextlib.suppress(sqlite3.Error):
                book.db.close()
            self.book = None
            self._finish_aside()
        except OSError as refusal:
            raise OutboxUnavailable(f"the outbox {self.path} is damaged and cannot be renamed: {refusal}") from error
        self._open()

    def _announce(self, error: Exception) -> None:
        """Before a damaged file is closed."""
        if self.path is not None:
            self.set_aside = aside.announce(self.path, log_lost=isinstance(error, LogLost), noted=self._noted())

    def _finish_aside(self) -> None:
        if self.path is not None:
            aside.finish(self.path)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
