"""A damaged outbox is set aside; what is whole in it goes on, and what is not is told."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest

from tests.link.harming import PAGE, Told, as_after_kill, damage, harm, used_again
from tests.link.harness import SPECS, START_MS, frame, identities
from tests.link.outbox.test_outbox_forwards import DICTIONARY, NODE, SPEC, definition, readings, words
from tests.link.outboxes import Arrived, batches, drained, opened, stamped, tidy
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import CommandState, Event, Frame, Outcome, Sample, Stamp
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.wire.decode import decode

NAME = SPECS[3].datastream


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_harmed_nothing_is_lost_without_a_word(path: Path, seed: int) -> None:
    told, dice = Told(), random.Random(seed)
    first = opened(path)
    told.fill(first, seed, calls=dice.randint(1, 60))
    copy = as_after_kill(path, path.parent / "copy" / "outbox.db")
    epoch = first.epoch
    first.close()
    harm(copy if dice.random() < 0.5 and copy.stat().st_size else copy.with_name("outbox.db-wal"), dice)
    outbox = used_again(copy)
    assert (outbox.epoch != epoch) == (outbox.set_aside is not None)
    assert told.lost(drained(outbox)) == set()


@pytest.mark.parametrize("damage", ["header", "not a database", "another database", "empty pages"])
def test_file_that_is_none_is_set_aside_and_a_new_epoch_begun(path: Path, damage: str) -> None:
    told = Told()
    outbox = opened(path)
    told.fill(outbox, 3, calls=20)
    outbox.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[0:50] = bytes(50)
    elif damage == "not a database":
        content = bytearray(b"water" * 5000)
    elif damage == "empty pages":
        content[PAGE:] = bytes(len(content) - PAGE)
    path.write_bytes(content)
    if damage == "another database":
        path.unlink()
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE wells (depth_m REAL)")
        db.close()

    after = used_again(path)
    assert after.set_aside == path.with_name("outbox.db.damaged-1")
    assert after.set_aside.exists()
    assert after.epoch != outbox.epoch
    found = drained(after)
    assert told.lost(found) == set()
    assert [gap["from_ms"] for gap in found.gaps()] == [None]


@pytest.mark.parametrize(("at", "bit"), [(63, 1), (63, 2), (60, 64)])
def test_garbled_file_version_is_damage_and_no_newer_tonnam(path: Path, at: int, bit: int) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    outbox.close()
    content = bytearray(path.read_bytes())
    content[at] ^= bit
    path.write_bytes(content)
    assert drained(used_again(path)).readings >= identities([frame(0)])


def test_garbled_name_of_a_column_costs_nothing(path: Path) -> None:
    told = Told()
    outbox = opened(path)
    told.fill(outbox, 12, calls=40)
    outbox.close()
    content = path.read_bytes()
    assert content.count(b"readings INTEGER") > 2
    path.write_bytes(content.replace(b"readings INTEGER", b"readingz INTEGER"))
    after = used_again(path)
    assert after.set_aside is not None
    assert drained(after).readings >= told.readings


def page_of(path: Path, table: str) -> int:
    """A page in the file that holds rows of a table."""
    with sqlite3.connect(path) as db:
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno DESC LIMIT 1"
        (number,) = db.execute(query, (table,)).fetchone()
    db.close()
    return int(number) - 1


def garble(path: Path, page: int, at: int = PAGE // 2, size: int = PAGE // 2) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE + at)
        file.write(b"\x55" * size)


def test_one_bad_page_costs_only_what_is_on_it(path: Path) -> None:
    outbox = opened(path)
    for n in range(400):
        outbox.accept([frame(n)])
        outbox.seal()
    outbox.close()
    garble(path, page_of(path, "batch"))
    after = used_again(path)
    found = drained(after)
    everything = identities([frame(n) for n in range(400)])
    assert len(found.readings & everything) > 0.8 * len(everything)
    assert found.lacks(everything) == set()


def test_a_garbled_batch_is_told_with_its_own_times(path: Path) -> None:
    outbox = opened(path)
    noise = random.Random(4)
    for n in range(10):
        outbox.accept([Frame(START_MS + n * 1_000_000 + k, {NAME: Sample(noise.random())}) for k in range(2_000)])
        outbox.seal()
    outbox.close()
    with sqlite3.connect(path) as db:
        (page,) = db.execute("SELECT pageno FROM dbstat WHERE name = 'batch' AND pagetype = 'overflow'").fetchone()
    db.close()
    garble(path, page - 1)
    found = drained(used_again(path))
    assert len(found.readings) == 9 * 2_000 + 4
    (gap,) = found.gaps()
    assert (gap["cause"], gap["readings"], gap["to_ms"] - gap["from_ms"]) == ("damaged", 2_000, 1_999)


def test_lost_events_may_have_told_of_a_gap_so_nobody_knows_where_it_begins(path: Path) -> None:
    outbox = opened(path)
    outbox.accept(events=[Event("e1", "run.ended", START_MS, {})])
    outbox._db.execute("UPDATE batch SET payload = zeroblob(50)")
    with pytest.raises(OutboxUnavailable):
        outbox.payload(1)
    outbox.accept([frame(0)])
    assert [gap["from_ms"] for gap in drained(outbox).gaps()] == [None]


def test_damage_found_while_running_makes_a_new_file_at_once(path: Path) -> None:
    told = Told()
    outbox = opened(path)
    told.fill(outbox, 5, calls=40)
    outbox.seal()
    (event,) = outbox.accept(events=[Event("under way", "run.ended", START_MS, {})])
    epoch, backlog = outbox.epoch, outbox.backlog
    outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    for page in range(2, path.stat().st_size // PAGE):
        garble(path, page, at=0, size=PAGE)
    outbox._db.execute("PRAGMA shrink_memory")  # what it has read is forgotten
    with pytest.raises(OutboxUnavailable, match="malformed"):
        outbox.payload(event.sequence)
    assert outbox.epoch != epoch
    assert outbox.set_aside == path.with_name("outbox.db.damaged-1")
    assert backlog.batches > 0
    assert outbox.payload(event.sequence) is None
    (sealed,) = outbox.accept(events=[Event("after", "run.ended", START_MS + 10_000_000, {})])
    assert sealed.sequence > event.sequence, "what was under way is not mistaken for something new"
    told.events |= {"under way": START_MS, "after": START_MS + 10_000_000}
    assert told.lost(drained(outbox)) == set()


def test_garbled_payload_is_not_sent_and_all_others_go_on(path: Path) -> None:
    outbox = opened(path)
    sequences = []
    for n in range(10):
        outbox.accept([frame(n)])
        sequences += [sealed.sequence for sealed in outbox.seal()]
    outbox._db.execute("UPDATE batch SET payload = zeroblob(50) WHERE sequence = 4")
    assert outbox.payload(3) is not None
    with pytest.raises(OutboxUnavailable, match="batch 4 is not what was sealed"):
        outbox.payload(4)
    found = drained(outbox)
    assert found.readings == identities([frame(n) for n in range(10) if n != 3])
    ((gap),) = found.gaps()
    assert (gap["from_ms"], gap["to_ms"], gap["readings"]) == (START_MS + 3_000, START_MS + 3_000, 4)


def test_what_was_released_before_the_damage_is_not_sent_again(path: Path) -> None:
    outbox = opened(path)
    for n in range(5):
        outbox.accept([frame(n)])
        outbox.seal()
    outbox.release([1, 2])
    outbox._db.execute("UPDATE batch SET payload = zeroblob(50) WHERE sequence = 4")
    with pytest.raises(OutboxUnavailable):
        outbox.payload(4)
    assert drained(outbox).readings == identities([frame(2), frame(4)])


def learn_and_seal(outbox: Outbox) -> None:
    outbox.learn("b1", START_MS + 1_000_000)
    while outbox.seal():
        pass


@pytest.mark.parametrize("table", ["pending", "untimed", "word"])
def test_garbled_row_that_waits_is_never_sealed(path: Path, table: str) -> None:
    outbox = opened(path)
    outbox.begin("b1")
    for n in range(10):
        outbox.accept([frame(n), stamped(frame(n), "b1", n * 1000)])
        outbox.accept(events=[Event(f"e{n}", "run.ended", 0, {"n": n}, Stamp("b1", n * 1000))])
    column = "packed" if table == "word" else "samples"
    outbox._db.execute(f"UPDATE {table} SET {column} = CAST({column} || x'00' AS BLOB) WHERE id = 4")
    with pytest.raises(OutboxUnavailable, match="not what was written"):
        learn_and_seal(outbox)
    outbox.learn("b1", START_MS + 1_000_000)
    found = drained(outbox)
    untimed = [Frame(START_MS + 1_000_000 + n * 1000, frame(n).samples) for n in range(10)]
    lost = identities([*(frame(n) for n in range(10)), *untimed]) - found.readings
    assert len(lost) == (0 if table == "word" else 4)
    assert {f"e{n}" for n in range(10)} - found.events.keys() == ({"e3"} if table == "word" else set())
    assert len(found.gaps()) == 1


@pytest.mark.parametrize("table", ["pending", "untimed", "word", "batch"])
def test_row_that_cannot_be_found_any_more_is_told(path: Path, table: str) -> None:
    """A garbled page may look like one with fewer rows on it."""
    outbox = opened(path)
    outbox.begin("b1")
    outbox.accept(events=[Event("sealed", "run.ended", START_MS, {})])
    for n in range(10):
        outbox.accept([frame(n), stamped(frame(n), "b1", n * 1000)])
        outbox.accept(events=[Event(f"e{n}", "run.ended", 0, {"n": n}, Stamp("b1", n * 1000))])
    outbox._db.execute(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
    found = Arrived()
    for _ in range(3):
        with contextlib.suppress(OutboxUnavailable):
            tidy(outbox)
            learn_and_seal(outbox)
            while sent := batches(outbox):
                found.take(sent)
                outbox.release([batch.sequence for batch in sent])
    assert outbox.set_aside is not None
    assert [gap["from_ms"] for gap in found.gaps()] == [None]
    assert len(found.readings) + len(found.events) >= 80


def test_what_waits_for_the_time_and_the_time_itself_survive_damage(path: Path) -> None:
    outbox = opened(path)
    outbox.begin("b1")
    outbox.learn("b0", START_MS - 10_000_000)
    outbox.accept([stamped(frame(0), "b1", 5_000)], [Event("e1", "run.ended", 0, {}, Stamp("b1", 6_000))])
    outbox.accept(outcomes=[Outcome("c1", CommandState.DONE, 0, stamp=Stamp("b1", 7_000))])
    damage(outbox)
    tidy(outbox)
    assert outbox.offset_of("b0") == START_MS - 10_000_000
    assert outbox.backlog.readings == 4
    outbox.learn("b1", START_MS)
    found = drained(outbox)
    assert {at for _, at in found.readings} == {START_MS + 5_000}
    assert found.events["e1"].at_ms == START_MS + 6_000
    assert found.outcomes["c1", "done"].at_ms == START_MS + 7_000


def test_boot_that_ended_is_told_as_one_block_though_its_file_is_damaged(path: Path) -> None:
    """Its constant comes from what it believed last, not from what was read first."""
    outbox = opened(path)
    outbox.begin("b1")
    for n in range(100):
        guess_ms = 1_000 * n if n < 90 else START_MS + 1_000 * n
        event = Event(f"e{n}", "run.ended", guess_ms, {}, Stamp("b1", 1_000 * n))
        outbox.accept([stamped(frame(n), "b1", 1_000 * n, guess_ms)], [event])
    copy = as_after_kill(path, path.parent / "copy" / "outbox.db")
    outbox.close()
    log = copy.with_name("outbox.db-wal").read_bytes()
    assert len(log) > 50 * PAGE
    copy.with_name("outbox.db-wal").write_bytes(log[:-60] + bytes(40) + log[-20:])
    found = drained(used_again(copy))
    times = {at for _, at in found.readings} - {frame(10_000_000).observed_at_ms}
    assert times <= {START_MS + 1_000 * n for n in range(100)}
    assert len(times) >= 98
    assert {event.at_ms for event in found.events.values() if event.kind == "run.ended"} <= times | {
        START_MS + 99_000
    }


def test_the_time_that_was_learned_is_known_at_once_after_damage(path: Path) -> None:
    outbox = opened(path)
    outbox.begin("b1")
    outbox.learn("b1", START_MS)
    damage(outbox)
    assert outbox.offset_of("b1") == START_MS


def test_batches_of_others_and_their_dictionaries_survive_damage(path: Path) -> None:
    outbox = opened(path)
    items = [definition(), readings(0), readings(1), *words(0)]
    outbox.accept_forwarded(items)
    damage(outbox)
    tidy(outbox)
    assert outbox.knows_dictionary(NODE, DICTIONARY.hash)
    assert len({sealed.sequence for sealed in outbox.accept_forwarded(items)}) == len(items)
    found = drained(outbox)
    assert sorted(item.payload for item in found.forwarded) == sorted(item.payload for item in items)
    inner = Arrived().take(decode(item.payload, {DICTIONARY.hash: DICTIONARY}) for item in found.forwarded)
    assert len(inner.readings) == 40
    assert {name for name, _ in inner.readings} == {SPEC.datastream}
