"""The farms that season tests play: a world and the site file that fits it, made from one plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.season.layout import Layout, balance, band, timer, zone
from tests.season.site_group import GROUPS
from tests.season.site_text import FIRST_DAY, MAX_DAY_MIN, MAX_RUN_MIN, TOLD_FLOW_L_MIN, site_text
from tonnam_sim.world.config import (
    COCO_BAG,
    BoardConfig,
    Coil,
    InjectorConfig,
    Liquid,
    MixingConfig,
    PumpConfig,
    TankConfig,
    ValveConfig,
    ValveKind,
    WeatherConfig,
    WorldConfig,
)

__all__ = ["FIRST_DAY", "LAYOUTS", "MAX_DAY_MIN", "MAX_RUN_MIN", "SEASONS", "TOLD_FLOW_L_MIN", "Layout", "site_text"]


def _light(zone: int, plants: int) -> dict[str, Any]:
    named = {"id": f"light-{zone}", "kind": "light", "zone": f"zone-{zone}", "plants": plants}
    dose = {"dose_ml_plant": 400, "dose_j_cm2": 320, "between": ["06:00", "18:00"]}
    return {**named, **dose, "least_interval_min": 60, "most_interval_min": 480}


def _plain() -> Layout:
    """Two zones, a pump, one board that holds deadlines."""
    zones = (zone(1, ValveConfig(Coil(0, 1))), zone(2, ValveConfig(Coil(0, 2), travel_s=6.0)))
    return Layout("plain", WorldConfig(zones=zones), (timer(1, "06:10", 12), band(1), balance(2)))


def _master() -> Layout:
    """Three zones behind a master valve on a board of its own, and a pump with a contactor in series."""
    zones = (
        zone(1, ValveConfig(Coil(0, 1))),
        zone(2, ValveConfig(Coil(0, 2), travel_s=6.0)),
        zone(3, ValveConfig(Coil(1, 3)), soil=COCO_BAG, wetted_fraction=0.08),
    )
    config = WorldConfig(
        zones=zones,
        boards=(BoardConfig(1), BoardConfig(11, boots_s=5.0)),
        pump=PumpConfig(contactor=Coil(0, 7)),
        master=ValveConfig(Coil(1, 0), travel_s=4.0),
    )
    return Layout("master", config, (timer(1, "06:10", 12), band(2), _light(3, 1500)))


def _kinds() -> Layout:
    """A valve that closes when energised, a latching one and a motorised one; outside, in the rain."""
    zones = (
        zone(1, ValveConfig(Coil(0, 1), ValveKind.NORMALLY_OPEN)),
        zone(2, ValveConfig(Coil(0, 2), ValveKind.LATCHING, 0.5, Coil(0, 3), cut_off_s=1800.0)),
        zone(3, ValveConfig(Coil(0, 4), ValveKind.MOTORISED, 8.0)),
    )
    weather = WeatherConfig(cover=False, wet_days=0.3)
    config = WorldConfig(zones=zones, weather=weather, tank=TankConfig(start_l=6_000.0))
    return Layout("kinds", config, (timer(1, "06:10", 12), balance(2, at="05:30"), band(3)))


def _simple() -> Layout:
    """A board that knows no deadlines: the valves have cut-offs of their own, and the pump too."""
    zones = tuple(zone(number, ValveConfig(Coil(0, number), cut_off_s=1800.0)) for number in (1, 2))
    config = WorldConfig(zones=zones, boards=(BoardConfig(1, timer=False),), pump=PumpConfig(cut_off_s=1500.0))
    return Layout("simple", config, (timer(1, "06:10", 12), band(2)))


def _fertigated() -> Layout:
    """A and B by fixed ratio, which must not meet, and acid by the pH; each with a closing valve of its own."""
    liquids: tuple[tuple[Liquid, float, float, float], ...] = (
        ("a", 600.0, 180.0, 0.0),
        ("b", 600.0, 180.0, 0.0),
        ("acid", 200.0, 20.0, -1000.0),
    )
    injectors = tuple(
        InjectorConfig(
            liquid,
            Coil(1, 2 * number),
            Coil(1, 2 * number + 1),
            ml_min=ml_min,
            stock_l=20.0,
            stock_ec_ds_m=ec_ds_m,
            liquid=liquid,
            stock_alkalinity_meq_l=alkalinity,
        )
        for number, (liquid, ml_min, ec_ds_m, alkalinity) in enumerate(liquids)
    )
    config = WorldConfig(
        zones=(zone(1, ValveConfig(Coil(0, 1))), zone(2, ValveConfig(Coil(0, 2)))),
        boards=(BoardConfig(1), BoardConfig(11)),
        injectors=injectors,
        mixing=MixingConfig(),
    )
    fixed = [{"injector": liquid, "ml_per_l": 2.0} for liquid in ("a", "b")]
    recipes: dict[str, dict[str, Any]] = {
        "zone-1": {"dose": fixed},
        "zone-2": {"dose": [{"injector": "acid", "ml_per_l": 1.0, "most_ml_per_l": 2.0}], "ph": {"target": 6.2}},
    }
    return Layout("fertigated", config, (timer(1, "06:10", 5), timer(2, "07:00", 4)), recipes)


def _together() -> Layout:
    """Three zones that ask for water at once, two of which the pump can feed; what it draws is measured."""
    zones = tuple(zone(number, ValveConfig(Coil(0, number), travel_s=2.0 * number)) for number in (1, 2, 3))
    programs = (timer(1, "06:10", 12), timer(2, "06:10", 9), timer(3, "06:10", 6), band(1), balance(3))
    return Layout("together", WorldConfig(zones=zones), programs, pump_current=True)


def _solar() -> Layout:
    """A pump that has nothing but the sun, and flows with it."""
    zones = tuple(zone(number, ValveConfig(Coil(0, number))) for number in (1, 2))
    config = WorldConfig(zones=zones, pump=PumpConfig(supply="solar", solar_w=2000.0))
    return Layout("solar", config, (timer(1, "09:30", 10), band(2, pulse_min=10)))


def _gravity() -> Layout:
    """A tank on a tower: no pump, no meter; a master valve and zones."""
    zones = tuple(zone(number, ValveConfig(Coil(0, number))) for number in (1, 2))
    config = WorldConfig(zones=zones, master=ValveConfig(Coil(0, 0), travel_s=4.0), pump=PumpConfig(Coil(0, 7)))
    config = replace(config, tank=TankConfig(siphon_m=6.0))
    programs = (timer(1, "06:10", 12), band(2))
    return Layout("gravity", config, programs, pumped=False, metered=False, told_flow_l_min=33.0)


def _season(name: str, *, cover: bool) -> Layout:
    """A whole season from planting: one zone by the balance and one by its probes, with pulses as on a farm."""
    zones = tuple(zone(number, ValveConfig(Coil(0, number)), age_days=2.0) for number in (1, 2))
    config = WorldConfig(zones=zones, weather=WeatherConfig(cover=cover, wet_days=0.05 if cover else 0.25))
    return Layout(name, config, (balance(1, at="05:30", pulse_min=20), band(2, pulse_min=15, rest_min=60)))


LAYOUTS = {
    layout.name: layout
    for layout in (
        _plain(),
        _master(),
        _kinds(),
        _simple(),
        _together(),
        _gravity(),
        _solar(),
        _fertigated(),
        *GROUPS,
    )
}
SEASONS = {layout.name: layout for layout in (_season("covered", cover=True), _season("open", cover=False))}
