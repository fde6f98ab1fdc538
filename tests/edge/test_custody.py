"""From a step to the outbox: what cannot be sent holds up nothing, and what cannot be kept is tried again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import structlog

from tonnam_edge import custody as module
from tonnam_edge.core import Step
from tonnam_edge.custody import Custody
from tonnam_edge.state_store import StateStore
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Command, CommandState, DatastreamSpec, Event, Frame, Outcome, Sample, Stamp
from tonnam_link.mqtt.broker import Broker
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.node.uplink import Uplink
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.topics import Origin
from tonnam_link.wire.codec import Dictionary
from tonnam_link.wire.decode import decode

T = 1_800_000_000_000
WELL = Event("e-well", "run.ended", T, {"zone": "zone-1"})
HUGE = Event("e-huge", "site.described", T, {"text": [f"{n:x}" for n in range(700_000)]})
OUTCOME = Outcome("c-1", CommandState.DONE, T, {"th": "ครบ", "en": "done"})
DICTIONARY = Dictionary([DatastreamSpec("s/a/x", "1", 0.1)])
FRAME = Frame(T, {"s/a/x": Sample(1.0)})
ODD_FRAME = Frame(-5, {"s/a/x": Sample(1.0)})


def step(*, events: Sequence[Event] = (), outcomes: Sequence[Outcome] = (), frame: Frame | None = None) -> Step:
    return Step(
        T, (), frame, urgent=False, events=tuple(events), outcomes=tuple(outcomes), memory=b"{}", next_due_ms=T
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    store = StateStore(tmp_path)
    yield store
    store.close()


def uplink(folder: Path) -> Uplink:
    return Uplink(folder / "outbox", Broker("127.0.0.1", 1), tenant="t", node="n", datastreams=DICTIONARY.specs)


def custody(store: StateStore, link: Uplink) -> Custody:
    return Custody(store, link, structlog.get_logger(), clock=NodeClock(mono=lambda: 0), beat_ms=1000)


async def close(link: Uplink) -> None:
    """Seal what waits and close, as an agent that ends does."""
    running = asyncio.create_task(link.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def kept(folder: Path) -> list[str]:
    """The ids of events and commands in the outbox on disk, in the order in which they would be sent."""
    found: list[str] = []
    outbox = Outbox(folder / "outbox", Origin("t", "n"))
    while (sealed := outbox.oldest()) is not None:
        payload = outbox.payload(sealed.sequence)
        assert payload is not None
        batch = decode(payload, {DICTIONARY.hash: DICTIONARY})
        found += [event.id for event in batch.events] + [outcome.command_id for outcome in batch.outcomes]
        outbox.release([sealed.sequence])
    outbox.close()
    return found


async def test_one_event_that_cannot_be_sent_is_set_aside_and_the_others_go(
    tmp_path: Path, store: StateStore
) -> None:
    link = uplink(tmp_path)
    keeper = custody(store, link)
    assert await keeper.commit(step(events=[HUGE, WELL], outcomes=[OUTCOME], frame=FRAME))
    assert await keeper.hand_over()
    assert store.waiting() == []
    await close(link)
    assert kept(tmp_path) == ["e-well", "c-1"]
    with sqlite3.connect(tmp_path / "state.sqlite3") as database:
        assert database.execute("SELECT kind FROM aside").fetchall() == [("event",)]
    database.close()


async def test_a_frame_with_an_impossible_time_does_not_hold_up_the_others(tmp_path: Path, store: StateStore) -> None:
    link = uplink(tmp_path)
    keeper = custody(store, link)
    await keeper.commit(step(frame=ODD_FRAME))
    await keeper.commit(step(events=[WELL], frame=FRAME))
    assert await keeper.hand_over()
    assert link.backlog().readings == 1
    assert store.waiting() == []
    await close(link)


async def test_a_step_that_the_disk_did_not_take_is_kept_and_goes_with_the_next(
    tmp_path: Path, store: StateStore
) -> None:
    link = uplink(tmp_path)
    keeper = custody(store, link)
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not await keeper.commit(step(events=[WELL]))
    assert not keeper.remembers
    other.execute("ROLLBACK")
    other.close()
    assert await keeper.commit(step(outcomes=[OUTCOME]))
    assert keeper.remembers
    assert [one.what for one in store.waiting()] == [WELL, OUTCOME]
    await close(link)


class RefusingLink:
    """An outbox on a disk that takes nothing until it is told to."""

    def __init__(self) -> None:
        self.commands: asyncio.Queue[Command] = asyncio.Queue()
        self.refuses = True
        self.offered: set[str] = set()
        self.frames: list[Frame] = []
        self.events: list[Event] = []

    async def accept(
        self,
        frames: Sequence[Frame] = (),
        events: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        *,
        at_once: bool = False,
    ) -> None:
        self.offered |= {event.id for event in events}
        if self.refuses:
            raise OutboxUnavailable("no space left")
        self.frames += frames
        self.events += events

    async def time_of(self, at_ms: int, stamp: Stamp | None) -> int | None:
        return at_ms

    async def run(self) -> None:
        await asyncio.Event().wait()


async def test_what_memory_must_drop_while_the_disk_refuses_is_told_as_a_gap(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRAMES_WAITING", 3)
    link = RefusingLink()
    clock = NodeClock(lambda: T, lambda: 0, "boot-1", lambda: True)
    keeper = Custody(store, link, structlog.get_logger(), clock=clock, beat_ms=1000)
    frames = [Frame(T + number, {"s/a/x": Sample(float(number)), "s/a/y": Sample(1.0)}) for number in range(7)]
    for frame in frames:
        await keeper.commit(step(frame=frame))
        assert not await keeper.hand_over()
    link.refuses = False
    assert await keeper.hand_over()
    assert link.frames == frames[4:]
    assert await keeper.hand_over()
    (gap,) = link.events
    assert gap.kind == "readings.gap"
    assert (gap.body["from_ms"], gap.body["to_ms"], gap.body["readings"]) == (T, T + 3, 8)
    assert gap.body["cause"] == "memory"


async def test_words_that_this_disk_refuses_are_offered_to_the_link_all_the_same(store: StateStore) -> None:
    link = RefusingLink()
    keeper = Custody(store, link, structlog.get_logger(), clock=NodeClock(mono=lambda: 0), beat_ms=1000)
    store._database.execute("PRAGMA query_only = ON")
    assert not await keeper.commit(step(events=[WELL]))
    assert not await keeper.hand_over()
    assert not keeper.remembers
    assert link.offered == {"e-well"}
    link.refuses = False
    assert await keeper.hand_over()
    store._database.execute("PRAGMA query_only = OFF")
    assert await keeper.commit(step())
    assert link.events == [WELL]
    assert store.waiting() == []


async def test_state_file_that_is_damaged_while_it_runs_is_replaced_with_all_that_must_survive(
    tmp_path: Path, store: StateStore
) -> None:
    keeper = Custody(store, RefusingLink(), structlog.get_logger(), clock=NodeClock(mono=lambda: 0), beat_ms=1000)
    assert await keeper.commit(step(events=[WELL]))
    for part in ("state.sqlite3", "state.sqlite3-wal"):
        size = (tmp_path / part).stat().st_size
        with (tmp_path / part).open("r+b") as file:
            file.write(b"\xa5" * size)
    store._database.execute("PRAGMA shrink_memory")
    assert not await keeper.commit(step(events=[WELL]))
    assert await keeper.commit(step(outcomes=[OUTCOME]))
    assert store.memory() == b"{}"
    assert [one.what for one in store.waiting()] == [WELL, OUTCOME]
    assert (tmp_path / "state.sqlite3.damaged-1").exists()
