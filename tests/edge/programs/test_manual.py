"""Watering by hand: a time or litres, and always an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import SITE, Play, site_of
from tests.edge.programs.crops import told
from tonnam_link.messages import Command, CommandAction


def litres(play: Play, number: int, seconds: int = 1200) -> None:
    now = play.now_ms
    play.core.command(
        Command("c1", CommandAction.WATER, "zone-1", now, now + 60_000, seconds, play.key, max_litres=number)
    )


def farm(folder: Path) -> Play:
    play = Play(site_of(folder, SITE))
    play.run(3)
    return play


def test_litres_by_hand_end_by_the_meter(tmp_path: Path) -> None:
    play = farm(tmp_path)
    litres(play, 150)
    play.run(400)
    assert play.states() == ["accepted", "running", "done"]
    assert play.ended()[0].body["litres"] == pytest.approx(150, abs=4)
    assert told(play, "run.started")[0].body["reason"]["en"] == "Asked for by hand, 150 litres"


def test_litres_by_hand_end_by_the_time_where_no_meter_counts(tmp_path: Path) -> None:
    play = farm(tmp_path)
    play.field.meter_answers = False
    play.run(60)
    litres(play, 120)
    play.run(400)
    assert play.ended()[0].body["duration_s"] == pytest.approx(120, abs=2)


def test_a_slow_pipe_ends_litres_by_the_time_that_was_given(tmp_path: Path) -> None:
    play = farm(tmp_path)
    play.field.flow_l_min = 45.0
    litres(play, 600, seconds=120)
    play.run(400)
    assert play.ended()[0].body["duration_s"] == pytest.approx(120, abs=2)


def test_litres_without_a_time_water_nothing(tmp_path: Path) -> None:
    play = farm(tmp_path)
    litres(play, 600, seconds=0)
    play.run(5)
    assert play.states() == ["refused"]
