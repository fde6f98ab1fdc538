"""`tonnam-edge check`: everything that is wrong, with its line, and nothing touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.edge.farms import BAND, SITE, TIMER, site_of
from tonnam_edge.site.check import BadSiteFile, load_site
from tonnam_edge.site.positions import positions

EXAMPLE = Path("edge/examples/melon-greenhouse.toml")


def wrong(folder: Path, text: str) -> list[str]:
    """What is said of a bad site file: `line: key: text`."""
    with pytest.raises(BadSiteFile) as caught:
        site_of(folder, text)
    return [problem.told("site.toml") for problem in caught.value.problems]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_example_is_good_and_without_warnings() -> None:
    site, warnings = load_site(EXAMPLE)
    assert warnings == []
    ids = {datastream.id.removeprefix("melon-greenhouse/") for datastream in site.datastreams}
    assert {
        "zone-1/soil_moisture",
        "zone-2/valve_open",
        "pump/running",
        "tank/level",
        "flow/rate",
        "flow/total",
    } <= ids
    assert {"climate/air_temperature", "climate/humidity", "climate/illuminance", "inverter/ac_power"} <= ids
    assert {"probe-1-a/soil_moisture", "probe-2-b/soil_ec", "inverter/energy_total"} <= ids


def test_datastream_names_are_unique_for_people() -> None:
    site, _ = load_site(EXAMPLE)
    names = [datastream.name.th for datastream in site.datastreams]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("before", "after", "at", "says"),
    [
        ('bus = "soil"\nunit = 1', 'bus = "soli"\nunit = 1', 'bus = "soli"', 'Did you mean "soil"?'),
        ('profile = "qdy30a"', 'profile = "qdy30b"', 'profile = "qdy30b"', 'Did you mean "qdy30a"?'),
        ('valve = "valve-2"', 'valve = "valve-3"', 'valve = "valve-3"', "Allowed: valve-1, valve-2."),
        ("coil = 2", "coil = 1", "coil = 1\nname = { th = \"วาล์ว 2\"", 'already moves "valve-1"'),
        ("coil = 2", "coil = 9", "coil = 9", "coils 0 to 7"),
        ("low_pct = 26, high_pct = 31 }\nmax_run_min = 20\nmax_day_min = 60\n\n[[zone]]",
         "low_pct = 36, high_pct = 31 }\nmax_run_min = 20\nmax_day_min = 60\n\n[[zone]]",
         "low_pct = 36", "must be below high_pct"),
        ("unit = 2\nprofile = \"cwt", "unit = 1\nprofile = \"cwt", "unit = 1\nprofile = \"cwt-soil-7in1\"\ntells = "
         "[\"soil_moisture\"]\nname = { th = \"หัววัด 2\"", 'is already "probe-1"'),
        ('level = "tank/level"', 'level = "tank/lvl"', 'level = "tank/lvl"', 'Did you mean "tank/level"?'),
        ('total = "flow/total"', 'total = "flow/rate"', 'total = "flow/rate"', "not a counter"),
        ('id = "valve-2"', 'id = "valve-1"', 'id = "valve-1"\nrole = "valve"\ndevice = "relay"\ncoil = 2',
         "already the id"),
        ('probes = ["probe-2"]', 'probes = ["probe-9"]', 'probes = ["probe-9"]', "is not a device"),
        ('address = "tcp://127.0.0.1:1503"', 'address = "http://x"', 'address = "http://x"', "tcp://HOST:PORT"),
        ("latitude = 14.4", "latitude = 144", "latitude = 144", "less than or equal to 90"),
        ('id = "edge-1"', 'id = "Edge 1"', 'id = "Edge 1"', "small letters"),
        ("low_cm = 20", "low_cm = 220", "low_cm = 220", "below full_cm"),
        ("longitude = 101.8", 'longitude = "101.8"', "longitude =",
         "site.longitude: '101.8' is not allowed: it should be a valid number"),
        ("unit = 3", "unit = true", "unit = true", "should be a valid integer"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(tmp_path: Path, before: str, after: str, at: str, says: str) -> None:
    assert SITE.count(before) >= 1
    text = SITE.replace(before, after) if before != "coil = 2" else SITE.replace(before, after, 1)
    told = wrong(tmp_path, text)
    assert any(f"site.toml:{line_of(text, at)}: " in line and says in line for line in told), told


def test_a_probe_that_two_zones_name_is_refused_at_the_second(tmp_path: Path) -> None:
    text = SITE.replace('probes = ["probe-2"]', 'probes = ["probe-2", "probe-1"]')
    (told,) = wrong(tmp_path, text)
    line = line_of(text, 'probes = ["probe-2", "probe-1"]')
    assert told.startswith(f"site.toml:{line}: ")
    assert 'zone "zone-2", probes[1]: "probe-1" stands in "zone-1" already' in told
    (told,) = wrong(tmp_path, SITE.replace('probes = ["probe-2"]', 'probes = ["probe-2", "probe-2"]'))
    assert '"probe-2" is named twice' in told


def test_a_site_without_zones_is_told_that_nothing_will_be_watered(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE[: SITE.index("[[zone]]")], encoding="utf-8")
    _, warnings = load_site(path)
    assert "there is no [[zone]]: nothing will be watered, only measured" in [warning.text for warning in warnings]


def test_the_mark_that_windows_notepad_writes_first_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8-sig")
    site, warnings = load_site(file)
    assert (site.id, warnings) == ("melon-greenhouse", [])


def test_a_key_that_does_not_exist_is_refused_with_a_near_one(tmp_path: Path) -> None:
    text = SITE.replace("max_run_min = 20", "max_run_mins = 20", 1)
    told = wrong(tmp_path, text)
    line = line_of(text, "max_run_mins")
    assert any(f":{line}: " in said and 'Did you mean "max_run_min"?' in said for said in told), told


def test_a_zone_without_a_longest_run_is_refused(tmp_path: Path) -> None:
    text = SITE.replace("max_run_min = 20\n", "", 1)
    told = wrong(tmp_path, text)
    assert any('zone "zone-1", max_run_min: is missing' in said for said in told), told
    assert any(f":{line_of(text, '[[zone]]')}:" in said for said in told)


def test_a_program_longer_than_its_zone_allows_is_refused(tmp_path: Path) -> None:
    text = SITE + TIMER.replace("run_min = 5", "run_min = 25") + BAND.replace("pulse_min = 10", "pulse_min = 21")
    told = wrong(tmp_path, text)
    assert sum("max_run_min, which is 20" in said for said in told) == 2


def test_a_program_of_no_known_kind_says_which_there_are(tmp_path: Path) -> None:
    text = SITE + TIMER.replace('"timer"', '"timed"')
    assert any("Allowed: balance, light, moisture, timer." in said for said in wrong(tmp_path, text))


def test_all_mistakes_are_told_at_once_in_order_of_lines(tmp_path: Path) -> None:
    text = (
        SITE.replace("latitude = 14.4", 'latitude = "north"')
        .replace('bus = "soil"\nunit = 1', 'bus = "soli"\nunit = 1')
        .replace("coil = 2", "coil = 12")
        .replace("max_day_min = 60", "max_day_min = 10", 1)
    )
    with pytest.raises(BadSiteFile) as caught:
        site_of(tmp_path, text)
    lines = [problem.line for problem in caught.value.problems]
    assert len(lines) == 4
    assert lines == sorted(lines)


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    text = SITE.replace("low_cm = 20", "low_cm = = 20")
    assert wrong(tmp_path, text)[0].startswith(f"site.toml:{line_of(text, 'low_cm = = 20')}: ")


def test_a_file_that_is_not_there_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(BadSiteFile, match="No such file"):
        load_site(tmp_path / "none.toml")


def test_a_board_that_cannot_hold_a_deadline_is_warned_about(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("waveshare-relay-8ch", "relay-8ch"), encoding="utf-8")
    _, warnings = load_site(path)
    assert len(warnings) == 3
    assert all("cannot hold a deadline" in warning.text for warning in warnings)


@pytest.mark.parametrize("pulse_l", ["0", "-1", "0.0", "nan"])
def test_a_pulse_of_no_volume_is_refused(tmp_path: Path, pulse_l: str) -> None:
    text = SITE.replace('"pulse-counter"', f'"pulse-counter"\nparameters = {{ pulse_l = {pulse_l} }}')
    told = wrong(tmp_path, text)
    assert any(f":{line_of(text, 'pulse_l')}: " in said and "parameters.pulse_l" in said for said in told), told


@pytest.mark.parametrize("address", ["/dev/ttyUSB0", "rtu+tcp://10.0.0.5:4196"])
def test_unit_0_is_refused_on_a_serial_cable_where_it_means_everybody(tmp_path: Path, address: str) -> None:
    text = SITE.replace("tcp://127.0.0.1:1502", address).replace(
        'bus = "cabinet"\nunit = 1', 'bus = "cabinet"\nunit = 0'
    )
    told = wrong(tmp_path, text)
    assert any(f":{line_of(text, 'unit = 0')}: " in said and "Allowed: 1 to 247" in said for said in told), told


def test_unit_0_is_good_on_modbus_tcp(tmp_path: Path) -> None:
    site_of(tmp_path, SITE.replace('bus = "cabinet"\nunit = 1', 'bus = "cabinet"\nunit = 0'))


@pytest.mark.parametrize("kind", ["pump", "valve-1"])
def test_a_run_longer_than_a_board_can_guard_is_refused_for_pump_and_valve_alike(tmp_path: Path, kind: str) -> None:
    (tmp_path / "small.toml").write_text(
        'id = "small"\nname = { th = "เล็ก", en = "Small" }\nsource = "its manual"\n'
        "[relay]\ncoils = 8\nflash_address = 512\nflash_max = 6000\n",
        encoding="utf-8",
    )
    board = """
[[device]]
id = "small"
bus = "cabinet"
unit = 9
profile = "small.toml"
name = { th = "เล็ก", en = "Small" }
"""
    coil = {"pump": 0, "valve-1": 1}[kind]
    text = SITE.replace(f'device = "relay"\ncoil = {coil}', f'device = "small"\ncoil = {coil}') + board
    told = wrong(tmp_path, text)
    assert any(f'the relay board of "{kind}" can guard: at most 9.' in said for said in told), told


def test_a_new_sensor_is_one_file_beside_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "wind.toml").write_text(
        'id = "wind"\nname = { th = "ลม", en = "Wind" }\nsource = "its manual"\n[[value]]\nid = "wind_speed"\n'
        'name = { th = "ลม", en = "Wind" }\naddress = 0\nscale = 0.1\nunit = "m/s"\n',
        encoding="utf-8",
    )
    device = """
[[device]]
id = "wind"
bus = "soil"
unit = 9
profile = "wind.toml"
name = { th = "ลม", en = "Wind" }
"""
    site = site_of(tmp_path, SITE + device)
    assert "plot/wind/wind_speed" in {datastream.id for datastream in site.datastreams}


def test_bus_addresses_from_the_command_line_replace_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    site, _ = load_site(path, {"soil": "/dev/ttyUSB7"})
    assert site.buses["soil"].address == "/dev/ttyUSB7"
    with pytest.raises(BadSiteFile, match='Did you mean "soil"'):
        load_site(path, {"soli": "/dev/ttyUSB7"})


def test_positions_find_keys_in_any_form_of_toml() -> None:
    text = """# a comment with = and [
a = 1
b.c = "x # no comment"

[t."quoted key"]
m = '''
text [not a table]
k = 2 '''
list = [
  1, # one
  { x = 1, y = [2,
     3] },
]
[[many]]
k = 1
[[many]]
[many.sub]
k = 2
"""
    lines = positions(text)
    assert lines["a",] == 2
    assert lines["b", "c"] == 3
    assert lines["t", "quoted key", "m"] == 6
    assert lines["t", "quoted key", "list", 0] == 10
    assert lines["t", "quoted key", "list", 1, "y", 1] == 12
    assert lines["many", 0, "k"] == 15
    assert lines["many", 1, "sub", "k"] == 18


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_bad_file_ends_with_2_before_any_io(tmp_path: Path, command: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("coil = 2", "coil = 12"), encoding="utf-8")
    state = tmp_path / "state"
    more = ["--state", str(state)] if command == "run" else []
    ended = subprocess.run(
        [sys.executable, "-c", "from tonnam_edge.main import main; main()", command, str(path), *more],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert f"site.toml:{line_of(path.read_text(encoding='utf-8'), 'coil = 12')}: " in ended.stderr
    assert not state.exists()


def test_a_wrong_key_of_the_cloud_ends_with_2_before_any_io(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from tonnam_edge.main import main; main()", "run", str(path), "--state", "state"],
        cwd=tmp_path,
        env={**os.environ, "TONNAM_CLOUD_KEY": "ed25519:AAAA"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, (tmp_path / "state").exists()) == (2, False)
    assert "TONNAM_CLOUD_KEY: ed25519:" in done.stderr
    assert "tonnam-cloud keys public" in done.stderr
