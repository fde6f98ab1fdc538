"""Batches of other nodes in custody of a gateway: kept once, passed on unopened, never mixed up with its own."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.link.harness import ORIGIN, SPECS, START_MS, frame
from tests.link.outboxes import Arrived, batches, drained, opened
from tonnam_link.errors import OutboxUnavailable, TooLarge
from tonnam_link.messages import CommandState, DatastreamSpec, Event, Forwarded, Outcome, Sample
from tonnam_link.outbox.limits import Limits
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Dictionary, Kind, Row
from tonnam_link.wire.decode import decode

NODE = Origin("farm", "edge-7")
SPEC = DatastreamSpec("orchard/probe-1/soil_ec", "uS/cm", 0.0)
DICTIONARY = Dictionary([SPEC])
KIB = 1024


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where the outbox is."""
    return tmp_path / "outbox.db" if request.param == "file" else None


def readings(sequence: int, origin: Origin = NODE, frames: int = 20) -> Forwarded:
    """Batch `sequence` of a node: `frames` readings that do not compress, one a second."""
    noise = random.Random(sequence)
    first_ms = START_MS + sequence * frames * 1000
    rows = [Row(first_ms + n * 1000, [(0, Sample(noise.random()))]) for n in range(frames)]
    return Forwarded(origin, Channel.UP, codec.encode_readings(origin, 7, sequence + 1, DICTIONARY, rows))


def definition(origin: Origin = NODE) -> Forwarded:
    return Forwarded(origin, Channel.UP, codec.encode_dictionary(origin, 7, 999_999, DICTIONARY))


def words(sequence: int) -> list[Forwarded]:
    event = Event(f"e{sequence}", "run.ended", START_MS, {})
    outcome = Outcome(f"c{sequence}", CommandState.DONE, START_MS)
    return [
        Forwarded(NODE, Channel.UP, codec.encode_events(NODE, 7, 500_000 + 2 * sequence, [event])),
        Forwarded(NODE, Channel.OUTCOME, codec.encode_outcomes(NODE, 7, 500_001 + 2 * sequence, [outcome])),
    ]


def test_forwarded_batch_is_passed_on_byte_by_byte_under_our_own_number(place: Path | None) -> None:
    outbox = opened(place)
    item = readings(0)
    (sealed,) = outbox.accept_forwarded([item])
    assert (sealed.sequence, sealed.kind, sealed.inner) == (1, Kind.FORWARD, Kind.READINGS)
    assert sealed.dictionary == DICTIONARY.hash
    payload = outbox.payload(sealed.sequence)
    assert payload is not None
    assert codec.intact(payload, ORIGIN)
    assert (decode(payload).epoch, decode(payload).forwarded) == (outbox.epoch, item)


def test_each_item_is_answered_with_its_batch_and_kept_once(place: Path | None) -> None:
    outbox = opened(place)
    first, second = readings(0), readings(1)
    sealed = outbox.accept_forwarded([first, second, first])
    assert [one.sequence for one in sealed] == [1, 2, 1]
    assert [one.sequence for one in outbox.accept_forwarded([second])] == [2]
    assert outbox.backlog.batches == 2
    other = readings(0, Origin("farm", "edge-8"))
    assert [one.sequence for one in outbox.accept_forwarded([other])] == [3]


def test_what_was_released_is_taken_into_custody_again(place: Path | None) -> None:
    outbox = opened(place)
    (sealed,) = outbox.accept_forwarded([readings(0)])
    outbox.release([sealed.sequence])
    assert [one.sequence for one in outbox.accept_forwarded([readings(0)])] == [2]


def test_same_batch_is_kept_once_after_a_restart(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "outbox.db")
    outbox.accept_forwarded([readings(0)])
    outbox.close()
    again = opened(tmp_path / "outbox.db")
    assert [one.sequence for one in again.accept_forwarded([readings(0)])] == [1]
    assert again.backlog.batches == 1


def test_events_and_outcomes_of_others_go_before_readings(place: Path | None) -> None:
    outbox = opened(place)
    outbox.accept([frame(0)])
    outbox.seal()
    outbox.accept_forwarded([readings(0), *words(0)])
    assert [batch.sequence for batch in batches(outbox)] == [3, 4, 1, 2]


def test_dictionaries_that_passed_are_known_and_told_again_as_their_node_sealed_them(place: Path | None) -> None:
    outbox = opened(place)
    assert not outbox.knows_dictionary(NODE, DICTIONARY.hash)
    (passing,) = outbox.accept_forwarded([definition()])
    assert outbox.knows_dictionary(NODE, DICTIONARY.hash)
    assert not outbox.knows_dictionary(Origin("farm", "edge-8"), DICTIONARY.hash)
    assert outbox.seal_dictionary(DICTIONARY.hash) == passing, "it is still here"
    outbox.release([passing.sequence])
    again = outbox.seal_dictionary(DICTIONARY.hash)
    assert again is not None
    assert (again.sequence, again.kind, again.inner) == (2, Kind.FORWARD, Kind.DICTIONARY)
    payload = outbox.payload(again.sequence)
    assert payload is not None
    assert decode(payload).forwarded == definition()


def test_dictionaries_are_known_after_a_restart(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "outbox.db")
    outbox.accept_forwarded([definition()])
    outbox.close()
    assert opened(tmp_path / "outbox.db").knows_dictionary(NODE, DICTIONARY.hash)


def test_a_node_that_makes_dictionaries_without_end_fills_nothing(place: Path | None) -> None:
    outbox = opened(place)
    made = [Dictionary([DatastreamSpec(f"s/t/p{n}", "1", 1.0)]) for n in range(80)]
    for n, dictionary in enumerate(made):
        payload = codec.encode_dictionary(NODE, 7, n + 1, dictionary)
        outbox.release(
            [sealed.sequence for sealed in outbox.accept_forwarded([Forwarded(NODE, Channel.UP, payload)])]
        )
    known = [outbox.knows_dictionary(NODE, dictionary.hash) for dictionary in made]
    assert known == [False] * 16 + [True] * 64


def test_items_of_one_call_are_one_transaction(place: Path | None) -> None:
    outbox = opened(place)
    with pytest.raises(TooLarge):
        outbox.accept_forwarded([readings(0), Forwarded(NODE, Channel.UP, bytes(300 * KIB))])
    assert outbox.backlog.empty
    assert outbox.accept_forwarded([readings(0)])[0].sequence == 1


def test_others_are_dropped_only_when_nothing_of_our_own_is_left_to_thin(place: Path | None) -> None:
    limit, count = 110 * KIB, 300
    outbox = opened(place, Limits(bytes=limit))
    outbox.accept([frame(n) for n in range(1_000)])
    outbox.seal()
    for n in range(count):
        outbox.accept_forwarded([readings(n), *words(n)] if n % 10 == 0 else [readings(n)])
        assert outbox.used_bytes <= limit * 1.1
    found = drained(outbox)
    causes = [(event.body["cause"], event.body["node"]) for event in found.events.values()]
    assert causes.index(("thinned", None)) < causes.index(("dropped", "farm/edge-7"))
    inner = Arrived().take(decode(item.payload, {DICTIONARY.hash: DICTIONARY}) for item in found.forwarded)
    times = [START_MS + n * 1000 for n in range(20 * count)]
    lost = [at for at in times if (SPEC.datastream, at) not in inner.readings]
    assert lost
    assert all(found.covers(at, "farm/edge-7") for at in lost)
    assert {f"e{n}" for n in range(0, count, 10)} <= inner.events.keys(), "events of others are never dropped"
    assert {(f"c{n}", "done") for n in range(0, count, 10)} <= inner.outcomes.keys()


def test_events_of_others_are_refused_in_time_when_nothing_can_be_dropped(place: Path | None) -> None:
    outbox = opened(place, Limits(bytes=80 * KIB))
    n = 0
    with pytest.raises(OutboxUnavailable, match="full of events"):  # noqa: PT012 - nobody knows which one
        for n in range(2_000):
            outbox.accept_forwarded(words(n))
    assert outbox.used_bytes <= 80 * KIB * 1.2
    assert outbox.backlog.batches == 2 * n


def test_batch_of_a_later_wire_version_is_kept_like_an_event(place: Path | None) -> None:
    """Nobody here knows what is in it, so it is not dropped."""
    outbox = opened(place)
    array = readings(0).payload[5:]
    strange = Forwarded(NODE, Channel.UP, b"\x09" + codec.checksum(NODE, b"\x09", array) + array)
    (sealed,) = outbox.accept_forwarded([strange])
    assert (sealed.kind, sealed.inner, sealed.dictionary) == (Kind.FORWARD, None, None)
    assert drained(outbox).forwarded == [strange]


def test_our_own_dictionary_is_told_as_our_own(place: Path | None) -> None:
    outbox = opened(place)
    same = Dictionary(SPECS)
    payload = codec.encode_dictionary(NODE, 7, 1, same)
    outbox.accept_forwarded([Forwarded(NODE, Channel.UP, payload)])
    sealed = outbox.seal_dictionary(same.hash)
    assert sealed is not None
    assert sealed.kind is Kind.DICTIONARY
