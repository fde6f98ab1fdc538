"""How an outbox behaves, on a disk and in memory alike: what it accepted it has, until the next tier has it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.link.harness import ORIGIN, SPECS, START_MS, frame, identities
from tests.link.outboxes import batches, contents, identities_of, opened
from tonnam_link.errors import TooLarge
from tonnam_link.messages import CommandState, DatastreamSpec, Event, Frame, Outcome, Sample
from tonnam_link.outbox.outbox import Backlog, Outbox
from tonnam_link.wire.codec import MAX_BATCH_BYTES, Dictionary, Kind
from tonnam_link.wire.decode import decode

EVENT = Event("e1", "node.started", START_MS, {"boot": "b1"})
OUTCOME = Outcome("c1", CommandState.DONE, START_MS)


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where the outbox is."""
    return tmp_path / "outbox.db" if request.param == "file" else None


def test_accepted_frames_wait_until_they_are_sealed(place: Path | None) -> None:
    frames = [frame(n) for n in range(10)]
    outbox = opened(place)
    outbox.accept(frames)
    assert (outbox.backlog, outbox.waiting) == (Backlog(0, 40, 0), 40)
    assert outbox.oldest() is None
    (sealed,) = outbox.seal()
    assert (sealed.sequence, sealed.kind, sealed.readings) == (1, Kind.READINGS, 40)
    assert contents(outbox).keys() == identities(frames)
    assert (outbox.backlog, outbox.waiting) == (Backlog(1, 40, sealed.size), 0)


def test_seal_leaves_fewer_readings_than_it_is_asked_for_to_wait(place: Path | None) -> None:
    outbox = opened(place)
    outbox.accept([frame(0), frame(1)])
    assert outbox.seal(at_least=9) == []
    assert outbox.waiting == 8
    outbox.accept([frame(2)])
    assert [sealed.readings for sealed in outbox.seal(at_least=9)] == [12]
    assert outbox.seal() == []


def test_events_and_outcomes_are_sealed_by_accept_in_batches_of_their_own(place: Path | None) -> None:
    outbox = opened(place)
    sealed = outbox.accept([frame(0)], [EVENT], [OUTCOME])
    assert [(one.sequence, one.kind) for one in sealed] == [(1, Kind.EVENTS), (2, Kind.OUTCOMES)]
    assert [batch.events for batch in batches(outbox) if batch.events] == [[EVENT]]
    assert [batch.outcomes for batch in batches(outbox) if batch.outcomes] == [[OUTCOME]]


def test_sealed_bytes_never_change(place: Path | None) -> None:
    outbox = opened(place)
    outbox.accept([frame(0)])
    (sealed,) = outbox.seal()
    before = outbox.payload(sealed.sequence)
    outbox.accept([frame(1)], [EVENT])
    outbox.seal()
    outbox.tend()
    assert outbox.payload(sealed.sequence) == before


def test_released_batches_are_gone_and_their_sequence_is_never_used_again(place: Path | None) -> None:
    outbox = opened(place)
    (events,) = outbox.accept(events=[EVENT])
    outbox.release([events.sequence])
    assert outbox.payload(events.sequence) is None
    assert outbox.oldest() is None
    assert outbox.backlog.empty
    outbox.flush()
    (sealed,) = outbox.accept(events=[EVENT])
    assert sealed.sequence == events.sequence + 1


def test_release_of_what_is_not_there_changes_nothing(place: Path | None) -> None:
    outbox = opened(place)
    outbox.accept([frame(0)], [EVENT])
    before = outbox.backlog
    outbox.release([99, 0, -1])
    assert outbox.backlog == before


def test_backlog_goes_events_and_outcomes_first_then_oldest_first(place: Path | None) -> None:
    outbox = opened(place)
    for number in range(3):
        outbox.accept([frame(number)])
        outbox.seal()
    outbox.accept(events=[EVENT])
    assert [batch.kind for batch in batches(outbox)] == ["events", "readings", "readings", "readings"]
    assert [batch.sequence for batch in batches(outbox)] == [4, 1, 2, 3]


def test_frames_of_one_accept_are_one_transaction(place: Path | None) -> None:
    outbox = opened(place)
    bad = Frame(START_MS + 5_000, {"melon/nobody/knows": Sample(1.0)})
    with pytest.raises(ValueError, match="melon/nobody/knows"):
        outbox.accept([frame(0), bad])
    with pytest.raises(ValueError, match="no time"):
        outbox.accept([frame(0), Frame(-1, {SPECS[0].datastream: Sample(1.0)})])
    with pytest.raises(TooLarge):
        outbox.accept([frame(0)], [EVENT, Event("e2", "big", START_MS, {"text": "x" * MAX_BATCH_BYTES})])
    with pytest.raises(TooLarge):
        outbox.accept(
            [frame(0)], outcomes=[Outcome("c2", CommandState.DONE, START_MS, {"en": "x" * MAX_BATCH_BYTES})]
        )
    assert outbox.backlog.empty
    assert outbox.accept([frame(0)], [EVENT])[0].sequence == 1


def test_more_events_and_outcomes_than_fit_into_one_batch_go_in_several(place: Path | None) -> None:
    outbox = opened(place)
    events = [Event(f"e{n}", "run.ended", START_MS + n, {"text": "x" * 50_000}) for n in range(10)]
    outcomes = [Outcome(f"c{n}", CommandState.DONE, START_MS + n, {"en": "x" * 50_000}) for n in range(10)]
    assert len(outbox.accept([], events, outcomes)) > 2
    assert [event for batch in batches(outbox) for event in batch.events] == events
    assert [outcome for batch in batches(outbox) for outcome in batch.outcomes] == outcomes


def test_reading_told_again_is_the_same_reading(place: Path | None) -> None:
    outbox = opened(place)
    outbox.accept([frame(0), frame(1)])
    outbox.accept([frame(0), frame(1)])
    outbox.seal()
    outbox.accept([frame(1), frame(0)])
    outbox.seal()
    assert [identities_of(batch) for batch in batches(outbox)] == [identities([frame(0), frame(1)])] * 2


def test_reading_that_comes_late_keeps_its_time_however_little(place: Path | None) -> None:
    outbox = opened(place)
    frames = [frame(1), frame(0), frame(0, START_MS - 400), frame(0, START_MS - 3_600_000)]
    for one in frames:
        outbox.accept([one])
    outbox.seal()
    assert contents(outbox).keys() == identities(frames)


def test_of_two_samples_with_one_identity_the_first_counts(place: Path | None) -> None:
    """As in the store, so that it makes no difference whether both came in one batch."""
    outbox = opened(place)
    name = SPECS[0].datastream
    outbox.accept([Frame(START_MS, {name: Sample(21.0)}), Frame(START_MS, {name: Sample(22.0)})])
    outbox.accept([Frame(START_MS, {name: Sample(23.0)})])
    (sealed,) = outbox.seal()
    assert contents(outbox) == {(name, START_MS): 21.0}
    outbox.release([sealed.sequence])
    assert outbox.backlog == Backlog()


def test_late_frames_among_new_ones_do_not_make_a_batch_each(place: Path | None) -> None:
    outbox = opened(place)
    years_ago = START_MS - 3 * 365 * 86_400_000
    frames = [one for n in range(50) for one in (frame(n), frame(n, years_ago))]
    outbox.accept(frames)
    assert len(outbox.seal()) == 2
    assert contents(outbox).keys() == identities(frames)


def test_another_datastream_keeps_its_own_time(place: Path | None) -> None:
    outbox = opened(place)
    outbox.accept([Frame(START_MS + 1_000, {SPECS[0].datastream: Sample(1.0)})])
    outbox.accept([Frame(START_MS + 400, {SPECS[1].datastream: Sample(1.0)})])
    outbox.seal()
    assert contents(outbox).keys() == {(SPECS[0].datastream, START_MS + 1_000), (SPECS[1].datastream, START_MS + 400)}


def test_what_is_pending_keeps_its_dictionary_when_the_site_file_changes(place: Path | None) -> None:
    outbox = opened(place)
    outbox.accept([frame(0)])
    other = outbox.register([DatastreamSpec("melon/tank/level", "cm", 1.0)])
    outbox.accept([Frame(START_MS, {"melon/tank/level": Sample(120.0)})])
    sealed = outbox.seal()
    assert {one.dictionary for one in sealed} == {Dictionary(SPECS).hash, other.hash}
    definition = outbox.seal_dictionary(Dictionary(SPECS).hash)
    assert definition is not None
    payload = outbox.payload(definition.sequence)
    assert payload is not None
    assert decode(payload).specs == tuple(SPECS)
    assert outbox.seal_dictionary("00" * 8) is None


def test_what_does_not_fit_into_one_batch_is_split(place: Path | None) -> None:
    specs = [DatastreamSpec(f"s/t/p{n}", "1", 0.0) for n in range(40)]
    outbox = Outbox(place, ORIGIN)
    dictionary = outbox.register(specs)
    noise = random.Random(7)
    frames = [Frame(START_MS + k, {s.datastream: Sample(noise.random()) for s in specs}) for k in range(1_000)]
    outbox.accept(frames)
    sealed = outbox.seal()
    payloads = [outbox.payload(one.sequence) for one in sealed]
    found = [decode(payload, {dictionary.hash: dictionary}) for payload in payloads if payload]
    assert len(found) == len(sealed) > 1
    assert all(one.size <= MAX_BATCH_BYTES for one in sealed)
    assert sum(len(column.value) for batch in found for column in batch.columns) == 40_000


def test_history_that_breaks_off_leaves_nothing(place: Path | None) -> None:
    outbox = opened(place)
    bad = Frame(START_MS, {"melon/nobody/knows": Sample(1.0)})
    with pytest.raises(ValueError, match="nobody"):
        outbox.seal_history([*(frame(n) for n in range(5_000)), bad], [EVENT], 4_096)
    assert outbox.backlog.empty
    assert outbox.seal_history((frame(n) for n in range(5_000)), [EVENT], 4_096) == 20_000
    assert contents(outbox).keys() == identities([frame(n) for n in range(5_000)])
    assert batches(outbox)[0].events == [EVENT]


def test_without_registered_datastreams_no_frame_is_accepted(place: Path | None) -> None:
    outbox = Outbox(place, ORIGIN)
    with pytest.raises(ValueError, match="no datastreams are registered"):
        outbox.accept([frame(0)])
    assert outbox.accept(events=[EVENT])
