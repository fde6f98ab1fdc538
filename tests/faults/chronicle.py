"""What happened in a world: which faults struck, what passed the proxies, and when each node was well again."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.faults.cases import CLOUD
from tests.faults.lane import Passed
from tests.faults.link_faults import Way
from tonnam_link.errors import Rejected
from tonnam_link.messages import Verdict
from tonnam_link.topics import Channel, Origin, parse_node_topic
from tonnam_link.wire.envelope import identify, intact
from tonnam_link.wire.replies import decode_reply

BATCHES = {Channel.UP, Channel.BACK, Channel.OUTCOME}


class BatchId(NamedTuple):
    """A batch anywhere in the world."""

    origin: str
    epoch: int
    sequence: int


class Seen(NamedTuple):
    """A batch, or the reply to one, as it left a proxy. `verdict` is the reply's."""

    at: float
    link: str
    channel: str
    batch: BatchId
    verdict: str
    fault: str
    whole: bool


@dataclass
class Blow:
    """A fault that struck the way of some nodes. `over` is None while it lasts; `well`: who came back, and when."""

    kind: str
    place: str
    nodes: tuple[str, ...]
    at: float
    over: float | None = None
    well: dict[str, float] = field(default_factory=dict)

    @property
    def recovery_s(self) -> float | None:
        """From its end until the last of its nodes had a new batch stored; None while one has not."""
        if self.over is None or len(self.well) < len(self.nodes):
            return None
        return max(0.0, max(self.well.values()) - self.over)


class Chronicle:
    """Times are those of `time.monotonic`, which asyncio's loop uses too."""

    def __init__(self, nodes: Iterable[str], behind: Mapping[str, Sequence[str]]) -> None:
        """`behind`: which nodes a place concerns that is neither theirs nor everybody's."""
        self.began = time.monotonic()
        self.blows: list[Blow] = []
        self.seen: list[Seen] = []
        self.sent_again: Counter[str] = Counter()
        self.duplicates: Counter[str] = Counter()
        self.stored_replies: Counter[str] = Counter()
        self._nodes = tuple(nodes)
        self._behind = {node: (node,) for node in self._nodes} | {place: tuple(on) for place, on in behind.items()}
        self._blows_of: dict[str, list[Blow]] = defaultdict(list)
        self._first_sent: dict[BatchId, float] = {}
        self._arrived: set[BatchId] = set()

    def strike(self, kind: str, place: str) -> Blow:
        """A fault strikes now. At a node it concerns that one and those behind it; at broker and cloud, all."""
        nodes = self._behind.get(place, self._nodes)
        blow = Blow(kind, place, nodes, time.monotonic())
        self.blows.append(blow)
        for node in nodes:
            self._blows_of[node].append(blow)
        return blow

    def watch(self, link: str) -> Callable[[Passed], None]:
        """What a proxy tells of what passes it."""
        return lambda passed: self._note(link, passed)

    def kind_at(self, node: str, at: float) -> str:
        """Which kind of fault struck the way of a node last, at a time."""
        return next((blow.kind for blow in reversed(self._blows_of[node]) if blow.at <= at), "none yet")

    def story(self, batch: BatchId) -> Iterator[str]:
        """All that the proxies saw of a batch."""
        yield from (self._told(seen) for seen in self.seen if seen.batch == batch)

    def save(self, path: Path) -> None:
        """Write down everything, in order."""
        lines = [(seen.at, f"{self._told(seen)}  {seen.batch}") for seen in self.seen]
        lines += [(blow.at, f"{blow.at - self.began:7.2f} s  {blow}") for blow in self.blows]
        path.write_text("\n".join(line for _, line in sorted(lines)) + "\n")

    def _told(self, seen: Seen) -> str:
        fate = f" ({seen.fault})" if seen.fault else ""
        what = f"reply {seen.verdict}" if seen.verdict else "batch"
        return f"{seen.at - self.began:7.2f} s  {seen.link:8} {seen.channel:8} {what}{fate}"

    def _note(self, link: str, passed: Passed) -> None:
        topic = parse_node_topic(passed.packet.topic)
        if topic is None:
            return
        now, payload = time.monotonic(), passed.packet.payload
        if topic.channel in BATCHES and intact(payload, topic.origin) and (identity := identify(payload)) is not None:
            batch = BatchId(str(topic.origin), *identity)
            self.seen.append(Seen(now, link, topic.channel, batch, "", passed.fault, passed.whole))
            self._note_batch(link, passed, topic.node, batch, now)
        elif topic.channel is Channel.REPLY:
            self._note_reply(link, passed, topic.origin, now)

    def _note_batch(self, link: str, passed: Passed, node: str, batch: BatchId, now: float) -> None:
        if link == node and passed.way is Way.UP:
            if batch in self._first_sent and passed.fault != "packet duplicated":
                self.sent_again[self.kind_at(node, now)] += 1
            self._first_sent.setdefault(batch, now)
        if link == CLOUD and passed.way is Way.DOWN and passed.whole:
            self.duplicates[self.kind_at(node, now)] += batch in self._arrived
            self._arrived.add(batch)

    def _note_reply(self, link: str, passed: Passed, origin: Origin, now: float) -> None:
        try:
            reply = decode_reply(origin, passed.packet.payload)
        except Rejected:
            return  # garbled by another proxy
        batch = BatchId(str(origin), reply.epoch, reply.sequence)
        self.seen.append(Seen(now, link, Channel.REPLY, batch, reply.verdict, passed.fault, passed.whole))
        if link == origin.node and passed.way is Way.DOWN and passed.whole and reply.verdict is Verdict.STORED:
            self.stored_replies[origin.node] += 1
            self._note_well(origin.node, self._first_sent.get(batch, 0.0), now)

    def _note_well(self, node: str, sent_at: float, now: float) -> None:
        """A batch that was first sent after a fault was over is stored, and the node knows it."""
        for blow in self._blows_of[node]:
            if blow.over is not None and blow.over <= sent_at:
                blow.well.setdefault(node, now)
