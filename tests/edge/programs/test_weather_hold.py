"""A wind cup and a rain gauge that lie: nobody waits for them in silence, and no crop for ever."""

from __future__ import annotations

import math
from pathlib import Path

from tests.edge.farms import BAND, HOUR_MS, Play
from tests.edge.programs.crops import BALANCE, Weathered, days, farm, litres_of, memory, told
from tonnam_edge.core import Observation

OUTSIDE = """
[[device]]
id = "wind"
bus = "soil"
unit = 13
profile = "dfrobot-sen0483"
name = { th = "ลม", en = "Wind" }

[[device]]
id = "gauge"
bus = "soil"
unit = 14
profile = "rain-gauge-pulse"
parameters = { mm_per_tip = 0.2 }
name = { th = "ฝน", en = "Rain" }

[weather]
wind_speed = "wind/wind_speed"
rain = "gauge/rain_total"
"""
HOLDS = "[holds]\nwind_m_s = 8\nrain_mm = 8\n\n[tank]\n"


class Outside(Weathered):
    """Dry soil in the open. The wind wavers a little, so that nobody takes the cup for stuck."""

    def __init__(self, play: Play, wind_m_s: float, bounces_mm_h: float) -> None:
        super().__init__(play)
        self.wind_m_s, self.bounces_mm_h, self.began_ms = wind_m_s, bounces_mm_h, play.now_ms
        self.rained_mm: float | None = None  # what the gauge stands at when it counts no more
        self.moisture = [15.0, 15.0]
        self.flow_l_min = 120.0

    def observe(self, mono_ms: int) -> list[Observation]:
        rain_mm = 100 + self.bounces_mm_h * (self.play.now_ms - self.began_ms) / HOUR_MS
        rain_mm = rain_mm if self.rained_mm is None else self.rained_mm
        wind_m_s = self.wind_m_s + 0.4 * math.sin(mono_ms / 1e6)
        gauges = {"wind": {"wind_speed": wind_m_s}, "gauge": {"rain_total": rain_mm}}
        return [*super().observe(mono_ms), *(Observation(name, mono_ms, said) for name, said in gauges.items())]


def outside(
    folder: Path, program: str, wind_m_s: float = 1.0, bounces_mm_h: float = 0.0, *, grows: bool = True
) -> Play:
    def edit(text: str) -> str:
        text = text.replace('cover = "greenhouse"\n', "").replace("[weather]\n", OUTSIDE)
        return text.replace("[tank]\n", HOLDS, 1)

    play = farm(folder, program, edit=edit, grows=grows)
    play.field = Outside(play, wind_m_s, bounces_mm_h)
    return play


class Damp(Outside):
    """Air that is never dry under a sky that is never clear: nothing but the soil knows that no rain falls."""

    def observe(self, mono_ms: int) -> list[Observation]:
        found = super().observe(mono_ms)
        return [self._damp(each) if each.device in {"air", "sun"} else each for each in found]

    def _damp(self, seen: Observation) -> Observation:
        values = dict(seen.values or {})
        if "humidity" in values:
            values["humidity"] = 85 + 5 * math.sin(seen.mono_ms / 1e6)
        if "solar_radiation" in values:
            values["solar_radiation"] = 0.4 * (values["solar_radiation"] or 0.0)
        return seen._replace(values=values)


def damp(folder: Path, program: str) -> Play:
    """A farm whose gauge bounces in air that may have rain in it."""
    play = outside(folder, program)
    play.field = Damp(play, 1.0, 1.2)
    return play


def first_water_h(play: Play) -> float:
    assert isinstance(play.field, Outside)
    return (litres_of(play)[0][0] - play.field.began_ms) / HOUR_MS


def test_a_wind_without_end_is_waited_for_a_day_and_told_once(tmp_path: Path) -> None:
    play = outside(tmp_path, BAND, wind_m_s=20.0, grows=False)
    play.field.moisture = [25.5, 25.5]
    days(play, 4)
    assert 24 <= first_water_h(play) < 27
    (event,) = [e for e in told(play, "weather.holds") if e.body["zone"] == "zone-1"]
    assert event.body["text"]["en"].startswith("Zone 1 has waited for the weather for 24 hours (Wind over 8 m/s")
    assert max(at for at, _ in litres_of(play)) > play.now_ms - 24 * HOUR_MS


def test_a_thirsty_crop_waits_for_no_calm(tmp_path: Path) -> None:
    play = outside(tmp_path, BALANCE, wind_m_s=20.0)
    days(play, 0.2)
    assert litres_of(play)


def test_calm_in_between_begins_the_wait_anew(tmp_path: Path) -> None:
    play = outside(tmp_path, BAND, wind_m_s=20.0, grows=False)
    field = play.field
    assert isinstance(field, Outside)
    field.moisture = [25.5, 25.5]
    days(play, 0.8)
    field.wind_m_s, field.moisture = 1.0, [30.0, 30.0]
    days(play, 0.1)
    field.wind_m_s, field.moisture = 20.0, [25.5, 25.5]
    days(play, 0.8)
    assert not told(play, "weather.holds")


def test_rain_that_a_probe_never_sees_holds_its_band_for_a_day(tmp_path: Path) -> None:
    play = damp(tmp_path, BAND)
    days(play, 4)
    assert [e.body["zone"] for e in told(play, "weather.holds")] == ["zone-1"]
    assert max(at for at, _ in litres_of(play)) > play.now_ms - 24 * HOUR_MS


def test_rain_without_end_does_not_keep_the_probe_from_contradicting_the_balance(tmp_path: Path) -> None:
    play = damp(tmp_path, BALANCE)
    days(play, 4)
    (event,) = told(play, "probe.contradicts")
    doubts = [each for stands in told(play, "site.stands") for each in stands.body.get("doubts", ())]
    assert {(each["of"], each.get("zone")) for each in doubts} >= {("probe", "zone-1")}
    assert event.body["text"]["en"].endswith("Look at the probes and the rain gauge")


def test_rain_in_dry_air_is_none_and_starves_no_crop(tmp_path: Path) -> None:
    play = outside(tmp_path, BALANCE, bounces_mm_h=1.2)
    play.field.moisture = [None, None]
    days(play, 3)
    (event,) = told(play, "rain.doubted")
    assert "Look at the rain gauge" in event.body["text"]["en"]
    assert first_water_h(play) < 40
    assert max(at for at, _ in litres_of(play)) > play.now_ms - 48 * HOUR_MS


def test_rain_in_damp_air_is_believed_until_a_probe_has_said_dry_for_three_nights(tmp_path: Path) -> None:
    play = damp(tmp_path, BALANCE)
    days(play, 2)
    assert not told(play, "rain.doubted")
    assert memory(play).kept.rain_mm(24) > 20
    days(play, 4)
    assert len(told(play, "rain.doubted")) == 1
    assert max(at for at, _ in litres_of(play)) > play.now_ms - 24 * HOUR_MS


def test_a_gauge_that_has_been_quiet_for_a_day_is_believed_again(tmp_path: Path) -> None:
    play = outside(tmp_path, BALANCE, bounces_mm_h=1.2)
    field = play.field
    assert isinstance(field, Outside)
    days(play, 1)
    assert memory(play).kept.gauge_doubted
    field.rained_mm = 100.0 + 1.2 * 24
    days(play, 1.3)
    assert not memory(play).kept.gauge_doubted
    assert told(play, "rain.doubted")[-1].body["text"]["en"].endswith("its rain counts again")
