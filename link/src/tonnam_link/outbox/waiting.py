"""What an outbox was given and has not sealed yet: readings until the next seal, and whatever waits for the time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import msgspec

from tonnam_link.messages import LATEST_MS, Event, Outcome, Stamp
from tonnam_link.outbox.damage import Damaged, check, verify
from tonnam_link.outbox.progress import Progress
from tonnam_link.outbox.sealing import Sealing, check_word, pack_samples, unpack_samples
from tonnam_link.outbox.spans import Span, add, place, runs
from tonnam_link.outbox.state import Boot, State, Timing
from tonnam_link.quality import Quality
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Dictionary, Row

Rows = dict[str, list[Row]]
"""Frames by the hash of their dictionary."""

READINGS_AT_ONCE = 16_384
IN_DOUBT_AT_ONCE = 8_192
LONGEST_BOOT_MS = 366 * 86_400_000
EVENT, OUTCOME = 1, 2
_BETWEEN = "WHERE dictionary = ? AND observed_at_ms BETWEEN ? AND ?"
_KEEP = "INSERT INTO pending (dictionary, observed_at_ms, samples, readings, crc, held) VALUES (?, ?, ?, ?, ?, ?)"
_NO_RAW = "NOT EXISTS (SELECT 1 FROM batch WHERE rank = 1)"


@dataclass
class Counts:
    """How much waits: readings whose time is known, those held for aggregates, and by boot those and the words whose
    time is not known.
    """

    pending: int = 0
    held: int = 0
    untimed: dict[str, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, db: sqlite3.Connection) -> Counts:
        """As the file has it."""
        sums = "SELECT coalesce(sum(readings * (1 - held)), 0), coalesce(sum(readings * held), 0) FROM pending"
        pending, held = db.execute(sums).fetchone()
        untimed = db.execute("SELECT boot, sum(readings) FROM untimed GROUP BY boot ORDER BY min(id)")
        words = db.execute("SELECT boot, count(*) FROM word GROUP BY boot ORDER BY min(id)")
        return cls(pending, held, dict(untimed), dict(words))

    def copy(self) -> Counts:
        return Counts(self.pending, self.held, dict(self.untimed), dict(self.words))

    @property
    def readings(self) -> int:
        return self.pending + self.held + sum(self.untimed.values())

    @property
    def boots(self) -> list[str]:
        """The boots that something waits of, the oldest first."""
        return list(dict.fromkeys((*self.untimed, *self.words)))


def progress_of(state: State, counts: Counts) -> Progress:
    """How far a file has come that has this in it."""
    return Progress(state.epoch, state.next, counts.readings + sum(counts.words.values()))


class Waiting:
    """The part of one transaction that keeps and seals what waits. `current` is the boot that goes on, if known."""

    def __init__(self, sealing: Sealing, counts: Counts, current: str | None) -> None:
        self.counts = counts
        self._sealing, self._db, self._current = sealing, sealing.db, current

    def keep(self, dictionary: Dictionary, row: Row, stamp: Stamp | None) -> None:
        """Keep a frame until the next seal, or until the time of its boot is known. Raises ValueError."""
        timing = self._timing(stamp)
        if stamp is None or timing is not None:
            self._keep(dictionary.hash, row if stamp is None or timing is None else timed_row(row, stamp, timing))
            return
        cells = (*_placed(stamp, row.observed_at_ms), dictionary.hash, pack_samples(row.samples), len(row.samples))
        self._insert("untimed", "boot, mono_ms, guess_ms, dictionary, samples, readings, crc", cells)
        self.counts.untimed[stamp.boot] = self.counts.untimed.get(stamp.boot, 0) + len(row.samples)

    def hold(self, dictionary: Dictionary, row: Row) -> None:
        """Keep a frame that was sealed before until the raw readings sealed after it are gone, or thinned."""
        self._keep(dictionary.hash, row, held=1)

    def between(self, dictionary: Dictionary, first_ms: int, last_ms: int) -> list[Row]:
        """The frames of that dictionary and time that wait for the next seal or are held."""
        query = "SELECT dictionary, observed_at_ms, samples, readings, crc FROM pending"
        found = []
        for row in self._db.execute(f"{query} {_BETWEEN} ORDER BY id", (dictionary.hash, first_ms, last_ms)):
            verify(row[-1], *row[:-1])
            found.append(Row(row[1], unpack_samples(row[2])))
        return found

    def remove(self, dictionary: Dictionary, first_ms: int, last_ms: int) -> None:
        """Let these wait no more."""
        cells = (dictionary.hash, first_ms, last_ms)
        for readings, held in self._db.execute(f"SELECT readings, held FROM pending {_BETWEEN}", cells):
            self.counts.pending -= readings * (1 - held)
            self.counts.held -= readings * held
        self._db.execute(f"DELETE FROM pending {_BETWEEN}", cells)

    def words(self, words: Iterable[Event | Outcome]) -> None:
        """Seal events and outcomes after all that came before, or keep them until the time of their boot is known.

        Raises ValueError, TooLarge.
        """
        final = []
        for word in words:
            stamp, timing = word.stamp, self._timing(word.stamp)
            if stamp is None or timing is not None:
                final.append(word if stamp is None or timing is None else timed_word(word, stamp, timing))
            else:
                self._keep_word(word, stamp)
        self.settle()
        self._seal_words(final)

    def settle(self) -> None:
        """Decide for good about boots that ended untold, and seal the words of all boots whose time is decided."""
        if self._current is not None and self._sealing.state.salvage is None:  # else more of them may come
            for boot in self.counts.boots:
                if boot != self._current:
                    self._end(boot)
        decided = {boot: self._timing_of(boot) for boot in self.counts.words}
        if any(decided.values()):
            rows = self._db.execute("SELECT id, boot, mono_ms, guess_ms, kind, packed, crc FROM word ORDER BY id")
            words = []
            for row in rows.fetchall():
                timing = decided.get(row[1])
                if timing is not None:
                    words.append(timed_word(read_word(row), Stamp(row[1], row[2]), timing))
            if len(words) != sum(count for boot, count in self.counts.words.items() if decided[boot] is not None):
                raise Damaged("there are events that cannot be found")
            self._seal_words(words)
            for boot in [boot for boot, timing in decided.items() if timing is not None]:
                self._db.execute("DELETE FROM word WHERE boot = ?", (boot,))
                del self.counts.words[boot]

    def seal(self, *, held: bool = True) -> bool:
        """Seal the frames whose time is decided, each with the dictionary that it came with; of a long wait for the
        time only a part. False when there are none. What is held goes along when nothing is left to hold it for.

        In order of time, so that frames which do not fit together are parted where they lie apart; of one instant
        in the order in which they were accepted. What was accepted with its time goes before what waited for it, and
        never with it: that may be of long ago, and must not hold up what is new.
        """
        waiting = self._take_pending(held)
        if not waiting:
            for boot in list(self.counts.untimed):
                self._take_timed(boot, waiting)
        return self._seal_rows(waiting)

    def seal_ended(self) -> bool:
        """Seal frames of boots that are over, not all at once; False when there are none."""
        waiting: Rows = {}
        for boot in list(self.counts.untimed):
            if boot != self._current:
                self._take_timed(boot, waiting)
        return self._seal_rows(waiting)

    def seal_in_doubt(self) -> bool:
        """Seal first readings of a boot that still goes on as if it had ended untold; False when there are none."""
        for boot in list(self.counts.untimed):
            self._end(boot, room_ms=LONGEST_BOOT_MS)
            suspect_ms = self._sealing.state.boot(boot).suspect_ms
            if suspect_ms is not None:
                waiting: Rows = {}
                self._take_untimed(boot, Timing(suspect_ms, suspect=True), IN_DOUBT_AT_ONCE, waiting)
                return self._seal_rows(waiting)
        return False

    def learn(self, boot: str, utc_minus_mono_ms: int) -> None:
        """Say what UTC minus time since boot is. Raises ValueError when that cannot be."""
        for table in ("untimed", "word"):
            query = f"SELECT min(mono_ms), max(mono_ms) FROM {table} WHERE boot = ?"
            for mono_ms in self._db.execute(query, (boot,)).fetchone():
                if mono_ms is not None:
                    codec.check_time(mono_ms + utc_minus_mono_ms)
        known = self._sealing.state.boot(boot)
        self._remember(Boot(boot, utc_minus_mono_ms, known.suspect_ms))

    def _take_pending(self, held: bool) -> Rows:
        waiting: Rows = {}
        if not (self.counts.pending or self.counts.held):
            return waiting
        free = held and self._db.execute(f"SELECT {_NO_RAW}").fetchone()[0]
        query = "SELECT dictionary, observed_at_ms, samples, readings, crc FROM pending WHERE held <= ?"
        for row in self._db.execute(f"{query} ORDER BY observed_at_ms, id", (free,)):
            verify(row[-1], *row[:-1])
            waiting.setdefault(row[0], []).append(Row(row[1], unpack_samples(row[2])))
        if readings_in(waiting) != self.counts.pending + self.counts.held * free:
            raise Damaged("there are readings that cannot be found")
        self._db.execute("DELETE FROM pending WHERE held <= ?", (free,))
        self.counts.pending = 0
        if free:
            self.counts.held = 0
        return waiting

    def _take_timed(self, boot: str, waiting: Rows) -> None:
        timing = self._timing_of(boot)
        taken = readings_in(waiting)
        if timing is not None and taken < READINGS_AT_ONCE:
            self._take_untimed(boot, timing, READINGS_AT_ONCE - taken, waiting)

    def _take_untimed(self, boot: str, timing: Timing, most: int, waiting: Rows) -> None:
        """Take the first frames of a boot, about `most` readings."""
        query = "SELECT id, boot, mono_ms, guess_ms, dictionary, samples, readings, crc FROM untimed WHERE boot = ?"
        numbers, taken = [], 0
        for row in self._db.execute(f"{query} ORDER BY mono_ms, id", (boot,)):
            if taken >= most:
                break
            number, name, mono_ms, _, dictionary, samples, readings, crc = row
            verify(crc, *row[1:-1])
            frame = timed_row(Row(0, unpack_samples(samples)), Stamp(name, mono_ms), timing)
            waiting.setdefault(dictionary, []).append(frame)
            numbers.append(number)
            taken += readings
        if taken < min(most, self.counts.untimed[boot]):
            raise Damaged("there are readings that cannot be found")
        self._db.executemany("DELETE FROM untimed WHERE id = ?", [(number,) for number in numbers])
        self.counts.untimed[boot] -= taken
        if self.counts.untimed[boot] <= 0:
            del self.counts.untimed[boot]

    def _seal_rows(self, waiting: Rows) -> bool:
        for name, rows in waiting.items():
            dictionary = self._sealing.dictionary(name)
            if dictionary is None:
                raise Damaged(f"dictionary {name} is not there")
            self._sealing.rows(dictionary, sorted(rows, key=lambda row: row.observed_at_ms))
        return bool(waiting)

    def _seal_words(self, words: Sequence[Event | Outcome]) -> None:
        self._sealing.events([word for word in words if isinstance(word, Event)])
        self._sealing.outcomes([word for word in words if isinstance(word, Outcome)])

    def _keep(self, dictionary: str, row: Row, held: int = 0) -> None:
        codec.check_time(row.observed_at_ms)
        cells = (dictionary, row.observed_at_ms, pack_samples(row.samples), len(row.samples))
        self._db.execute(_KEEP, (*cells, check(*cells), held))
        self.counts.pending += len(row.samples) * (1 - held)
        self.counts.held += len(row.samples) * held

    def _keep_word(self, word: Event | Outcome, stamp: Stamp) -> None:
        check_word(timed_word(word, Stamp(stamp.boot, 0), Timing(0, suspect=True)))
        kind = EVENT if isinstance(word, Event) else OUTCOME
        packed = msgspec.msgpack.encode(msgspec.structs.replace(word, stamp=None))
        cells = (*_placed(stamp, word.at_ms), kind, packed)
        self._insert("word", "boot, mono_ms, guess_ms, kind, packed, crc", cells)
        self.counts.words[stamp.boot] = self.counts.words.get(stamp.boot, 0) + 1

    def _insert(self, table: str, columns: str, cells: Sequence[Any]) -> None:
        marks = ", ".join("?" * (len(cells) + 1))
        self._db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", (*cells, check(*cells)))

    def _timing(self, stamp: Stamp | None) -> Timing | None:
        return None if stamp is None else self._timing_of(stamp.boot)

    def _timing_of(self, boot: str) -> Timing | None:
        return self._sealing.state.timing(boot, self._current)

    def _end(self, boot: str, room_ms: int = 0) -> None:
        """What waits of this boot will never have its time told: decide, once, what it is told as."""
        state = self._sealing.state
        known = state.boot(boot)
        if known.learned_ms is not None or known.suspect_ms is not None:
            return
        last, first_ms, last_ms = (0, 0), LATEST_MS, 0
        for table in ("untimed", "word"):
            order = "ORDER BY mono_ms DESC, id DESC LIMIT 1"
            row = self._db.execute(
                f"SELECT mono_ms, guess_ms FROM {table} WHERE boot = ? {order}", (boot,)
            ).fetchone()
            if row is not None:
                (first,) = self._db.execute(f"SELECT min(mono_ms) FROM {table} WHERE boot = ?", (boot,)).fetchone()
                last, first_ms, last_ms = max(last, row), min(first_ms, first), max(last_ms, row[0])
        guess_ms = last[1] - last[0]
        taken = times_of_all(self._db, state, self.counts, self._current)
        shift_ms = place(taken, (guess_ms + first_ms, guess_ms + last_ms + room_ms))
        self._remember(Boot(boot, None, guess_ms + shift_ms))

    def _remember(self, boot: Boot) -> None:
        self._sealing.state.remember(boot, self.counts.boots)


def times_of_all(db: sqlite3.Connection, state: State, counts: Counts, current: str | None) -> tuple[Span, ...]:
    """The times of all readings, sealed or not, but for those whose time is not decided."""
    instants = db.execute("SELECT DISTINCT observed_at_ms FROM pending ORDER BY observed_at_ms")
    found = [*runs(at_ms for (at_ms,) in instants)]
    query = "SELECT min(mono_ms), max(mono_ms) FROM untimed WHERE boot = ?"
    for boot in counts.untimed:
        timing = state.timing(boot, current)
        if timing is not None:
            first_ms, last_ms = db.execute(query, (boot,)).fetchone()
            found.append((first_ms + timing.offset_ms, last_ms + timing.offset_ms))
    return reduce(add, found, state.spans)


def readings_in(rows: Rows) -> int:
    """How many readings there are in frames."""
    return sum(len(row.samples) for frames in rows.values() for row in frames)


def timed_row(row: Row, stamp: Stamp, timing: Timing) -> Row:
    """The row at its time. All of it is suspect when that is, the bad too: else it would outrank good ones of now."""
    at_ms = stamp.mono_ms + timing.offset_ms
    if not timing.suspect:
        return Row(at_ms, row.samples)
    return Row(at_ms, [(number, sample._replace(quality=Quality.CLOCK_SUSPECT)) for number, sample in row.samples])


def timed_word(word: Event | Outcome, stamp: Stamp, timing: Timing) -> Event | Outcome:
    """The event or outcome at its time. An event says so when that is suspect."""
    at_ms = stamp.mono_ms + timing.offset_ms
    if isinstance(word, Event) and timing.suspect:
        return Event(word.id, word.kind, at_ms, {**word.body, "clock_suspect": True})
    return msgspec.structs.replace(word, at_ms=at_ms, stamp=None)


def read_word(row: Sequence[Any]) -> Event | Outcome:
    """An event or outcome as the table has it: (id, boot, mono_ms, guess_ms, kind, packed, crc)."""
    verify(row[-1], *row[1:-1])
    if row[4] == EVENT:
        return msgspec.msgpack.decode(row[5], type=Event)
    return msgspec.msgpack.decode(row[5], type=Outcome)


def _placed(stamp: Stamp, guess_ms: int) -> tuple[str, int, int]:
    codec.check_time(stamp.mono_ms)
    return stamp.boot, stamp.mono_ms, min(max(guess_ms, 0), LATEST_MS)
