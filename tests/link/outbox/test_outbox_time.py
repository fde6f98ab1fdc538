"""Readings, events and outcomes of a node that does not know the time yet: they wait for it, and never for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.link.harness import SPECS, START_MS, frame, identities
from tests.link.outboxes import batches, contents, events_of, identities_of, opened, stamped, tidy
from tonnam_link.errors import TooLarge
from tonnam_link.messages import LATEST_MS, CommandState, Event, Frame, Outcome, Sample, Stamp
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.quality import Quality
from tonnam_link.wire.codec import Kind

NAMES = [spec.datastream for spec in SPECS]
HOUR_MS = 3_600_000


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where the outbox is."""
    return tmp_path / "outbox.db" if request.param == "file" else None


def unsynced(number: int, boot: str = "b1", guess_ms: int | None = None) -> Frame:
    """Frame `number`, one second after the one before, of a boot that believes it is 1970."""
    mono_ms = 5_000 + number * 1000
    return stamped(frame(number), boot, mono_ms, mono_ms if guess_ms is None else guess_ms)


def event(name: str, boot: str = "b1", mono_ms: int = 5_000) -> Event:
    return Event(name, "run.ended", mono_ms, {"zone": "zone-1"}, Stamp(boot, mono_ms))


def times(outbox: Outbox) -> list[list[int]]:
    """The instants of every batch of readings, in order of the batches."""
    found = sorted((batch for batch in batches(outbox) if batch.columns), key=lambda batch: batch.sequence)
    return [sorted({at for _, at in identities_of(batch)}) for batch in found]


def qualities(outbox: Outbox) -> set[int]:
    return {quality for batch in batches(outbox) for column in batch.columns for quality in column.quality.tolist()}


def test_frames_without_a_time_wait_until_it_is_learned(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    outbox.accept([unsynced(0), unsynced(1)])
    assert (outbox.waiting, outbox.backlog.readings, outbox.seal()) == (0, 8, [])
    assert outbox.offset_of("b1") is None
    outbox.learn("b1", START_MS)
    assert (outbox.waiting, outbox.offset_of("b1")) == (8, START_MS)
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(0, START_MS + 5_000), frame(1, START_MS + 5_000)])
    assert qualities(outbox) == {Quality.GOOD}


def test_first_word_for_a_boot_counts(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    outbox.learn("b1", START_MS)
    outbox.learn("b1", START_MS + HOUR_MS)
    outbox.accept([unsynced(0)])
    outbox.seal()
    assert times(outbox) == [[START_MS + 5_000]]


def test_events_and_outcomes_go_in_their_order_when_the_time_is_learned(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    outcomes = [
        Outcome("c1", state, 7_000 + n, stamp=Stamp("b1", 7_000 + n))
        for n, state in enumerate((CommandState.ACCEPTED, CommandState.RUNNING, CommandState.DONE))
    ]
    for outcome in outcomes:
        assert outbox.accept(events=[event(f"e-{outcome.state}", mono_ms=outcome.at_ms)], outcomes=[outcome]) == []
    assert outbox.oldest() is None
    assert [sealed.kind for sealed in outbox.learn("b1", START_MS)] == [Kind.EVENTS, Kind.OUTCOMES]
    told = [outcome for batch in batches(outbox) for outcome in batch.outcomes]
    assert [(outcome.state, outcome.at_ms, outcome.stamp) for outcome in told] == [
        (CommandState.ACCEPTED, START_MS + 7_000, None),
        (CommandState.RUNNING, START_MS + 7_001, None),
        (CommandState.DONE, START_MS + 7_002, None),
    ]
    assert [(one.id, one.at_ms) for one in events_of(outbox)] == [
        ("e-accepted", START_MS + 7_000), ("e-running", START_MS + 7_001), ("e-done", START_MS + 7_002)
    ]  # fmt: skip
    assert all("clock_suspect" not in one.body for one in events_of(outbox))


def test_what_is_accepted_after_the_time_was_learned_does_not_wait(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    outbox.learn("b1", START_MS)
    assert [sealed.kind for sealed in outbox.accept([unsynced(0)], [event("e1")])] == [Kind.EVENTS]
    assert outbox.waiting == 4
    assert events_of(outbox)[0].at_ms == START_MS + 5_000


def test_the_same_call_again_after_the_time_was_learned_is_the_same_reading(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    outbox.accept([unsynced(0)], [event("e1")])
    outbox.learn("b1", START_MS)
    outbox.accept([unsynced(0)], [event("e1")])
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(0, START_MS + 5_000)])
    assert {(one.id, one.at_ms) for one in events_of(outbox)} == {("e1", START_MS + 5_000)}


def test_boot_that_ended_untold_is_sealed_once_as_suspect(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    bad = Sample(None, Quality.DEVICE_FAULT)
    outbox.accept([unsynced(0), Frame(6_000, {NAMES[0]: bad}, Stamp("b1", 6_000))], [event("e1", mono_ms=6_500)])
    outbox.accept(outcomes=[Outcome("c1", CommandState.DONE, 6_600, stamp=Stamp("b1", 6_600))])
    outbox.begin("b2")
    tidy(outbox)
    outbox.seal()
    assert times(outbox) == [[5_000, 6_000]]
    assert qualities(outbox) == {Quality.CLOCK_SUSPECT}, "a bad reading at a doubtful time must not outrank good ones"
    assert [(one.at_ms, one.body) for one in events_of(outbox)] == [
        (6_500, {"zone": "zone-1", "clock_suspect": True})
    ]
    assert [outcome.at_ms for batch in batches(outbox) for outcome in batch.outcomes] == [6_600]

    before = outbox.backlog.batches
    assert outbox.learn("b1", START_MS) == []
    outbox.accept([unsynced(0)])
    outbox.seal()
    assert outbox.offset_of("b1") is None
    assert outbox.backlog.batches == before + 1
    assert times(outbox) == [[5_000, 6_000], [5_000]], "told again it is the same reading"


def test_boot_counts_its_time_from_what_it_believed_last(place: Path | None) -> None:
    """Its clock may have jumped on the way: one constant for all, so that the distances are right."""
    outbox = opened(place)
    outbox.begin("b1")
    outbox.accept([unsynced(0), unsynced(1), unsynced(2, guess_ms=START_MS)])
    outbox.begin("b2")
    assert times(outbox) == [[START_MS - 2_000, START_MS - 1_000, START_MS]]


def test_boots_that_all_begin_in_1970_never_collide(place: Path | None) -> None:
    outbox = opened(place)
    for boot in ("b1", "b2", "b3"):
        outbox.begin(boot)
        outbox.accept([unsynced(n, boot) for n in range(3)])
    outbox.begin("b4")
    outbox.seal()
    first, second, third = times(outbox)
    assert first == [5_000, 6_000, 7_000]
    assert second == [7_001, 8_001, 9_001]
    assert third == [9_002, 10_002, 11_002]
    assert len(contents(outbox)) == 36


def test_suspect_block_gives_way_to_times_that_are_known(place: Path | None) -> None:
    """A clock that is set to when it was switched off runs through the same hour twice."""
    outbox = opened(place)
    outbox.begin("b1")
    outbox.accept([frame(n) for n in range(100)])
    outbox.seal()
    outbox.begin("b2")
    outbox.accept([stamped(frame(n), "b2", n * 1000, START_MS + 50_000 + n * 1000) for n in range(100)])
    outbox.begin("b3")
    outbox.seal()
    known, suspect = times(outbox)
    assert suspect[0] == known[-1] + 1
    assert len(contents(outbox)) == 800


def test_suspect_block_gives_way_to_times_that_are_known_and_not_sealed_yet(place: Path | None) -> None:
    """A process that is killed between two beats leaves some, and the boot after it may be as short."""
    outbox = opened(place)
    outbox.begin("b1")
    outbox.accept([frame(n) for n in range(50)])
    outbox.seal()
    outbox.accept([frame(n, START_MS + 1) for n in range(50, 100)])
    outbox.begin("b2")
    outbox.accept([stamped(frame(n), "b2", n * 1000, START_MS + n * 1000) for n in range(100)])
    outbox.begin("b3")
    outbox.seal()
    assert len(contents(outbox)) == 800


def test_boots_that_are_decided_about_together_never_collide(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b3")
    outbox.accept([unsynced(n, boot) for boot in ("b1", "b2") for n in range(3)])
    outbox.seal()
    tidy(outbox)
    assert len(contents(outbox)) == 24


def test_what_comes_late_of_a_boot_that_ended_is_suspect_at_once(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b2")
    sealed = outbox.accept([unsynced(0)], [event("e1", mono_ms=9_000)])
    assert [one.kind for one in sealed] == [Kind.EVENTS]
    outbox.seal()
    tidy(outbox)
    assert times(outbox) == [[5_000]]
    assert qualities(outbox) == {Quality.CLOCK_SUSPECT}


def test_a_new_process_of_the_same_boot_goes_on_waiting_and_knows_what_was_learned(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = opened(path)
    outbox.begin("b1")
    outbox.accept([unsynced(0)], [event("e1")])
    outbox.close()
    outbox = opened(path)
    assert outbox.begin("b1") == []
    assert outbox.backlog.readings == 4
    assert len(outbox.learn("b1", START_MS)) == 1
    outbox.close()
    outbox = opened(path)
    outbox.begin("b1")
    assert outbox.offset_of("b1") == START_MS
    outbox.accept([unsynced(1)])
    assert outbox.fresh
    outbox.seal()
    assert not outbox.fresh
    outbox.seal()
    assert times(outbox) == [[START_MS + 6_000], [START_MS + 5_000]]


def test_time_of_a_boot_that_ended_is_used_by_the_next_process_if_it_was_learned(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = opened(path)
    outbox.begin("b1")
    outbox.accept([unsynced(0)])
    outbox.learn("b1", START_MS)
    outbox.close()
    outbox = opened(path)
    outbox.begin("b2")
    outbox.seal()
    assert times(outbox) == [[START_MS + 5_000]]
    assert qualities(outbox) == {Quality.GOOD}


def test_times_that_cannot_be_are_refused_and_change_nothing(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    outbox.accept([unsynced(0)], [event("e1")])
    for offset_ms in (-10_000, LATEST_MS):
        with pytest.raises(ValueError, match="no time"):
            outbox.learn("b1", offset_ms)
    with pytest.raises(ValueError, match="no time"):
        outbox.accept([stamped(frame(0), "b1", -1)])
    assert outbox.offset_of("b1") is None
    outbox.learn("b1", START_MS)
    assert len(events_of(outbox)) == 1


def test_event_that_waits_is_refused_at_once_when_it_can_never_be_sent(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    with pytest.raises(TooLarge):
        outbox.accept(events=[Event("e1", "big", 0, {"text": "x" * 300_000}, Stamp("b1", 1))])
    assert outbox.backlog.empty


def test_a_guess_before_1970_or_after_9999_is_no_obstacle(place: Path | None) -> None:
    outbox = opened(place)
    for boot, guess_ms in (("b1", -5_000), ("b2", LATEST_MS + 5_000), ("b3", 0)):
        outbox.begin(boot)
        outbox.accept([stamped(frame(n), boot, 50_000 + n * 1000, guess_ms) for n in range(3)])
    outbox.begin("b4")
    outbox.seal()
    found = sorted(times(outbox))
    assert len({at for instants in found for at in instants}) == 9
    assert all(0 <= at <= LATEST_MS for instants in found for at in instants)


def test_long_wait_is_sealed_in_parts(place: Path | None) -> None:
    outbox = opened(place)
    outbox.begin("b1")
    outbox.accept([unsynced(n) for n in range(5_000)])
    outbox.learn("b1", START_MS)
    assert sum(sealed.readings for sealed in outbox.seal()) < 17_000
    assert 0 < outbox.waiting < 4_000
    outbox.seal()
    assert outbox.waiting == 0
    assert len(contents(outbox)) == 20_000


def test_what_an_offset_has_become_is_remembered_beside_what_was_learned_first(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = opened(path)
    outbox.begin("b1")
    outbox.follow("b1", START_MS)
    assert (outbox.offset_of("b1"), outbox.offset_now("b1")) == (None, None)
    outbox.learn("b1", START_MS)
    assert outbox.offset_now("b1") == START_MS
    outbox.follow("b1", START_MS + 2_000)
    outbox.close()
    outbox = opened(path)
    assert (outbox.offset_of("b1"), outbox.offset_now("b1")) == (START_MS, START_MS + 2_000)
    assert outbox.offset_now("b2") is None
    outbox.close()
