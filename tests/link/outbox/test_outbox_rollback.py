"""An outbox whose last commits are gone, as a disk lied or a kill came at the wrong moment, loses nothing new."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.link.harming import as_after_kill
from tests.link.harness import frame, identities
from tests.link.outboxes import drained, opened, tidy
from tonnam_link.messages import Event
from tonnam_link.outbox import aside
from tonnam_link.outbox.gaps import Gap

KILLED = 9


def fill(path: Path, seed: int) -> None:
    """Commit, then put other bytes into the log and the file behind SQLite's back, and end without closing."""
    outbox = opened(path)
    for number in range(40):
        outbox.accept([frame(number)], [Event(f"e{number}", "run.ended", 0, {})])
        outbox.seal()
    print(outbox.epoch)
    dice, log = Random(seed), path.with_name(f"{path.name}-wal")
    size = log.stat().st_size
    for file, places in ((log, [dice.randrange(size) for _ in range(15)]), (path, range(100))):
        with file.open("r+b") as handle:
            for place in places:
                os.pwrite(handle.fileno(), dice.randbytes(1), place)
    sys.stdout.flush()
    os._exit(KILLED)


def be_killed_while_setting_aside(path: Path) -> None:
    """Find the damage, and end before the file has another name."""

    def finish(path: Path) -> None:
        if list(path.parent.glob("*.unread")):
            os._exit(KILLED)

    aside.finish = finish
    opened(path)


def child(step: str, *words: str) -> str:
    """One process of a life; what it printed."""
    command = [sys.executable, "-m", "tests.link.outbox.test_outbox_rollback", step, *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == KILLED, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("seed", range(6))
def test_kill_while_a_damaged_file_is_set_aside_leaves_nothing_untold(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "outbox.db"
    epoch = int(child("fill", str(path), str(seed)))
    child("set aside", str(path))
    outbox = opened(path)
    assert (outbox.epoch != epoch, outbox.set_aside is None) == (True, True), "the next start goes on with it"
    outbox.accept([frame(100)])
    tidy(outbox)
    found = drained(outbox)
    assert found.lacks(identities([frame(number) for number in (*range(40), 100)])) == set()
    assert {gap["cause"] for gap in found.gaps()} == {"damaged"}


def test_disk_that_forgets_the_last_commits_makes_no_sequence_come_again(tmp_path: Path) -> None:
    path, before = tmp_path / "outbox.db", tmp_path / "before"
    outbox = opened(path)
    used = {sealed.sequence for sealed in outbox.accept(events=[Event("e0", "run.ended", 0, {})])}
    outbox.close()
    shutil.copytree(path.parent, before, ignore=shutil.ignore_patterns("before"))
    outbox = opened(path)
    for number in range(50):
        outbox.accept([frame(number)])
        used.update(sealed.sequence for sealed in outbox.seal())
    outbox.close()
    for file in before.iterdir():
        shutil.copy(file, path.parent / file.name)
    outbox = opened(path)
    outbox.accept([frame(100)])
    assert used.isdisjoint(sealed.sequence for sealed in outbox.seal())


def filled_then_killed(folder: Path) -> Path:
    """An outbox of 30 frames after a kill; of the first ten alone there is a copy named `before`."""
    outbox = opened(folder / "life" / "outbox.db")
    for number in range(30):
        outbox.accept([frame(number)])
        if number % 7 == 0:
            outbox.seal()
        if number == 9:
            outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            shutil.copy(folder / "life" / "outbox.db", folder / "before")
    path = as_after_kill(folder / "life" / "outbox.db", folder / "killed" / "outbox.db")
    outbox.close()
    return path


def lose(path: Path, what: str) -> None:
    """Let commits be gone in a way that SQLite does not mind."""
    log = path.with_name("outbox.db-wal")
    match what:
        case "the log":
            log.unlink()
        case "the end of the log":
            with log.open("r+b") as file:
                file.truncate(log.stat().st_size // 2)
        case "the file":
            path.unlink()
        case "what was in the file":
            path.write_bytes(b"")
        case "all since a copy":
            log.unlink()
            shutil.copy(path.parent.parent / "before", path)


@pytest.mark.parametrize(
    "what", ["the log", "the end of the log", "the file", "what was in the file", "all since a copy"]
)
def test_commits_that_are_gone_from_a_whole_file_are_told(tmp_path: Path, what: str) -> None:
    path = filled_then_killed(tmp_path)
    lose(path, what)
    opened(path).close()  # what it knows must not be forgotten by a start that does nothing
    outbox = opened(path)
    assert outbox.set_aside is None
    outbox.accept([frame(100)])
    found = drained(outbox)
    assert len(found.readings) < 4 * 31
    assert found.lacks(identities([frame(number) for number in (*range(30), 100)])) == set()
    assert [gap["cause"] for gap in found.gaps()] == ["damaged"]
    outbox.accept([frame(101)])
    outbox.close()
    assert drained(opened(path)).gaps() == [], "it is told once"


def test_commits_that_are_gone_from_a_damaged_file_are_told_too(tmp_path: Path) -> None:
    path = filled_then_killed(tmp_path)
    lose(path, "the log")
    path.write_bytes(path.read_bytes().replace(b"readings INTEGER", b"readingz INTEGER"))
    outbox = opened(path)
    assert outbox.set_aside is not None
    outbox.accept([frame(100)])
    found = drained(outbox)
    assert 4 < len(found.readings) < 4 * 31
    assert found.lacks(identities([frame(number) for number in range(30)])) == set()


def test_kill_that_lost_nothing_tells_of_no_gap(tmp_path: Path) -> None:
    path = filled_then_killed(tmp_path)
    path.with_name("outbox.db.lock").write_bytes(b"an older version, or garbled")
    for _ in range(2):
        outbox = opened(path)
        outbox.accept([frame(100)])
        tidy(outbox)
        path = as_after_kill(path, path.parent / "again" / "outbox.db")
        outbox.close()
    found = drained(opened(path))
    assert found.readings == identities([frame(number) for number in (*range(30), 100)])
    assert found.gaps() == []


def test_gap_that_is_told_again_is_another_event() -> None:
    """It may have grown meanwhile, and the cloud keeps what it has under an id."""
    gap = Gap("damaged", None, 2, None)
    assert gap.event(1).id != gap.joined(Gap("damaged", 1, 3, 4)).event(1).id
    assert gap.event(1).body["to_ms"] == 2


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fill", where, number]:
            fill(Path(where), int(number))
        case ["set aside", where]:
            be_killed_while_setting_aside(Path(where))
