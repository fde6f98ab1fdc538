"""What waits at a receiver, in fair turns of its nodes; and the memory of bytes that came garbled."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from hashlib import blake2b

from tonnam_link.topics import Channel, Origin

WEIGHT_OF_ANY = 1_024
GARBLED_A_NODE = 16
GARBLED_NODES = 1_024
SAME_AGAIN_S = 1.0


@dataclass(frozen=True)
class Received:
    """A batch as it came. `tenant` and `node` are those of the topic, which the broker's access list vouches for.

    `received_at_ms` is 0 when the receiver does not know the time. `garbled`: the same bytes came before, and are not
    what this node sealed.
    """

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
class Waiting:
    """A batch that waits. Its `key` is the same whenever it comes again."""

    key: bytes
    received: Received

    @property
    def weight(self) -> int:
        """The memory that it takes, about, in bytes."""
        return len(self.received.payload) + WEIGHT_OF_ANY


class Lane:
    """Batches of many nodes. They leave in turns: one of each node before the second of any."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[Origin, deque[Waiting]] = OrderedDict()
        self._weights: dict[Origin, int] = {}
        self.weight = 0
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def of(self, origin: Origin) -> int:
        """How many batches of one node wait."""
        return len(self._nodes.get(origin, ()))

    def weight_of(self, origin: Origin) -> int:
        """The memory that one node's batches take."""
        return self._weights.get(origin, 0)

    def greediest(self) -> Origin:
        """The node whose batches take most memory. There must be one."""
        return max(self._weights, key=self._weights.__getitem__)

    def put(self, waiting: Waiting) -> None:
        """Let a batch wait behind those of its node."""
        origin = waiting.received.origin
        self._nodes.setdefault(origin, deque()).append(waiting)
        self._count(origin, waiting, 1)

    def drop_newest(self, origin: Origin) -> Waiting:
        """Forget the newest batch of a node that has one."""
        dropped = self._nodes[origin].pop()
        self._count(origin, dropped, -1)
        return dropped

    def take(self, most: int, most_weight: int) -> list[Waiting]:
        """The next batches, in turns: at most so many, and not heavier together unless it is only one."""
        taken: list[Waiting] = []
        weight = 0
        while self._nodes and len(taken) < most:
            origin, queue = next(iter(self._nodes.items()))
            weight += queue[0].weight
            if taken and weight > most_weight:
                break
            taken.append(queue.popleft())
            self._nodes.move_to_end(origin)
            self._count(origin, taken[-1], -1)
        return taken

    def _count(self, origin: Origin, waiting: Waiting, sign: int) -> None:
        self.count += sign
        self.weight += sign * waiting.weight
        self._weights[origin] = self._weights.get(origin, 0) + sign * waiting.weight
        if not self._nodes[origin]:
            del self._nodes[origin], self._weights[origin]


class Doubted:
    """Bytes that were not intact. A wire rarely garbles twice alike: the very same again were sent so.

    They count as sent again only after a while, because a broker may deliver one message twice. Each node has a
    memory of its own, so that one that sends nonsense takes no other's chance.
    """

    def __init__(self) -> None:
        self._first: OrderedDict[Origin, OrderedDict[bytes, float]] = OrderedDict()

    def came_before(self, origin: Origin, payload: bytes, now: float) -> bool:
        """Whether these bytes came before under this name. Remembers that they came now."""
        mine = self._first.setdefault(origin, OrderedDict())
        self._first.move_to_end(origin)
        first = mine.setdefault(fingerprint(origin, payload), now)
        if len(mine) > GARBLED_A_NODE:
            mine.popitem(last=False)
        if len(self._first) > GARBLED_NODES:
            self._first.popitem(last=False)
        return now - first >= SAME_AGAIN_S


def fingerprint(origin: Origin, payload: bytes) -> bytes:
    """16 bytes that stand for a payload under a name."""
    digest = blake2b(f"{origin}\0".encode(), digest_size=16)
    digest.update(payload)
    return digest.digest()
