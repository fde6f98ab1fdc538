"""Whole seasons from planting: the crop is not thirsty, whatever a farm's life is like, and little water is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.season.blows import Blow, Case, EdgePower, Kill
from tests.season.drive import Episode, live
from tests.season.invariants import wrong
from tests.season.mutants_more import NeverBegins
from tests.season.record import Night
from tonnam_sim.world.faults import BusLoss, ProbePulled

DAYS, DAY_S, WEEK_S = 80, 86_400, 7 * 86_400
PULLED_DAY = 42  # young plants of the world use less than the controller's crop does at their age
# Whoever goes by probes that hang in the air gives at most 1.5 times what they think that the crop uses; the world's
# crop uses up to a third less than the plan says.
AT_MOST, THINKS = 1.5, 1.35


@dataclass(frozen=True)
class Season:
    """A life, and what it may cost: the sum over the days of 1 - Ks in the driest quarter, what drains of the water,
    and how much water it is, of what crop and bed would use."""

    case: Case
    stress_d: float
    drained_share: float
    given: tuple[float, float]


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
    "covered": Season(Case("covered", 1, (), DAYS), 6.0, 0.35, (0.9, 1.4)),
    "open": Season(Case("open", 2, (), DAYS), 6.0, 0.6, (0.9, 2.0)),
    "pulled": Season(Case("covered", 3, tuple(PULLED), DAYS), 8.0, 0.45, (0.9, 1.7)),
    "hard": Season(Case("covered", 4, tuple(HARD_LIFE), DAYS), 8.0, 0.5, (0.9, 1.8)),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SEASONS)
def test_season_leaves_no_crop_thirsty(name: str) -> None:
    episode = live(SEASONS[name].case)
    assert wrong(episode) == []
    assert list(costs_too_much(episode, SEASONS[name])) == []
    if name == "covered":
        assert not episode.record.of("probe.contradicts")
    if name == "pulled":
        assert most_a_day(episode, "zone-2") <= AT_MOST * THINKS


def test_season_without_water_is_found_out() -> None:
    """By thirst, and by the litres: the bounds can fail."""
    dry = Season(Case("covered", 1, (), 55.0), 6.0, 0.35, (0.9, 1.4))
    found = list(costs_too_much(live(dry.case, make_core=NeverBegins), dry))
    assert any("thirsty" in what for what in found)
    assert any("given" in what for what in found)


def costs_too_much(episode: Episode, season: Season) -> Iterator[str]:
    """What a life has cost beyond its bounds: thirst, drainage, litres."""
    least, most = season.given
    for zone in episode.world.truth.zones.values():
        used_l = zone.wished_l + zone.evaporated_l
        if zone.driest_quarter_stress_d > season.stress_d:
            yield f"{zone.id} was thirsty for {zone.driest_quarter_stress_d:.1f} days"
        if zone.drained_l > season.drained_share * zone.delivered_l:
            yield f"{zone.id} drained {zone.drained_l:.0f} L of {zone.delivered_l:.0f}"
        if not least * used_l <= zone.delivered_l + _rain_l(episode, zone.id) <= most * used_l:
            yield f"{zone.id} was given {zone.delivered_l:.0f} L of {used_l:.0f} that crop and bed use"


def _rain_l(episode: Episode, zone: str) -> float:
    """Rain on the beds that stayed there."""
    ground = episode.world.truth.zones[zone].ground
    return ground.sums.rain_l - ground.sums.runoff_l


def most_a_day(episode: Episode, zone: str) -> float:
    """Litres given over litres that crop and bed would have used, in the worst three days without probes."""
    nights = [night for night in episode.record.nights if night.at_ms >= (PULLED_DAY + 1) * DAY_S * 1000]
    return max(_given(before, after, zone) for before, after in zip(nights, nights[3:], strict=False))


def _given(before: Night, after: Night, zone: str) -> float:
    return (after.delivered_l[zone] - before.delivered_l[zone]) / (after.wished_l[zone] - before.wished_l[zone])
