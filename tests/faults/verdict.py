"""What nodes had accepted, held against what the cloud has stored: nothing lost, nothing twice, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field

from tests.faults.chronicle import BatchId, Chronicle
from tests.faults.processes import NodeProcess
from tests.faults.readings import TENANT, count_stream, samples
from tests.faults.world import World
from tests.ledger import Reading
from tests.stored import Kept, command_states, quarantined, stored, stored_events
from tonnam_link.messages import CommandState, Sample

SHOWN = 5


@dataclass
class Tally:
    """How many readings were accepted, are stored, and are covered by gap events (what is stored may be, too)."""

    accepted: int = 0
    stored: int = 0
    covered: int = 0
    lost: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


@dataclass
class Verdict:
    """`wrong` is empty when the invariant holds. Each of its entries tells the story of one thing that is wrong."""

    wrong: list[str] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)


def judge(world: World) -> Verdict:
    """Look at the disks of a world that has healed and ended."""
    verdict, data = Verdict(), world.cloud.data
    found, events = stored(data), stored_events(data)
    for node in world.nodes.values():
        held = NodeTrial(node, world.chronicle, found, events)
        held.count(verdict.tallies)
        verdict.wrong.extend(held.wrong())
    verdict.wrong.extend(_of_nobody(world, found))
    for entry in quarantined(data):
        verdict.wrong.append(f"in quarantine: {entry.node}, {len(entry.payload)} bytes: {entry.reason}")
    verdict.wrong.extend(_wrong_commands(world))
    return verdict


def _wrong_commands(world: World) -> Iterator[str]:
    """What a node did because of a command, the cloud knows."""
    states = command_states(world.cloud.data)
    for node in world.nodes.values():
        for outcome in node.ledger.outcomes():
            if outcome.state is CommandState.DONE and states[outcome.command_id] != CommandState.DONE:
                yield f"command {outcome.command_id} is {states[outcome.command_id]}, and its node did it"


def _of_nobody(world: World, found: Iterable[Reading]) -> Iterator[str]:
    ours = tuple(f"{TENANT}/{name}/" for name in world.nodes)
    strange = sorted({stream for stream, _ in found if not stream.startswith(ours)})
    yield from (f"the store has a series of no node: {stream}" for stream in strange)


class NodeTrial:
    """One node's outbox against the store."""

    def __init__(
        self, node: NodeProcess, chronicle: Chronicle, found: Mapping[Reading, Sample], events: Iterable[Kept]
    ) -> None:
        self._node = node
        self._name = node.name
        self._chronicle = chronicle
        self._committed = node.ledger.readings()
        self._stored = {
            reading: kept for reading, kept in found.items() if reading[0].startswith(f"{TENANT}/{node.name}/")
        }
        self._events = {event.id: event for event in events if event.node == f"{TENANT}/{node.name}"}
        self._gaps = [event for event in self._events.values() if event.kind == "readings.gap"]
        self._numbers = {offer.at_ms: number for number, offer in node.journal.offered.items()}

    def wrong(self) -> Iterator[str]:
        """All that breaks the invariant."""
        stored, committed = self._stored.keys(), self._committed.keys()
        lost = [reading for reading in committed - stored if not self._covered(reading)]
        changed = [each for each in committed & stored if not self._committed[each].came_to(self._stored[each])]
        yield from self._stories("lost", lost)
        yield from self._stories("stored, but were never committed", stored - committed)
        yield from self._stories("stored with another value", changed)
        yield from self._told_twice()
        yield from self._not_as_measured()
        yield from self._wrong_events()
        waiting = {table: count for table, count in self._node.ledger.waiting().items() if count}
        if waiting:
            yield f"{self._name}: its outbox is not empty: {waiting}"

    def count(self, tallies: dict[str, Tally]) -> None:
        """Lay each accepted reading to the fault that was the last to strike before it."""
        for reading in self._committed:
            tally = tallies.setdefault(self._fault_before(reading), Tally())
            stored, covered = reading in self._stored, self._covered(reading)
            tally.accepted += 1
            tally.stored += stored
            tally.covered += covered
            tally.lost += not (stored or covered)

    def _fault_before(self, reading: Reading) -> str:
        number = self._numbers.get(reading[1])
        heard = self._node.journal.offered[number].heard if number is not None else 0.0
        return self._chronicle.kind_at(self._name, heard)

    def _covered(self, reading: Reading) -> bool:
        """Whether a gap event covers it. An unknown beginning is the beginning of all."""
        return any((gap.body["from_ms"] or 0) <= reading[1] <= gap.body["to_ms"] for gap in self._gaps)

    def _told_twice(self) -> Iterator[str]:
        """An image has a number, which is measured once, whatever its time."""
        counts = Counter(
            kept.value for reading, kept in self._stored.items() if reading[0] == count_stream(self._name)
        )
        for number, times in counts.items():
            if times > 1:
                yield f"{self._name}: number {number} is stored {times} times"

    def _not_as_measured(self) -> Iterator[str]:
        """The ledger itself holds what the node measured, at the time that it said, and all that it was promised."""
        for (stream, at), what in self._committed.items():
            number = self._numbers.get(at)
            if number is None:
                yield f"{self._name}: {stream} at {at} was committed and never measured"
            elif samples(self._name, number).get(stream.removeprefix(f"{TENANT}/")) != what.sample:
                yield f"{self._name}: {stream} number {number} was committed as {what.sample}"
        known = {at for _, at in self._committed}
        journal = self._node.journal
        broken = [number for number in sorted(journal.accepted) if journal.offered[number].at_ms not in known]
        if broken:
            yield f"{self._name}: accepted, but not in the outbox's ledger: {broken}"

    def _wrong_events(self) -> Iterator[str]:
        """Every committed event is stored, as it was."""
        committed = self._node.ledger.events()
        yield from (f"{self._name}: event {name} is lost" for name in committed.keys() - self._events.keys())
        yield from (f"{self._name}: event {name} was never made" for name in self._events.keys() - committed.keys())
        for name in committed.keys() & self._events.keys():
            told, kept = committed[name], self._events[name]
            if (told.kind, told.at_ms, told.body) != (kept.kind, kept.at_ms, kept.body):
                yield f"{self._name}: event {name} was {told} and is {kept}"

    def _stories(self, what: str, readings: Iterable[Reading]) -> Iterator[str]:
        """How many there are, and the story of the first few."""
        wrong = sorted(readings, key=lambda reading: reading[1])
        if wrong:
            stories = [self._story(reading) for reading in wrong[:SHOWN]]
            yield "\n".join([f"{self._name}: {len(wrong)} readings are {what}", *stories])

    def _story(self, reading: Reading) -> str:
        """Where a reading was, as far as anybody saw it."""
        stream, at = reading
        number = self._numbers.get(at)
        promised = "accepted" if number in self._node.journal.accepted else "not told as accepted"
        lines = [f"  {stream} at {at}: number {number}, {promised}; before it: {self._fault_before(reading)}"]
        if reading in self._committed:
            lines.append(f"    committed as {self._committed[reading].sample}")
        if reading in self._stored:
            lines.append(f"    stored as {self._stored[reading]}")
        for batch in self._node.ledger.batches():
            if any(f"{TENANT}/{c.datastream}" == stream and at in c.observed_at_ms for c in batch.columns):
                lines.append(f"    sealed in batch {batch.sequence} of epoch {batch.epoch}")
                name = BatchId(f"{TENANT}/{self._name}", batch.epoch, batch.sequence)
                lines.extend(f"      {line}" for line in self._chronicle.story(name))
        return "\n".join(lines)
