"""Many senders and one receiver on a virtual clock: the real minds of both (`Flow`, `Reception`), a simulated wire.

Deterministic: the same seed gives the same figures. Between the minds stand a line of each node's own (a latency, a
rate, a share of messages lost), and behind the receiver's a store that takes its time.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from tonnam_link.messages import Reply, Verdict
from tonnam_link.node.flow import Flight, Flow
from tonnam_link.outbox.sealing import Sealed
from tonnam_link.receiving.lanes import Received
from tonnam_link.receiving.reception import Answer, Reception, Response
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.codec import Kind, checksum

REPLY_BYTES = 80
BACK_BYTES = 27_000
LIVE_BYTES = 600


class World:
    """The virtual clock: what is to happen, in order of time."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)
        self._order = count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (max(when, self.now), next(self._order), what))

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let things happen until a time, or until `done`."""
        while self._agenda and self._agenda[0][0] <= until and not done():
            self.now, _, what = heapq.heappop(self._agenda)
            what()


@dataclass
class Line:
    """One direction of a node's connection: in order, so fast, and some messages never arrive."""

    world: World
    latency_s: float = 0.03
    bytes_per_s: float = 1e6
    loss: float = 0.0
    carried_bytes: int = 0
    free_at: float = 0.0

    def carry(self, size: int, deliver: Callable[[], None]) -> None:
        self.carried_bytes += size
        self.free_at = max(self.free_at, self.world.now) + size / self.bytes_per_s
        if self.world.chance.random() >= self.loss:
            self.world.at(self.free_at + self.latency_s, deliver)


@dataclass
class Node:
    """A node with `backlog` batches, that seals a live one every `live_every_s`."""

    world: World
    cloud: Cloud
    name: str
    backlog: int = 0
    live_every_s: float = 60.0
    back_bytes: int = BACK_BYTES
    line: dict[str, Any] = field(default_factory=dict)
    connects_at: float = 0.0

    def __post_init__(self) -> None:
        self.origin = Origin("farm", self.name)
        self.flow = Flow(self.world.chance.uniform)
        self.up, self.down = Line(self.world, **self.line), Line(self.world, **self.line)
        self.outbox = {n: self._batch(n, self.back_bytes) for n in range(1, self.backlog + 1)}
        self.history = set(self.outbox)
        self.offered_at: dict[int, float] = {}
        self.stored_after: dict[int, float] = {}
        self.sends: Counter[Channel] = Counter()
        self.sent: set[int] = set()
        self.drained_at: float | None = None
        self._next = self.backlog + 1
        self._alarm = float("inf")
        self.connected = False
        self.world.at(self.connects_at, self.connect)
        self.world.at(self.connects_at + self.world.chance.uniform(0, self.live_every_s), self._seal)

    def connect(self) -> None:
        self.connected = True
        self.flow.connected(self.world.now)
        self.wake()

    def offer(self) -> None:
        """Seal a batch now."""
        sealed = self._batch(self._next, LIVE_BYTES)
        self._next += 1
        self.outbox[sealed.sequence] = sealed
        self.offered_at[sealed.sequence] = self.world.now
        self.flow.offer([sealed], self.world.now)
        self.wake()

    def closes(self, within: float) -> None:
        """Forget live batches of the last seconds of a run: they could not be stored any more."""
        self.offered_at = {n: at for n, at in self.offered_at.items() if at < self.world.now - within}

    def wake(self) -> None:
        """What a Sender does in one round."""
        if not self.connected:
            return
        now = self.world.now
        for flight in self.flow.to_send(now):
            self._publish(flight)
        while self.flow.wants_backlog(now):
            free = self.outbox.keys() - self.flow.busy_with
            if not free:
                self.flow.no_backlog(now)
                break
            self._publish(self.flow.send_back(self.outbox[min(free)], now))
        self._set_alarm()

    def hear(self, reply: Reply) -> None:
        self.flow.answered(reply, self.world.now)
        if reply.verdict.releases:
            self.outbox.pop(reply.sequence, None)
            self.history.discard(reply.sequence)
            if not self.history and self.drained_at is None:
                self.drained_at = self.world.now
        self.wake()

    def payload(self, sequence: int) -> bytes:
        """The bytes of a batch, with a body of zeros."""
        array = msgspec.msgpack.encode([1, sequence, Kind.READINGS, b"12345678", False, bytes(self._size[sequence])])
        return b"\x02" + checksum(self.origin, b"\x02", array) + array

    def _batch(self, sequence: int, size: int) -> Sealed:
        self._size = {**getattr(self, "_size", {}), sequence: size}
        return Sealed(sequence, Kind.READINGS, "d1", 100, size)

    def _seal(self) -> None:
        self.offer()
        self.world.at(self.world.now + self.live_every_s, self._seal)

    def _publish(self, flight: Flight) -> None:
        flight.sent_at = self.world.now
        sequence, channel = flight.sealed.sequence, flight.channel
        self.sends[channel] += 1
        self.sent.add(sequence)
        self.up.carry(flight.sealed.size, lambda: self.cloud.arrive(self, sequence, channel))

    def _set_alarm(self) -> None:
        at = max(self.flow.next_at(self.world.now), self.world.now + 0.005)
        if at < self._alarm or self._alarm <= self.world.now:
            self._alarm = at
            self.world.at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = float("inf")
        self.wake()


@dataclass
class Stall:
    """From when to when the cloud does not do its work: it `hangs`, answers `busy`, or is `gone` (and then new)."""

    start: float
    end: float
    how: str


@dataclass
class Cloud:
    """The receiver's mind, with a store that needs `back_s` for a batch of backlog and `live_s` for a live one."""

    world: World
    back_s: float = 0.05
    live_s: float = 0.002
    group_s: float = 0.01
    stalls: Iterable[Stall] = ()

    def __post_init__(self) -> None:
        self.nodes: dict[Origin, Node] = {}
        self.reception = Reception()
        self.commits: Counter[tuple[Origin, int]] = Counter()
        self.largest_wait = (0, 0)
        self.served: list[Origin] = []
        self._working = False
        self._alarm = 0.0
        for stall in self.stalls:
            if stall.how == "gone":
                self.world.at(stall.end, self._restart)

    def node(self, name: str, **about: Any) -> Node:
        """A node of this cloud."""
        node = Node(self.world, self, name, **about)
        self.nodes[node.origin] = node
        return node

    def stalled(self, *hows: str) -> Stall | None:
        """The stall of one of these kinds that it is in."""
        return next((one for one in self.stalls if one.how in hows and one.start <= self.world.now < one.end), None)

    def arrive(self, node: Node, sequence: int, channel: Channel) -> None:
        if self.stalled("gone"):
            return
        received = Received(*node.origin, channel, node.payload(sequence), 0)
        assert self.reception.judge(received, self.world.now) is False
        self._tell(self.reception.arrive(received, self.world.now))
        live, back = self.reception.waiting
        self.largest_wait = (max(live, self.largest_wait[0]), max(back, self.largest_wait[1]))
        self._work()

    def _work(self) -> None:
        if self._working or self.stalled("gone"):
            return
        group = self.reception.take()
        if not group:
            self._tell(self.reception.grant(self.world.now))
            self._set_alarm()
            return
        self._working = True
        back = sum(received.channel is Channel.BACK for received in group)
        took_s = self.group_s + self.back_s * back + self.live_s * (len(group) - back)
        hanging = self.stalled("hangs")
        took_s += hanging.end - self.world.now if hanging else 0.0
        reception = self.reception
        self.world.at(self.world.now + took_s, lambda: self._committed(reception, group, took_s))

    def _committed(self, reception: Reception, group: list[Received], took_s: float) -> None:
        if reception is not self.reception:
            return  # it was killed meanwhile
        self._working = False
        busy = self.stalled("busy")
        if not busy:
            for received in group:
                self._store(received)
        answer = Answer(Verdict.BUSY, "away", 5.0) if busy else Answer(Verdict.STORED)
        self._tell(reception.settle([answer] * len(group), took_s, self.world.now))
        self._work()

    def _store(self, received: Received) -> None:
        node = self.nodes[received.origin]
        sequence = msgspec.msgpack.decode(received.payload[5:], type=list[Any])[1]
        self.commits[received.origin, sequence] += 1
        if received.channel is Channel.BACK:
            self.served.append(received.origin)
        if sequence in node.offered_at:
            node.stored_after.setdefault(sequence, self.world.now - node.offered_at[sequence])

    def _tell(self, responses: Iterable[Response]) -> None:
        for origin, identity, answer, credit in responses:
            assert identity is not None
            node = self.nodes[origin]
            reply = Reply(*identity, answer.verdict, 0, credit, answer.retry_s)
            node.down.carry(REPLY_BYTES, lambda node=node, reply=reply: node.hear(reply))  # type: ignore[misc]

    def _set_alarm(self) -> None:
        at = self.reception.next_grant_at()
        if at is not None and not (self.world.now < self._alarm <= at):
            self._alarm = at
            self.world.at(at, self._work)

    def _restart(self) -> None:
        self.reception, self._working = Reception(), False


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(repr=False)
class Figures:
    """What a run came to; its text is what a failed test shows."""

    nodes: list[Node]
    cloud: Cloud

    @property
    def drained_s(self) -> list[float]:
        """When each node that had backlog had none any more; infinite if it never did."""
        return [node.drained_at or float("inf") for node in self.nodes if node.backlog]

    @property
    def live_s(self) -> list[float]:
        """How long each live batch took from its seal to its commit; infinite if it was not committed."""
        return [node.stored_after.get(n, float("inf")) for node in self.nodes for n in node.offered_at]

    def again(self, channel: Channel) -> float:
        """How many times a batch was sent on a channel, on average."""
        sent = sum(node.sends[channel] for node in self.nodes)
        of = Channel.BACK if channel is Channel.BACK else Channel.UP
        batches = sum((n <= node.backlog) == (of is Channel.BACK) for node in self.nodes for n in node.sent)
        return sent / batches if batches else 0.0

    def __repr__(self) -> str:
        live = self.live_s
        drained = self.drained_s
        return (
            f"live s: median {percentile(live, 0.5):.2f}, p99 {percentile(live, 0.99):.2f}, max {max(live):.2f}; "
            f"drained s: {min(drained, default=0):.1f} to {max(drained, default=0):.1f}; "
            f"sends a batch: up {self.again(Channel.UP):.2f}, back {self.again(Channel.BACK):.2f}; "
            f"commits a batch: max {max(self.cloud.commits.values())}; waited: {self.cloud.largest_wait}; "
            f"{self.cloud.reception.counts}"
        )
