"""A tank whose level nobody knows: how much may be drawn, and who else would tell of a pump that runs dry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import SITE, Play, site_of
from tests.edge.test_proofs import ready
from tonnam_edge.core.memory import Memory


def test_what_is_drawn_while_the_level_is_unknown_is_bounded_over_all_runs_and_restarts(tmp_path: Path) -> None:
    site = site_of(tmp_path, SITE.replace("low_cm = 20", "low_cm = 20\nunknown_max_l = 150"))
    play = ready(site)
    play.field.level_cm = None
    play.run(60)
    play.water(seconds=100, command_id="c1")
    play.run(130)
    again = Play(site, start_ms=play.now_ms, memory=play.memory)
    again.field.level_cm = None
    again.run(60)
    again.water("zone-2", 100, "c2")
    again.run(130)
    assert again.ended()[0].body["litres"] == pytest.approx(50, abs=4)
    again.water("zone-2", 100, "c3")
    again.run(3)
    assert again.states("c3") == ["refused"]
    again.field.level_cm = 150.0
    again.run(3)
    again.water("zone-2", 100, "c4")
    again.run(3)
    assert again.states("c4")[0] == "accepted"


def test_without_a_limit_in_the_site_file_and_with_no_witness_it_is_so_much_a_day(tmp_path: Path) -> None:
    no_meter = SITE.replace('[flow]\nrate = "flow/rate"\ntotal = "flow/total"\n', "")
    play = ready(site_of(tmp_path, no_meter.replace("max_day_min = 60", "max_day_min = 600")))
    play.field.level_cm = None
    play.run(40)
    for number in range(12):
        play.water(("zone-1", "zone-2")[number % 2], 300, f"c{number}")
        play.leap(400, at_most_s=10)
    minutes = sum(event.body["duration_s"] for event in play.ended()) / 60
    assert minutes == pytest.approx(40, abs=3)
    assert play.states("c11") == ["refused"]
    play.leap(3 * 3600, at_most_s=600)
    play.water("zone-1", 240, "later")
    play.run(3)
    assert play.states("later")[0] == "accepted"


def test_with_a_meter_that_would_tell_of_a_dry_pump_it_is_not_limited(tmp_path: Path) -> None:
    play = ready(site_of(tmp_path))
    play.field.level_cm = None
    play.run(40)
    play.core._memory.blind_l = 1e6
    play.water(seconds=100)
    play.run(3)
    assert play.states()[0] == "accepted"


def test_what_is_drawn_is_noted_once_a_minute_and_a_kill_counts_the_rest_as_drawn(tmp_path: Path) -> None:
    no_meter = SITE.replace('[flow]\nrate = "flow/rate"\ntotal = "flow/total"\n', "")
    play = ready(site_of(tmp_path, no_meter))
    play.field.level_cm = None
    play.run(40)
    play.water(seconds=250)
    play.run(20)
    noted: list[float] = []
    documents: list[bytes] = []
    for _ in range(200):
        play.run(1)
        drawn_l = play.core._water.blind.litres
        remembered_l = Memory.decode(play.memory or b"").blind_l
        assert remembered_l >= drawn_l
        noted += [] if noted[-1:] == [remembered_l] else [remembered_l]
        documents += [] if documents[-1:] == [play.memory] else [play.memory or b""]
    assert drawn_l > 0
    assert len(noted) <= 5
    assert len(documents) <= 6
    again = Play(play.site, start_ms=play.now_ms, memory=play.memory)
    assert again.core._water.blind.litres >= drawn_l
    play.run(60)
    assert Memory.decode(play.memory or b"").blind_l == pytest.approx(play.core._water.blind.litres, abs=0.002)
