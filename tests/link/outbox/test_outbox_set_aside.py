"""Setting a damaged outbox aside, and salvaging it, through restarts, kills and disks that will not have it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.link.harming import Told, as_after_kill, damage, used_again
from tests.link.harness import SPECS, START_MS, frame, identities
from tests.link.outbox.test_outbox_forwards import readings
from tests.link.outboxes import drained, opened, tidy
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import Frame, Sample
from tonnam_link.outbox.outbox import Backlog

NAME = SPECS[3].datastream


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def test_salvage_goes_on_after_a_restart(path: Path) -> None:
    told = Told()
    outbox = opened(path)
    told.fill(outbox, 8, calls=300)
    damage(outbox)
    outbox.tend()
    outbox.close()
    again = opened(path)
    assert told.lost(drained(again)) == set()
    assert list(path.parent.glob("*.unread")) == []
    again.close()
    assert opened(path).backlog == Backlog(), "a file is read once"


def test_of_files_that_were_read_only_the_last_are_kept(path: Path) -> None:
    outbox = opened(path)
    for n in range(5):
        outbox.accept([frame(n)])
        damage(outbox)
        tidy(outbox)
    assert outbox.set_aside == path.with_name("outbox.db.damaged-5")
    kept = sorted(file.name for file in path.parent.glob("*damaged-?"))
    assert kept == ["outbox.db.damaged-4", "outbox.db.damaged-5"]
    assert drained(outbox).readings == identities([frame(n) for n in range(5)])


@pytest.mark.parametrize("renamed", ["", "-wal"])
def test_setting_aside_that_a_kill_broke_off_is_ended_at_the_next_start(path: Path, renamed: str) -> None:
    """Else a database would be opened without its log, or a new one with the log of an old one."""
    told = Told()
    outbox = opened(path)
    told.fill(outbox, 6, calls=20)
    copy = as_after_kill(path, path.parent / "copy" / "outbox.db")
    aside = copy.with_name("outbox.db.damaged-1")
    aside.with_name("outbox.db.damaged-1.unread").touch()
    if renamed:
        copy.with_name(f"outbox.db{renamed}").rename(aside.with_name(f"outbox.db.damaged-1{renamed}"))
    again = used_again(copy)
    assert again.epoch != outbox.epoch
    assert aside.exists()
    assert told.lost(drained(again)) == set()


def test_sector_that_cannot_be_read_is_damage_only_when_it_stays_so(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    epoch = outbox.epoch
    unreadable = sqlite3.OperationalError("disk I/O error")
    unreadable.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    for _ in range(3):
        assert outbox.epoch == epoch
        with pytest.raises(OutboxUnavailable), outbox._shelf.using("read"):
            raise unreadable
    assert outbox.epoch != epoch
    assert drained(outbox).readings == identities([frame(0)])


def test_damage_that_cannot_be_set_aside_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    outbox.seal()
    outbox._db.execute("UPDATE batch SET payload = zeroblob(50) WHERE sequence = 1")

    def refuse(*_: object) -> None:
        raise PermissionError("this directory takes no new names")

    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "rename", refuse)
        for _ in range(3):
            with pytest.raises(OutboxUnavailable, match="no new names"):
                outbox.payload(1)
    outbox.accept([frame(1)])
    found = drained(outbox)
    assert found.readings == identities([frame(1)])
    assert found.covers(START_MS)


def test_reading_told_as_another_node_is_no_reading_of_ours(path: Path) -> None:
    """A batch that is whole, but was sealed under another name, is not taken over from a damaged file."""
    outbox = opened(path)
    outbox.accept([Frame(START_MS, {"melon/pump/running": Sample(1.0)})])
    outbox.seal()
    payload = readings(0).payload
    outbox._db.execute("UPDATE batch SET payload = ? WHERE sequence = 1", (payload,))
    with pytest.raises(OutboxUnavailable):
        outbox.payload(1)
    assert drained(outbox).readings == set()
