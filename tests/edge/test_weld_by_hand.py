"""A sound pump that people run at the cabinet is not called welded by its current; a weld is, also then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import site_of
from tests.edge.switches import SwitchField, SwitchPlay, farm, memory, switched
from tonnam_edge.core import Observation
from tonnam_edge.site.check import load_site
from tonnam_edge.site.site import Site

METER = """
[[device]]
id = "pump-meter"
bus = "cabinet"
unit = 8
profile = "eastron-sdm120"
tells = ["current"]
name = { th = "ไฟ", en = "Current" }
"""
PUMP, CURRENT = 'id = "pump"\nrole = "pump"\n', 'current = "pump-meter/current"\n'
RUNS_ABOVE = "runs_above = 1.0\n"


class CurrentField(SwitchField):
    """Switches, and a pump whose current is read every other second."""

    def __init__(self) -> None:
        super().__init__()
        self.amps: float | None = 0.0  # what it draws by hand or at rest; with None what its coil says

    def observe(self, mono_ms: int) -> list[Observation]:
        seen = super().observe(mono_ms)
        if mono_ms // 1000 % 2 == 0:
            amps = 5.0 * self.coil(0) if self.amps is None else self.amps
            seen.append(Observation("pump-meter", mono_ms, {"current": amps}))
        return seen

    def by_hand(self, amps: float) -> None:
        self.amps, self.hand_l_min = amps, 12 * amps


def text_of(keys: str = RUNS_ABOVE) -> str:
    return switched().replace(PUMP, PUMP + CURRENT + keys, 1) + METER


def played(site: Site) -> tuple[SwitchPlay, CurrentField]:
    play, field = farm(site), CurrentField()
    play.field = field
    play.run(31)  # the current is read in the next step
    return play, field


def welded(play: SwitchPlay) -> bool:
    return ("welded", "pump") in {(latch.kind, latch.subject) for latch in memory(play).latches.values()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path, text_of())


def test_a_current_that_is_read_before_the_switch_that_explains_it(site: Site) -> None:
    play, field = played(site)
    field.by_hand(5.0)
    play.step()
    field.turn(1, "hand")
    play.run(60)
    assert not welded(play)


@pytest.mark.parametrize("runs_on_s", [0, 2, 4])
def test_a_pump_that_runs_on_as_its_switch_is_back_on_auto(site: Site, runs_on_s: int) -> None:
    play, field = played(site)
    field.turn(1, "hand")
    play.run(6)
    field.by_hand(5.0)
    play.run(61)
    field.turn(1, "auto")
    field.hand_l_min = 0.0
    play.run(runs_on_s)
    field.amps = 0.0
    play.run(30)
    assert not welded(play)


@pytest.mark.parametrize("silent_s", [0, 30, 300])
def test_a_hand_of_which_a_dead_switch_module_does_not_tell(site: Site, silent_s: int) -> None:
    play, field = played(site)
    field.switches_answer = False
    play.run(silent_s)
    field.turn(1, "hand")
    field.by_hand(5.0)
    play.run(60)
    assert not welded(play)


def test_a_process_that_starts_while_the_switches_are_silent_and_the_pump_runs_by_hand(site: Site) -> None:
    play, field = played(site)
    field.switches_answer = False
    field.by_hand(5.0)
    play.restart()
    play.run(60)
    assert not welded(play)


def test_a_pump_that_goes_on_though_every_switch_is_on_auto_is_welded(site: Site) -> None:
    play, field = played(site)
    field.turn(1, "hand")
    play.run(6)
    field.by_hand(5.0)
    play.run(60)
    field.turn(1, "auto")
    play.run(12)
    assert welded(play)


def test_a_weld_in_a_run_is_found_while_the_switches_are_silent(site: Site) -> None:
    play, field = played(site)
    field.amps = None
    play.water(seconds=60)
    play.run(30)
    field.switches_answer = False
    field.amps = 5.0
    play.run(60)
    assert welded(play)


def test_a_drive_at_rest_is_no_pump_that_runs(tmp_path: Path) -> None:
    """Neither before its pump has run, nor by a third of what that has drawn."""
    play, field = played(site_of(tmp_path, text_of("")))
    field.amps = 0.6
    play.run(20)
    field.amps = 5.0
    play.water(seconds=60)
    play.run(66)
    field.amps = 0.6
    play.run(60)
    assert not welded(play)
    assert play.states()[-1] == "done"


def test_without_runs_above_a_weld_is_known_by_what_the_pump_has_drawn(tmp_path: Path) -> None:
    play, field = played(site_of(tmp_path, text_of("")))
    field.amps = 5.0
    play.water(seconds=60)
    play.run(120)
    assert welded(play)


def test_check_asks_from_which_current_on_a_pump_runs(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text_of(""), encoding="utf-8")
    (told,) = [warning.text for warning in load_site(path)[1]]
    assert "needs runs_above, in amperes" in told
    path.write_text(text_of(), encoding="utf-8")
    assert load_site(path)[1] == []


def test_an_emergency_stop_opens_the_contactor_at_once_though_the_pump_draws(tmp_path: Path) -> None:
    contactor = '[[actuator]]\nid = "contactor"\nrole = "contactor"\ndevice = "relay"\ncoil = 5\n'
    contactor += 'name = { th = "คอนแทคเตอร์", en = "Contactor" }\n\n'
    keys = RUNS_ABOVE + 'contactor = "contactor"\n'
    text = text_of(keys).replace("[tank]\n", contactor + "[tank]\n", 1)
    play, field = played(site_of(tmp_path, text))
    field.amps = 5.0
    play.water(seconds=300)
    play.run(30)
    assert field.coils[5]
    field.press()
    step = play.step()
    assert {action.actuator for action in step.actions if not action.open} >= {"pump", "contactor", "valve-1"}
    assert not any(field.coils)
