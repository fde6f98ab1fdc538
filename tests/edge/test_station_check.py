"""What is said of a station in a site file that cannot be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.floods import EXAMPLE
from tests.edge.test_check import line_of, wrong
from tonnam_edge.site.check import load_site

TEXT = EXAMPLE.read_text(encoding="utf-8")


def test_the_example_is_good_without_a_warning() -> None:
    site, warnings = load_site(EXAMPLE)
    assert warnings == []
    assert set(site.stationed) == {"pump-1", "pump-2", "gate"}
    ids = {datastream.id.removeprefix("flood-gate/") for datastream in site.datastreams}
    assert {"pump-1/running", "gate/gate_open", "river/level", "meter-1/current"} <= ids


@pytest.mark.parametrize(
    ("before", "after", "at", "says"),
    [
        ('pumps = ["pump-1", "pump-2"]', 'pumps = ["pump-1", "pump-3"]', "pumps = [", 'Did you mean "pump-'),
        ('pumps = ["pump-1", "pump-2"]', 'pumps = ["gate"]', 'pumps = ["gate"]', '"gate" is not a pump'),
        ("duty = 1", "duty = 3", "duty = 3", "3 pumps cannot run where there are 2"),
        ("stop_cm = 220", "stop_cm = 250", "stop_cm = 250", "must be below start_cm"),
        ("all_cm = 320", "all_cm = 240", "all_cm = 240", "must be above start_cm"),
        ("again_cm = 120", "again_cm = 50", "dry = {", "must be above below_cm"),
        ('above = "closed"  ', 'above = "on"  ', 'above = "on"', 'Allowed: "open", "closed"'),
        ('level = "river/level"', 'level = "river/lvl"', 'level = "river/lvl"', 'Did you mean "river/level"?'),
        ('level = "river/level"', 'level = "switches/input_0"', 'level = "switches', "is not a level"),
        ('{ level = "upstream/level"', '{ level = "river/level"', "witness = {", "cannot be its own witness"),
        ('contact = "switches/input_2"', 'contact = "canal/level"', 'lock = { contact = "canal', "is not a contact"),
        ('safe_state = "on"\n', "", "pumps = [", "declares no safe_state"),
        ('gate = "gate"', 'gate = "gate"\npumps = ["pump-1"]', '[[station]]\nid = "sluice"', "pumps or one gate"),
        ('id = "sluice"', 'id = "flood-pumps"', 'id = "flood-pumps"\nname = { th = "ประตู', "is already the id"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, before: str, after: str, at: str, says: str) -> None:
    assert before in TEXT
    text = TEXT.replace(before, after, 1)
    told = wrong(tmp_path, text)
    assert any(f":{line_of(text, at)}: " in said and says in said for said in told), told


def test_a_pump_that_runs_when_this_machine_is_dead_needs_a_guard_of_its_own_against_running_dry(
    tmp_path: Path,
) -> None:
    start = TEXT.index(", guard = {")
    text = TEXT[:start] + TEXT[TEXT.index("\n", start) :].replace("\n", " }\n", 1)
    assert any("float switch in its own circuit" in said for said in wrong(tmp_path, text))


def test_a_board_whose_timers_do_not_end_in_the_safe_state_is_refused(tmp_path: Path) -> None:
    told = wrong(tmp_path, TEXT.replace('profile = "waveshare-relay-8ch"', 'profile = "relay-8ch"', 1))
    assert any('no timer of relay-8ch ends with "pump-1" on' in said for said in told)


def test_pumps_that_are_off_without_current_need_a_timer_that_ends_on_and_the_board_has_one(tmp_path: Path) -> None:
    """The coil of such a pump is on while it runs: flash-off turns it off, and by itself on again."""
    (tmp_path / "site.toml").write_text(TEXT.replace('kind = "normally_open"\n', ""), encoding="utf-8")
    site, warnings = load_site(tmp_path / "site.toml")
    assert site.actuators["pump-1"].timer_s == pytest.approx(3276.7)
    assert ["a board without supply does not bring it into its safe state" in each.text for each in warnings] == [
        True
    ] * 2


def test_what_nobody_has_tried_to_renew_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(TEXT.replace('renewable = "verified"\n', "", 1), encoding="utf-8")
    _, warnings = load_site(tmp_path / "site.toml")
    assert ["every 55 minutes it goes into its safe state" in each.text for each in warnings] == [True]


def test_a_pump_of_a_zone_is_no_pump_of_a_station(tmp_path: Path) -> None:
    zone = """
[[zone]]
id = "field"
name = { th = "แปลง", en = "Field" }
crop = { th = "ข้าว", en = "Rice" }
area_m2 = 1600
valve = "valve"
pump = "pump-1"
flow_l_min = 60
band = { low_pct = 26, high_pct = 31 }
max_run_min = 20
max_day_min = 60

[[actuator]]
id = "valve"
role = "valve"
device = "relay"
coil = 5
name = { th = "วาล์ว", en = "Valve" }
"""
    assert any("one actuator, one master" in said for said in wrong(tmp_path, TEXT + zone))
