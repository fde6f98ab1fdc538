"""A meter that does not answer for a while does not stand still, and what it says later is no burst and no leak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import Field, Play, site_of
from tests.edge.test_several_pumps import latches
from tonnam_edge.core.image import Now, Observation, Observed
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.plant.flow import Stream


def play_of(folder: Path, field: Field | None = None) -> Play:
    play = Play(site_of(folder))
    play.field = field or Field()
    play.run(4)
    return play


def silent(play: Play, seconds: float) -> None:
    play.field.meter_answers = False
    play.run(seconds)
    play.field.meter_answers = True


class Seldom(Field):
    """Its meter answers every so many seconds."""

    def __init__(self, every_s: int) -> None:
        super().__init__()
        self._every_ms = every_s * 1000

    def observe(self, mono_ms: int) -> list[Observation]:
        self.meter_answers = mono_ms % self._every_ms == 0
        return super().observe(mono_ms)


@pytest.mark.parametrize(("silent_at_s", "silent_s"), [(1, 12), (1, 20), (5, 29), (100, 12), (100, 25), (100, 45)])
def test_a_meter_that_is_silent_in_a_run_latches_nothing(tmp_path: Path, silent_at_s: float, silent_s: float) -> None:
    play = play_of(tmp_path)
    play.water(seconds=300)
    play.run(silent_at_s)
    silent(play, silent_s)
    play.run(400)
    assert latches(play) == []
    assert play.states()[-1] == "done"
    if silent_at_s == 100:
        assert play.ended()[0].body["litres"] == pytest.approx(300, abs=5)
    assert play.memory is not None
    learned = Memory.decode(play.memory).flows_l_min["zone-1"]
    assert learned == pytest.approx(60, abs=0.5)


@pytest.mark.parametrize("silent_s", [8, 20, 29, 60, 85])
def test_what_a_silent_meter_says_after_the_end_of_a_run_is_no_leak(tmp_path: Path, silent_s: float) -> None:
    play = play_of(tmp_path)
    play.water(seconds=300)
    play.run(298)
    silent(play, silent_s)
    play.run(700)
    assert latches(play) == []


def test_a_leak_is_found_though_the_meter_was_silent_meanwhile(tmp_path: Path) -> None:
    play = play_of(tmp_path)
    play.run(100)
    play.field.meter_answers = False
    play.run(10)
    play.field.litres += 3.0
    play.run(10)
    play.field.meter_answers = True
    play.run(5)
    assert latches(play) == [("leak", "meter")]


@pytest.mark.parametrize(
    ("flow_l_min", "found"), [(0.0, "no_flow"), (20.0, "low_flow"), (60.0, None), (78.0, None), (110.0, "high_flow")]
)
def test_a_meter_that_is_read_seldom_is_judged_by_the_time_between_its_reads(
    tmp_path: Path, flow_l_min: float, found: str | None
) -> None:
    play = play_of(tmp_path, Seldom(9))
    play.field.flow_l_min = flow_l_min
    play.water(seconds=300)
    play.run(400)
    assert latches(play) == ([] if found is None else [(found, "zone-1")])


def test_a_meter_that_is_silent_does_not_prove_that_a_latching_valve_has_closed(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    stream, observed = Stream(site, "meter"), Observed(site, 0)
    still = []
    for second in range(30):
        if not 11 <= second < 25:
            observed.add(Observation("flow", 1000 * second, {"total": 5000.0, "rate": 0.0}))
        stream.look(observed.freeze(Now(second, 1000 * second)))
        still.append(stream.still_since(8000, 5, 1000 * second))
    assert still.index(True) == 25
