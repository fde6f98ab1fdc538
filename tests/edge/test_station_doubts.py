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


def test_waves_on_gauges_that_differ_by_about_apart_cm_move_nothing_again_and_again() -> None:
    flood = Flood()
    flood.run(60)
    flood.events.clear()
    for wave in range(24):
        flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = 215.0, 250.0 + (51 if wave % 2 else 49)
        flood.run(150)
    assert len(flood.said("station.moved")) <= 3  # both pumps on at once, or one; and the gate
    assert "contradict" in flood.text()


def test_gauges_contradict_each_other_until_they_were_near_for_some_minutes() -> None:
    flood = Flood()
    flood.run(60)
    flood.town.levels[UPSTREAM] = 215.0 + 51
    flood.run(10)
    assert "contradict" in flood.text()
    flood.town.levels[UPSTREAM] = 215.0 + 34
    flood.run(290)
    flood.town.levels[UPSTREAM] = 215.0 + 36
    flood.run(20)
    flood.start()
    flood.run(60)
    assert "contradict" in flood.text()
    flood.town.levels[UPSTREAM] = 215.0 + 34
    flood.run(310)
    assert "contradict" not in flood.text()
