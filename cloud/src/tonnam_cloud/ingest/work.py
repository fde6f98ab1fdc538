"""One received batch on its way through ingest."""

from __future__ import annotations

from dataclasses import dataclass, field

from tonnam_cloud.store.port import AggregateBatch, ReadingBatch
from tonnam_link.messages import Verdict
from tonnam_link.receiving.receiver import Answer, Received
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.decode import Batch

LONGEST_REASON = 500
STORED = Answer(Verdict.STORED)
Storable = ReadingBatch | AggregateBatch


@dataclass(frozen=True)
class SetAside:
    """Why a batch, or `readings` of it, goes into quarantine."""

    reason: str
    readings: int = 0


@dataclass
class Work:
    """A batch, what is in it, and what became of it. Without `batch` the answer is final.

    `received` is as it came; `content` the batch that counts: the same, or what a gateway has passed on in it.
    `replays` is the number of its row when it comes out of the quarantine.
    """

    received: Received
    content: Received
    answer: Answer = STORED
    batch: Batch | None = None
    readings: Storable | None = None
    set_aside: list[SetAside] = field(default_factory=list)
    replays: int | None = None

    @property
    def origin(self) -> Origin:
        """Whose batch it is."""
        return self.content.origin

    @property
    def via(self) -> str | None:
        """The gateway that has passed it on."""
        return None if self.content is self.received else self.received.node

    @property
    def lane(self) -> Channel:
        """How it came: as backlog when any part of its way was."""
        stale = Channel.BACK in {self.received.channel, self.content.channel} or self.replays is not None
        return Channel.BACK if stale else self.content.channel

    def heard(self) -> set[Origin]:
        """Who has spoken just now: not the node whose old batches a gateway had in custody."""
        if self.replays is not None or self.answer.verdict is Verdict.BUSY:
            return set()
        passed_on_late = self.via is not None and self.received.channel is Channel.BACK
        return {self.received.origin} if passed_on_late else {self.received.origin, self.origin}

    def quarantine(self, reason: str, readings: int = 0) -> None:
        """Keep the batch for a person and release it from the node's disk."""
        said = self.answer.reason if self.set_aside else ""
        self.set_aside.append(SetAside(reason, readings))
        if reason not in said and len(said) < LONGEST_REASON:
            said = f"{said}; {reason}" if said else reason
        self.answer = Answer(Verdict.QUARANTINED, said[:LONGEST_REASON])

    def wait(self, reason: str, retry_s: float) -> None:
        """The node keeps the batch and sends it again."""
        self.set_aside.clear()
        self.batch = self.readings = None
        self.answer = Answer(Verdict.BUSY, reason, retry_s)
