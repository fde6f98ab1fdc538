"""What must fit together in a site file about programs, crops, weather and holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from tonnam_edge.site.growing import ground_of
from tonnam_edge.site.growing_file import GrowingPart, HoldsPart, WeatherPart
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.plant_file import TankPart
from tonnam_edge.site.problems import Problems, did_you_mean
from tonnam_edge.site.program_file import AnyProgram, BalancePart, LightPart, MoisturePart, TimerPart
from tonnam_edge.site.site_file import PlacePart, ZonePart

Path = tuple[str | int, ...]
_COUNTERS = ("rain", "inverter_energy", "sunshine")


def check_programs(parts: Parts, problems: Problems) -> None:
    """Add a problem for every program whose zone cannot do what it asks."""
    zones = {zone.id: zone for _, zone in parts.of(ZonePart, "zone")}
    looking: dict[str, str] = {}
    for index, program in _programs(parts):
        path = ("program", index)
        if program.zone not in parts.names("zone"):
            hint = did_you_mean(program.zone, parts.names("zone"))
            problems.error((*path, "zone"), f'"{program.zone}" is not a zone. {hint}')
        zone = zones.get(program.zone)
        if zone is not None:
            _fits_its_zone(program, zone, path, problems)
        if isinstance(program, TimerPart):
            continue
        if program.between is not None and program.between[0] >= program.between[1]:
            text = f"{program.between[0]} must be earlier than {program.between[1]}"
            problems.error((*path, "between"), text)
        other = looking.setdefault(program.zone, program.id)
        if other != program.id:
            text = f'"{other}" looks after "{program.zone}" already: beside timers a zone has one program'
            problems.error((*path, "zone"), text)


def check_growing(parts: Parts, problems: Problems) -> None:
    """Add a problem for every soil that cannot be, and every safe run that is too long."""
    for index, zone in parts.of(ZonePart, "zone"):
        if zone.safe is not None and zone.safe.run_min > zone.max_run_min:
            text = f"{zone.safe.run_min:g} is more than the zone's max_run_min, which is {zone.max_run_min:g}"
            problems.error(("zone", index, "safe", "run_min"), text)
        if zone.growing is not None:
            _growing(zone.growing, ("zone", index, "growing"), zone, problems)


def check_weather(parts: Parts, told: Mapping[str, str], problems: Problems) -> None:
    """Add a problem for every datastream of weather or holds that is not there, and every senseless hold."""
    whole = len(parts.lists["device"]) == len(parts.ids["device"])
    weather, holds = parts.table(WeatherPart, "weather"), parts.table(HoldsPart, "holds")
    for path, name in (*_named(weather), *_powers(holds), *_drains(parts)):
        if name not in told and whole:
            problems.error(path, f'"{name}" is not a datastream of a device. {did_you_mean(name, told)}')
        elif path[-1] in (*_COUNTERS, "drain") and told.get(name, "counter") != "counter":
            problems.error(path, f'"{name}" is not a counter. It must be one that only goes up')
    if weather is not None and weather.illuminance and weather.lux_per_w_m2 is None:
        problems.warning(("weather", "illuminance"), "does not count as light without lux_per_w_m2")
    if holds is not None:
        _holds(holds, weather or WeatherPart(), parts, problems)


def _programs(parts: Parts) -> Iterator[tuple[int, AnyProgram]]:
    yield from parts.of(TimerPart, "program")
    yield from parts.of(MoisturePart, "program")
    yield from parts.of(BalancePart, "program")
    yield from parts.of(LightPart, "program")


def _fits_its_zone(program: AnyProgram, zone: ZonePart, path: Path, problems: Problems) -> None:
    key, minutes = _longest(program, zone)
    if minutes > zone.max_run_min:
        text = f"{minutes:g} is more than the zone's max_run_min, which is {zone.max_run_min:g}"
        problems.error((*path, key), text)
    if isinstance(program, MoisturePart) and not zone.probes:
        problems.error((*path, "zone"), f'"{zone.id}" has no probes, so nobody knows how wet it is')
    if isinstance(program, MoisturePart) and zone.band is None:
        needs = "below low_pct it waters until high_pct"
        problems.error((*path, "zone"), f'"{zone.id}" has no band = {{ low_pct = ..., high_pct = ... }}: {needs}')
    if isinstance(program, BalancePart) and zone.growing is None:
        problems.error((*path, "zone"), f'"{zone.id}" has no growing = {{ crop = ..., planted = ..., soil = ... }}')


def _longest(program: AnyProgram, zone: ZonePart) -> tuple[str, float]:
    """The key that says how long one run may be, and the minutes that come of it."""
    if isinstance(program, TimerPart):
        return "run_min", program.run_min * max(program.season_pct) / 100
    if isinstance(program, LightPart):
        return "dose_ml_plant", 1.3 * program.plants * program.dose_ml_plant / 1000 / zone.flow_l_min
    return "pulse_min", program.pulse_min or 0.0


def _growing(part: GrowingPart, path: Path, zone: ZonePart, problems: Problems) -> None:
    try:
        ground_of(part, zone.area_m2, under_cover=False)
    except ValueError as wrong:
        problems.error(path, f"{wrong}")


def _named(weather: WeatherPart | None) -> Iterator[tuple[Path, str]]:
    for key, value in _given(weather):
        if isinstance(value, str):
            yield ("weather", key), value


def _powers(holds: HoldsPart | None) -> Iterator[tuple[Path, str]]:
    if holds is not None and holds.solar is not None:
        yield ("holds", "solar", "power"), holds.solar.power


def _drains(parts: Parts) -> Iterator[tuple[Path, str]]:
    for index, program in parts.of(LightPart, "program"):
        for key in ("drain", "drain_ec"):
            name = getattr(program, key)
            if name is not None:
                yield ("program", index, key), name


def _given(model: BaseModel | None) -> list[tuple[str, Any]]:
    return [] if model is None else [(key, value) for key, value in model if key in model.model_fields_set]


def _holds(holds: HoldsPart, weather: WeatherPart, parts: Parts, problems: Problems) -> None:
    place, tank = parts.table(PlacePart, "site"), parts.table(TankPart, "tank")
    for key in ("rain_mm", "forecast_mm", "wind_m_s", "frost_c"):
        if place is not None and place.under_cover and getattr(holds, key) is not None:
            problems.error(("holds", key), "makes no sense under a cover, where no rain falls and no wind blows")
    needs = {
        "rain_mm": "rain",
        "forecast_mm": "rain_forecast",
        "wind_m_s": "wind_speed",
        "frost_c": "air_temperature",
    }
    for key, stream in needs.items():
        if getattr(holds, key) is not None and getattr(weather, stream) is None:
            problems.error(("holds", key), f"needs {stream} in [weather]: without it nobody knows when to wait")
    if holds.forecast_mm is not None and weather.rain is None:
        problems.error(
            ("holds", "forecast_mm"), "needs rain in [weather]: a forecast counts only as far as it then fell"
        )
    if holds.tank_cm is not None and tank is None:
        problems.error(("holds", "tank_cm"), "needs a [tank]")
