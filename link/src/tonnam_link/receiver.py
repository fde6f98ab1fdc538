"""The other end of the link: takes batches of all nodes, has them committed, and replies after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from tonnam_link.clock import Clock, system_clock
from tonnam_link.codec import MAX_BATCH_BYTES, identify
from tonnam_link.messages import Reply, Verdict
from tonnam_link.replies import encode_reply
from tonnam_link.session import Message, Session
from tonnam_link.topics import Channel, Origin, all_nodes, node_topic, parse_node_topic

LIVE_WAITING = 10_000
LIVE_WAITING_BYTES = 32 * 1024 * 1024
LIVE_A_GROUP = 64
BACK_BUDGET = 8
BACK_WAITING = 32
BACK_A_GROUP = 4
IDENTITY_BYTES = 25
FAILED_RETRY_S = 5.0


@dataclass(frozen=True)
class Received:
    """A batch as it came. `tenant` and `node` are those of the topic, which the broker's access list vouches for."""

    tenant: str
    node: str
    channel: Channel
    payload: bytes
    received_at_ms: int
    garbled: bool = False

    @property
    def origin(self) -> Origin:
        """The node that the topic names."""
        return Origin(self.tenant, self.node)


@dataclass(frozen=True)
class Answer:
    """What the owner says of one batch, after its commit."""

    verdict: Verdict
    reason: str = ""
    retry_s: float = 0.0


Commit = Callable[[Sequence[Received]], Awaitable[Sequence[Answer]]]


class Receiver:
    """Subscribes to the batches of every node and calls `commit` with groups of them, one group at a time.

    In a group, what is live (`up`, `outcome`) stands before backlog. `commit` gives one answer for each batch, in
    order; only when it has returned are they sent. When it raises, all of the group are answered `busy`, and groups
    are of one batch until commits succeed again, so that a batch that always fails does not take others with it.
    What waits is bounded: of `back` the oldest is dropped, of live the newest; senders send them again.
    """

    def __init__(self, session: Session, commit: Commit, *, clock: Clock = system_clock, log: Any = None) -> None:
        self._session = session
        self._commit = commit
        self._clock = clock
        self._log = log or structlog.get_logger("tonnam.link")
        self._live: dict[tuple[str, bytes], Received] = {}
        self._back: dict[tuple[str, bytes], Received] = {}
        self._live_bytes = 0
        self._overflowing = False
        self._failing = False
        self._group_size = LIVE_A_GROUP
        self._wake = asyncio.Event()
        for channel in (Channel.UP, Channel.OUTCOME, Channel.BACK):
            session.subscribe(all_nodes(channel), self._on_batch)

    async def run(self) -> None:
        """Commit and reply until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while group := self._take():
                answers = await self._answers(group)
                for received, answer in zip(group, answers, strict=True):
                    self._reply(received, answer)

    def _on_batch(self, message: Message) -> None:
        topic, payload = message.topic, message.payload
        source = parse_node_topic(topic)
        if source is None or len(payload) > 4 * MAX_BATCH_BYTES:
            self._log.warning("batch.ignored", topic=topic, size=len(payload))
            return
        received = Received(source.tenant, source.node, source.channel, payload, self._clock())
        key = (topic, payload[:IDENTITY_BYTES])  # one that is sent again waits only once
        if source.channel is Channel.BACK:
            self._back[key] = received
            if len(self._back) > BACK_WAITING:
                del self._back[next(iter(self._back))]
        elif key not in self._live and self._has_room(payload):
            self._live[key] = received
            self._live_bytes += len(payload)
        self._wake.set()

    def _has_room(self, payload: bytes) -> bool:
        full = self._live_bytes + len(payload) > LIVE_WAITING_BYTES or len(self._live) >= LIVE_WAITING
        if full and not self._overflowing:
            self._log.error("receiver.overflow", waiting=len(self._live))
        self._overflowing = full
        return not full

    def _take(self) -> list[Received]:
        """The next group: live first; a little backlog with it, more when nothing else waits."""
        live = [self._live.pop(key) for key in list(self._live)[: self._group_size]]
        self._live_bytes -= sum(len(received.payload) for received in live)
        share = min(1 if live else BACK_A_GROUP, self._group_size - len(live))
        return live + [self._back.pop(key) for key in list(self._back)[:share]]

    async def _answers(self, group: Sequence[Received]) -> Sequence[Answer]:
        try:
            answers = await self._commit(group)
            if len(answers) != len(group):
                raise RuntimeError(f"{len(answers)} answers to {len(group)} batches")
        except Exception as error:  # noqa: BLE001 - whatever it was, the nodes keep their batches and try again
            if not self._failing:
                self._log.exception("commit.failed", batches=len(group))
            self._failing, self._group_size = True, 1
            return [Answer(Verdict.BUSY, type(error).__name__, FAILED_RETRY_S)] * len(group)
        if self._failing:
            self._log.info("commit.works_again")
        self._failing, self._group_size = False, min(LIVE_A_GROUP, 2 * self._group_size)
        return answers

    def _reply(self, received: Received, answer: Answer) -> None:
        identity = identify(received.payload)
        if identity is None:
            self._log.warning("batch.unanswerable", tenant=received.tenant, node=received.node, reason=answer.reason)
            return
        credit = 1 if len(self._back) < BACK_BUDGET else 0
        reply = Reply(*identity, answer.verdict, self._clock(), credit, answer.retry_s, answer.reason)
        topic = node_topic(received.tenant, received.node, Channel.REPLY)
        self._session.publish(topic, encode_reply(received.origin, reply))
