"""What grows in a zone, in what soil, under what weather, and when programs wait: parts of the site file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tonnam_edge.agronomy import defaults
from tonnam_edge.site.problems import did_you_mean
from tonnam_edge.site.profile import Model
from tonnam_edge.site.site_types import Day, Percent, Positive, SlotTime, TimeOfDay

Depth = Annotated[float, Field(ge=0.02, le=5)]
Kc = Annotated[float, Field(ge=0.05, le=1.6)]
Kcb = Annotated[float, Field(ge=0, le=1.5)]
Days = Annotated[float, Field(ge=0, le=3650)]


def _a_crop(given: str) -> str:
    return _shipped("crop", given, {key: crop.name for key, crop in defaults.crops().items()})


def _a_soil(given: str) -> str:
    return _shipped("soil", given, {key: soil.name for key, soil in defaults.soils().items()})


def _shipped(what: str, given: str, names: Mapping[str, Mapping[str, str]]) -> str:
    """Raises ValueError with the list for a crop or soil that is not there; one called by its name is found."""
    if given in names:
        return given
    called = next((key for key, name in names.items() if given.strip() in name.values()), given)
    raise ValueError(f'"{given}" is not a {what} that comes with Tonnam. {did_you_mean(called, names)}')


class MulchPart(Model):
    """What covers the soil, how much of it, and, if that was measured, how much less evaporates on the whole."""

    kind: Literal["plastic", "organic"]
    covered_pct: Percent = 100.0
    less_pct: Percent | None = None


class SurfacePart(Model):
    """The top of the soil, for the dual crop coefficient: how it is wetted, how deep it dries, what covers it.

    `irrigation` says which part of the soil is wetted, unless `wetted_pct` does. `depth_m` dries by evaporation;
    `readily_mm` of that goes without resistance.
    """

    irrigation: Literal["drip", "micro-sprinkler", "sprinkler", "basin"]
    wetted_pct: Annotated[float, Field(ge=1, le=100)] | None = None
    depth_m: Annotated[float, Field(ge=0.05, le=0.2)] = 0.1
    readily_mm: Positive | None = None
    mulch: MulchPart | None = None


class GrowingPart(Model):
    """The crop of a zone, since when it stands there, and its soil.

    `crop` and `soil` are names of the defaults that come with Tonnam; every figure of theirs can be replaced.
    `volume_l_m2` makes it a substrate: litres of it per square metre of zone. `kc` is how its use is reckoned: by the
    single crop coefficient (also of the farm's own three figures), or by the dual one, which needs a `surface`.
    """

    crop: Annotated[str, AfterValidator(_a_crop)]
    planted: Day
    soil: Annotated[str, AfterValidator(_a_soil)]
    field_capacity_pct: Percent | None = None
    wilting_point_pct: Percent | None = None
    wetted_pct: Annotated[float, Field(ge=1, le=100)] = 100.0
    efficiency_pct: Annotated[float, Field(ge=10, le=100)] = 90.0
    volume_l_m2: Annotated[float, Field(ge=0.1, le=1000)] | None = None
    days: tuple[Days, Days, Days, Days] | None = None
    kc: Literal["single", "dual"] | tuple[Kc, Kc, Kc] = "single"
    kcb: tuple[Kcb, Kcb, Kcb] | None = None
    surface: SurfacePart | None = None
    root_depth_m: tuple[Depth, Depth] | None = None
    depletion_pct: Annotated[float, Field(ge=10, le=80)] | None = None


class SafePart(Model):
    """What a zone gets each day when nothing at all is known any more."""

    at: SlotTime
    run_min: Positive


class TransmissivityPart(Model):
    """How much of the light a cover lets through, from a day on."""

    since: Day
    pct: Annotated[float, Field(ge=5, le=100)]


Months = Field(min_length=12, max_length=12)


class ClimatologyPart(Model):
    """What is usual in each of the twelve months, January first; in the open, but for the temperatures at the crop.

    The light of a day (MJ/m2) or its hours of sunshine; its highest and lowest temperature; the day's lowest humidity
    and the wind at 2 m.
    """

    radiation_mj_m2: Annotated[tuple[Annotated[float, Field(ge=0.5, le=40)], ...], Months] | None = None
    sunshine_h: Annotated[tuple[Annotated[float, Field(ge=0, le=24)], ...], Months] | None = None
    t_max_c: Annotated[tuple[Annotated[float, Field(ge=-40, le=60)], ...], Months] | None = None
    t_min_c: Annotated[tuple[Annotated[float, Field(ge=-40, le=60)], ...], Months] | None = None
    rh_min_pct: Annotated[tuple[Annotated[float, Field(ge=1, le=100)], ...], Months] | None = None
    wind_m_s: Annotated[tuple[Annotated[float, Field(ge=0.1, le=40)], ...], Months] | None = None


class WeatherPart(Model):
    """Which datastreams tell the weather at the crop; `radiation_outside` is in the open, above a cover, and so is
    `radiation_forecast` for now, both W/m2.

    `illuminance` counts as light only with `lux_per_w_m2`, which a comparison with a pyranometer gives; sunlight has
    about 120. `rain` counts millimetres, `sunshine` hours in the open. `inverter_energy` counts what a solar roof
    yields. `rain_forecast` says how many millimetres are expected.
    """

    air_temperature: str | None = None
    humidity: str | None = None
    radiation: str | None = None
    illuminance: str | None = None
    lux_per_w_m2: Annotated[float, Field(ge=50, le=200)] | None = None
    radiation_outside: str | None = None
    wind_speed: str | None = None
    wind_height_m: Annotated[float, Field(ge=0.5, le=200)] = 2.0
    radiation_forecast: str | None = None
    sunshine: str | None = None
    rain: str | None = None
    rain_forecast: str | None = None
    inverter_energy: str | None = None
    transmissivity: tuple[TransmissivityPart, ...] = ()
    climatology: ClimatologyPart | None = None


class SolarPart(Model):
    """Programs wait for the sun: until `power` is at least `least`, in that datastream's unit, or until `latest`.

    With `direct` the pumps have nothing but the sun: without power nothing starts and a run pauses. From `latest`
    until sunset programs water whatever the power is said to be.
    """

    power: str
    least: Positive
    latest: TimeOfDay
    direct: bool = False


class HoldsPart(Model):
    """What programs wait for; people may water all the same. A value that is not known holds nothing.

    `rain_mm` fell within 24 hours. `forecast_mm` are expected: that holds for `forecast_wait_h`, and no longer unless
    they fell. No program starts in `quiet` hours, above `wind_m_s`, at or below `frost_c`, or below `tank_cm`.
    """

    rain_mm: Positive | None = None
    forecast_mm: Positive | None = None
    forecast_wait_h: Annotated[float, Field(ge=1, le=48)] = 12.0
    wind_m_s: Positive | None = None
    frost_c: Annotated[float, Field(ge=-5, le=10)] | None = None
    tank_cm: Positive | None = None
    quiet: tuple[TimeOfDay, TimeOfDay] | None = None
    solar: SolarPart | None = None

    @model_validator(mode="after")
    def _some_of_the_day_is_left(self) -> HoldsPart:
        if self.quiet is not None and self.quiet[0] == self.quiet[1]:
            raise ValueError("quiet must begin and end at different times")
        return self
