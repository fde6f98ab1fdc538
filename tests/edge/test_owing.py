"""What a slot still owes where others draw through the same meter: shared by what they should take, or given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import MIDNIGHT_MS, MINUTE_MS, SITE, TIMER, Field, Play, site_of
from tonnam_edge.core import Action, Observation

# Each zone has its own pump, and the first one's valve is on a board of its own.
SECOND = """
[[device]]
id = "relay-b"
bus = "cabinet"
unit = 9
profile = "waveshare-relay-8ch"
name = { th = "ตู้ 2", en = "Board 2" }

[[actuator]]
id = "pump-2"
role = "pump"
device = "relay"
coil = 4
name = { th = "ปั๊ม 2", en = "Pump 2" }
"""
FIFTEEN = TIMER.replace("run_min = 5", "run_min = 15")
TWENTY = TIMER.replace("run_min = 5", "run_min = 20").replace('"morning"', '"second"').replace("zone-1", "zone-2")


class TwoBoards(Field):
    """Two pumps on one meter. When `second_works` ends, the second board has no current: its valve stands until it is
    shut."""

    def __init__(self) -> None:
        super().__init__()
        self.valve, self.second_works = False, True
        self.given = [0.0, 0.0]

    def act(self, action: Action, mono_ms: int) -> None:
        if action.device != "relay-b":
            super().act(action, mono_ms)
        elif self.second_works:
            self.valve = action.open

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        self.flow_l_min = 0.0
        super().pass_time(from_ms, to_ms)
        litres = (to_ms - from_ms) / 1000
        for number, flows in enumerate([self.valve and self.coil(0), self.coil(2) and self.coil(4)]):
            self.given[number] += litres * flows
            self.litres += litres * flows

    def observe(self, mono_ms: int) -> list[Observation]:
        coils = {f"coil_{n}": 0.0 for n in range(8)} | {"coil_1": float(self.valve)}
        return [*super().observe(mono_ms), Observation("relay-b", mono_ms, coils if self.second_works else None)]


def beside(folder: Path, open_s: int) -> tuple[Play, TwoBoards]:
    """Both water; the first one's board dies, and its valve stands open for `open_s` still. The other goes on."""
    valve = 'id = "valve-1"\nrole = "valve"\ndevice = "relay'
    first, last = SITE.replace(valve, valve + "-b").rsplit('pump = "pump"', 1)
    site = site_of(folder, f'{first}pump = "pump-2"{last}{SECOND}{FIFTEEN}{TWENTY}')
    play, field = Play(site, start_ms=MIDNIGHT_MS + 369 * MINUTE_MS), TwoBoards()
    play.field = field
    play.run(180)
    field.second_works = False
    play.run(open_s)
    field.valve = False
    return play, field


def first_zones(play: Play, kind: str) -> list[str]:
    said = [event.body for event in play.events if event.kind == kind and event.body["zone"] == "zone-1"]
    return [str((body.get("reason") or body["text"])["en"]) for body in said]


@pytest.mark.parametrize("open_s", [0, 60])
def test_the_rest_is_owed_though_another_zone_of_the_meter_waters_on(tmp_path: Path, open_s: int) -> None:
    play, field = beside(tmp_path, open_s)
    play.run(600)
    field.second_works = True
    play.leap(2400, at_most_s=10)
    assert first_zones(play, "run.started")[1].startswith("The rest of the watering at 06:10")
    assert field.given[0] == pytest.approx(900, abs=30)
    assert first_zones(play, "program.skipped") == []


def test_a_rest_that_nobody_can_reckon_is_told_as_given_up(tmp_path: Path) -> None:
    play, field = beside(tmp_path, 0)
    play.run(120)
    play.restart()
    field.second_works = True
    play.leap(600, at_most_s=10)
    assert first_zones(play, "run.started")[1:] == []
    assert first_zones(play, "program.skipped") == [
        "The rest of the watering at 06:10 that was cut off is given up: how much it had is not known"
    ]
