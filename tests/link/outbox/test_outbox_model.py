"""An outbox against a model of what it was given, whatever happens in whatever order.

Every accepted reading is sealed, waiting, delivered, or in a gap that was told. Sealed bytes never change, and no
number of a batch is ever used twice.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.link.harming import as_after_kill, harm
from tests.link.harness import ORIGIN, SPECS, START_MS
from tests.link.outbox.test_outbox_forwards import DICTIONARY, NODE
from tests.link.outboxes import KNOWN, Arrived, tidy
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import CommandState, Event, Forwarded, Frame, Outcome, Sample, Stamp
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.topics import Channel
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Row
from tonnam_link.wire.decode import decode

ROOMY, TIGHT = Limits(), Limits(bytes=64 * 1024)
MARK = SPECS[3].datastream
T = TypeVar("T")


class When(NamedTuple):
    """A time since the begin of a boot or, without a boot, of UTC."""

    boot: str | None
    ms: int

    @property
    def stamp(self) -> Stamp | None:
        return None if self.boot is None else Stamp(self.boot, self.ms)


class OutboxMachine(RuleBasedStateMachine):
    """What a node may do to its outbox, and what may happen to both. A frame is known by a value that only it has."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="outbox"))
        self.path = self.folder / "0" / "outbox.db"
        self.limits, self.life, self.number, self.at_ms = ROOMY, 0, 0, START_MS
        self.frames: dict[float, When] = {}
        self.words: dict[str, When] = {}
        self.forwarded: dict[bytes, int] = {}
        self.offsets: dict[str, int] = {}
        self.learned: set[str] = set()
        self.seen: dict[tuple[int, int], bytes] = {}
        self.delivered, self.values = Arrived(), set[float]()
        self.last: tuple[list[Frame], list[Event], list[Outcome]] = ([], [], [])
        self.harmed = False
        self.begin_boot()
        self.open()

    def begin_boot(self) -> None:
        self.boot = f"boot-{self.life}"
        self.offsets[self.boot] = self.at_ms - 5_000

    def open(self) -> None:
        self.outbox = self.patiently(lambda: Outbox(self.path, ORIGIN, self.limits))
        self.patiently(lambda: self.outbox.register(SPECS))
        self.patiently(lambda: self.outbox.begin(self.boot))

    def patiently(self, work: Callable[[], T]) -> T:
        """As nodes do: what was refused is asked for again, and some of the backlog goes meanwhile."""
        for _ in range(30):
            try:
                return work()
            except OutboxUnavailable as error:
                if "is full of events" in str(error):
                    self.deliver_some(20)
        raise AssertionError("it refuses for ever")

    def deliver_some(self, most: int) -> bool:
        """Whether anything was left to deliver."""
        for _ in range(most):
            sealed = self.patiently(self.outbox.oldest)
            if sealed is None:
                return False
            payload = self.payload(sealed.sequence)
            if payload is not None:
                self.receive(payload)
                self.release(sealed.sequence)
        return True

    def payload(self, sequence: int) -> bytes | None:
        return self.patiently(lambda: self.outbox.payload(sequence))

    def release(self, sequence: int) -> None:
        self.patiently(lambda: self.outbox.release([sequence]))

    def receive(self, payload: bytes) -> None:
        batch = decode(payload, KNOWN)
        self.delivered.take([batch])
        for column in batch.columns:
            if column.datastream == MARK:
                self.values |= set(column.value.tolist())

    def when(self, timed: bool) -> When:
        return When(None, self.at_ms) if timed else When(self.boot, self.at_ms - self.offsets[self.boot])

    def new_frame(self, timed: bool, late: bool) -> Frame:
        self.number += 1
        self.at_ms += 1_000
        when = self.when(timed)
        at_ms = when.ms - 3_600_000 if timed and late else when.ms
        self.frames[self.number + 0.123456] = When(when.boot, at_ms)
        samples = {MARK: Sample(self.number + 0.123456), SPECS[0].datastream: Sample(float(self.number % 90))}
        return Frame(at_ms, samples, when.stamp)

    @rule(count=st.integers(0, 40), words=st.integers(0, 3), timed=st.booleans(), late=st.booleans())
    def accept(self, count: int, words: int, timed: bool, late: bool) -> None:
        frames = [self.new_frame(timed, late) for _ in range(count)]
        when, began = self.when(timed), self.number
        self.number += 1
        events = [Event(f"e{began}-{n}", "run.ended", when.ms, {"n": n}, when.stamp) for n in range(words)]
        outcomes = [Outcome(f"c{began}-{n}", CommandState.DONE, when.ms, stamp=when.stamp) for n in range(words // 2)]
        self.words |= {event.id: when for event in events} | {outcome.command_id: when for outcome in outcomes}
        self.last = frames, events, outcomes
        self.patiently(lambda: self.outbox.accept(*self.last))

    @rule()
    def accept_the_same_again(self) -> None:
        self.patiently(lambda: self.outbox.accept(*self.last))

    @rule(at_least=st.sampled_from([0, 0, 100]))
    def seal(self, at_least: int) -> None:
        self.patiently(lambda: self.outbox.seal(at_least))

    @rule(most=st.integers(1, 8))
    def deliver(self, most: int) -> None:
        self.deliver_some(most)

    @rule()
    def learn(self) -> None:
        self.patiently(lambda: self.outbox.learn(self.boot, self.offsets[self.boot]))
        self.learned.add(self.boot)

    @rule(count=st.integers(1, 20), again=st.booleans())
    def forward(self, count: int, again: bool) -> None:
        items = [self.new_forward() for _ in range(count)]
        for _ in range(1 + again):
            self.patiently(lambda: self.outbox.accept_forwarded(items))

    def new_forward(self) -> Forwarded:
        self.number += 1
        noise = random.Random(self.number)
        rows = [Row(self.at_ms + n, [(0, Sample(noise.random()))]) for n in range(20)]
        payload = codec.encode_readings(NODE, 7, self.number, DICTIONARY, rows)
        self.forwarded[payload] = self.at_ms
        return Forwarded(NODE, Channel.UP, payload)

    @rule()
    def keep_house(self) -> None:
        self.patiently(lambda: tidy(self.outbox))

    @rule(new_boot=st.booleans(), tight=st.booleans())
    def start_anew(self, new_boot: bool, tight: bool) -> None:
        self.outbox.close()
        self.limits = TIGHT if tight else ROOMY
        self.go_on(new_boot)

    @rule(new_boot=st.booleans())
    def kill(self, new_boot: bool) -> None:
        self.leave_as_killed()
        self.go_on(new_boot)

    @rule(seed=st.integers(0, 10_000))
    @precondition(lambda self: self.life < 12)
    def harm(self, seed: int) -> None:
        dice = random.Random(seed)
        self.harmed = True
        self.leave_as_killed()
        files = [file for file in (self.path, self.path.with_name("outbox.db-wal")) if file.stat().st_size]
        harm(dice.choice(files), dice)
        self.go_on(new_boot=False)

    def leave_as_killed(self) -> None:
        old, self.path = self.path, self.folder / f"{self.life + 1}" / "outbox.db"
        as_after_kill(old, self.path)
        for file in old.parent.glob("*damaged*"):
            shutil.copy(file, self.path.parent / file.name)
        self.outbox.close()

    def go_on(self, new_boot: bool) -> None:
        self.life += 1
        if new_boot:
            self.begin_boot()
        self.open()

    @invariant()
    def sealed_bytes_never_change(self) -> None:
        for sequence in self.patiently(self.sequences):
            payload = self.payload(sequence)
            if payload is not None:
                assert self.seen.setdefault((self.outbox.epoch, sequence), payload) == payload

    def sequences(self) -> list[int]:
        with self.outbox._shelf.using("read") as book:
            return [sequence for (sequence,) in book.db.execute("SELECT sequence FROM batch")]

    @invariant()
    @precondition(lambda self: not self.harmed)
    def counts_are_true(self) -> None:
        self.patiently(self.count)

    def count(self) -> None:
        sums = "SELECT count(*), coalesce(sum(readings), 0), coalesce(sum(size), 0) FROM batch"
        with self.outbox._shelf.using("read") as book:
            assert book.db.execute(sums).fetchone() == (book.state.batches, book.state.readings, book.state.size)
            assert type(book.counts).load(book.db) == book.counts

    def teardown(self) -> None:
        self.limits = ROOMY
        self.outbox.close()
        self.at_ms += 60_000
        self.boot, self.offsets["the last"] = "the last", self.at_ms
        self.open()
        self.patiently(lambda: self.outbox.accept(events=[Event("end", "node.stopped", self.at_ms, {})]))
        for _ in range(30):
            self.patiently(lambda: tidy(self.outbox))
            if self.outbox.backlog.empty:
                break
            self.patiently(self.outbox.seal)
            self.deliver_some(1_000)
        assert self.outbox.backlog.empty
        self.everything_is_delivered_or_told()
        self.outbox.close()
        shutil.rmtree(self.folder)

    def everything_is_delivered_or_told(self) -> None:
        for value, when in self.frames.items():
            assert value in self.values or self.is_told(when), (value, when)
        known = self.delivered.events.keys() | {command for command, _ in self.delivered.outcomes}
        for name, when in self.words.items():
            assert name in known or self.is_told(when), (name, when)
        came = {item.payload for item in self.delivered.forwarded}
        for payload, at_ms in self.forwarded.items():
            assert payload in came or self.delivered.covers(at_ms, str(NODE)) or self.delivered.covers(at_ms), at_ms

    def is_told(self, when: When) -> bool:
        """Whether a gap covers it, at any of the times that it may have been told with."""
        book = self.outbox._shelf.book
        assert book is not None
        offsets = [0]
        if when.boot is not None:
            offsets = [self.offsets[when.boot]]
            known = [boot.suspect_ms for boot in book.state.boots if boot.name == when.boot]
            offsets += [offset for offset in known if offset is not None]
        return any(self.delivered.covers(when.ms + offset) for offset in offsets)


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
