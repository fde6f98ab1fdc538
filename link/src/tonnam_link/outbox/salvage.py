"""Takes over what is whole in a damaged outbox: in slices, each in one transaction of the new one.

Nothing of it is believed without its checksum. Batches are sealed anew, with the same body, because their numbers
were those of the old epoch. That some of what is in them goes twice then makes no difference.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from tonnam_link.errors import LinkError, Rejected, TooLarge
from tonnam_link.messages import Forwarded, Stamp
from tonnam_link.outbox import forwards, spans
from tonnam_link.outbox.aside import Unread
from tonnam_link.outbox.book import Writing, is_hash
from tonnam_link.outbox.damage import Damaged, verify
from tonnam_link.outbox.gaps import Gap, join
from tonnam_link.outbox.sealing import unpack_samples
from tonnam_link.outbox.state import Salvage
from tonnam_link.outbox.waiting import read_word
from tonnam_link.outbox.wreck import TABLES, Cells, Part, Wreck
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Dictionary, Kind, Row, parse_dictionary

ORDER = tuple(TABLES)


class Found(NamedTuple):
    """One slice, read and not yet written: rows that come after the place `at`; no rows before the first place."""

    at: Salvage
    part: Part | None


class Salvager:
    """Reads one damaged file to its end. `delivered` are batches in it that the next tier has already.

    When it lacks commits that were noted, or its log has some that SQLite could not read, more is missing than can be
    counted.
    """

    def __init__(self, unread: Unread, delivered: Collection[int] = ()) -> None:
        self.file = unread.file
        self._wreck = Wreck(unread.file, given_up=unread.given_up)
        self._delivered = frozenset(delivered)
        found, noted = self._wreck.progress(), unread.noted
        self._lacking = unread.log_lost or (noted is not None and (found is None or found.lacks(noted)))

    def close(self) -> None:
        self._wreck.close()

    def read(self, at: Salvage | None) -> Found:
        """What comes after the place that the new outbox remembers."""
        if at is None or at.file != self.file.name:
            return Found(Salvage(self.file.name), None)
        return Found(at, self._wreck.part(ORDER[at.table], at.last))

    def write(self, writing: Writing, found: Found) -> bool:
        """Take it over, and remember the place; False when that was the last."""
        state, (at, part) = writing.sealing.state, found
        if part is None:
            known = self._begin(writing)
            state.salvage = msgspec.structs.replace(at, known=known, lost=self._lacking or known is None)
            return True
        table = ORDER[at.table]
        take = {"word": self._word, "batch": self._batch, "pending": self._pending, "untimed": self._untimed}[table]
        lost = at.lost or part.missed
        for row in part.rows:
            try:
                take(writing, row)
            except (Damaged, LinkError, ValueError):
                lost = True
        batches = at.batches + (len(part.rows) if table == "batch" else 0)
        at = msgspec.structs.replace(at, last=part.last, batches=batches, lost=lost)
        if part.end:
            at = msgspec.structs.replace(at, table=at.table + 1, last=0)
        state.salvage = at
        if at.table == len(ORDER):
            self._end(writing, at)
        return state.salvage is not None

    def _begin(self, writing: Writing) -> int | None:
        """What the rest needs. How many batches there were, None if that cannot be read."""
        sealing = writing.sealing
        for name, body in self._wreck.dictionaries():
            with contextlib.suppress(Rejected, TypeError):
                if is_hash(name, body):
                    sealing.register(parse_dictionary(body))
        for origin, name, payload in self._wreck.foreign_dictionaries():
            with contextlib.suppress(TypeError, ValueError, AttributeError):
                item = Forwarded(Origin(*origin.split("/")), Channel.UP, payload)
                if isinstance(payload, bytes) and codec.intact(payload, item.origin):
                    forwards.keep_dictionary(sealing.db, item, name)
        old, state = self._wreck.state, sealing.state
        if old is None or old.origin != state.origin:
            return None
        for boot in old.boots:
            if boot.name not in {known.name for known in state.boots}:
                state.boots = (boot, *state.boots)
        for span in old.spans:
            state.spans = spans.add(state.spans, span)
        for gap in old.gaps:
            state.gaps = join(state.gaps, gap)
        return old.batches

    def _end(self, writing: Writing, at: Salvage) -> None:
        state = writing.sealing.state
        if at.lost or at.known is None or at.batches < at.known:
            latest_ms = max((last for _, last in state.spans), default=0)
            self._gap(writing, None, max(latest_ms, self._wreck.modified_ms()), None)
        state.salvage = None
        writing.waiting.settle()

    def _word(self, writing: Writing, row: Cells) -> None:
        word = read_word(row)
        writing.waiting.words([msgspec.structs.replace(word, stamp=Stamp(row[1], row[2]))])

    def _pending(self, writing: Writing, row: Cells) -> None:
        verify(row[-1], *row[1:-1])
        writing.waiting.keep(self._dictionary(writing, row[1]), Row(row[2], unpack_samples(row[3])), None)

    def _untimed(self, writing: Writing, row: Cells) -> None:
        verify(row[-1], *row[1:-1])
        frame = Row(row[3], unpack_samples(row[5]))
        writing.waiting.keep(self._dictionary(writing, row[4]), frame, Stamp(row[1], row[2]))

    def _batch(self, writing: Writing, row: Cells) -> None:
        sequence, _, readings, *_, payload = row
        if sequence in self._delivered:
            return
        whole = isinstance(payload, bytes) and codec.intact(payload, writing.sealing.state.origin)
        if whole and self._wreck.state is not None:
            identity = codec.identify(payload)
            whole = identity is not None and identity[0] == self._wreck.state.epoch
        if not whole:
            self._lost(writing, row)
            return
        inner = forwards.inner_of(payload)
        try:
            if inner.kind in {Kind.READINGS, Kind.AGGREGATES}:
                self._dictionary(writing, inner.dictionary or "")
            writing.sealing.adopt(payload, readings if isinstance(readings, int) else 0)
        except (Damaged, Rejected, TooLarge):
            self._lost(writing, row)

    def _lost(self, writing: Writing, row: Cells) -> None:
        """A batch whose bytes are gone, or are of no use. Raises Damaged when nobody knows of when it was."""
        *head, crc, _ = row
        verify(crc, *head)
        _, kind, readings, from_ms, to_ms = head
        if kind == Kind.DICTIONARY:
            return
        if kind == Kind.EVENTS or from_ms is None:
            raise Damaged("events may have told of gaps, and of another node's batch nobody knows of when it is")
        self._gap(writing, from_ms, to_ms, readings)

    def _gap(self, writing: Writing, from_ms: int | None, to_ms: int, readings: int | None) -> None:
        writing.sealing.gap(Gap("damaged", from_ms, to_ms, readings))

    def _dictionary(self, writing: Writing, name: str) -> Dictionary:
        dictionary = writing.sealing.dictionary(name)
        if dictionary is None:
            raise Damaged(f"dictionary {name} is gone")
        return dictionary
