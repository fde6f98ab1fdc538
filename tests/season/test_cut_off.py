"""What is left of a watering that was cut off is given after all: a power blip costs a bed no water."""

from __future__ import annotations

import pytest

from tests.season.blows import Blow, Case, Kill
from tests.season.drive import Episode, live
from tests.season.invariants import wrong
from tonnam_sim.world.faults import BoardDown

SLOT_S = 370 * 60
BLIPS = {
    "kill": (Blow(Kill(where="after_acts", down_s=40), SLOT_S + 90),),
    "board": (Blow(BoardDown(at_s=0.0, board=0), SLOT_S + 90, lasts_s=30),),
}


def given_l(episode: Episode) -> float:
    return episode.world.truth.zones["zone-1"].delivered_l


@pytest.mark.parametrize("blip", BLIPS)
def test_a_blip_during_the_morning_watering_costs_the_bed_nothing(blip: str) -> None:
    whole = given_l(live(Case("plain", 7, days=0.3)))
    episode = live(Case("plain", 7, BLIPS[blip], days=0.3))
    assert [event.body["cause"] for _, event in episode.record.of("run.started")].count("timer") == 2
    assert given_l(episode) == pytest.approx(whole, abs=15)
    assert wrong(episode) == []
