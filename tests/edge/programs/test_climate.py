"""The dual coefficient in a zone's program, the months' climate, sunshine, and rain while the controller was off."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.edge.farms import HOUR_MS, MIDNIGHT_MS, SITE, Play, site_of
from tests.edge.programs.crops import BALANCE, Weathered, days, etc_l_day, farm, growing, litres_of, memory, told
from tests.edge.programs.test_holds import STATION, Outdoors, field
from tonnam_edge.agronomy.crop import Climate
from tonnam_edge.agronomy.marks import Mark
from tonnam_edge.agronomy.place import Place
from tonnam_edge.core.programs import climate
from tonnam_edge.core.programs.kept import DayAirKept, Kept
from tonnam_edge.core.programs.weather import Seen, Sun
from tonnam_edge.site.check import BadSiteFile
from tonnam_edge.site.growing_file import ClimatologyPart, WeatherPart

DRIP = ', kc = "dual", surface = { irrigation = "drip" } }'
BASIN = ', kc = "dual", surface = { irrigation = "basin" } }'
MULCHED = ', kc = "dual", surface = { irrigation = "basin", mulch = { kind = "plastic", covered_pct = 80 } } }'


def dual_farm(folder: Path, how: str) -> Play:
    return farm(folder, BALANCE, edit=lambda text: text.replace("wetted_pct = 40 }", "wetted_pct = 40" + how))


def used_mm(play: Play) -> float:
    kept = memory(play).kept
    return kept.zones["zone-1"].etc_mm(kept.hours, 5 * 24)


def test_a_zone_by_the_dual_coefficient_counts_what_its_wet_soil_evaporates(tmp_path: Path) -> None:
    drip, basin, mulched = (dual_farm(tmp_path, how) for how in (DRIP, BASIN, MULCHED))
    for play in (drip, basin, mulched):
        days(play, 6)
        assert litres_of(play)
        assert growing(play).water.layer is not None
    assert max(used_mm(drip), used_mm(mulched)) < 0.95 * used_mm(basin)


def test_a_watering_wets_the_surface_and_a_restart_keeps_it(tmp_path: Path) -> None:
    play = dual_farm(tmp_path, BASIN)
    days(play, 1)
    before = growing(play).water.layer
    play.water(seconds=600)
    play.run(900)
    wet = growing(play).water.layer
    assert before is not None
    assert wet is not None
    assert wet.evaporated_mm < before.evaporated_mm
    play.restart()
    play.run(30)
    assert growing(play).water.layer == pytest.approx(wet, abs=0.2)


@pytest.mark.parametrize(
    ("how", "wrong"),
    [
        (', kc = "dual" }', "needs surface"),
        (', kc = "dual", volume_l_m2 = 20, surface = { irrigation = "drip" } }', "no surface of soil"),
        (', kc = "dual", surface = { irrigation = "drip", readily_mm = 60 } }', "evaporates readily"),
        (', kc = "dual", surface = { irrigation = "hose" } }', "micro-sprinkler"),
        (', kc = "double" }', "dual"),
    ],
)
def test_what_the_dual_coefficient_needs_is_asked_for(tmp_path: Path, how: str, wrong: str) -> None:
    with pytest.raises(BadSiteFile, match=wrong):
        dual_farm(tmp_path, how)


def test_the_climate_is_that_of_the_last_days_then_the_months_then_the_books() -> None:
    today, months = date(2026, 11, 20), ClimatologyPart(rh_min_pct=(50.0,) * 12, wind_m_s=(3.0,) * 12)
    seen = Kept(air=[DayAirKept("2026-11-18", 30, 24, 24, 24), DayAirKept("2026-11-19", 40, 24, 72, 24)])
    thin = Kept(air=[DayAirKept("2026-11-19", 10, 3, 9, 3), DayAirKept("2026-11-20", 10, 20, 90, 20)])
    none, table = WeatherPart(), WeatherPart(climatology=months)
    assert climate.of_days(seen, table, today, under_cover=False) == Climate(2.0, 35.0)
    assert climate.of_days(thin, table, today, under_cover=False) == Climate(3.0, 50.0)
    assert climate.of_days(thin, none, today, under_cover=False) == Climate()
    assert climate.of_days(seen, none, today, under_cover=True) == pytest.approx((208 / 150, 35.0))


def test_the_days_lowest_humidity_and_mean_wind_are_kept_for_a_week() -> None:
    kept = Kept()
    for day in range(1, 13):
        for hour in range(24):
            climate.follow(kept, 40.0 + day + hour, 2.0, 1.0, date(2026, 11, day))
    assert [(each.day[-2:], each.rh_min_pct) for each in kept.air][:2] == [("05", 45.0), ("06", 46.0)]
    assert climate.of_days(kept, WeatherPart(), date(2026, 11, 12), under_cover=False).rh_min_pct == pytest.approx(48)


def test_a_table_of_months_gives_light_by_radiation_or_sunshine() -> None:
    place, april = Place(latitude_deg=13.73, longitude_deg=100.5), date(2026, 4, 3)
    by_sun = WeatherPart(climatology=ClimatologyPart(sunshine_h=(8.5,) * 12))
    by_light = WeatherPart(climatology=ClimatologyPart(radiation_mj_m2=(19.0,) * 12))
    # FAO-56 example 17: Ra 38.06, N 12.31 h, n 8.5 h give 22.65 MJ/m2
    assert climate.light_share(by_sun, place, april) == pytest.approx(22.65 / 38.06, abs=0.001)
    assert climate.light_share(by_light, place, april) == pytest.approx(19.0 / 38.06, abs=0.001)
    assert climate.light_share(WeatherPart(), place, april) is None


MONTHS = """
[weather]
air_temperature = "air/air_temperature"
humidity = "air/humidity"
climatology = { sunshine_h = [HOURS] }
"""


def test_without_a_light_sensor_the_months_light_drives_the_balance(tmp_path: Path) -> None:
    def used(hours: str) -> float:
        def edit(text: str) -> str:
            begin = text.index("[weather]")
            table = MONTHS.replace("HOURS", ", ".join([hours] * 12))
            return text[:begin] + table + text[text.index("[tank]") :]

        play = farm(tmp_path, BALANCE, edit=edit)
        days(play, 3)
        return etc_l_day(play)

    assert used("10.0") > 1.4 * used("2.0")


def outdoors(folder: Path) -> Play:
    text = SITE.replace("[tank]", STATION + "\n[tank]")
    play = Play(site_of(folder, text), start_ms=MIDNIGHT_MS + 10 * HOUR_MS)
    play.field = Outdoors()
    play.run(10)
    play.leap(3700)
    return play


def test_rain_that_fell_while_the_controller_was_off_is_the_gauges_difference(tmp_path: Path) -> None:
    play = outdoors(tmp_path)
    field(play).rain_mm += 17.0
    play.reboot(play.now_ms, off_s=5 * 3600)
    play.run(60)
    play.learn()
    play.leap(7300)
    assert memory(play).kept.rain_mm(24) == pytest.approx(17.0)
    assert told(play, "rain.unseen")[0].body["text"]["en"].startswith("Off for 5 hours. The gauge counted 17.0 mm")
    assert len(told(play, "rain.unseen")) == 1
    assert memory(play).kept.marked_h.get("rain_unknown", 0.0) < 1


def test_a_gauge_that_counts_anew_is_said_to_know_nothing(tmp_path: Path) -> None:
    play = outdoors(tmp_path)
    field(play).rain_mm = 2.0
    play.reboot(play.now_ms, off_s=5 * 3600)
    play.run(60)
    play.learn()
    play.leap(7300)
    assert memory(play).kept.rain_mm(24) == 0
    assert "How much it rained is not known" in told(play, "rain.unseen")[0].body["text"]["en"]
    assert memory(play).kept.marked_h["rain_unknown"] > 3
    assert "ไม่รู้ว่าฝนตกเท่าไร" in told(play, "rain.unseen")[0].body["text"]["th"]


def test_a_gauge_that_is_silent_is_told_and_counts_as_no_rain(tmp_path: Path) -> None:
    play = outdoors(tmp_path)
    field(play).gauge_answers = False
    days(play, 1.6)
    assert "no rain, as the gauge is silent" in told(play, "weather.stand_ins")[0].body["text"]["en"]


def test_a_restart_of_a_moment_loses_no_rain_and_says_nothing(tmp_path: Path) -> None:
    play = outdoors(tmp_path)
    field(play).rain_mm += 3.0
    play.run(60)
    play.restart()
    field(play).rain_mm += 2.0
    play.leap(7300)
    assert memory(play).kept.rain_mm(24) == pytest.approx(5.0)
    assert not told(play, "rain.unseen")


def test_what_stands_in_for_weather_is_told_at_the_end_of_the_day_and_when_it_is_over(tmp_path: Path) -> None:
    play = farm(tmp_path, BALANCE)
    assert isinstance(play.field, Weathered)
    days(play, 2.1)
    assert not told(play, "weather.stand_ins")
    play.field.air_answers = False
    days(play, 2)
    said = [event.body["text"] for event in told(play, "weather.stand_ins")]
    assert len(said) == 1
    assert "light of the last days" in said[0]["en"]
    assert "แสงเฉลี่ยหลายวันก่อน" in said[0]["th"]
    play.restart()
    play.field.air_answers = True
    days(play, 2)
    again = told(play, "weather.stand_ins")
    assert len(again) == 2
    assert again[1].body["text"]["en"] == "All weather was measured again: nothing stands in for it"


def test_a_forecast_of_light_counts_before_solar_roof_and_month(tmp_path: Path) -> None:
    sun, noon = Sun(farm(tmp_path, BALANCE).site), datetime(2026, 11, 21, 12, 30, tzinfo=ZoneInfo("Asia/Bangkok"))
    seen = Seen(air_temperature=30.0, humidity=60.0, radiation_forecast=600.0)
    _, light = sun.et0(seen, noon, 1.0, Kept())
    assert Mark.RADIATION_FROM_FORECAST in light.marks
    assert light.mj_m2 == pytest.approx(600 * 3600 / 1e6 * 0.65)


TIMED = """
[[program]]
id = "morning"
kind = "timer"
zone = "zone-1"
at = "06:00"
run_min = 5
"""


def test_timers_with_an_unset_clock_say_so(tmp_path: Path) -> None:
    play = Play(site_of(tmp_path, SITE + TIMED), start_ms=MIDNIGHT_MS + 5 * HOUR_MS)
    play.run(60)
    play.reboot(play.now_ms)
    play.leap(2 * 3600)
    plans = [e.body["text"]["en"] for e in told(play, "zone.planned") if e.body["zone"] == "zone-1"]
    assert plans[-1].endswith("(the clock is not set: by the last known time)")
    reason = told(play, "run.started")[0].body["reason"]
    assert reason["en"].endswith("(the clock is not set: by the last known time)")
    assert "นาฬิกายังไม่ได้ตั้ง" in reason["th"]
