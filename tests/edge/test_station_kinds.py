"""Stations whose safe states are others: a drain pump that is off when in doubt, a spillway gate that is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.floods import CANAL, EXAMPLE, RIVER, UPSTREAM, Flood
from tonnam_edge.site.check import load_site


@pytest.fixture
def flood(tmp_path: Path) -> Flood:
    """Pumps on normally open contacts and off in doubt; a gate that opens at high water and when in doubt."""
    text = EXAMPLE.read_text(encoding="utf-8").replace(
        'kind = "normally_open"\nsafe_state = "on"', 'safe_state = "off"'
    )
    text = text.replace('safe_state = "closed"', 'safe_state = "open"').replace(
        'above = "closed"', 'above = "open"  '
    )
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    flood = Flood(load_site(tmp_path / "site.toml")[0])
    flood.run(60)
    return flood


def pumps(flood: Flood) -> list[bool]:
    """Which pumps are on: their coils are."""
    return flood.town.coils[:2]


def test_a_drain_pump_is_held_on_by_the_board_while_the_water_is_high_and_ends_off(flood: Flood) -> None:
    assert pumps(flood) == [False, False]
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = 260.0, 295.0
    flood.run(200)
    assert pumps(flood) == [True, False]
    assert 0 < flood.town.until[0] - flood.town.now_s <= 120
    flood.kill()
    flood.run(121)
    assert pumps(flood) == [False, False]


def test_a_drain_pump_is_off_while_its_level_or_its_intake_is_not_known(flood: Flood) -> None:
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = 330.0, 365.0
    flood.run(10)
    assert pumps(flood) == [True, True]
    flood.town.silent |= {RIVER, UPSTREAM}
    flood.run(40)
    assert pumps(flood) == [False, False]
    flood.town.silent = {CANAL}
    flood.run(60)
    assert pumps(flood) == [True, True]  # their current is the witness


def test_a_gate_that_is_open_in_doubt_is_held_closed_by_the_timer_that_ends_with_its_coil_on(flood: Flood) -> None:
    assert (flood.town.coils[2], 2 in flood.town.until) == (False, True)
    flood.town.silent |= {RIVER, UPSTREAM}
    flood.run(40)
    assert (flood.town.coils[2], 2 in flood.town.until) == (True, False)
    flood.town.silent.clear()
    flood.run(700)
    assert not flood.town.coils[2]
    flood.kill()
    flood.run(121)
    assert flood.town.coils[2]
