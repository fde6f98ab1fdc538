"""A latching valve that is back on auto while a neighbour on its meter waters by hand: closed once, judged later."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import site_of
from tests.edge.switches import SwitchField, SwitchPlay, farm, memory, switched
from tonnam_edge.core import Action

LATCHING = 'kind = "latching"\nclose_coil = 3\npulse_s = 0.2\ntravel_s = 3\ncut_off_min = 30\n'
VALVE = 'id = "valve-1"\nrole = "valve"\n'


class LatchingField(SwitchField):
    """Valve 1 stays as its last pulse has left it, and its coils are off by the next reading."""

    def __init__(self) -> None:
        super().__init__()
        self.stands_open = False

    def act(self, action: Action, mono_ms: int) -> None:
        if action.actuator == "valve-1":
            self.stands_open = action.open
        else:
            super().act(action, mono_ms)

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        super().pass_time(from_ms, to_ms)
        if self.coil(0) and self.stands_open:
            self.litres += self.flow_l_min * (to_ms - from_ms) / 60_000


def closes(play: SwitchPlay, from_step: int) -> int:
    """How many pulses have closed valve 1 since that step."""
    actions = [action for step in play.steps[from_step:] for action in step.actions]
    return sum(action.actuator == "valve-1" and not action.open for action in actions)


@pytest.fixture
def play(tmp_path: Path) -> SwitchPlay:
    """Both zones were on hand, and zone 2 still is: its water goes through the meter."""
    one = farm(site_of(tmp_path, switched().replace(VALVE, VALVE + LATCHING, 1)))
    one.field = LatchingField()
    one.run(35)
    one.field.turn(1, "hand")
    one.field.turn(2, "hand")
    one.field.hand_l_min = 60.0
    one.run(60)
    one.field.turn(1, "auto")
    return one


def test_it_is_closed_once_and_neither_latched_nor_locked_while_the_neighbours_water_flows(play: SwitchPlay) -> None:
    before = len(play.steps)
    play.run(300)
    assert closes(play, before) == 1
    assert memory(play).latches == {}
    assert not play.of_kind("actuator.fault")
    play.water("zone-1", seconds=60)
    play.run(120)
    assert play.states() == ["accepted", "running", "done"]
    assert closes(play, before) == 2


def test_it_is_proven_when_nobody_waters_by_hand_any_more(play: SwitchPlay) -> None:
    play.run(60)
    assert not play.core.safe
    play.field.hand_l_min = 0.0
    play.field.turn(2, "auto")
    before = len(play.steps)
    play.run(60)
    assert play.core.safe
    assert closes(play, before) == 0


def test_one_that_did_not_close_is_found_when_nobody_waters_by_hand_any_more(play: SwitchPlay) -> None:
    play.run(60)
    play.field.turn(2, "auto")
    play.run(120)
    assert {(latch.kind, latch.subject) for latch in memory(play).latches.values()} == {("not_closed", "valve-1")}


def test_a_process_that_starts_while_somebody_waters_by_hand_closes_it_once(play: SwitchPlay) -> None:
    play.run(30)
    before = len(play.steps)
    play.restart()
    play.run(300)
    assert closes(play, before) == 1
    assert memory(play).latches == {}
