"""A welded pump that its current tells of: with no meter, slow drips, old welds and boards in disorder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.plants import PLAIN, Estate, estate, with_contactor, world_of
from tests.edge.test_proofs import WITH_CURRENT
from tonnam_edge.modbus.direct import act_once
from tonnam_sim.world.faults import ForeignWrite, RefusingUnit, WeldedContact

WELDED = ("welded", "pump")
NO_METER = WITH_CURRENT.replace('[flow]\nrate = "flow/rate"\ntotal = "flow/total"\n', "")
SLOW = WITH_CURRENT.replace("flow_l_min = 60", "flow_l_min = 6")


def welded_in_a_run(folder: Path, text: str, *, contactor: bool = False) -> Estate:
    one = estate(folder, text, world_of(contactor=contactor))
    one.run(5)
    one.water(seconds=60)
    one.run(40)
    one.world.add(WeldedContact(at_s=one.world.now_s, actuator="pump"))
    return one


@pytest.mark.parametrize("text", [NO_METER, SLOW], ids=["no meter", "slow drip"])
@pytest.mark.parametrize("contactor", [False, True])
def test_the_current_alone_finds_it_and_the_contactor_cuts_it(tmp_path: Path, text: str, contactor: bool) -> None:
    one = welded_in_a_run(tmp_path, with_contactor(text) if contactor else text, contactor=contactor)
    one.run(60)
    assert WELDED in one.latches()
    assert one.world.truth.pump_running is not contactor


def test_a_process_that_starts_under_a_weld_finds_it(tmp_path: Path) -> None:
    one = welded_in_a_run(tmp_path, NO_METER)
    later = Estate(one.site, one.world, one.memory)
    later.start_ms = one.now_ms
    later.run(20)
    assert WELDED in later.latches()


def test_it_is_found_where_another_coil_was_moved_and_everything_is_turned_off_at_once(tmp_path: Path) -> None:
    one = welded_in_a_run(tmp_path, WITH_CURRENT)
    one.world.add(ForeignWrite(at_s=one.world.now_s + 2, actuator="zone-2", on=True))
    one.run(30)
    assert WELDED in one.latches()


def test_a_pump_that_was_seen_to_stand_and_is_started_by_hand_is_not_welded(tmp_path: Path) -> None:
    """Nobody tells of a hand at a cabinet without switches."""
    one = estate(tmp_path, NO_METER, world_of())
    one.run(5)
    one.water(seconds=30)
    one.run(80)
    one.world.add(WeldedContact(at_s=one.world.now_s, actuator="pump"))  # what the cabinet's button does
    one.run(60)
    assert one.latches() == []


def test_a_pump_that_went_on_while_its_board_refused_is_not_called_welded(tmp_path: Path) -> None:
    """Water that the meter counted before the coil was proven off is no sign of a weld. A close waits, and is the
    first that the board hears again."""
    one = estate(tmp_path, PLAIN, world_of())
    one.run(5)
    one.water(seconds=300)
    one.run(10)
    now_s = one.world.now_s
    one.world.add(RefusingUnit(at_s=now_s, until_s=now_s + 12, bus="cabinet", unit=1))
    one.run(1)
    one.stop()
    for _ in range(60):
        act_once(
            [action for _, action in one.actions if action.safe and action.actuator == "pump"], one.ports, one.site
        )
        one.step()
    assert not one.world.truth.pump_running
    assert one.latches() == []


def test_a_sound_pump_with_a_contactor_is_not_called_welded(tmp_path: Path) -> None:
    one = estate(tmp_path, with_contactor(NO_METER), world_of(contactor=True))
    one.run(5)
    one.water(seconds=30)
    one.run(90)
    assert one.latches() == []
    assert one.states()[-1] == "done"
