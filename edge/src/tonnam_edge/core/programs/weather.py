"""Weather of an hour: what the sensors said while it passed, and the reference evapotranspiration that follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple

from tonnam_edge.agronomy import radiation, reference_et, sky
from tonnam_edge.agronomy.air import Humidity
from tonnam_edge.agronomy.marks import Mark
from tonnam_edge.agronomy.place import Place
from tonnam_edge.agronomy.radiation import Radiation, Transmissivity
from tonnam_edge.agronomy.reference_et import (
    BOUNDS_OUTSIDE_MM_DAY,
    BOUNDS_UNDER_COVER_MM_DAY,
    Et0,
    HourAir,
)
from tonnam_edge.core.image import Image
from tonnam_edge.core.programs import climate
from tonnam_edge.core.programs.kept import DAY_H, Kept
from tonnam_edge.site.growing_file import WeatherPart
from tonnam_edge.site.site import Site

MEASURED = (
    "air_temperature",
    "humidity",
    "radiation",
    "illuminance",
    "radiation_outside",
    "radiation_forecast",
    "wind_speed",
)
COUNTED = ("rain", "inverter_energy", "sunshine")
LONGEST_STEP_MS = 900_000  # a reading says nothing of longer than that
LEAST_SEEN = 0.25  # of a period: a mean of less of it is none
DAYS_KEPT = 7
ROOF_DAYS_KEPT = 14
MOST_RAIN_MM_H = 200.0
MOST_RAIN_UNSEEN_MM = 500.0  # while this machine was off
WARMEST_HOUR = 14
LIT_W_M2 = 20.0  # the mean of an hour that has seen the sun
MOST_LIGHT_MJ_M2 = 5.0  # of an hour anywhere on the ground
CLEAR_ENOUGH_MJ_M2 = 0.5  # of a clear sky; a lower sun says little of the clouds


@dataclass(frozen=True)
class Seen:
    """What was measured of a period. None: not, or of too little of it. Rain, yield and sunshine are sums."""

    air_temperature: float | None = None
    humidity: float | None = None
    radiation: float | None = None
    illuminance: float | None = None
    radiation_outside: float | None = None
    radiation_forecast: float | None = None
    wind_speed: float | None = None
    rain: float | None = None
    inverter_energy: float | None = None
    sunshine: float | None = None


@dataclass
class Watch:
    """Gathers what the sensors say until a period is over. Times are since boot, in milliseconds.

    `unseen_mm` is what a gauge that keeps its total counted while this machine was off; None before the gauge has
    spoken, and for good when its total has begun anew: then `begun_anew` says so.
    """

    site: Site
    at_ms: int | None = None
    sums: dict[str, float] = field(default_factory=dict)
    spans: dict[str, int] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    grown: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    before_mm: float | None = None
    unseen_mm: float | None = None
    begun_anew: bool = False
    rain_gap: bool = False  # what fell while nobody looked is not known, and those hours are not reckoned yet

    def recall(self, rain_total_mm: float | None) -> None:
        """The gauge's total as it was when this machine last reckoned."""
        self.before_mm = rain_total_mm
        if "rain" in self.totals:
            self._count_unseen(self.totals["rain"] - self.grown.get("rain", 0.0))

    def see(self, image: Image) -> None:
        """Take in an image: what it says counts until the next one."""
        span = 0 if self.at_ms is None else min(max(image.now.mono_ms - self.at_ms, 0), LONGEST_STEP_MS)
        for key, held in self.last.items():
            self.sums[key] = self.sums.get(key, 0.0) + held * span
            self.spans[key] = self.spans.get(key, 0) + span
        self.at_ms, self.last = image.now.mono_ms, {}
        for key in (*MEASURED, *COUNTED):
            value = image.value(self.site.weather_stream(key))
            if value is None:
                continue
            if key in MEASURED:
                self.last[key] = value
            else:
                self._count(key, value)

    def _count(self, key: str, total: float) -> None:
        """A counter that went back was restarted or exchanged: it is followed from there."""
        if key == "rain" and key not in self.totals:
            self._count_unseen(total)
        passed = total - self.totals.get(key, total)
        most = MOST_RAIN_MM_H if key == "rain" else float("inf")
        self.grown[key] = self.grown.get(key, 0.0) + (passed if 0 <= passed <= most else 0.0)
        self.totals[key] = total

    def _count_unseen(self, total: float) -> None:
        """What fell since the last reckoning of an earlier process."""
        self.rain_gap = True
        if self.before_mm is None:
            return
        passed, self.before_mm = total - self.before_mm, None
        if 0 <= passed <= MOST_RAIN_UNSEEN_MM:
            self.unseen_mm, self.rain_gap = passed, False
            self.grown["rain"] = self.grown.get("rain", 0.0) + passed
        else:
            self.begun_anew = True

    def close(self, elapsed_ms: float) -> Seen:
        """What was seen since the last close, which was so long ago."""
        found = {
            key: self.sums[key] / span
            for key, span in self.spans.items()
            if span > 0 and span >= LEAST_SEEN * elapsed_ms
        }
        seen = Seen(**found, **self.grown)
        self.sums, self.spans, self.grown = {}, {}, {}
        return seen


# The light was not measured in that hour.
USUAL_LIGHT = frozenset(
    {
        Mark.RADIATION_FROM_TEMPERATURE,
        Mark.RADIATION_FROM_CLIMATOLOGY,
        Mark.RADIATION_MEDIAN,
        Mark.RADIATION_DEFAULT,
    }
)


class _Past(NamedTuple):
    """What of earlier hours helps to reckon one: lowest and highest temperature of the last day, yields of the roof
    and light at the same hour of earlier days."""

    extremes_c: tuple[float, float] | None = None
    roof: Sequence[tuple[float, float]] = ()
    light_mj_m2: Sequence[float] = ()


class Sun:
    """The weather's settings of a site, and ET0 of its hours."""

    def __init__(self, site: Site) -> None:
        place = site.file.site
        self.place = Place(
            latitude_deg=place.latitude,
            longitude_deg=place.longitude,
            elevation_m=place.elevation_m,
            coastal=place.coastal,
        )
        self.under_cover = place.under_cover
        self.part: WeatherPart = site.file.weather
        self._through = [
            Transmissivity(date.fromisoformat(one.since), one.pct / 100) for one in self.part.transmissivity
        ]

    def et0(self, seen: Seen, middle: datetime, hours: float, kept: Kept) -> tuple[Et0, Radiation]:
        """ET0 of a period of at most some hours, as mm an hour, and its light as MJ/m2 an hour."""
        above = self._sky(middle, hours)
        own = kept.own.get(str(middle.hour), [])
        past = _Past(climate.extremes_c(kept), kept.roof.get(str(middle.hour), []), [mj for _, mj in own])
        light = self._light(seen, above, middle.date(), past)
        air, recent = self._air(seen, kept), [mm for mm, _ in own]
        found = reference_et.hourly(self.place, air, light, under_cover=self.under_cover, recent_mm=recent)
        if kept.age_h(kept.weather_h) > 24:  # the days that are remembered may have been cool ones
            found = found._replace(mm=max(found.mm, self.usual_mm(middle)))
        return found, light

    def et0_undated_mm(self, seen: Seen, hours: float, kept: Kept) -> float:
        """ET0 of a period of some hours, mm, while nobody knows where the sun is: by what was measured, as long as
        the pyranometer is known to live; else that of a day before. Never more than a day may have."""
        _, most_mm = BOUNDS_UNDER_COVER_MM_DAY if self.under_cover else BOUNDS_OUTSIDE_MM_DAY
        left_mm = max(most_mm - kept.et0_mm(DAY_H - 1), 0.0)
        return min(self._undated_mm(seen, hours, kept), left_mm)

    def _undated_mm(self, seen: Seen, hours: float, kept: Kept) -> float:
        light_mj_m2 = _mj_m2(self.pyranometer_w_m2(seen))
        lives = kept.age_h(kept.lit_h) < DAY_H
        if not lives or seen.air_temperature is None or light_mj_m2 is None or light_mj_m2 > MOST_LIGHT_MJ_M2:
            return kept.et0_a_day_ago_mm(hours)
        clear_mj_m2 = light_mj_m2 / (kept.clearness or reference_et.DEFAULT_CLEARNESS)
        light = Radiation(light_mj_m2, clear_mj_m2, frozenset())
        found = reference_et.hourly(self.place, self._air(seen, kept), light, under_cover=self.under_cover)
        return found.mm * hours if found.own else kept.et0_a_day_ago_mm(hours)

    def pyranometer_w_m2(self, seen: Seen) -> float | None:
        """What was measured of the light where the crop stands."""
        return seen.radiation_outside if seen.radiation is None and not self.under_cover else seen.radiation

    def light_w_m2(self, seen: Seen, at: datetime, kept: Kept) -> tuple[float, bool]:
        """The light at the crop just now, by the same ladder as an hour's, and whether it is only what is usual."""
        lux, per_w = seen.illuminance, self.part.lux_per_w_m2
        if not self.under_cover and seen.radiation is None and lux is not None and per_w is not None:
            seen = replace(seen, radiation=lux / per_w)
        own = kept.own.get(str(at.hour), [])
        past = _Past(climate.extremes_c(kept), light_mj_m2=[mj for _, mj in own])
        light = self._light(seen, self._sky(at, 1.0), at.date(), past)
        return light.mj_m2 * 1e6 / 3600, bool(light.marks & USUAL_LIGHT)

    def usual_mm(self, middle: datetime) -> float:
        """ET0 of an hour at this place when nothing was ever measured, mm: of its usual temperatures, warmest
        at two in the afternoon, with the night's lowest as its dew point."""
        light = self._light(Seen(), self._sky(middle, 1.0), middle.date(), _Past())
        low, high = climate.usual_temperatures_c(self.part, self.place, middle)
        warm = math.cos(math.pi * (middle.hour + 0.5 - WARMEST_HOUR) / 12)
        weather = HourAir(t_c=(low + high) / 2 + (high - low) / 2 * warm, night_t_min_c=low)
        return reference_et.hourly(self.place, weather, light, under_cover=self.under_cover).mm

    def learn(self, seen: Seen, found: Et0, light: Radiation, middle: datetime, kept: Kept) -> None:
        """Keep what this hour measured, for hours that will not."""
        key = str(middle.hour)
        if found.own and seen.air_temperature is not None:
            kept.weather_h = kept.hours
            row = (round(found.mm, 4), round(light.mj_m2, 4))
            kept.own[key] = [*kept.own.get(key, []), row][-DAYS_KEPT:]
        if light.clear_mj_m2 > CLEAR_ENOUGH_MJ_M2 and not light.marks & {
            Mark.RADIATION_MEDIAN,
            Mark.RADIATION_DEFAULT,
        }:
            clear = reference_et.clearness_of([light])
            kept.clearness = None if clear is None else round(clear, 3)
        if seen.inverter_energy is not None and light.clear_mj_m2 > 0:
            roof = (round(seen.inverter_energy, 3), round(self._sky(middle, 1.0).clear_mj_m2, 4))
            kept.roof[key] = [*kept.roof.get(key, []), roof][-ROOF_DAYS_KEPT:]

    def _air(self, seen: Seen, kept: Kept) -> HourAir:
        extremes_c = climate.extremes_c(kept)
        return HourAir(
            t_c=seen.air_temperature,
            humidity=Humidity(rh_mean_pct=seen.humidity),
            wind_m_s=seen.wind_speed,
            wind_height_m=self.part.wind_height_m,
            night_t_min_c=None if extremes_c is None else extremes_c[0],
            clearness=kept.clearness,
        )

    def _sky(self, middle: datetime, hours: float) -> sky.Sky:
        """The sky of a period, as of one hour of it."""
        span = max(hours, 0.01)
        found = sky.of_hours(self.place, middle, span)
        return found._replace(
            extraterrestrial_mj_m2=found.extraterrestrial_mj_m2 / span, clear_mj_m2=found.clear_mj_m2 / span
        )

    def _light(self, seen: Seen, above: sky.Sky, day: date, past: _Past) -> Radiation:
        share = radiation.inverter_share(seen.inverter_energy, above.clear_mj_m2, past.roof)
        outside = _mj_m2(seen.radiation_outside)
        usual = climate.light_share(self.part, self.place, day)
        climatology = None if usual is None else usual * above.extraterrestrial_mj_m2
        if not self.under_cover:
            t_min_c, t_max_c = past.extremes_c or (None, None)
            known = radiation.Outside(
                pyranometer_mj_m2=_mj_m2(self.pyranometer_w_m2(seen)),
                sunshine_h=seen.sunshine,
                forecast_mj_m2=_mj_m2(seen.radiation_forecast),
                inverter_share=share,
                t_max_c=t_max_c,
                t_min_c=t_min_c,
                coastal=self.place.coastal,
                climatology_mj_m2=climatology,
                recent_mj_m2=past.light_mj_m2,
            )
            return radiation.outside(above, known)
        if outside is None and seen.sunshine is not None:
            outside = sky.from_sunshine_mj_m2(above, seen.sunshine)
        inside = radiation.Inside(
            pyranometer_mj_m2=_mj_m2(seen.radiation),
            lux_h=seen.illuminance,
            lux_per_w_m2=self.part.lux_per_w_m2,
            outside_mj_m2=outside,
            forecast_mj_m2=_mj_m2(seen.radiation_forecast),
            inverter_share=share,
            climatology_mj_m2=climatology,
            recent_mj_m2=past.light_mj_m2,
        )
        return radiation.inside(above, inside, radiation.transmissivity_on(day, self._through))


def _mj_m2(w_m2: float | None) -> float | None:
    """MJ/m2 of an hour."""
    return None if w_m2 is None else max(w_m2, 0.0) * 3600 / 1e6
