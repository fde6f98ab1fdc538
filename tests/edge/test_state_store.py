"""What is on disk: one owner, all or nothing, and nothing untold is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonnam_edge.errors import Misconfigured
from tonnam_edge.state_store import StateStore, Until
from tonnam_link.messages import CommandState, Event, Outcome, Stamp

EVENT = Event("e1", "run.ended", 5, {"zone": "zone-1", "reason": {"th": "ครบ", "en": "done"}})
OUTCOME = Outcome("c1", CommandState.DONE, 5, {"th": "ครบ", "en": "done"}, "r1")


def test_a_second_agent_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    with pytest.raises(Misconfigured, match="another agent"):
        StateStore(tmp_path)
    store.close()
    StateStore(tmp_path).close()


def test_what_was_not_handed_over_is_there_after_a_restart(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.commit(b"{}", [EVENT], [OUTCOME])
    store.close()
    again = StateStore(tmp_path)
    numbers, events, outcomes = again.untold()
    assert (again.memory(), events, outcomes) == (b"{}", [EVENT], [OUTCOME])
    again.told(numbers, Until(99, Stamp("boot", 7)))
    assert again.untold() == ([], [], [])
    assert again.told_until() == Until(99, Stamp("boot", 7))
    again.ended_cleanly()
    assert again.told_until() is None
    again.close()


def test_a_directory_that_cannot_be_made_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Misconfigured, match="cannot be used"):
        StateStore(tmp_path / "file" / "state")
