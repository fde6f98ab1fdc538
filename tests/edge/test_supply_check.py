"""What the check of a site file says of meters, groups, filters and pumps that go by their power."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import site_of
from tests.edge.stands import ACTUATOR, COMMON, PUMPS, ZONES, Pump, Zone, farm_text
from tests.edge.test_filters import FILTER
from tests.edge.test_several_pumps import GROUP, OWN
from tests.edge.test_solar_pump import CURVE, INVERTER, POWER
from tonnam_edge.site.check import BadSiteFile, load_site

METERS = ("flow", "second")
GOOD = farm_text(meters=METERS, more=COMMON + OWN.format(2, "second", "pump-2") + GROUP)
GOOD += ACTUATOR.format("flush", "valve", 7, "") + FILTER.format(60, 90, "every_l = 1000")


def problems(folder: Path, text: str) -> list[str]:
    (folder / "site.toml").write_text(text, encoding="utf-8")
    try:
        found = load_site(folder / "site.toml")[1]
    except BadSiteFile as bad:
        found = bad.problems
    return [f"{each.severity} {each.where}: {each.text}" for each in found]


def test_a_site_with_all_of_them_is_good_and_knows_who_shares_what(tmp_path: Path) -> None:
    paths = site_of(tmp_path, GOOD).paths
    assert [paths.meter(zone) for zone in ("zone-1", "zone-3", "zone-4", "sand")] == ["meter", "meter-2"] + [
        "meter"
    ] * 2
    assert paths.metered_by("meter") == ("pump-1", "pump-3")
    assert "flush" in paths.mates("zone-1")
    assert "flush" not in paths.mates("zone-3")
    assert paths.side_by_side("pump-1", "pump-2")


@pytest.mark.parametrize(
    ("old", "new", "where", "told"),
    [
        ('supplies = ["pump-2"]', 'supplies = ["pump-9"]', "supplies[0]", '"pump-9" is not what feeds a zone'),
        ('total = "second/total"', 'total = "second/rate"', "total", "is not a counter"),
        ('rate = "second/rate"', 'rate = "third/rate"', "rate", "is not a datastream"),
        ('id = "meter-2"', 'id = "meter"', "id", "already something else"),
        ('id = "meter-2"', 'id = "zone-1"', "id", "already something else"),
        ('"pump-2", "pump-3"]\ncap', '"pump-2", "pump-7"]\ncap', "pumps[2]", '"pump-7" is not a pump of a zone'),
        ('"pump-2", "pump-3"]\ncap', '"pump-2", "pump-1"]\ncap', "pumps[2]", "named twice"),
        ("capacity_l_min = 130", "capacity_l_min = 50", "capacity_l_min", "it would never get water"),
        ('valve = "flush"', 'valve = "valve-zone-1"', "valve", 'already that of "zone-1"'),
        ("every_l = 1000", "", "filter", "is never flushed"),
        ("every_l = 1000", "above = 3", "difference", "go together"),
        ("every_l = 1000", 'difference = "flow/sand"\nabove = 3', "difference", "is not a datastream"),
        ("seconds = 60", "seconds = 2", "seconds", "greater than or equal to 5"),
        ('id = "sand"', 'id = "zone-2"', "id", "already something else"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(
    tmp_path: Path, old: str, new: str, where: str, told: str
) -> None:
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(where in each and told in each and each.startswith("error") for each in found), found


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('power = "sun/ac_power"\n', "needs least_w"),
        ("least_w = 500\n", "needs power"),
        (POWER.replace("ac_power", "dc_power") + CURVE, "is not a datastream"),
        (POWER + "flow_at = [[500, 30], [500, 70]]\n", "must rise"),
    ],
)
def test_a_power_that_does_not_fit_is_named(tmp_path: Path, keys: str, told: str) -> None:
    text = farm_text(pumps=(Pump("pump-1", 0, keys),), zones=ZONES[:2]) + INVERTER
    assert any(told in each for each in problems(tmp_path, text))


def test_a_small_pump_behind_a_common_meter_is_warned_of(tmp_path: Path) -> None:
    small = (*ZONES[:3], Zone("zone-4", "pump-3", 6, 10.0))
    (told,) = [each for each in problems(tmp_path, farm_text(zones=small)) if "would not miss" in each]
    assert told.startswith('warning flow.total: would not miss the 10 L/min of "pump-3"')


def test_a_latching_valve_without_a_meter_of_its_water_is_refused(tmp_path: Path) -> None:
    text = farm_text(pumps=PUMPS[:2], zones=ZONES[:3], meters=("second",), more=OWN.format(2, "second", "pump-2"))
    latching = 'id = "valve-zone-1"\nrole = "valve"\n'
    text = text.replace(latching, latching + 'kind = "latching"\nclose_coil = 7\n')
    assert any("nothing would prove that it has closed" in each for each in problems(tmp_path, text))


LINE = """
[[mixing_line]]
id = "line"
feeds = "{}"
flow = "{}/total"
volume_l = 20
rinse_l = 60
mixing_wait_s = 20
water_ec = 0.6
"""


@pytest.mark.parametrize(("pump", "meter", "right"), [("pump-1", "second", "flow"), ("pump-2", "flow", "second")])
def test_a_line_that_counts_the_water_of_another_pump_is_refused(
    tmp_path: Path, pump: str, meter: str, right: str
) -> None:
    told = f"{meter}/total does not count the water of {pump}; it is counted by {right}/total"
    assert f'error mixing_line "line", flow: {told}' in problems(tmp_path, GOOD + LINE.format(pump, meter))
    assert not any("mixing_line" in each for each in problems(tmp_path, GOOD + LINE.format(pump, right)))


def test_two_pumps_that_go_by_one_power_are_warned_of(tmp_path: Path) -> None:
    pumps = tuple(Pump(f"pump-{n}", n - 1, POWER) for n in (1, 2))
    found = problems(tmp_path, farm_text(pumps=pumps, zones=ZONES[:3]) + INVERTER)
    (told,) = [each for each in found if "least_w" in each]
    assert told.startswith('warning actuator "pump-2", power: "pump-1" goes by it as well')
    turns = '[[group]]\nid = "roof"\npumps = ["pump-1", "pump-2"]\nmost_pumps = 1\n'
    found = problems(tmp_path, farm_text(pumps=pumps, zones=ZONES[:3]) + INVERTER + turns)
    assert not any("least_w" in each for each in found)
