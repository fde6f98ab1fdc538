"""Rain, wind and frost make programs wait: for how long at most, and what is told when it lasts.

A gauge that bounces and a wind cup that lies say nothing unbelievable. So no wait for weather is silent for more than
a day; and what may be waited for without the crop's harm is a wind or a frost of a day, not of a week.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Text
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.kept import DAY_H, Kept
from tonnam_edge.core.wishes import Wish
from tonnam_edge.site.site import Site


class Weather(NamedTuple):
    """What of the weather holds programs just now. `ends`: a wait of a day, or a thirsty crop, ends it."""

    text: Text
    ends: bool = False
    gauge: bool = False  # it is of rain that the gauge has counted
    forecast_mm: float = 0.0  # it is for so much rain that is expected


def of_site(site: Site, kept: Kept, image: Image, rain_now_mm: float) -> Weather | None:
    """What holds programs. A value that is not known holds nothing. `rain_now_mm`: of the hour that is not over."""
    holds = site.file.holds
    if site.file.site.under_cover:
        return None
    rain_mm = kept.rain_mm(DAY_H) + rain_now_mm
    if holds.rain_mm is not None and rain_mm >= holds.rain_mm:
        return Weather(words.rained(rain_mm), gauge=True)
    if kept.forecast_h is not None and kept.age_h(kept.forecast_h) < holds.forecast_wait_h:
        expected_mm = image.value(site.weather_stream("rain_forecast"))
        expected_mm = expected_mm or holds.forecast_mm or 0.0
        return Weather(words.rain_expected(expected_mm), forecast_mm=expected_mm)
    wind = image.value(site.weather_stream("wind_speed"))
    if holds.wind_m_s is not None and wind is not None and wind > holds.wind_m_s:
        return Weather(words.windy(holds.wind_m_s), ends=True)
    air = image.value(site.weather_stream("air_temperature"))
    if holds.frost_c is not None and air is not None and air <= holds.frost_c:
        return Weather(words.frosty(holds.frost_c), ends=True)
    return None


def over(weather: Weather, wish: Wish, kept: Kept) -> bool:
    """Whether a wish has waited for a day, as long as it need: for wind and frost. For rain only what a probe wants:
    it would know of rain that fell."""
    of_zone = kept.zones.get(wish.zone)
    lasting = of_zone is not None and of_zone.held_h is not None and kept.hours - of_zone.held_h >= DAY_H
    return lasting and (weather.ends or (weather.gauge and wish.cause == "moisture"))


def follow(site: Site, kept: Kept, held: dict[str, Text], wanting: Iterable[str]) -> Iterator[tuple[str, Text]]:
    """Note since when weather holds what each zone wants; yields once what to tell of those held for a day.

    `held` are the zones that it holds now, `wanting` those that may want water again in a moment, with why it holds.
    """
    going_on = set(wanting) | set(held)
    for name, of_zone in kept.zones.items():
        if name not in going_on:
            of_zone.held_h, of_zone.held_told = None, False
        elif name in held and of_zone.held_h is None:
            of_zone.held_h = kept.hours
        elif name in held and not of_zone.held_told and kept.age_h(of_zone.held_h) >= DAY_H:
            of_zone.held_told = True
            yield name, words.held_for_a_day(site.zones[name].part.name, held[name])
