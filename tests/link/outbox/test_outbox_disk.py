"""An outbox on its disk: who may open it, what a kill leaves, and what a disk that refuses does."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.link.accepting import EVENT_EVERY
from tests.link.harness import ORIGIN, SPECS, START_MS, frame, identities
from tests.link.outboxes import Arrived, batches, contents, drained, identities_of, opened, tidy
from tonnam_link.errors import OutboxInUse, OutboxOfAnother, OutboxUnavailable
from tonnam_link.messages import Event
from tonnam_link.node.uplink import write_backlog
from tonnam_link.outbox import keeper, outbox_file
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.outbox import Backlog, Outbox
from tonnam_link.topics import Origin
from tonnam_link.wire.codec import Kind

EVENT = Event("e1", "node.started", START_MS, {"boot": "b1"})
MIB = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def test_accepted_frames_survive_close_and_are_sealed_by_the_next_process(path: Path) -> None:
    frames = [frame(n) for n in range(10)]
    first = opened(path)
    first.accept(frames)
    first.close()

    second = opened(path)
    assert second.epoch == first.epoch
    assert second.backlog == Backlog(0, 40, 0)
    (sealed,) = second.seal()
    assert (sealed.kind, sealed.readings) == (Kind.READINGS, 40)
    assert contents(second).keys() == identities(frames)


def test_sealed_bytes_and_counts_are_the_same_after_a_restart(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)], [EVENT])
    sealed = outbox.seal()[0]
    before, backlog = outbox.payload(sealed.sequence), outbox.backlog
    outbox.close()
    again = opened(path)
    assert (again.payload(sealed.sequence), again.backlog) == (before, backlog)


def test_sequence_is_never_used_again_after_a_restart(path: Path) -> None:
    outbox = opened(path)
    (events,) = outbox.accept(events=[EVENT])
    outbox.release([events.sequence])
    outbox.close()
    again = opened(path)
    assert again.backlog.empty
    assert again.accept(events=[EVENT])[0].sequence > events.sequence


def test_outbox_is_open_in_one_process_only(path: Path) -> None:
    outbox = opened(path)
    with pytest.raises(OutboxInUse):
        Outbox(path, ORIGIN)
    outbox.close()
    opened(path).close()


def test_outbox_of_another_node_is_refused_and_left_alone(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    outbox.close()
    with pytest.raises(OutboxOfAnother, match=r"of farm/edge-1, not of farm/edge-2"):
        Outbox(path, Origin("farm", "edge-2"))
    assert opened(path).backlog.readings == 4


def test_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    opened(path).close()
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE batch ADD COLUMN colour TEXT")
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(Exception, match="newer"):
        Outbox(path, ORIGIN)
    assert not list(path.parent.glob("*damaged*"))


def test_outbox_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(OutboxUnavailable, match=r"folder\.db"):
        Outbox(tmp_path / "folder.db", ORIGIN)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxUnavailable):
        Outbox(tmp_path / "file" / "outbox.db", ORIGIN)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.db", "folder.db.lock"]


@pytest.mark.parametrize("room", [150_000, 0], ids=["full later", "full from the start"])
def test_full_disk_is_a_clear_error_and_damages_nothing(path: Path, room: int) -> None:
    subprocess.run([sys.executable, "-m", "tests.link.filling", str(path), str(room)], check=True, timeout=60)


def test_last_of_a_disk_is_kept_for_events_and_for_forgetting_what_was_sent(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last byte full it could not forget anything, and would stay full when all is sent."""
    outbox = opened(path, Limits(bytes=2**62))
    outbox.accept([frame(0)])
    (sealed,) = outbox.seal()
    monkeypatch.setattr(keeper, "RESERVE_BYTES", 2**62)
    with pytest.raises(OutboxUnavailable, match=r"nearly full: \d+ bytes are free"):
        outbox.accept([frame(1)], [EVENT])
    assert outbox.accept(events=[EVENT])
    outbox.release([sealed.sequence])
    outbox.flush()
    monkeypatch.setattr(keeper, "RESERVE_BYTES", 0)
    outbox.accept([frame(1)])
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(1)])


def test_outbox_whose_folder_is_deleted_refuses_and_does_not_end_the_node(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    shutil.rmtree(path.parent)
    with pytest.raises(OutboxUnavailable, match="is gone"):
        outbox.accept([frame(1)])
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(0)]), "what it has is still sent"
    outbox.close()


def test_read_only_file_is_a_clear_error_and_damages_nothing(path: Path) -> None:
    outbox = opened(path)
    (events,) = outbox.accept([frame(0)], [EVENT])
    outbox._db.execute("PRAGMA query_only = ON")
    with pytest.raises(OutboxUnavailable, match="cannot be written"):
        outbox.accept([frame(1)])
    with pytest.raises(OutboxUnavailable):
        outbox.seal()
    assert outbox.payload(events.sequence) is not None
    outbox.release([events.sequence])
    with pytest.raises(OutboxUnavailable):
        outbox.flush()
    assert outbox.oldest() is None, "what was released is remembered though the disk cannot be told"
    outbox._db.execute("PRAGMA query_only = OFF")
    outbox.accept([frame(2)])
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(0), frame(2)])


def kills(path: Path, rounds: int, limit: int) -> int:
    """Let a process accept and kill it, again and again. How many frames it said to have accepted."""
    first, pause = 0, random.Random(11)
    for _ in range(rounds):
        command = [sys.executable, "-m", "tests.link.accepting", str(path), str(first), str(limit)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(pause.randint(5, 200)):
                last = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split()
        first = int(rest[-1]) if rest else last
        opened(path, Limits(bytes=limit)).close()
    return first


def after_all(path: Path, limit: int) -> Outbox:
    """The outbox with everything sealed, and all housekeeping done."""
    outbox = opened(path, Limits(bytes=limit))
    outbox.begin("the last")
    outbox.seal()
    tidy(outbox)
    assert outbox.set_aside is None
    return outbox


def test_everything_whose_accept_returned_is_there_after_kill_9(path: Path) -> None:
    first = kills(path, 4, 64 * MIB)
    found = batches(after_all(path, 64 * MIB))
    timed = {one for batch in found for one in identities_of(batch) if one[1] >= START_MS}
    assert identities([frame(n) for n in range(first) if n % 3]) <= timed
    assert timed <= identities([frame(n) for n in range(first + 2)]), "what was accepted again is the same reading"
    temperatures = [
        column.value for batch in found for column in batch.columns if column.datastream == SPECS[3].datastream
    ]
    assert set(range(first)) <= {int(value) for values in temperatures for value in values}, "untimed ones, too"
    assert {f"e{n}" for n in range(0, first, EVENT_EVERY)} <= {event.id for batch in found for event in batch.events}


def test_kill_9_while_it_thins_and_drops_leaves_nothing_untold(path: Path) -> None:
    limit = 62_000
    first = kills(path, 5, limit)
    arrived = drained(after_all(path, limit))
    assert arrived.gaps()
    assert arrived.lacks(identities([frame(n) for n in range(first) if n % 3])) == set()
    assert {f"e{n}" for n in range(0, first, EVENT_EVERY)} <= arrived.events.keys()


def test_history_is_sealed_whole_and_sent_by_the_next_uplink_of_the_path(path: Path) -> None:
    frames = [frame(n) for n in range(20_000)]
    assert write_backlog(path, ORIGIN, SPECS, iter(frames), [EVENT]) == 80_000
    outbox = opened(path)
    assert outbox.backlog.readings == 80_000
    assert contents(outbox).keys() == identities(frames)
    assert batches(outbox)[0].events == [EVENT]


def test_routine_of_an_hour_needs_few_transactions_and_pages(path: Path) -> None:
    """One for an accept each ten seconds and one for a seal each minute: releases ride along."""
    outbox = opened(path)
    commits: list[str] = []
    outbox._db.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
    for minute in range(60):
        for step in range(6):
            outbox.accept([frame(minute * 6 + step)])
        outbox.release([sealed.sequence for sealed in outbox.seal()])
        outbox.tend()
    assert len(commits) == 60 * 6 + 60


def test_large_file_is_opened_without_reading_all_of_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is garbled in it is found when it is read: 512 MiB on a memory card would take minutes at each start."""
    outbox = opened(path)
    for n in range(300):
        outbox.accept([frame(n)])
        outbox.seal()
    outbox.close()
    size = path.stat().st_size
    monkeypatch.setattr(outbox_file, "CHECKED_BYTES", size // 2)
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(bytes(4096))
    again = opened(path)
    assert again.set_aside is None
    assert again.backlog.readings == 1_200
    assert drained_patiently(again).lacks(identities([frame(n) for n in range(300)])) == set()
    assert again.set_aside is not None


def drained_patiently(outbox: Outbox) -> Arrived:
    """All that it gives, asked again when it has found damage."""
    for _ in range(20):
        try:
            return drained(outbox)
        except OutboxUnavailable:
            outbox.accept(events=[EVENT])
    raise AssertionError("it is damaged again and again")
