"""Why programs wait: each with its reason, never for what is not known, and never a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import BAND, HOUR_MS, MIDNIGHT_MS, SITE, Field, Play, site_of
from tests.edge.programs.crops import days, litres_of, memory
from tonnam_edge.core import Observation
from tonnam_edge.site.check import BadSiteFile

STATION = """
[[device]]
id = "station"
bus = "soil"
unit = 21
profile = "renke-rs-fsxcs"
tells = ["wind_speed", "air_temperature", "rain_total"]
name = { th = "สถานีอากาศ", en = "Station" }

[[device]]
id = "forecast"
bus = "soil"
unit = 22
profile = "dfrobot-sen0483"
name = { th = "พยากรณ์", en = "Forecast" }

[[device]]
id = "roof"
bus = "soil"
unit = 23
profile = "eastron-sdm120"
tells = ["active_power"]
name = { th = "โซลาร์", en = "Roof" }

[weather]
air_temperature = "station/air_temperature"
wind_speed = "station/wind_speed"
rain = "station/rain_total"
rain_forecast = "forecast/wind_speed"

[holds]
"""


class Outdoors(Field):
    """A weather station, a forecast and a solar roof beside the small field. None: it does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.moisture = [20.0, 28.0]
        self.wind_m_s: float | None = 1.0
        self.air_c = 30.0
        self.rain_mm: float = 100.0
        self.gauge_answers = True
        self.forecast_mm: float | None = 0.0
        self.power_w: float | None = 2000.0

    def observe(self, mono_ms: int) -> list[Observation]:
        wind = None if self.wind_m_s is None else self.wind_m_s
        station = {
            "wind_speed": wind,
            "air_temperature": self.air_c,
            "rain_total": self.rain_mm if self.gauge_answers else None,
        }
        forecast = None if self.forecast_mm is None else {"wind_speed": self.forecast_mm}
        roof = None if self.power_w is None else {"active_power": self.power_w}
        return [
            *super().observe(mono_ms),
            Observation("station", mono_ms, station),
            Observation("forecast", mono_ms, forecast),
            Observation("roof", mono_ms, roof),
        ]


def farm(folder: Path, holds: str, start_ms: int = MIDNIGHT_MS + 10 * HOUR_MS, program: str = BAND) -> Play:
    text = SITE.replace("[tank]", STATION + holds + "\n[tank]")
    play = Play(site_of(folder, text + program), start_ms=start_ms)
    play.field = Outdoors()
    return play


def plan(play: Play) -> str:
    told = [e for e in play.events if e.kind == "zone.planned" and e.body["zone"] == "zone-1"]
    return str(told[-1].body["text"]["en"])


def waters(play: Play, seconds: float = 120) -> bool:
    before = play.kinds().count("run.started")
    play.run(seconds)
    return play.kinds().count("run.started") > before


def field(play: Play) -> Outdoors:
    assert isinstance(play.field, Outdoors)
    return play.field


def test_wind_holds_until_it_is_calm_and_unknown_wind_does_not(tmp_path: Path) -> None:
    play = farm(tmp_path, "wind_m_s = 5\n")
    field(play).wind_m_s = 8.0
    assert not waters(play)
    assert plan(play) == "Wind over 5 m/s; waiting until it is calmer"
    field(play).wind_m_s = None
    assert waters(play)


def test_frost_holds(tmp_path: Path) -> None:
    play = farm(tmp_path, "frost_c = 2\n")
    field(play).air_c = 1.5
    assert not waters(play)
    field(play).air_c = 4.0
    assert waters(play)


def test_rain_holds_for_a_day(tmp_path: Path) -> None:
    play = farm(tmp_path, "rain_mm = 5\n")
    field(play).moisture[0] = 28.0
    play.run(10)
    field(play).rain_mm += 8.0
    play.leap(3700)
    field(play).moisture[0] = 22.0
    assert not waters(play)
    assert "8 mm of rain in 24 hours" in plan(play)
    play.leap(25 * 3600, at_most_s=300)
    assert "run.started" in play.kinds()


def test_a_forecast_counts_only_as_far_as_it_then_rains(tmp_path: Path) -> None:
    play = farm(tmp_path, "forecast_mm = 10\nforecast_wait_h = 6\n")
    field(play).forecast_mm = 20.0
    assert not waters(play)
    assert "20 mm of rain are expected" in plan(play)
    play.leap(5 * 3600, at_most_s=300)
    assert "run.started" not in play.kinds()
    play.leap(2.5 * 3600, at_most_s=300)
    assert "run.started" in play.kinds()


def test_the_tank_is_kept_for_people(tmp_path: Path) -> None:
    play = farm(tmp_path, "tank_cm = 100\n")
    field(play).level_cm = 60.0
    assert not waters(play)
    play.water(seconds=30)
    assert waters(play)


def test_quiet_hours_over_midnight_end_when_they_end(tmp_path: Path) -> None:
    play = farm(tmp_path, 'quiet = ["21:00", "05:00"]\n', start_ms=MIDNIGHT_MS + 22 * HOUR_MS)
    assert not waters(play)
    assert plan(play) == "Quiet hours, until 05:00"
    play.leap(7 * 3600 + 120, at_most_s=600)
    assert play.kinds().count("run.started") == 1


def test_solar_first_and_at_the_latest_hour_all_the_same(tmp_path: Path) -> None:
    solar = 'solar = { power = "roof/active_power", least = 1500, latest = "14:00" }\n'
    play = farm(tmp_path, solar)
    field(play).power_w = 300.0
    assert not waters(play)
    assert plan(play) == "Not enough sun to run the pump yet; waters at 14:00 all the same"
    field(play).power_w = None
    assert not waters(play)
    play.leap(4 * 3600, at_most_s=600)
    assert play.kinds().count("run.started") >= 1


def test_power_lets_solar_water_at_once(tmp_path: Path) -> None:
    solar = 'solar = { power = "roof/active_power", least = 1500, latest = "14:00" }\n'
    assert waters(farm(tmp_path, solar))


def test_a_quota_holds_for_24_hours_whatever_the_clock_says(tmp_path: Path) -> None:
    quota = SITE.replace("max_run_min = 20", "quota_l_day = 700\nmax_run_min = 20", 1)
    play = Play(site_of(tmp_path, quota.replace("[tank]", STATION + "\n[tank]") + BAND))
    play.field = Outdoors()
    play.leap(6 * 3600, at_most_s=60)
    assert sum(litres for _, litres in litres_of(play)) == pytest.approx(700, abs=15)
    assert plan(play) == "The quota of 700 litres in 24 hours is used up"
    play.skew_ms = 30 * 24 * HOUR_MS
    play.leap(3 * 3600)
    assert sum(litres for _, litres in litres_of(play)) == pytest.approx(700, abs=15)
    days(play, 1)
    assert sum(litres for _, litres in litres_of(play)) > 1000


@pytest.mark.parametrize("hold", ["rain_mm = 5", "forecast_mm = 5", "wind_m_s = 5", "frost_c = 2"])
def test_weather_holds_are_refused_under_a_cover(tmp_path: Path, hold: str) -> None:
    text = SITE.replace("longitude = 101.8\n", 'longitude = 101.8\ncover = "greenhouse"\n')
    with pytest.raises(BadSiteFile, match="makes no sense under a cover"):
        site_of(tmp_path, text.replace("[tank]", STATION + hold + "\n\n[tank]"))


def test_a_hold_needs_what_it_goes_by(tmp_path: Path) -> None:
    with pytest.raises(BadSiteFile, match=r"needs wind_speed in \[weather\]"):
        site_of(tmp_path, SITE + "\n[holds]\nwind_m_s = 5\n")


def test_rain_in_the_books_is_bounded(tmp_path: Path) -> None:
    play = farm(tmp_path, "rain_mm = 5\n")
    play.run(5)
    field(play).rain_mm = 5_000.0  # the gauge was exchanged
    play.leap(7300)
    assert memory(play).kept.rain_mm(24) == 0
