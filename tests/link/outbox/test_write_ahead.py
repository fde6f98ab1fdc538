"""Commits that SQLite's log has lost are noticed; what a kill left half written is not taken for one."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tonnam_link.outbox.write_ahead import FRAME_HEADER_BYTES, HEADER_BYTES, lost_commits

FRAME = FRAME_HEADER_BYTES + 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with ten commits in its log, as a kill leaves it: open nowhere."""
    return killed(tmp_path, restarts=0)


def killed(folder: Path, restarts: int) -> Path:
    """Before the ten commits the log was begun anew so many times."""
    (folder / "open").mkdir()
    db = sqlite3.connect(folder / "open" / "some.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE well (depth_m REAL)")
    for _ in range(restarts):
        for n in range(20):
            db.execute("INSERT INTO well VALUES (?)", (n,))
        db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    for n in range(10):
        db.execute("INSERT INTO well VALUES (?)", (n,))
    for suffix in ("", "-wal"):
        shutil.copy(folder / "open" / f"some.db{suffix}", folder / f"some.db{suffix}")
    db.close()
    return folder / "some.db"


def log_of(path: Path) -> Path:
    return path.with_name("some.db-wal")


def found(path: Path) -> bool:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return lost_commits(path)
    finally:
        db.close()


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 0x10
    file.write_bytes(content)


@pytest.mark.parametrize("restarts", [0, 1, 3])
def test_a_whole_log_has_lost_nothing(tmp_path: Path, restarts: int) -> None:
    assert not found(killed(tmp_path, restarts))


def test_without_a_log_nothing_is_lost(path: Path) -> None:
    log_of(path).unlink()
    assert not found(path)


@pytest.mark.parametrize("frame", [0, 1, 5, -2, -1])
@pytest.mark.parametrize("at", [1, 9, 13, 18, 500, 4100])
def test_a_flipped_bit_anywhere_is_a_lost_commit(path: Path, frame: int, at: int) -> None:
    frames = (log_of(path).stat().st_size - HEADER_BYTES) // FRAME
    flip(log_of(path), HEADER_BYTES + frame % frames * FRAME + at)
    assert found(path)


@pytest.mark.parametrize("at", [0, 9, 17, 30])
def test_a_log_whose_header_is_garbled_is_lost(path: Path, at: int) -> None:
    flip(log_of(path), at)
    assert found(path)


def test_a_flipped_bit_in_what_an_older_log_left_is_none(tmp_path: Path) -> None:
    path = killed(tmp_path, restarts=1)
    flip(log_of(path), log_of(path).stat().st_size - 50)
    assert not found(path)


@pytest.mark.parametrize("missing", [1, 100, 4096, 4100])
def test_a_commit_that_was_being_written_was_never_promised(path: Path, missing: int) -> None:
    content = log_of(path).read_bytes()
    log_of(path).write_bytes(content[:-missing])
    assert not found(path)
