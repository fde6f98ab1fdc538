"""The other end of the link: takes batches of all nodes, has them committed, and replies after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import structlog

from tonnam_link.clock import system_clock
from tonnam_link.messages import Reply, Verdict
from tonnam_link.mqtt.session import Message, Session
from tonnam_link.rarely import Rarely
from tonnam_link.receiving.lanes import Received
from tonnam_link.receiving.reception import Answer, Reception, Response
from tonnam_link.topics import Channel, Origin, all_nodes, node_topic, parse_node_topic
from tonnam_link.wire.codec import MAX_BATCH_BYTES
from tonnam_link.wire.replies import encode_reply

__all__ = ["Answer", "Commit", "Received", "Receiver"]

FAILED = Answer(Verdict.BUSY, "this batch could not be committed; it is tried again", 5.0)
GIVE_UP_AFTER = 2

Commit = Callable[[Sequence[Received]], Awaitable[Sequence[Answer]]]


class Receiver:
    """Subscribes to the batches of every node, or of `origins` only, and calls `commit` with groups, one at a time.

    In a group, what is live (`up`, `outcome`) stands before backlog. `commit` gives one answer for each batch, in
    order; only when it has returned are they sent. When it raises, it is called with each batch of the group alone,
    so that one that always fails does not take others with it; those that fail are answered `busy`. What waits is
    bounded (see `Reception`); senders send again what was not answered. What was answered `stored` or `quarantined`
    and comes once more is answered from memory.

    `clock` tells the time that replies carry; it answers None while it does not know it.
    """

    def __init__(
        self,
        session: Session,
        commit: Commit,
        *,
        clock: Callable[[], int | None] = system_clock,
        origins: Sequence[Origin] | None = None,
        log: Any = None,
    ) -> None:
        self._session = session
        self._commit = commit
        self._clock = clock
        self._log = log or structlog.get_logger("tonnam.link")
        self._reception = Reception()
        self._told_failing = False
        self._suspects: set[Origin] = set()
        self._rarely = Rarely(self._log)
        self._wake = asyncio.Event()
        for channel in (Channel.UP, Channel.OUTCOME, Channel.BACK):
            for topic_filter in _filters(channel, origins):
                session.subscribe(topic_filter, self._on_batch)

    @property
    def counts(self) -> dict[str, int]:
        """What came since the start, and what waits now."""
        live, back = self._reception.waiting
        return {**asdict(self._reception.counts), "waiting_live": live, "waiting_back": back}

    def forget(self) -> None:
        """Remember no answers: the owner's disk may have lost what it had."""
        self._reception.forget()

    async def run(self) -> None:
        """Commit and reply until cancelled."""
        while True:
            self._wake.clear()
            while group := self._reception.take():
                started = self._now()
                answers = await self._answers(group)
                now = self._now()
                self._tell(self._reception.settle(answers, now - started, now))
            self._tell(self._reception.grant(self._now()))
            await self._pause()

    async def _pause(self) -> None:
        """Until something comes, or until the turn of somebody who waits for credit may have come."""
        at = self._reception.next_grant_at()
        try:
            async with asyncio.timeout_at(at):
                await self._wake.wait()
        except TimeoutError:
            return

    def _on_batch(self, message: Message) -> None:
        topic, payload = message.topic, message.payload
        source = parse_node_topic(topic)
        if source is None or len(payload) > 4 * MAX_BATCH_BYTES:
            self._reception.counts.ignored += 1
            self._rarely.warn("batch.ignored", topic=topic, size=len(payload))
            return
        received = Received(source.tenant, source.node, source.channel, payload, self._clock() or 0)
        garbled = self._reception.judge(received, self._now())
        if garbled is None:
            self._rarely.warn("batch.garbled", topic=topic, size=len(payload))
            return
        dropped = self._reception.counts.dropped
        self._tell(self._reception.arrive(replace(received, garbled=garbled), self._now()))
        if self._reception.counts.dropped > dropped:
            self._rarely.warn("receiver.overflow", waiting=self._reception.waiting[0])
        self._wake.set()

    async def _answers(self, group: Sequence[Received]) -> Sequence[Answer]:
        answers = await self._committed(group)
        if answers is None:
            return await self._one_by_one(group) if len(group) > 1 else [FAILED]
        if self._told_failing:
            self._log.info("commit.works_again")
            self._told_failing = False
        self._suspects.difference_update(received.origin for received in group)
        return answers

    async def _one_by_one(self, group: Sequence[Received]) -> Sequence[Answer]:
        """One of the group is bad, or nothing can be committed: then two of them fail one after the other.

        Nodes whose batches have failed alone come last: with two of them first, nobody else would ever be tried.
        """
        answers = [FAILED] * len(group)
        failed_in_a_row = 0
        for number in sorted(range(len(group)), key=lambda number: group[number].origin in self._suspects):
            origin = group[number].origin
            alone = await self._committed([group[number]])
            if alone is not None:
                answers[number] = alone[0]
                failed_in_a_row = 0
                self._suspects.discard(origin)
                continue
            self._suspects.add(origin)
            failed_in_a_row += 1
            if failed_in_a_row == GIVE_UP_AFTER:
                break
        return answers

    async def _committed(self, group: Sequence[Received]) -> Sequence[Answer] | None:
        """The owner's answers, or None when it fails."""
        try:
            return await self._asked(group)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._note_failure(group)  # something that the owner waited for was cancelled, not we
        except Exception:  # noqa: BLE001 - whatever it was, the nodes keep their batches and try again
            self._note_failure(group)
        return None

    async def _asked(self, group: Sequence[Received]) -> Sequence[Answer]:
        answers = await self._commit(group)
        if len(answers) != len(group):
            raise RuntimeError(f"{len(answers)} answers to {len(group)} batches")
        if odd := [answer for answer in answers if not isinstance(answer, Answer)]:
            raise RuntimeError(f"{odd[0]!r} is no answer to a batch")
        return answers

    def _note_failure(self, group: Sequence[Received]) -> None:
        if self._rarely.exception("commit.failed", batches=len(group)):
            self._told_failing = True

    def _tell(self, responses: Iterable[Response]) -> None:
        for origin, identity, answer, credit in responses:
            if identity is None:
                self._reception.counts.unanswerable += 1
                self._rarely.warn("batch.unanswerable", node=str(origin), reason=answer.reason)
                continue
            reply = Reply(*identity, answer.verdict, self._clock() or 0, credit, answer.retry_s, answer.reason)
            self._session.publish(node_topic(*origin, Channel.REPLY), encode_reply(origin, reply))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _filters(channel: Channel, origins: Sequence[Origin] | None) -> list[str]:
    return [all_nodes(channel)] if origins is None else [node_topic(*origin, channel) for origin in origins]
