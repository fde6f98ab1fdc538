"""Keeps an outbox within its limits, and its file as small as what is in it: in slices, between other calls."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

from tonnam_link.errors import OutboxUnavailable
from tonnam_link.outbox import outbox_file
from tonnam_link.outbox.book import Book, Writing
from tonnam_link.outbox.gaps import Cause
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.salvage import Salvager
from tonnam_link.outbox.sealing import Rank
from tonnam_link.outbox.shelf import Shelf
from tonnam_link.outbox.thinning import drop, thin

SLICE_S = 0.25
LONGEST_S = 2.0
DAY_MS = 86_400_000
TELL_EVERY_MS = 3_600_000
LOW = 0.9
BEHIND = 1.1
WORTH_SEALING = 2_048
FREE_PAGES = 256
PAGES_AT_ONCE = 256
MADE_HERE: frozenset[Cause] = frozenset({"thinned", "dropped"})
FOR_EVER_MS = 2**62
RESERVE_BYTES = 8 * 1024 * 1024
"""What readings leave free on the disk: SQLite's log may take half of it, and what moves into the file the rest."""


class Keeper:
    """The housekeeping of one outbox.

    A pass begins when a limit is reached and ends at nine tenths of it; it may take many slices. What it thinned and
    dropped is noted with each slice, and told at its end in one event of each kind, or after an hour; `latest_ms` is
    the time of that.
    """

    def __init__(self, shelf: Shelf, limits: Limits) -> None:
        self.latest_ms: int | None = None
        self.passes = 0
        self._shelf, self._limits, self._days_ms = shelf, limits, limits.days * DAY_MS
        self._salvager: Salvager | None = None
        self._passing = False
        self._nothing_left = False
        self._used_before = self._told_ms = 0

    def make_room(self, *, readings: bool, words: bool) -> None:
        """Do what is due before something is accepted; more of it when the last call brought more.

        Raises OutboxUnavailable when there is no room for it, and nothing left that may be thinned or dropped; of
        readings also when the disk has hardly any room.
        """
        began = time.monotonic()
        with contextlib.suppress(OutboxUnavailable):
            used = self.used()
            goal = used - 2 * max(0, used - self._used_before)
            while self._step():
                spent, used = time.monotonic() - began, self.used()
                behind = used > goal and used > BEHIND * self._limits.bytes
                if spent >= (LONGEST_S if behind else SLICE_S):
                    break
            self._used_before = self.used()
        if self._nothing_left:
            self._refuse(readings=readings, words=words)
        if readings and self._shelf.path is not None:
            self._leave_room_beside(self._shelf.path)

    def tend(self) -> bool:
        """One slice of what is due; whether there may be more. Raises OutboxUnavailable."""
        began = time.monotonic()
        while self._step():
            if time.monotonic() - began >= SLICE_S:
                return True
        return False

    def close(self) -> None:
        """Close what is open beside the outbox itself."""
        if self._salvager is not None:
            self._salvager.close()

    def used(self) -> int:
        """How many bytes of the file something is on."""
        with self._shelf.using("read") as book:
            db = book.db
            return (outbox_file.pages(db) - outbox_file.free_pages(db)) * outbox_file.page_bytes(db)

    def _refuse(self, *, readings: bool, words: bool) -> None:
        used, most = self.used(), self._limits.bytes
        if used <= most:
            self._nothing_left = False
        elif readings or (words and used > most * BEHIND):
            what = "readings" if readings else "events"
            raise OutboxUnavailable(
                f"the outbox {self._shelf.path or 'in memory'} is full of events and outcomes that nobody has taken"
                f" yet: {used} bytes, at most {most} are allowed; {what} are refused until some are sent"
            )

    def _leave_room_beside(self, path: Path) -> None:
        """Refuse readings before the disk is full to the last byte: then nothing sent could be forgotten on it."""
        try:
            free, least = shutil.disk_usage(path.parent).free, min(RESERVE_BYTES, self._limits.bytes)
        except OSError as error:
            raise OutboxUnavailable(f"the folder of the outbox {path} is gone: {error}") from error
        if free < least:
            raise OutboxUnavailable(
                f"the disk of the outbox {path} is nearly full: {free} bytes are free, and the last {least} are kept"
                " for events, for what the node must remember, and to forget what was sent; please make room"
            )

    def _step(self) -> bool:
        """One transaction of what is due most; False when nothing is."""
        return self._shrink() or self._salvage() or self._seal_ended() or self._tell_damage() or self._give_back()

    def _shrink(self) -> bool:
        with self._shelf.using("read") as book:
            passing = self._passing or any(gap.cause in MADE_HERE for gap in book.state.gaps)
            part = LOW if passing else 1.0
            too_big, too_old = self.used() > part * self._limits.bytes, self._too_old(book, part)
        if not (too_big or too_old or passing):
            self._nothing_left = False
            return False
        self.passes += not passing
        if not self._passing:
            self._told_ms = self._shelf.ran_ms
        with self._shelf.writing() as writing:
            self._passing = self._smaller(writing) if too_big else too_old and self._younger(writing)
            if not self._passing or self._shelf.ran_ms - self._told_ms > TELL_EVERY_MS:
                writing.sealing.gaps(self.latest_ms, MADE_HERE)
                self._told_ms = self._shelf.ran_ms
        self._nothing_left = too_big and not self._passing
        return self._passing

    def _too_old(self, book: Book, part: float) -> bool:
        """Whether the first that may be thinned or dropped is here for longer than this part of what is allowed."""
        query = "SELECT since_ms FROM batch WHERE rank = ? ORDER BY sequence LIMIT 1"
        heads = [book.db.execute(query, (rank,)).fetchone() for rank in (Rank.THINNED, Rank.DROPPED)]
        ages = [0 if head is None else self._shelf.ran_ms - head[0] for head in heads]
        return ages[0] > part * self._days_ms or ages[1] > 2 * part * self._days_ms

    def _smaller(self, writing: Writing) -> bool:
        """Thin or drop some of what is oldest; False when nothing is left for it."""
        waiting = writing.waiting
        worth_sealing = not self._passing or waiting.counts.pending >= WORTH_SEALING
        if worth_sealing and waiting.seal(held=False):
            return True  # that alone may make it small enough
        if thin(writing, FOR_EVER_MS):
            return True
        if waiting.seal(held=False) or waiting.seal_in_doubt():
            return True  # to be thinned with the next slice
        return drop(writing, FOR_EVER_MS, self._limits.bytes // 10) or waiting.seal()

    def _younger(self, writing: Writing) -> bool:
        """Thin what has been here for the days that are allowed, and drop what for twice as long."""
        now_ms, days_ms = self._shelf.ran_ms, self._days_ms * LOW
        return thin(writing, int(now_ms - days_ms)) or drop(writing, int(now_ms - 2 * days_ms), self._limits.bytes)

    def _salvage(self) -> bool:
        """Take over some of a damaged file; only what is sure of it, and of the rest a gap."""
        shelf, unread = self._shelf, self._shelf.unread
        if unread is None or shelf.path is None:
            return False
        if self._salvager is None or self._salvager.file != unread.file:
            self._salvager = Salvager(unread, shelf.delivered if unread.file == shelf.set_aside else ())
        with shelf.using("read") as book:
            found = self._salvager.read(book.state.salvage)
        with shelf.writing() as writing:
            more = self._salvager.write(writing, found)
        if not more:
            self._salvager.close()
            self._salvager = None
            shelf.read_to_its_end(unread)
        return True

    def _tell_damage(self) -> bool:
        """Tell what a damaged file has lost, once all of it is read and the time is known."""
        with self._shelf.using("read") as book:
            gaps = [gap for gap in book.state.gaps if gap.cause == "damaged"]
            if not gaps or self._shelf.unread is not None:
                return False
            if self.latest_ms is None and any(gap.from_ms is None for gap in gaps):
                return False
        with self._shelf.writing() as (sealing, _):
            sealing.gaps(self.latest_ms, {"damaged"})
        return True

    def _seal_ended(self) -> bool:
        """Seal readings of boots that ended; there may be many."""
        with self._shelf.using("read") as book:
            if not any(book.state.timing(boot, None) for boot in book.counts.untimed.keys() - {self._shelf.current}):
                return False
        with self._shelf.writing() as (_, waiting):
            return waiting.seal_ended()

    def _give_back(self) -> bool:
        """Cut the file when more of it is free than not, or when it is larger than allowed."""
        with self._shelf.using("written") as book:
            db, most = book.db, self._limits.bytes // outbox_file.page_bytes(book.db)
            pages, free = outbox_file.pages(db), outbox_file.free_pages(db)
            if free >= min(FREE_PAGES, max(1, most // 8)) and (free > pages - free or pages > most):
                outbox_file.give_back(db, PAGES_AT_ONCE)
                return True
            return outbox_file.shorten_log(db, self._shelf.path)
