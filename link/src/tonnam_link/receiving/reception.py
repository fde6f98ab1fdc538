"""What a receiver takes next, what it answers without asking its owner, and who may send backlog.

Pure: no socket, no disk, no clock of its own. Times are seconds of one monotonic clock, passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tonnam_link.messages import Verdict
from tonnam_link.receiving.lanes import Doubted, Lane, Received, Waiting, fingerprint
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.codec import identify, intact

LIVE_WAITING_BYTES = 32 * 1024 * 1024
LIVE_A_GROUP = 64
LIVE_A_GROUP_BYTES = 1024 * 1024
BACK_WAITING_BYTES = 16 * 1024 * 1024
BACK_A_NODE = 2
BACK_A_GROUP = 8
BACK_BUDGET = 16
GRANT_S = 2.0
QUICK_S = 0.1
SLOW_S = 0.25
LATER_S = (5.0, 60.0)
ANSWERS_KEPT = 8_192
IDENTITY_BYTES = 24


@dataclass(frozen=True)
class Answer:
    """What the owner says of one batch, after its commit."""

    verdict: Verdict
    reason: str = ""
    retry_s: float = 0.0


class Response(NamedTuple):
    """What to tell a node of one batch. Without `identity` it cannot be told."""

    origin: Origin
    identity: tuple[int, int] | None
    answer: Answer
    back_credit: int = 0


@dataclass
class Counts:
    """What came since the start, for a status page. `repeated` were answered, or waited, already."""

    batches: int = 0
    repeated: int = 0
    garbled: int = 0
    dropped: int = 0
    put_off: int = 0
    ignored: int = 0
    unanswerable: int = 0


@dataclass
class _Group:
    """What is with the owner just now."""

    waiting: list[Waiting] = field(default_factory=list)
    back: int = 0


class Reception:
    """The receiver's mind.

    What is live goes before backlog, and in both each node has its turn. Of live batches that do not fit, the newest
    of the node that has most make way. Backlog is sent on credit: so many batches, of all nodes together, may be
    here or under way (`BACK_BUDGET`), and the nodes that have backlog get it in turns. How much backlog is committed
    together follows from how long commits take, because what is live must not wait long for one.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._live, self._back = Lane(), Lane()
        self._doubted = Doubted()
        self._held: set[bytes] = set()
        self._group = _Group()
        self._back_share = 1
        self._back_cost_s = 0.0
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()
        self._turns: OrderedDict[Origin, Response] = OrderedDict()
        self._grants: dict[Origin, float] = {}

    @property
    def waiting(self) -> tuple[int, int]:
        """How many live batches and how many of backlog wait."""
        return len(self._live), len(self._back)

    def judge(self, received: Received, now: float) -> bool | None:
        """Whether the bytes are garbled; None when that must be seen first, and they are to be forgotten."""
        if intact(received.payload, received.origin):
            return False
        if self._doubted.came_before(received.origin, received.payload, now):
            return True
        self.counts.garbled += 1
        return None

    def arrive(self, received: Received, now: float) -> Iterable[Response]:
        """Take in a batch; what can be answered at once."""
        self.counts.batches += 1
        waiting = Waiting(_key(received), received)
        back = received.channel is Channel.BACK
        if back:
            self._grants.pop(received.origin, None)
        if waiting.key in self._held:
            self.counts.repeated += 1
            return ()
        known = self._answers.get(waiting.key)
        if known is not None:
            self.counts.repeated += 1
            return self._responses([(waiting, known)], now)
        return self._wait_back(waiting, now) if back else self._wait_live(waiting)

    def take(self) -> list[Received]:
        """The next group for the owner; empty when nothing waits. It stays in hand until `settle`."""
        live = self._live.take(LIVE_A_GROUP, LIVE_A_GROUP_BYTES)
        back = self._back.take(self._back_share, BACK_WAITING_BYTES)
        self._group = _Group(live + back, len(back))
        return [waiting.received for waiting in self._group.waiting]

    def settle(self, answers: Sequence[Answer], took_s: float, now: float) -> Iterable[Response]:
        """What the owner said of the group, and how long it took; what to tell the nodes, others than its own too."""
        group, self._group = self._group, _Group()
        self._held.difference_update(waiting.key for waiting in group.waiting)
        if group.back:
            self._learn_pace(group.back, took_s)
        for waiting, answer in zip(group.waiting, answers, strict=True):
            if answer.verdict.releases:
                self._remember(waiting.key, answer)
        return self._responses(zip(group.waiting, answers, strict=True), now)

    def forget(self) -> None:
        """What was answered may be gone: whatever comes again is for the owner."""
        self._answers.clear()

    def grant(self, now: float) -> list[Response]:
        """Credit for nodes whose turn has come: their last answer once more, with the credit in it."""
        return [told._replace(back_credit=1) for told in self._grant(now)]

    def next_grant_at(self) -> float | None:
        """When `grant` may have something to say though nothing came."""
        return next(iter(self._grants.values()), None) if self._turns else None

    def _wait_live(self, waiting: Waiting) -> Iterable[Response]:
        lane, origin = self._live, waiting.received.origin
        while lane.weight + waiting.weight > LIVE_WAITING_BYTES:
            self.counts.dropped += 1
            greediest = lane.greediest()
            if lane.weight_of(greediest) <= lane.weight_of(origin) + waiting.weight:
                return ()
            self._held.discard(lane.drop_newest(greediest).key)
        self._hold(lane, waiting)
        return ()

    def _wait_back(self, waiting: Waiting, now: float) -> Iterable[Response]:
        lane, origin = self._back, waiting.received.origin
        if lane.of(origin) >= BACK_A_NODE or lane.weight + waiting.weight > BACK_WAITING_BYTES:
            self.counts.put_off += 1
            return self._responses([(waiting, Answer(Verdict.BUSY, "others are before you", self._later_s()))], now)
        self._hold(lane, waiting)
        return ()

    def _later_s(self) -> float:
        """In how many seconds what waits now may be done."""
        shortest, longest = LATER_S
        return min(longest, max(shortest, len(self._back) * self._back_cost_s))

    def _hold(self, lane: Lane, waiting: Waiting) -> None:
        lane.put(waiting)
        self._held.add(waiting.key)

    def _learn_pace(self, back: int, took_s: float) -> None:
        cost_s = took_s / back
        self._back_cost_s += (cost_s - self._back_cost_s) / 4
        if took_s > SLOW_S:
            self._back_share = max(1, self._back_share // 2)
        elif took_s < QUICK_S and back == self._back_share:
            self._back_share = min(BACK_A_GROUP, self._back_share + 1)

    def _remember(self, key: bytes, answer: Answer) -> None:
        """Whoever did not hear the answer need not cost another commit."""
        self._answers[key] = answer
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)

    def _responses(self, answered: Iterable[tuple[Waiting, Answer]], now: float) -> list[Response]:
        """The answers with the credit of each node; and credit for others whose turn has come."""
        told: list[Response] = []
        for waiting, answer in answered:
            received = waiting.received
            response = Response(received.origin, identify(received.payload), answer)
            told.append(response)
            if received.channel is Channel.BACK and answer.verdict.releases and response.identity is not None:
                self._turns.setdefault(received.origin, response)  # it may have more
        granted = {response.origin: response for response in self._grant(now)}
        for response in told:
            granted.pop(response.origin, None)
        told += granted.values()
        return [response._replace(back_credit=int(response.origin in self._grants)) for response in told]

    def _grant(self, now: float) -> list[Response]:
        self._grants = {origin: until for origin, until in self._grants.items() if until > now}
        granted: list[Response] = []
        while self._turns and len(self._back) + self._group.back + len(self._grants) < BACK_BUDGET:
            origin, told = self._turns.popitem(last=False)
            self._grants[origin] = now + GRANT_S
            granted.append(told)
        return granted


def _key(received: Received) -> bytes:
    if received.garbled:
        return fingerprint(received.origin, received.payload)
    return str(received.origin).encode() + b"\0" + received.payload[:IDENTITY_BYTES]
