"""What a station does with what is unknown, worn or contradictory, and whom it tells."""

from __future__ import annotations

from tests.edge.floods import RIVER, UPSTREAM, Flood


def river(flood: Flood, cm: float) -> None:
    """Both gauges of the river, as the witness is 35 cm higher."""
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = cm, cm + 35


def test_at_stop_cm_the_thai_text_says_that_the_water_is_there_or_below() -> None:
    flood = Flood()
    river(flood, 220)
    flood.run(45)
    assert flood.told()["text"] == {
        "th": "ระดับน้ำ 220 ซม. ถึงหรือต่ำกว่าเกณฑ์ 220 ซม. จึงสั่งหยุด",
        "en": "The water is at 220 cm; from 220 cm down it is off",
    }
