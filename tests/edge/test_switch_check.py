"""What a site file says of the cabinet's switches is checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import site_of
from tests.edge.switches import switched
from tonnam_edge.site.check import BadSiteFile


def test_switches_and_an_emergency_stop_may_stand_in_a_site_file(tmp_path: Path) -> None:
    site = site_of(tmp_path, switched())
    assert site.zones["zone-1"].part.mode is not None
    assert site.file.cabinet is not None
    assert not site.file.cabinet.closed_when_pressed


def test_one_switch_may_be_for_all_zones(tmp_path: Path) -> None:
    text = switched().replace("input_2", "input_0").replace("input_3", "input_1")
    site_of(
        tmp_path, text.replace('tells = ["input_0", "input_1", "input_0", "input_1"', 'tells = ["input_0", "input_1"')
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"switches/input_4"', '"switches/input_5"', "is not a datastream"),
        ('"switches/input_4"', '"tank/level"', "not a contact"),
        ('"switches/input_4"', '"switches/input_0"', "one contact says one thing"),
        ('hand = "switches/input_1"', 'hand = "switches/input_0"', "one contact says one thing"),
        ('hand = "switches/input_1"', 'hnd = "switches/input_1"', "hnd"),
        ('emergency_stop = "switches/input_4"', "closed_when_pressed = true", "emergency_stop"),
    ],
)
def test_a_contact_that_is_none_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in switched()
    with pytest.raises(BadSiteFile) as caught:
        site_of(tmp_path, switched().replace(old, new, 1))
    assert any(told in f"{problem.where} {problem.text}" for problem in caught.value.problems), caught.value.problems
