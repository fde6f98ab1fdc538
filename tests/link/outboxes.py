"""What tests look at in an outbox: everything it would send, and whether that is all it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.link.harness import ORIGIN, SPECS, Identity
from tonnam_link.messages import Event, Forwarded, Frame, Outcome, Stamp
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.outbox import Backlog, Outbox
from tonnam_link.wire.codec import MAX_BATCH_BYTES, Dictionary
from tonnam_link.wire.decode import Batch, decode
from tonnam_link.wire.envelope import FORWARD_BYTES

KNOWN = {Dictionary(SPECS).hash: Dictionary(SPECS)}
MINUTE_MS = 60_000


def opened(path: Path | None, limits: Limits = Limits(), mono_ms: Callable[[], int] | None = None) -> Outbox:  # noqa: B008
    outbox = Outbox(path, ORIGIN, limits, **({} if mono_ms is None else {"mono_ms": mono_ms}))
    outbox.register(SPECS)
    return outbox


def batches(outbox: Outbox) -> list[Batch]:
    """All batches in the order in which they would go as backlog."""
    found: list[Batch] = []
    while sealed := outbox.oldest([batch.sequence for batch in found]):
        payload = outbox.payload(sealed.sequence)
        assert payload is not None
        assert len(payload) == sealed.size <= MAX_BATCH_BYTES + FORWARD_BYTES
        found.append(decode(payload, KNOWN))
    return found


def identities_of(batch: Batch) -> set[Identity]:
    return {(column.datastream, at) for column in batch.columns for at in column.observed_at_ms.tolist()}


def contents(outbox: Outbox) -> dict[Identity, float]:
    """All sealed readings. A reading that is there twice fails."""
    readings: dict[Identity, float] = {}
    for batch in batches(outbox):
        for column in batch.columns:
            for at, value in zip(column.observed_at_ms.tolist(), column.value.tolist(), strict=True):
                assert (column.datastream, at) not in readings
                readings[column.datastream, at] = value
    return readings


def events_of(outbox: Outbox) -> list[Event]:
    return [event for batch in batches(outbox) for event in batch.events]


def gaps_of(outbox: Outbox) -> list[dict[str, Any]]:
    """The bodies of the gap events that are sealed."""
    return [event.body for event in events_of(outbox) if event.kind == "readings.gap"]


def stamped(frame: Frame, boot: str, mono_ms: int, guess_ms: int = 0) -> Frame:
    """The frame as a node without time tells it."""
    return Frame(guess_ms, frame.samples, Stamp(boot, mono_ms))


def tidy(outbox: Outbox) -> None:
    """Let it do all of its housekeeping."""
    while outbox.tend():
        pass


def drained(outbox: Outbox) -> Arrived:
    """All that it ever gives, until nothing is left in it."""
    arrived = Arrived()
    while True:
        tidy(outbox)
        outbox.seal()
        found = batches(outbox)
        if not found:
            assert outbox.backlog == Backlog()
            return arrived
        arrived.take(found)
        outbox.release([batch.sequence for batch in found])


@dataclass
class Arrived:
    """What came out of an outbox, as a receiver would have it."""

    readings: set[Identity] = field(default_factory=set)
    minutes: dict[tuple[str, int], int] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    forwarded: list[Forwarded] = field(default_factory=list)

    def take(self, batches: Iterable[Batch]) -> Arrived:
        for batch in batches:
            self.readings |= identities_of(batch)
            for column in batch.aggregates:
                for minute_ms, count in zip(column.minute_ms.tolist(), column.count.tolist(), strict=True):
                    key = (column.datastream, minute_ms)
                    self.minutes[key] = self.minutes.get(key, 0) + count
            self.events |= {event.id: event for event in batch.events}
            self.outcomes |= {(outcome.command_id, outcome.state): outcome for outcome in batch.outcomes}
            if batch.forwarded is not None:
                self.forwarded.append(batch.forwarded)
        return self

    def gaps(self, node: str | None = None) -> list[Mapping[str, Any]]:
        bodies = [event.body for event in self.events.values() if event.kind == "readings.gap"]
        return [body for body in bodies if body["node"] == node]

    def covers(self, at_ms: int, node: str | None = None) -> bool:
        """Whether a gap was told that this time lies in."""
        return any((gap["from_ms"] or 0) <= at_ms <= gap["to_ms"] for gap in self.gaps(node))

    def lacks(self, readings: Iterable[Identity]) -> set[Identity]:
        """Readings that neither came nor lie in a gap."""
        return {(name, at) for name, at in readings if (name, at) not in self.readings and not self.covers(at)}
