"""A farm whose supply does not bear its pump's start: what must hold holds, and what is latched says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.season.blows import Blow, Case, Water
from tests.season.drive import live
from tests.season.invariants import wrong
from tests.season.site import LAYOUTS

WEAK = 0.01
# Nothing else is wrong there, and runs fail.
FAILS = "nothing_fails_without_a_fault"


@pytest.mark.parametrize("name", ["plain", "master", "common"])
def test_boards_that_restart_with_each_pump_are_told_as_a_weak_supply(name: str) -> None:
    layout = replace(LAYOUTS[name], config=replace(LAYOUTS[name].config, volts_lost_a=WEAK))
    asked = tuple(Blow(Water(zone="zone-1", run_s=300), 60 + 600 * number) for number in range(4))
    episode = live(Case(name, 1, asked, 0.03), layout=layout)
    told = [event.body for _, event in episode.record.of("latch.set")]
    assert told
    assert all(body["of"] == "unexpected" and "the supply is weak" in body["text"]["en"] for body in told)
    assert [what for what in wrong(episode) if not what.startswith(FAILS)] == []
