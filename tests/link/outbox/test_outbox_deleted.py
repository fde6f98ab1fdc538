"""Files that somebody deletes under a running node are written again, with all that was in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.link.harness import SPECS, frame, identities
from tests.link.outboxes import contents, opened
from tonnam_link.errors import OutboxInUse, OutboxUnavailable
from tonnam_link.outbox.outbox import Outbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def delete(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink()


@pytest.mark.parametrize(
    "suffixes",
    [("", ".lock"), ("", "-wal", "-shm", ".lock"), ("",), ("-wal",), (".lock",)],
    ids=["file and lock", "everything", "file", "log", "lock"],
)
def test_what_was_deleted_is_there_again_and_nothing_is_lost(path: Path, suffixes: tuple[str, ...]) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    (sealed,) = outbox.seal()
    outbox.accept([frame(1)])
    epoch = outbox.epoch
    delete(path, *suffixes)
    outbox.accept([frame(2)])
    assert (outbox.put_back, outbox.epoch, outbox.set_aside) == (1, epoch, None)
    with pytest.raises(OutboxInUse):
        opened(path)
    outbox.accept([frame(3)])
    assert outbox.put_back == 1
    (later,) = outbox.seal()
    assert later.sequence > sealed.sequence
    outbox.close()
    again = opened(path)
    assert contents(again).keys() == identities([frame(number) for number in range(4)])
    assert (again.epoch, again.set_aside) == (epoch, None)
    again.close()


def test_what_was_released_before_the_deletion_is_not_sent_again(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    (sealed,) = outbox.seal()
    outbox.release([sealed.sequence])
    delete(path, "", ".lock")
    outbox.accept([frame(1)])
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(1)])
    outbox.close()


def test_file_that_another_has_put_there_is_kept_beside(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    delete(path, "")
    path.write_bytes(b"a backup of long ago")
    outbox.accept([frame(1)])
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(0), frame(1)])
    assert path.with_name("outbox.db.found-1").read_bytes() == b"a backup of long ago"
    outbox.close()


def test_outbox_that_another_process_has_by_now_takes_nothing_more(path: Path) -> None:
    outbox = opened(path)
    outbox.accept([frame(0)])
    delete(path, "", "-wal", "-shm", ".lock")
    other = Outbox(path, outbox.origin)
    other.register(SPECS)
    with pytest.raises(OutboxUnavailable, match="another process has it now"):
        outbox.accept([frame(1)])
    other.accept([frame(2)])
    other.close()
    outbox.accept([frame(3)])
    outbox.seal()
    assert contents(outbox).keys() == identities([frame(0), frame(3)])
    outbox.close()
