"""One node's outbox against the store: every image that was accepted, and every reading that is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass

from tests.faults.chronicle import BatchId, Chronicle
from tests.faults.processes import MINUTE_MS, NodeProcess
from tests.faults.readings import COUNT, EVENT_EVERY, TENANT, Role, samples, specs
from tests.ledger import Committed, Reading
from tests.stored import Kept
from tonnam_link.messages import CommandState, Sample
from tonnam_link.quality import Quality

SHOWN = 5
TIME_IS_RIGHT_MS = 3_000
CAUSES = {Role.WORN: {"damaged"}, Role.SMALL: {"thinned", "dropped"}}
"""The causes of a gap that a node may have: a gap event without one would cover everything."""


@dataclass
class Tally:
    """How many readings were accepted, are stored, and are covered by gap events (what is stored may be, too)."""

    accepted: int = 0
    stored: int = 0
    covered: int = 0
    lost: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


class Trial:
    """`found` and `events` are the whole store's; a node's own part is taken from it."""

    def __init__(
        self, node: NodeProcess, chronicle: Chronicle, found: Mapping[Reading, Sample], events: Iterable[Kept]
    ) -> None:
        self._node, self._name, self._journal = node, node.name, node.journal
        self._chronicle = chronicle
        self._resolutions = {spec.datastream: spec.resolution for spec in specs(node.name)}
        self._stored = self._own(found)
        self._events = {event.id: event for event in events if event.node == f"{TENANT}/{node.name}"}
        self._gaps = [event for event in self._events.values() if event.kind == "readings.gap"]
        self._images = self._numbered()
        self.must, self.may = self._committed()

    def wrong(self) -> Iterator[str]:
        """All that breaks the invariant."""
        yield from self._not_ours()
        yield from self._lost_or_changed()
        yield from self._twice_or_at_another_time()
        yield from self._wrong_gaps()
        yield from self._wrong_events()
        yield from self._wrong_ledger()
        if self._node.role is not Role.WORN:  # whose file may be beyond reading
            waiting = {table: count for table, count in self._node.ledger.waiting().items() if count}
            if waiting:
                yield f"{self._name}: its outbox is not empty: {waiting}"

    def count(self, tallies: dict[str, Tally]) -> None:
        """Lay each accepted reading to the fault that was the last to strike before it."""
        for number in self.must:
            tally = tallies.setdefault(self._fault_before(number), Tally())
            readings = len(samples(self._name, number))
            stored, covered = number in self._images, self._covered(number)
            tally.accepted += readings
            tally.stored += readings * stored
            tally.covered += readings * covered
            tally.lost += readings * (not (stored or covered))

    def minutes_to_check(self) -> dict[int, list[int]]:
        """The accepted images by minute, of each minute of which no raw reading is stored."""
        raw = {at // MINUTE_MS for at in self._stored}
        minutes = defaultdict(list)
        for number in sorted(self.must):
            minute = self._journal.offered[number].at_ms // MINUTE_MS
            if minute not in raw:
                minutes[minute * MINUTE_MS].append(number)
        return dict(minutes)

    def dropped(self, at_ms: int) -> bool:
        """Whether a gap event says that readings of then were deleted."""
        return any(gap.body["cause"] == "dropped" and _covers(gap, at_ms, at_ms + MINUTE_MS) for gap in self._gaps)

    def _own(self, found: Mapping[Reading, Sample]) -> dict[int, dict[str, Sample]]:
        """This node's part by time. What lies at the start of a minute of the small node is an aggregate."""
        mine: dict[int, dict[str, Sample]] = defaultdict(dict)
        for (stream, at), sample in found.items():
            tenant, name = stream.split("/", 1)
            if (tenant, name.split("/")[0]) != (TENANT, self._name):
                continue
            if self._node.role is not Role.SMALL or at % MINUTE_MS:
                mine[at][name] = sample
        return dict(mine)

    def _numbered(self) -> dict[int, list[int]]:
        """At which times an image is stored."""
        images: dict[int, list[int]] = defaultdict(list)
        for at, streams in self._stored.items():
            count = streams.get(f"{self._name}/{COUNT}")
            if count is not None and count.value is not None and count.value.is_integer():
                images[int(count.value)].append(at)
        return dict(images)

    def _committed(self) -> tuple[set[int], set[int]]:
        """The numbers that must be stored, and those that may.

        Without a ledger, what was offered and not told as accepted may have been. Past a disk that refuses, readings
        go on live: then what was offered may be stored, though it was not (yet) accepted.
        """
        offered = set(self._journal.offered)
        if self._node.role is not Role.PLAIN:
            return set(self._journal.accepted), offered
        committed = {
            int(what.sample.value or 0)
            for (stream, _), what in self._node.ledger.readings().items()
            if stream.endswith(COUNT)
        }
        refused = any(blow.kind.startswith("disk") for blow in self._chronicle.blows if blow.place == self._name)
        return committed | self._journal.accepted, offered if refused else committed

    def _not_ours(self) -> Iterator[str]:
        """Readings that belong to no image that could be stored."""
        known = {at for number, times in self._images.items() if number in self.may for at in times}
        strange = sorted(self._stored.keys() - known)
        if strange:
            told = "\n".join(f"  at {at}: {self._stored[at]}" for at in strange[:SHOWN])
            yield f"{self._name}: at {len(strange)} times the store has what nobody committed\n{told}"

    def _lost_or_changed(self) -> Iterator[str]:
        lost, changed = [], []
        for number in sorted(self.must):
            times = self._images.get(number, [])
            if not times and not self._covered(number):
                lost.append(number)
            if any(not self._is_whole(number, self._stored[at]) for at in times):
                changed.append(number)
        yield from self._stories("lost", lost)
        yield from self._stories("not stored as they were", changed)

    def _is_whole(self, number: int, stored: Mapping[str, Sample]) -> bool:
        """Whether an image is stored with all its readings, and nothing but those."""
        expected = samples(self._name, number)
        suspect = any(sample.quality is Quality.CLOCK_SUSPECT for sample in stored.values())
        if suspect and self._node.role is Role.TIMELESS:
            expected = {n: sample._replace(quality=Quality.CLOCK_SUSPECT) for n, sample in expected.items()}
        return expected.keys() == stored.keys() and all(
            Committed(sample, self._resolutions[name]).came_to(stored[name]) for name, sample in expected.items()
        )

    def _twice_or_at_another_time(self) -> Iterator[str]:
        """An image is stored once, at its time: the one that was given to it, or the right one when that was told."""
        late = []
        for number, times in self._images.items():
            if len(times) > 1:
                yield f"{self._name}: number {number} is stored {len(times)} times, at {times}"
            offer = self._journal.offered.get(number)
            if offer is not None and not self._is_in_time(number, times[0]):
                late.append(number)
        yield from self._stories("at another time", sorted(late))

    def _is_in_time(self, number: int, at: int) -> bool:
        offer = self._journal.offered[number]
        if self._node.role is Role.TIMELESS:
            suspect = any(sample.quality is Quality.CLOCK_SUSPECT for sample in self._stored[at].values())
            return (suspect and not offer.final) or abs(at - offer.true_ms) <= TIME_IS_RIGHT_MS
        return at == offer.at_ms

    def _covered(self, number: int) -> bool:
        at = self._journal.offered[number].at_ms
        return any(_covers(gap, at, at) for gap in self._gaps)

    def _wrong_gaps(self) -> Iterator[str]:
        """No gap without a cause: it would cover what is lost for none."""
        for gap in self._gaps:
            if gap.body["cause"] not in CAUSES.get(self._node.role, set()):
                yield f"{self._name}: a gap that nothing explains: {gap}"
        damaged = any(blow.kind.startswith("outbox damaged") for blow in self._chronicle.blows)
        if self._node.role is Role.WORN and self._gaps and not damaged:
            yield f"{self._name}: a gap, and its file was not damaged"

    def _wrong_events(self) -> Iterator[str]:
        """Every accepted event is stored once, as it was; of a damaged file it may be missed as readings are."""
        for number in sorted(self.must):
            name = f"{self._name}-{number}"
            if number % EVENT_EVERY or (self._node.role is Role.WORN and self._covered(number)):
                continue
            if name not in self._events:
                yield f"{self._name}: event {name} is lost"
        for name, event in self._events.items():
            if event.kind == "fault.noted" and not self._is_as_told(name, event):
                yield f"{self._name}: event {name} was never told like this: {event}"

    def _is_as_told(self, name: str, event: Kept) -> bool:
        number = event.body.get("number")
        offer = self._journal.offered.get(number) if isinstance(number, int) else None
        right = {
            "number": number,
            "node": self._name,
            **({"clock_suspect": True} if "clock_suspect" in event.body else {}),
        }
        if offer is None or name != f"{self._name}-{number}" or event.body != right:
            return False
        return event.at_ms == offer.at_ms or self._node.role is Role.TIMELESS

    def _wrong_ledger(self) -> Iterator[str]:
        """The ledger itself holds what the node measured and all that it was promised; its events are stored."""
        if self._node.role is not Role.PLAIN:
            return
        ledger = self._node.ledger
        by_time = {offer.at_ms: number for number, offer in self._journal.offered.items()}
        readings = ledger.readings()
        for (stream, at), what in readings.items():
            number = by_time.get(at, -1)
            if samples(self._name, number).get(stream.removeprefix(f"{TENANT}/")) != what.sample:
                yield f"{self._name}: {stream} at {at}, number {number}, was committed as {what.sample}"
        times = {at for _, at in readings}
        broken = [n for n in sorted(self._journal.accepted) if self._journal.offered[n].at_ms not in times]
        if broken:
            yield f"{self._name}: accepted, but not in the outbox's ledger: {broken}"
        lost = ledger.events().keys() - self._events.keys()
        yield from (f"{self._name}: event {name} was committed, and is lost" for name in lost)

    def done(self) -> set[str]:
        """The commands of which the node has told that they are done."""
        if self._node.role is Role.WORN:
            return set()
        if self._node.role is not Role.PLAIN:
            return self._journal.done
        outcomes = self._node.ledger.outcomes()
        return {outcome.command_id for outcome in outcomes if outcome.state is CommandState.DONE}

    def _fault_before(self, number: int) -> str:
        return self._chronicle.kind_at(self._name, self._journal.offered[number].heard)

    def _stories(self, what: str, numbers: list[int]) -> Iterator[str]:
        """How many images there are, and the story of the first few."""
        if numbers:
            stories = [self._story(number) for number in numbers[:SHOWN]]
            yield "\n".join([f"{self._name}: {len(numbers)} images are {what}: {_runs(numbers)}", *stories])

    def _story(self, number: int) -> str:
        """Where an image was, as far as anybody saw it."""
        offer, times = self._journal.offered[number], self._images.get(number, [])
        promised = "accepted" if number in self._journal.accepted else "not told as accepted"
        lines = [f"  number {number}, {offer}, {promised}; before it: {self._fault_before(number)}"]
        lines.extend(f"    stored at {at}: {self._stored[at]}" for at in times)
        if self._node.role is Role.PLAIN:
            for batch in self._node.ledger.batches():
                if any(offer.at_ms in column.observed_at_ms for column in batch.columns):
                    lines.append(f"    sealed in batch {batch.sequence} of epoch {batch.epoch}")
                    name = BatchId(f"{TENANT}/{self._name}", batch.epoch, batch.sequence)
                    lines.extend(f"      {line}" for line in self._chronicle.story(name))
        return "\n".join(lines)


def _covers(gap: Kept, first_ms: int, last_ms: int) -> bool:
    """Whether a gap event covers some of a time. An unknown beginning is the beginning of all."""
    return bool((gap.body["from_ms"] or 0) <= last_ms and first_ms <= gap.body["to_ms"])


def _runs(numbers: list[int]) -> str:
    return f"{numbers[0]} to {numbers[-1]}"
