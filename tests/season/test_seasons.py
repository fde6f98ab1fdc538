"""Whole seasons from planting: the crop is not thirsty, whatever a farm's life is like, and little water is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.season.blows import Blow, Case, EdgePower, Kill
from tests.season.drive import Episode, live
from tests.season.invariants import wrong
from tests.season.record import Night
from tonnam_sim.world.faults import BusLoss, ProbePulled

DAYS, DAY_S, WEEK_S = 80, 86_400, 7 * 86_400
PULLED_DAY = 42  # young plants of the world use less than the controller's crop does at their age
# Whoever goes by probes that hang in the air gives at most 1.5 times what they think that the crop uses; the world's
# crop uses up to a third less than the plan says.
AT_MOST, THINKS = 1.5, 1.35


@dataclass(frozen=True)
class Season:
    """A life, and what it may cost: the sum over the days of 1 - Ks in the driest quarter, and what drains."""

    case: Case
    stress_d: float
    drained_share: float


def _every_week(*blows: Blow) -> list[Blow]:
    weeks = range(DAYS * DAY_S // WEEK_S)
    return [Blow(each.what, each.at_s + week * WEEK_S, lasts_s=each.lasts_s) for week in weeks for each in blows]


HARD_LIFE = _every_week(
    Blow(Kill(where="after_acts", down_s=30), 2 * DAY_S + 19_900),
    Blow(EdgePower(down_s=7200, wrong_s=-5_000_000, unsure_s=20_000), 4 * DAY_S + 3000),
    Blow(BusLoss(at_s=0.0, bus="soil"), 5 * DAY_S, lasts_s=2 * DAY_S),
    Blow(BusLoss(at_s=0.0, bus="climate"), 5 * DAY_S, lasts_s=DAY_S),
    Blow(BusLoss(at_s=0.0, bus="cabinet"), 6 * DAY_S, lasts_s=1800),
)
PULLED = [Blow(ProbePulled(at_s=0.0, probe=f"probe-2-{twin}"), PULLED_DAY * DAY_S) for twin in ("a", "b")]
SEASONS = {
    "covered": Season(Case("covered", 1, (), DAYS), 6.0, 0.35),
    "open": Season(Case("open", 2, (), DAYS), 6.0, 0.6),
    "pulled": Season(Case("covered", 3, tuple(PULLED), DAYS), 8.0, 0.45),
    "hard": Season(Case("covered", 4, tuple(HARD_LIFE), DAYS), 8.0, 0.5),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SEASONS)
def test_season_leaves_no_crop_thirsty(name: str) -> None:
    season = SEASONS[name]
    episode = live(season.case)
    assert wrong(episode) == []
    for zone in episode.world.truth.zones.values():
        assert zone.driest_quarter_stress_d <= season.stress_d, zone.id
        assert zone.drained_l <= season.drained_share * zone.delivered_l, zone.id
    if name == "pulled":
        assert most_a_day(episode, "zone-2") <= AT_MOST * THINKS


def most_a_day(episode: Episode, zone: str) -> float:
    """Litres given over litres that crop and bed would have used, in the worst three days without probes."""
    nights = [night for night in episode.record.nights if night.at_ms >= (PULLED_DAY + 1) * DAY_S * 1000]
    return max(_given(before, after, zone) for before, after in zip(nights, nights[3:], strict=False))


def _given(before: Night, after: Night, zone: str) -> float:
    return (after.delivered_l[zone] - before.delivered_l[zone]) / (after.wished_l[zone] - before.wished_l[zone])
