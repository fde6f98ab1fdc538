"""What was accepted stays until the next tier has it, whatever happens to the process and its disk."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.link.harness import ORIGIN, SPECS, START_MS, Identity, frame, identities
from tonnam_link.codec import MAX_BATCH_BYTES, Dictionary, Kind
from tonnam_link.decode import Batch, decode
from tonnam_link.errors import OutboxInUse, OutboxUnavailable, TooLarge
from tonnam_link.messages import CommandState, DatastreamSpec, Event, Frame, Outcome, Sample
from tonnam_link.outbox import Backlog, Outbox
from tonnam_link.uplink import write_backlog

EVENT = Event("e1", "node.started", START_MS, {"boot": "b1"})
OUTCOME = Outcome("c1", CommandState.DONE, START_MS)
KNOWN = {Dictionary(SPECS).hash: Dictionary(SPECS)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def opened(path: Path) -> Outbox:
    outbox = Outbox(path, ORIGIN)
    outbox.register(SPECS)
    return outbox


def batches(outbox: Outbox) -> list[Batch]:
    """All batches in the order in which they would go as backlog."""
    found: list[Batch] = []
    while sealed := outbox.oldest([batch.sequence for batch in found]):
        payload = outbox.payload(sealed.sequence)
        assert payload is not None
        assert len(payload) == sealed.size <= MAX_BATCH_BYTES
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


def test_accepted_frames_survive_close_and_are_sealed_by_the_next_process(path: Path) -> None:
    frames = [frame(n) for n in range(10)]
    first = opened(path)
    first.accept(frames)
    first.close()

    second = opened(path)
    assert second.epoch == first.epoch
    assert second.backlog == Backlog(0, 40, 0)
    (sealed,) = second.seal()
    assert (sealed.sequence, sealed.kind, sealed.readings) == (1, Kind.READINGS, 40)
    assert contents(second).keys() == identities(frames)


def test_events_and_outcomes_are_sealed_by_accept_in_batches_of_their_own(path: Path) -> None:
    outbox = opened(path)
    sealed = outbox.accept([frame(0)], [EVENT], [OUTCOME])
    assert [(one.sequence, one.kind) for one in sealed] == [(1, Kind.EVENTS), (2, Kind.OUTCOMES)]
    assert [batch.events for batch in batches(outbox) if batch.events] == [[EVENT]]
    assert [batch.outcomes for batch in batches(outbox) if batch.outcomes] == [[OUTCOME]]


def test_sealed_bytes_never_change(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    (sealed,) = outbox.seal()
    before = outbox.payload(sealed.sequence)
    outbox.accept([frame(1)])
    outbox.seal()
    outbox.close()
    assert opened(path).payload(sealed.sequence) == before


def test_released_batches_are_gone_and_their_sequence_is_never_used_again(path: Path) -> None:
    outbox = opened(path)
    (events,) = outbox.accept(events=[EVENT])
    outbox.release([events.sequence])
    assert outbox.payload(events.sequence) is None
    assert outbox.oldest() is None
    assert outbox.backlog.empty
    outbox.close()

    again = opened(path)
    assert again.backlog.empty
    (sealed,) = again.accept(events=[EVENT])
    assert sealed.sequence == events.sequence + 1


def test_release_of_what_is_not_there_changes_nothing(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)], [EVENT])
    before = outbox.backlog
    outbox.release([99, 0, -1])
    assert outbox.backlog == before


def test_backlog_goes_events_and_outcomes_first_then_oldest_first(path: Path) -> None:
    outbox = opened(path)
    for number in range(3):
        outbox.accept([frame(number)])
        outbox.seal()
    outbox.accept(events=[EVENT])
    assert [batch.kind for batch in batches(outbox)] == ["events", "readings", "readings", "readings"]
    assert [batch.sequence for batch in batches(outbox)] == [4, 1, 2, 3]


def test_frames_of_one_accept_are_one_transaction(path: Path) -> None:
    outbox = opened(path)
    bad = Frame(START_MS + 5_000, {"melon/nobody/knows": Sample(1.0)})
    with pytest.raises(ValueError, match="melon/nobody/knows"):
        outbox.accept([frame(0), bad])
    with pytest.raises(ValueError, match="no time"):
        outbox.accept([frame(0), Frame(-1, {SPECS[0].datastream: Sample(1.0)})])
    with pytest.raises(TooLarge):
        outbox.accept([frame(0)], [EVENT, Event("e2", "big", START_MS, {"text": "x" * MAX_BATCH_BYTES})])
    assert outbox.backlog.empty
    assert outbox.accept([frame(0)], [EVENT])[0].sequence == 1


def test_reading_told_again_is_the_same_reading_after_a_restart_too(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0), frame(1)])
    outbox.accept([frame(0), frame(1)])
    outbox.seal()
    outbox.close()
    again = opened(path)
    again.accept([frame(1), frame(0)])
    again.seal()
    assert [identities_of(batch) for batch in batches(again)] == [identities([frame(0), frame(1)])] * 2


def test_reading_that_comes_late_keeps_its_time_however_little(path: Path) -> None:
    outbox = opened(path)
    frames = [frame(1), frame(0), frame(0, START_MS - 400), frame(0, START_MS - 3_600_000)]
    for one in frames:
        outbox.accept([one])
    outbox.seal()
    assert contents(outbox).keys() == identities(frames)


def test_of_two_samples_with_one_identity_the_first_counts(path: Path) -> None:
    """As in the store, so that it makes no difference whether both came in one batch."""
    outbox = opened(path)
    name = SPECS[0].datastream
    outbox.accept([Frame(START_MS, {name: Sample(21.0)}), Frame(START_MS, {name: Sample(22.0)})])
    outbox.accept([Frame(START_MS, {name: Sample(23.0)})])
    (sealed,) = outbox.seal()
    assert contents(outbox) == {(name, START_MS): 21.0}
    outbox.release([sealed.sequence])
    assert outbox.backlog == Backlog()


def test_late_frames_among_new_ones_do_not_make_a_batch_each(path: Path) -> None:
    outbox = opened(path)
    years_ago = START_MS - 3 * 365 * 86_400_000
    frames = [one for n in range(50) for one in (frame(n), frame(n, years_ago))]
    outbox.accept(frames)
    assert len(outbox.seal()) == 2
    assert contents(outbox).keys() == identities(frames)


def test_another_datastream_keeps_its_own_time(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([Frame(START_MS + 1_000, {SPECS[0].datastream: Sample(1.0)})])
    outbox.accept([Frame(START_MS + 400, {SPECS[1].datastream: Sample(1.0)})])
    outbox.seal()
    assert contents(outbox).keys() == {(SPECS[0].datastream, START_MS + 1_000), (SPECS[1].datastream, START_MS + 400)}


def test_what_is_pending_keeps_its_dictionary_when_the_site_file_changes(path: Path) -> None:
    first = opened(path)
    first.accept([frame(0)])
    first.close()
    second = Outbox(path, ORIGIN)
    other = second.register([DatastreamSpec("melon/tank/level", "cm", 1.0)])
    second.accept([Frame(START_MS, {"melon/tank/level": Sample(120.0)})])
    sealed = second.seal()
    assert {one.dictionary for one in sealed} == {Dictionary(SPECS).hash, other.hash}
    payload = second.payload(second.seal_dictionary(Dictionary(SPECS).hash).sequence)  # type: ignore[union-attr]
    assert payload is not None
    assert decode(payload).specs == tuple(SPECS)


def test_what_does_not_fit_into_one_batch_is_split(path: Path) -> None:
    specs = [DatastreamSpec(f"s/t/p{n}", "1", 0.0) for n in range(40)]
    outbox = Outbox(path, ORIGIN)
    dictionary = outbox.register(specs)
    noise = random.Random(7)
    frames = [Frame(START_MS + k, {s.datastream: Sample(noise.random()) for s in specs}) for k in range(2_500)]
    outbox.accept(frames)
    sealed = outbox.seal()
    payloads = [outbox.payload(one.sequence) for one in sealed]
    found = [decode(payload, {dictionary.hash: dictionary}) for payload in payloads if payload]
    assert len(found) == len(sealed) > 1
    assert all(one.size <= MAX_BATCH_BYTES for one in sealed)
    assert sum(len(column.value) for batch in found for column in batch.columns) == 100_000


def test_outbox_is_open_in_one_process_only(path: Path) -> None:
    outbox = opened(path)
    with pytest.raises(OutboxInUse):
        Outbox(path, ORIGIN)
    outbox.close()
    opened(path).close()


@pytest.mark.parametrize("damage", ["header", "middle", "not a database", "another database"])
def test_damaged_file_is_set_aside_and_a_new_epoch_begun(path: Path, damage: str) -> None:
    outbox = opened(path)
    outbox.accept([frame(n) for n in range(500)])
    outbox.seal()
    outbox.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[0:50] = bytes(50)
    elif damage == "middle":
        content[4096 : 4096 * 3] = b"\x55" * 8192
    elif damage == "not a database":
        content = bytearray(b"water" * 5000)
    path.write_bytes(content)
    if damage == "another database":
        path.unlink()
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE wells (depth_m REAL)")

    after = opened(path)
    assert after.set_aside is not None
    assert after.set_aside.exists()
    assert after.epoch != outbox.epoch
    assert after.backlog.empty
    after.accept([frame(0)])
    after.seal()
    assert contents(after).keys() == identities([frame(0)])


def test_outbox_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(OutboxUnavailable, match=r"folder\.db"):
        Outbox(tmp_path / "folder.db", ORIGIN)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxUnavailable):
        Outbox(tmp_path / "file" / "outbox.db", ORIGIN)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.db", "folder.db.lock"]


def test_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    opened(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(Exception, match="newer"):
        Outbox(path, ORIGIN)
    assert not list(path.parent.glob("*damaged*"))


def test_full_disk_is_a_clear_error_and_damages_nothing(path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tests.link.filling", str(path)], check=True, timeout=60)


def test_read_only_file_is_a_clear_error_and_damages_nothing(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    outbox._db.execute("PRAGMA query_only = ON")
    with pytest.raises(OutboxUnavailable, match="cannot be written"):
        outbox.accept([frame(1)])
    with pytest.raises(OutboxUnavailable):
        outbox.seal()
    outbox._db.execute("PRAGMA query_only = OFF")
    outbox.accept([frame(2)])
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(0), frame(2)])


def test_everything_whose_accept_returned_is_there_after_kill_9(path: Path) -> None:
    first, rounds = 0, 4
    pause = random.Random(11)
    for _ in range(rounds):
        command = [sys.executable, "-m", "tests.link.accepting", str(path), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(pause.randint(5, 60)):
                last = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split()
        first = int(rest[-1]) if rest else last
        opened(path).close()
    outbox = opened(path)
    outbox.seal()
    assert outbox.set_aside is None
    found = set().union(*map(identities_of, batches(outbox)))
    assert identities([frame(n) for n in range(first)]) <= found
    assert found <= identities([frame(n) for n in range(first + 2)]), "what was accepted again is the same reading"


def test_history_is_sealed_whole_and_sent_by_the_next_uplink_of_the_path(path: Path) -> None:
    frames = [frame(n) for n in range(20_000)]
    assert write_backlog(path, ORIGIN, SPECS, iter(frames), [EVENT]) == 80_000
    outbox = opened(path)
    assert outbox.backlog.readings == 80_000
    assert contents(outbox).keys() == identities(frames)
    assert batches(outbox)[0].events == [EVENT]


def test_history_that_breaks_off_leaves_nothing(path: Path) -> None:
    bad = Frame(START_MS, {"melon/nobody/knows": Sample(1.0)})
    with pytest.raises(ValueError, match="nobody"):
        write_backlog(path, ORIGIN, SPECS, [*(frame(n) for n in range(20_000)), bad], [])
    assert opened(path).backlog.empty


def test_routine_of_an_hour_needs_few_transactions(path: Path) -> None:
    """One for an accept each ten seconds and one for a seal each minute: releases ride along."""
    outbox = opened(path)
    commits: list[str] = []
    outbox._db.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
    for minute in range(60):
        for step in range(6):
            outbox.accept([frame(minute * 6 + step)])
        outbox.release([sealed.sequence for sealed in outbox.seal()])
    assert len(commits) == 60 * 6 + 60
