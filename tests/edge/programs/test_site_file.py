"""What the site file refuses of crops, weather and programs, and says how to put right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edge.farms import BAND
from tests.edge.programs.crops import BALANCE, GROWING, farm
from tonnam_edge.core.telling import program_text
from tonnam_edge.site.check import BadSiteFile


def replacing(before: str, after: str) -> Callable[[str], str]:
    return lambda text: text.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('crop = "melon-greenhouse"', 'crop = "mellon"', '"mellon" is not a crop that comes with Tonnam'),
        ('soil = "clay-loam"', 'soil = "mud"', '"mud" is not a soil that comes with Tonnam'),
        ('planted = "2026-10-20"', 'planted = "2026-02-30"', "has the days 01 to 28"),
        ('"clay-loam"', '"clay-loam", wilting_point_pct = 40', "wilting point is below its field capacity"),
        ('"clay-loam"', '"clay-loam", root_depth_m = [0.5, 0.2]', "root_depth_initial_m of a crop"),
        (GROWING, "flow_l_min = 120", "has no growing = "),
        ('radiation = "sun/', 'radiation = "son/', "is not a datastream of a device"),
        ('humidity = "air/humidity"', 'rain = "air/humidity"', "is not a counter"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    with pytest.raises(BadSiteFile, match=said):
        farm(tmp_path, BALANCE, edit=replacing(before, after))


def test_a_zone_has_one_program_that_looks_after_it(tmp_path: Path) -> None:
    with pytest.raises(BadSiteFile, match="looks after"):
        farm(tmp_path, BALANCE, BAND)


def test_every_figure_of_crop_and_soil_can_be_replaced(tmp_path: Path) -> None:
    own = ", days = [10, 20, 30, 5], kc = [0.4, 1.1, 0.8], root_depth_m = [0.1, 0.3], depletion_pct = 35"
    play = farm(
        tmp_path, BALANCE, edit=replacing("wetted_pct = 40", "wetted_pct = 50, field_capacity_pct = 30" + own)
    )
    crop = play.core._settings.fields.grounds["zone-1"].crop
    soil = play.core._settings.fields.grounds["zone-1"].soil
    assert (crop.season_days, crop.kc(40), crop.rooted_m(40), crop.depletion_fraction) == (65, 1.1, 0.3, 0.35)
    assert (soil.field_capacity, soil.wetted_fraction, soil.rained_on) == (0.30, 0.5, False)


def test_programs_read_as_a_farmer_would_say_them(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE)
    zone = play.site.zones["zone-1"]
    assert program_text(play.site.programs[0], zone) == {
        "th": "คิดจากน้ำที่พืชใช้ เติมเมื่อพืชใช้น้ำถึงเกณฑ์",
        "en": "By the water that the crop uses, when the crop has used it",
    }
