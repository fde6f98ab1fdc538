"""What `tonnam-edge check` says of likely slips: in words of the file, once each, and nothing that is not so."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.edge.farms import BAND, SITE, TIMER, site_of
from tests.edge.test_check import wrong
from tonnam_edge.core.telling import described
from tonnam_edge.site.check import load_site
from tonnam_edge.site.problems import Problem

GROWING = 'growing = { crop = "tomato", planted = "2026-10-20", soil = "loam" }\n'
FARM = SITE.replace('valve = "valve-1"\n', f'valve = "valve-1"\n{GROWING}', 1)
ELECTRICITY = """
[electricity]
pump_kw = { pump = 1.5 }
holidays = ["2026-12-10"]

[[tariff]]
id = "peak"
name = { th = "ออนพีค", en = "On peak" }
baht_kwh = 5.8
hours = ["09:00", "22:00"]
days = ["mon"]

[[tariff]]
id = "off-peak"
name = { th = "ออฟพีค", en = "Off peak" }
baht_kwh = 2.6
"""


def said(folder: Path, text: str, today: date) -> list[Problem]:
    path = folder / "site.toml"
    path.write_text(text)
    return load_site(path, None, today)[1]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("2026-10-20", "2569-10-20", 'a day such as "2026-10-20"; 2569 of the Buddhist era is 2026.'),
        ("2026-10-20", "20/10/2569", '"2026-10-20"; 2569 of the Buddhist era is 2026.'),
        ("2026-10-20", "20/10/2026", 'a day such as "2026-10-20", with the year first.'),
        ("2026-10-20", "2026-02-30", "is not a day: month 02 of 2026 has the days 01 to 28."),
        ("2026-10-20", "2026-20-10", "the month stands in the middle"),
        ('"2026-12-10"', '"10/12/2569"', "2569 of the Buddhist era is 2026"),
        ("run_min = 5", 'run_min = 5\nfirst = "1/5/2026"', "with the year first"),
        ('"loam"', '"Loam"', 'Allowed: clay, clay-loam, loam, sand. Did you mean "loam"?'),
        ('"loam"', '"ดินร่วน"', 'Did you mean "loam"?'),
        ('"loam"', '"mud"', "Allowed: clay, clay-loam, loam, sand."),
        ('"tomato"', '"durian"', "Allowed: cantaloupe, chili"),
        ('"loam" }', '"loam", kc = "duel" }', "it should be 'single' or 'dual', or a list of numbers."),
        ('"loam" }', '"loam", kc = [0.4, 1.1, 9] }', "growing.kc[2]: 9 is not allowed"),
        ('name = { th = "วาล์ว 1", en = "Valve 1" }', 'name = "Valve 1"', 'in Thai and English: { th = "...", en'),
        ("run_min = 5", f"run_min = 5\nseason_pct = {[100] * 11}", "has 11 values, and it must have at least 12."),
        ('"09:00", "22:00"', '"09:00", "09:00"', "hours must begin and end at different times"),
        ('"tank/level"', '"tank/Level"', 'Did you mean "tank/level"?'),
        ("\nfull_cm = 200", "\nfull_cm = 200\n\n[flow]\nrate = 3", "not TOML: [flow] stands twice, first in line "),
        ('role = "pump"', 'role = "Pump"', "it should be 'valve', 'pump'"),
        ('days = ["mon"]', 'days = ["จันทร์"]', "it should be 'mon'"),
    ],
)  # fmt: skip
def test_a_slip_is_told_once_in_plain_words(tmp_path: Path, before: str, after: str, says: str) -> None:
    text = FARM + TIMER + BAND + 'latest = "16:00"\n' + ELECTRICITY
    assert before in text
    (told,) = wrong(tmp_path, text.replace(before, after, 1))
    assert says in told


def test_the_example_of_this_file_is_good(tmp_path: Path) -> None:
    assert said(tmp_path, FARM + TIMER + BAND + 'latest = "16:00"\n' + ELECTRICITY, date(2026, 11, 21)) == []


@pytest.mark.parametrize(
    ("planted", "says"),
    [("2027-10-20", "is after today, 2026-11-21"), ("2001-10-20", "is 25 years ago. Is the year right?")],
)
def test_a_day_of_planting_that_is_hardly_meant_is_warned_about(tmp_path: Path, planted: str, says: str) -> None:
    (warning,) = said(tmp_path, FARM.replace("2026-10-20", planted), date(2026, 11, 21))
    assert warning.severity == "warning"
    assert says in warning.text


def test_a_wrong_day_does_not_hide_what_else_is_wrong_with_a_crop(tmp_path: Path) -> None:
    found = wrong(tmp_path, FARM.replace("2026-10-20", "2569-10-20").replace('"loam"', '"mud"'))
    assert ["Buddhist" in found[0], "Allowed: clay" in found[1], len(found)] == [True, True, 2]


def test_an_empty_file_is_told_what_a_site_begins_with(tmp_path: Path) -> None:
    assert wrong(tmp_path, "") == [
        "site.toml:1: file: it is empty. A site begins with [node], [site], [[bus]], [[device]]"
    ]


def test_what_is_not_toml_is_said_without_the_words_of_its_reader(tmp_path: Path) -> None:
    for line, says in (
        ("latest = 16:00", "does not belong there"),
        ("zone = zone-3", "a text needs quotes"),
        ("[[zone\nid = 3", "]] is missing"),
        ('id = "three', "a quote or a bracket is not closed"),
    ):
        (told,) = wrong(tmp_path, f"{SITE}\n{line}\n")
        assert says in told


def test_large_numbers_are_said_as_they_were_written(tmp_path: Path) -> None:
    text = Path("edge/examples/fertigation.toml").read_text("utf-8")
    large = re.sub(r"max_pulse_ml = \d+", "max_pulse_ml = 9999999", text, count=1)
    assert any("9999999 is more than max_hour_ml" in told for told in wrong(tmp_path, large))


LATCHING = (
    SITE.replace('device = "relay"\ncoil = 1\n', 'device = "relay"\nkind = "latching"\ncoil = 1\nclose_coil = 6\n', 1)
    + TIMER
)


def test_a_program_that_can_never_water_is_told_which_valve_and_what_helps(tmp_path: Path) -> None:
    at_valve, at_program = said(tmp_path, LATCHING, date(2026, 11, 21))
    assert [at_valve.where, at_program.where] == ['actuator "valve-1", device', 'program "morning", zone']
    assert 'nothing closes "valve-1" by itself' in at_program.text
    for warning in (at_valve, at_program):
        assert "cut_off_min" in warning.text
        assert "board with a timer" not in warning.text
    guarded = LATCHING.replace("close_coil = 6\n", "close_coil = 6\ncut_off_min = 60\n")
    assert said(tmp_path, guarded, date(2026, 11, 21)) == []


def test_only_a_moisture_program_needs_a_band(tmp_path: Path) -> None:
    without = SITE.replace("band = { low_pct = 26, high_pct = 31 }\n", "")
    site = site_of(tmp_path, without + TIMER)
    told = described(site)["zones"][0]
    assert [told["band_low_pct"], told["band_high_pct"]] == [None, None]
    (needed,) = wrong(tmp_path, without + BAND)
    assert '"zone-1" has no band = { low_pct = ..., high_pct = ... }' in needed
