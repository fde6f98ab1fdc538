"""A pump on a board that falls silent runs to its deadline: nobody joins it, and its path stays open for so long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import SITE, TIMER, Field, Play, site_of
from tonnam_edge.core import Action, Observation
from tonnam_edge.core.memory import Memory

BOARD = """
[[device]]
id = "relay-b"
bus = "cabinet"
unit = 9
profile = "waveshare-relay-8ch"
name = { th = "ตู้ปั๊ม", en = "Pump board" }
"""
PUMP = 'id = "pump"\nrole = "pump"\ndevice = "relay"\n'
RENEWABLE = 'id = "pump"\nrole = "pump"\ncapacity_l_min = 130\nrenewable = "verified"\ndevice = "relay-b"\n'
TEXT = SITE.replace(PUMP, RENEWABLE, 1) + BOARD
AT_TEN = TIMER.replace("06:10", "10:02").replace("zone-1", "zone-2").replace("run_min = 5", "run_min = 20")


class TwoBoards(Field):
    """The pump has a board of its own, which may neither hear nor answer; its timer goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.pump_on, self.pump_until = False, 0.0
        self.hears = self.answers = True
        self.against_shut_valves_s = self.ran_s = 0.0

    def act(self, action: Action, mono_ms: int) -> None:
        if action.device != "relay-b":
            super().act(action, mono_ms)
        elif self.hears:
            self.pump_on = action.open
            self.pump_until = mono_ms + 1000 * (action.hold_s or 0.0)

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        self.coils[0] = self.pump_on
        super().pass_time(from_ms, to_ms)
        self.coils[0] = False
        passed_s = (to_ms - from_ms) / 1000 * self.pump_on
        self.ran_s += passed_s
        self.against_shut_valves_s += 0.0 if self.coils[1] or self.coils[2] else passed_s
        self.pump_on &= to_ms < self.pump_until

    def observe(self, mono_ms: int) -> list[Observation]:
        coils = {f"coil_{n}": float(self.pump_on and n == 0) for n in range(8)}
        return [*super().observe(mono_ms), Observation("relay-b", mono_ms, coils if self.answers else None)]


def played(folder: Path, text: str = TEXT) -> tuple[Play, TwoBoards]:
    """Zone 1 waters for a quarter of an hour."""
    play, field = Play(site_of(folder, text)), TwoBoards()
    play.field = field
    play.run(10)
    play.water(seconds=900)
    play.run(60)
    return play, field


def silent(field: TwoBoards, is_so: bool = True) -> None:
    field.hears = field.answers = not is_so


@pytest.mark.parametrize("text", [TEXT, TEXT + AT_TEN], ids=["person", "program"])
def test_no_zone_joins_a_pump_that_is_not_heard(tmp_path: Path, text: str) -> None:
    play, field = played(tmp_path, text)
    silent(field)
    play.run(30)
    if text == TEXT:
        play.water("zone-2", 300, "c2")
        play.run(5)
        assert "does not answer" in play.outcomes[-1].reason["en"]
    play.run(600)
    assert not field.coils[2]
    play.run(400)
    assert field.against_shut_valves_s == 0.0
    assert field.ran_s == pytest.approx(905, abs=3)


@pytest.mark.parametrize("silent_after_s", [0, 1, 3, 6, 9])
def test_one_that_falls_silent_as_another_zone_joins_runs_on_into_an_open_path(
    tmp_path: Path, silent_after_s: int
) -> None:
    """The new deadline may not have been heard: the one before counts as well."""
    play, field = played(tmp_path)
    play.water("zone-2", 1200, "c2")
    play.run(silent_after_s)
    silent(field)
    play.leap(1500)
    assert field.against_shut_valves_s == 0.0
    assert not any(field.coils[1:3])


def test_a_deadline_that_could_not_be_set_is_set_when_the_board_is_heard_again(tmp_path: Path) -> None:
    play, field = played(tmp_path)
    play.water("zone-2", 1200, "c2")
    silent(field)
    play.run(120)
    silent(field, is_so=False)
    play.leap(1300)
    assert play.states("c2")[-1] == "done"
    assert field.ran_s == pytest.approx(60 + 1200, abs=15)
    assert field.against_shut_valves_s == 0.0


def test_a_board_that_went_by_the_deadline_before_has_not_been_moved_by_somebody_else(tmp_path: Path) -> None:
    play, field = played(tmp_path)
    play.water("zone-2", 1200, "c2")
    silent(field)
    play.run(900)
    silent(field, is_so=False)
    play.run(60)
    assert "actuator.fault" not in play.kinds()
    assert {event.body["outcome"] for event in play.ended()} == {"done"}


RENEWED = TEXT.replace('id = "valve-2"\nrole = "valve"\n', 'id = "valve-2"\nrole = "valve"\nrenewable = "verified"\n')


def stopped(folder: Path, text: str) -> tuple[Play, TwoBoards]:
    """Zone 1 waters for a quarter of an hour, zone 2 beside it for five minutes. Then nobody hears the pump, and
    somebody stops zone 1."""
    play, field = played(folder, text)
    play.water("zone-2", 300, "c2")
    play.run(30)
    silent(field)
    play.run(30)
    play.stop()
    play.run(60)
    assert field.coils[1:3] == [False, True]
    return play, field


def test_who_is_left_when_the_longest_is_stopped_goes_on_with_a_pump_that_is_not_heard(tmp_path: Path) -> None:
    play, field = stopped(tmp_path, RENEWED)
    play.leap(1300)
    assert field.against_shut_valves_s == 0.0
    assert not any(field.coils[1:3])
    assert field.ran_s == pytest.approx(905, abs=3)
    assert play.memory is not None
    assert Memory.decode(play.memory).known.used["zone-2"].seconds == pytest.approx(840, abs=25)


def test_it_ends_when_it_was_to_end_once_the_pump_is_heard_again(tmp_path: Path) -> None:
    play, field = stopped(tmp_path, RENEWED)
    silent(field, is_so=False)
    play.leap(600)
    [_, ended] = play.ended()
    assert (ended.body["outcome"], field.against_shut_valves_s) == ("done", 0.0)
    assert ended.body["duration_s"] == pytest.approx(300, abs=3)


@pytest.mark.parametrize(
    "text",
    [TEXT, RENEWED.replace("max_run_min = 20", "max_run_min = 5").replace("max_run_min = 5", "max_run_min = 20", 1)],
    ids=["timer", "zone"],
)
def test_it_goes_on_no_longer_than_its_zone_may_nor_where_no_new_deadline_is_known_to_count(
    tmp_path: Path, text: str
) -> None:
    play, field = stopped(tmp_path, text)
    play.leap(1300)
    assert play.memory is not None
    assert Memory.decode(play.memory).known.used["zone-2"].seconds <= 320
    assert field.ran_s == pytest.approx(905, abs=3)
