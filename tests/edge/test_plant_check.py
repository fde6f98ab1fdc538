"""What `tonnam-edge check` says of valves, pumps and the path of the water: line, key, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import SITE, site_of
from tests.edge.plants import ACTUATOR, PLAIN, pump_with, valve_of_kind, with_contactor, with_master
from tests.edge.test_check import line_of, wrong
from tonnam_edge.site.check import load_site

MASTER = ACTUATOR.format("master", "master", 6)
LATCHING = valve_of_kind(SITE, "latching", "close_coil = 3\n")
SMALL = """id = "small"
name = { th = "เล็ก", en = "Small" }
source = "its manual"
[relay]
coils = 8
"""


def valve_with(keys: str) -> str:
    return SITE.replace('role = "valve"\n', 'role = "valve"\n' + keys, 1)


@pytest.mark.parametrize(
    ("text", "at", "key", "says"),
    [
        (SITE.replace('role = "pump"', 'kind = "pump"'), 'kind = "pump"', "kind", "'normally_closed'"),
        (SITE.replace('role = "pump"\n', ""), '[[actuator]]\nid = "pump"', "role", "one of 'valve', 'pump'"),
        (valve_with("capacity_l_min = 9\n"), "capacity_l_min = 9", "capacity_l_min", "only a pump has it"),
        (valve_with("lead_s = 9\n"), "lead_s = 9", "lead_s", "only a master has it, and this is a valve"),
        (valve_with("close_coil = 4\n"), "close_coil = 4", "close_coil", "only a latching valve has it"),
        (valve_with('safe_state = "on"\n'), "safe_state", "safe_state", "Allowed: closed, open"),
        (pump_with(SITE, 'safe_state = "open"\n'), "safe_state", "safe_state", "Allowed: off, on"),
        (pump_with(SITE, 'kind = "latching"\nclose_coil = 4\n'), 'kind = "latching"', "kind", "a pump cannot be"),
        (valve_with('kind = "motorised"\n'), '[[actuator]]\nid = "valve-1"', "travel_s", "a motorised valve"),
        (valve_with('kind = "latching"\n'), '[[actuator]]\nid = "valve-1"', "close_coil", "the coil whose pulse"),
        (LATCHING.replace("close_coil = 3", "close_coil = 2"), "coil = 2\nname", "coil", 'already moves "valve-1"'),
        (LATCHING.replace("close_coil = 3", "close_coil = 9"), "close_coil = 9", "close_coil", "coils 0 to 7"),
        (LATCHING[: LATCHING.index("[flow]")] + LATCHING[LATCHING.index("[[zone]]") :], 'kind = "latching"', "kind",
         "needs [flow]"),
        (LATCHING.replace("waveshare-relay-8ch", "relay-8ch"), 'device = "relay"\ncoil = 1', "device",
         "a pulse must end by itself"),
        (pump_with(SITE, "capacity_l_min = 50\n"), "flow_l_min = 60", "flow_l_min", 'of "pump", which is 50'),
        (pump_with(SITE, 'contactor = "valve-1"\n'), "contactor =", "contactor", '"valve-1" is not a contactor'),
        (pump_with(SITE, 'current = "tank/lvl"\n'), "current =", "current", 'Did you mean "tank/level"?'),
        (pump_with(SITE, "dry_below = 2\n"), "dry_below", "dry_below", "needs current"),
        (pump_with(SITE, 'current = "flow/rate"\nruns_above = 2\ndry_below = 1\n'), "dry_below", "dry_below",
         "must be above runs_above, which is 2"),
        (SITE.replace('pump = "pump"', 'pump = "pump"\nmaster = "valve-2"', 1), 'master = "valve-2"', "master",
         '"valve-2" is not a master'),
        (SITE.replace('pump = "pump"', 'pump = "pump"\nmaster = "master"', 1) + MASTER,
         '[[zone]]\nid = "zone-2"', "master", 'must be that of "zone-1", which is "master"'),
        (valve_with('safe_state = "open"\n'), 'valve = "valve-1"', "valve", "water would run whenever something"),
        (valve_with("cut_off_min = 15\n"), "max_run_min = 20", "max_run_min", "at most 15.0"),
        (SITE.replace("low_cm = 20", "low_cm = 20\nshort_cm = 10"), "short_cm", "short_cm", "20 to 200"),
        (SITE.replace("[flow]", "[flow]\nhigh_pct = 90"), "high_pct", "high_pct", "greater than 100"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_what_would_be_right(
    tmp_path: Path, text: str, at: str, key: str, says: str
) -> None:
    told = wrong(tmp_path, text)
    line = line_of(text, at)
    near = [said for said in told if f"{key}: " in said and says in said]
    assert near, told
    assert any(said.startswith(f"site.toml:{line}: ") for said in near), (line, told)


def test_pumps_and_masters_of_all_sorts_are_good(tmp_path: Path) -> None:
    keys = "capacity_l_min = 130\nrest_s = 30\nstarts_per_hour = 12\n"
    text = with_contactor(with_master(pump_with(PLAIN, keys), "travel_s = 4\nlead_s = 3\nlag_s = 2\n"))
    site = site_of(tmp_path, text)
    assert site.path_of("zone-1") == ("valve-1", "master", "contactor", "pump")
    assert site.stop_order == ["pump", "contactor", "master", "valve-1", "valve-2"]
    assert "plot/contactor/running" in {datastream.id for datastream in site.datastreams}
    assert "plot/master/valve_open" in {datastream.id for datastream in site.datastreams}


def test_one_contactor_cuts_off_one_pump(tmp_path: Path) -> None:
    second = ACTUATOR.format("pump-2", "pump", 7) + 'contactor = "contactor"\n'
    told = wrong(tmp_path, with_contactor(SITE) + second)
    assert any('"contactor" already cuts off "pump": one contactor, one pump' in said for said in told), told


def test_a_normally_open_valve_on_a_board_whose_timers_only_turn_on_is_not_guarded(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL + "flash_address = 512\n", encoding="utf-8")
    text = valve_of_kind(SITE, "normally_open").replace("waveshare-relay-8ch", "small.toml")
    site = site_of(tmp_path, text)
    assert (site.actuators["valve-1"].timer_s, site.actuators["valve-1"].unattended) == (None, False)
    assert site.actuators["valve-2"].timer_s is not None
    _, warnings = load_site(tmp_path / "site.toml")
    (told,) = [warning.text for warning in warnings]
    assert "no timer of small ends with it closed" in told
    assert "Neither a program nor a command from afar will water with it" in told


def test_a_board_that_comes_back_with_a_relay_on_guards_nothing(tmp_path: Path) -> None:
    board = 'profile = "waveshare-relay-8ch"\n'
    site = site_of(tmp_path, SITE.replace(board, board + 'power_on = "on"\n'))
    assert not any(one.unattended for one in site.actuators.values())
    _, warnings = load_site(tmp_path / "site.toml")
    assert len(warnings) == len(site.actuators)
    assert all("comes back with its relays on after a power cut" in warning.text for warning in warnings)
    assert site_of(tmp_path, SITE.replace(board, board + 'power_on = "off"\n')).actuators["pump"].unattended


def test_a_cut_off_of_its_own_is_as_good_as_a_timer(tmp_path: Path) -> None:
    text = SITE.replace("waveshare-relay-8ch", "relay-8ch")
    for role in ("pump", "valve"):
        text = text.replace(f'role = "{role}"\n', f'role = "{role}"\ncut_off_min = 25\n')
    assert all(one.unattended for one in site_of(tmp_path, text).actuators.values())
    _, warnings = load_site(tmp_path / "site.toml")
    assert warnings == []
