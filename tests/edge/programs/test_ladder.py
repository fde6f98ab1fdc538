"""No probe, no weather, no clock: what a zone goes by then, and that it is never nothing, nor too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import BAND, HOUR_MS
from tests.edge.programs.crops import BALANCE, days, etc_l_day, farm, litres_of, most_in_24_h, rungs, told, zone_kept
from tonnam_edge.core.programs import ladder


@pytest.mark.parametrize("grows", [True, False])
def test_a_probe_that_hangs_in_the_air_from_the_start_leads_to_one_and_a_half_etc_a_day(
    tmp_path: Path, grows: bool
) -> None:
    play = farm(tmp_path, BAND, grows=grows)
    play.field.moisture[0] = 2.0
    days(play, 4)
    assert 0 < most_in_24_h(play) <= 1.5 * etc_l_day(play) + 120


def test_what_a_probe_may_still_ask_for_is_given_in_runs_that_are_worth_it(tmp_path: Path) -> None:
    """A quarter of a day's water, or half a pulse: not what the last hour has set free, twenty seconds at a time."""
    play = farm(tmp_path, BAND)
    play.field.moisture[0] = 15.0
    days(play, 3)
    assert len(litres_of(play)) >= 6
    worth_l = min(10 * 120 / 2, ladder.MOST_BY_PROBE * etc_l_day(play) / 4)
    assert min(litres for _, litres in litres_of(play)) > 0.8 * worth_l


def test_a_probe_that_is_pulled_out_is_told_and_the_crop_lives_by_the_balance(tmp_path: Path) -> None:
    play = farm(tmp_path, BAND)
    days(play, 1)
    play.field.moisture[0] = 0.6
    days(play, 5)
    assert rungs(play)[0] == "balance"
    assert "Look at the probes" in told(play, "program.stepped")[0].body["text"]["en"]
    assert "หัววัด" in told(play, "program.stepped")[0].body["text"]["th"]
    assert 0.6 * etc_l_day(play) < sum(litres for _, litres in litres_of(play)) / 5 <= 1.5 * etc_l_day(play)
    assert most_in_24_h(play) <= 1.5 * etc_l_day(play) + 120


def test_a_silent_probe_is_waited_for_a_little_and_replaced_by_the_balance_until_it_speaks(tmp_path: Path) -> None:
    play = farm(tmp_path, BAND)
    days(play, 0.2)
    play.field.moisture[0] = None
    play.leap(20 * 60)
    assert rungs(play) == []
    days(play, 4)
    assert rungs(play) == ["balance"]
    assert litres_of(play)
    play.field.moisture[0] = 28.0
    days(play, 0.1)
    assert rungs(play) == ["balance", "probe"]


def test_a_probe_that_always_says_wet_does_not_starve_the_crop(tmp_path: Path) -> None:
    play = farm(tmp_path, BAND)
    play.field.moisture[0] = 31.0
    days(play, 12)
    assert "balance" in rungs(play)
    last = [litres for at, litres in litres_of(play) if play.now_ms - at < 6 * 24 * HOUR_MS]
    assert sum(last) / 6 > 0.5 * etc_l_day(play)


@pytest.mark.parametrize("weather", [True, False])
def test_a_probe_that_comes_to_say_wet_for_ever_does_not_starve_a_crop_of_which_nothing_is_told(
    tmp_path: Path, weather: bool
) -> None:
    play = farm(tmp_path, BAND, grows=False, weather=weather)
    for _ in range(5):
        play.field.moisture[0] = 25.0
        days(play, 0.1)
        play.field.moisture[0] = 31.5
        days(play, 0.9)
    usual_l = sum(litres for _, litres in litres_of(play)) / 5
    before = len(litres_of(play))
    days(play, 9)
    later = [litres for _, litres in litres_of(play)[before:]]
    assert sum(later) / 9 > 0.45 * usual_l
    assert "week" in rungs(play)


def test_a_bed_that_dries_within_its_band_for_days_is_left_to_its_probe(tmp_path: Path) -> None:
    play = farm(tmp_path, BAND, grows=False)
    for _ in range(4):
        play.field.moisture[0] = 25.0
        days(play, 0.1)
        play.field.moisture[0] = 31.5
        days(play, 0.9)
    for moisture in (30.5, 29.5, 28.5, 27.5):
        play.field.moisture[0] = moisture
        days(play, 1)
    assert rungs(play) == []


def test_without_probe_and_weather_a_zone_gets_the_mean_of_its_last_seven_days(tmp_path: Path) -> None:
    play = farm(tmp_path, BAND, grows=False)
    for _ in range(5):
        play.field.moisture[0] = 25.0
        days(play, 0.1)
        play.field.moisture[0] = 31.5
        days(play, 0.9)
    usual = zone_kept(play).usual_l_day
    assert usual is not None
    play.field.moisture[0] = None
    before = len(litres_of(play))
    days(play, 4)
    assert rungs(play) == ["week"]
    given = sum(litres for _, litres in litres_of(play)[before:])
    assert given / 4 == pytest.approx(usual, rel=0.35)


@pytest.mark.parametrize(("grows", "weather"), [(True, False), (False, False), (False, True)])
def test_nothing_known_from_the_start_is_still_never_no_water(tmp_path: Path, grows: bool, weather: bool) -> None:
    play = farm(tmp_path, BAND, grows=grows, weather=weather)
    play.field.moisture[0] = None
    days(play, 5)
    assert rungs(play)[-1] == "safe"
    assert 0.6 * etc_l_day(play) < sum(litres for _, litres in litres_of(play)) / 5 < 1.5 * etc_l_day(play)


def test_a_zones_own_safe_watering_is_what_it_gets(tmp_path: Path) -> None:
    def with_safe(text: str) -> str:
        return text.replace("max_run_min = 20", 'safe = { at = "06:30", run_min = 4 }\nmax_run_min = 20', 1)

    play = farm(tmp_path, BAND, grows=False, weather=False, edit=with_safe)
    play.field.moisture[0] = None
    days(play, 4)
    runs = litres_of(play)
    assert sum(litres for _, litres in runs) / 4 == pytest.approx(480, rel=0.3)


def test_a_hot_day_with_dead_probe_gets_more_than_a_cool_one(tmp_path: Path) -> None:
    given = []
    for t_max_c in (28.0, 40.0):
        folder = tmp_path / str(t_max_c)
        folder.mkdir()
        play = farm(folder, BAND)
        play.field.t_max_c = t_max_c  # type: ignore[attr-defined]
        play.field.moisture[0] = None
        days(play, 6)
        given.append(sum(litres for _, litres in litres_of(play)))
    assert given[1] > 1.1 * given[0] > 0


def test_weather_that_has_been_gone_for_a_week_ends_the_balance_and_is_told(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE)
    days(play, 4)
    play.field.air_answers = False  # type: ignore[attr-defined]
    days(play, 6)
    assert rungs(play) == []
    days(play, 2)
    assert rungs(play) == ["week"]
    before = len(litres_of(play))
    days(play, 2)
    assert sum(litres for _, litres in litres_of(play)[before:]) > 0


def test_a_week_of_rain_does_not_become_the_water_of_every_day_to_come(tmp_path: Path) -> None:
    """In the open, and without a gauge that would tell of it."""
    play = farm(tmp_path, BAND, grows=False, edit=lambda text: text.replace('cover = "greenhouse"\n', ""))
    play.field.moisture[0] = 25.5
    days(play, 0.02)
    play.field.moisture[0] = 33.0
    days(play, 6.5)
    usual = zone_kept(play).usual_l_day
    assert usual is not None
    assert usual < 0.5 * etc_l_day(play)
    play.field.moisture[0] = None
    before = len(litres_of(play))
    days(play, 5)
    assert rungs(play) == ["week"]
    assert sum(litres for _, litres in litres_of(play)[before:]) / 5 > 0.7 * etc_l_day(play)


@pytest.mark.parametrize("moisture", [None, 15.0])
@pytest.mark.parametrize("area_m2", [20, 3])
def test_a_small_zone_with_a_strong_outlet_gets_its_least_run_every_few_days(
    tmp_path: Path, area_m2: int, moisture: float | None
) -> None:
    """The least run gives 40 litres: more than two days of 20 m2 of melons need, and many days of three."""

    def small(text: str) -> str:
        return text.replace("area_m2 = 400", f"area_m2 = {area_m2}").replace("2026-10-20", "2026-11-18")

    play = farm(tmp_path, BAND, edit=small)
    play.field.moisture[0] = moisture
    play.field.air_answers = False  # type: ignore[attr-defined]
    days(play, 15)
    runs = [(0, 0.0), *((at - play.now_ms, litres) for at, litres in litres_of(play))]
    used_l = etc_l_day(play) / 400 * area_m2 * 15
    assert 0.6 * used_l < sum(litres for _, litres in runs) < 1.5 * used_l + 3 * 45
    assert runs[-1][0] > -7.5 * 24 * HOUR_MS
