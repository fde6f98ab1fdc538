"""Every device of a world answers the edge's own reading code with what is true there."""

from __future__ import annotations

import pytest

from tests.sim.world.drawn import rich_config, write
from tonnam_edge.modbus.direct import DirectTransport, _drive
from tonnam_edge.site.polling import DevicePlan, Values
from tonnam_edge.site.profile import shipped_profiles
from tonnam_sim.world import World, WorldConfig
from tonnam_sim.world.wiring import DRAINS_FROM, INPUTS_FROM, LEVEL, METER, PUMP_METER


def read(world: World, bus: str, unit: int, profile: str) -> Values:
    found = shipped_profiles()[profile]
    return _drive(DevicePlan(found, found.told()).poll(), DirectTransport(world.buses[bus].execute), unit)


def watering() -> World:
    world = World(WorldConfig(start_hour=12.0), 3)
    for name in ("zone-1", "pump"):
        write(world, name, 0.0)
    world.step(1200.0)
    return world


def test_the_cabinet_tells_coils_level_flow_and_current() -> None:
    world = watering()
    assert read(world, "cabinet", 1, "waveshare-relay-8ch") == {f"coil_{n}": float(n < 2) for n in range(8)}
    assert read(world, "cabinet", LEVEL, "qdy30a")["level"] == pytest.approx(world.level_cm, abs=0.3)
    meter = read(world, "cabinet", METER, "pulse-counter")
    assert meter["rate"] == pytest.approx(world.truth.flow_l_min, abs=0.7)
    assert meter["total"] == world.meter_count
    pump = read(world, "cabinet", PUMP_METER, "eastron-sdm120")
    assert pump["current"] == pytest.approx(world.pump_amperes)
    assert pump["energy_import"] == pytest.approx(world.truth.energy_wh / 1000.0)
    inputs = read(world, "cabinet", INPUTS_FROM, "digital-input-8ch")
    closed = {name for name, (_, at) in world.inputs.items() if inputs[f"input_{at}"]}
    assert closed == {"pump_current", "pump-auto", "zone-1-auto", "zone-2-auto"}


def test_the_climate_bus_tells_air_light_sun_wind_and_rain() -> None:
    world = watering()
    assert read(world, "climate", 1, "sht20-x10")["air_temperature"] == pytest.approx(world.climate.air_c, abs=0.4)
    assert read(world, "climate", 2, "cwt-sls-200k")["illuminance"] == pytest.approx(
        115 * world.inside_w_m2, rel=0.02
    )
    sun = read(world, "climate", 3, "dfrobot-sen0640")["solar_radiation"]
    assert sun == pytest.approx(world.inside_w_m2, rel=0.05)
    wind_m_s = world.outside.wind_m_s if world.outside.wind_m_s >= 0.5 else 0.0
    assert read(world, "climate", 4, "dfrobot-sen0483")["wind_speed"] == pytest.approx(wind_m_s, abs=0.06)
    assert read(world, "climate", 5, "rain-gauge-pulse")["rain_total"] == pytest.approx(world.field.rain_mm, abs=0.2)
    station = read(world, "climate", 6, "renke-rs-fsxcs")
    assert station["solar_radiation"] == pytest.approx(world.outside.sky.sun_w_m2, abs=1.0)
    assert station["air_temperature"] == pytest.approx(world.outside.sky.air_c, abs=0.06)


def test_probes_and_inverter_answer_at_their_places() -> None:
    world = watering()
    for unit, name in enumerate(world.probes, start=1):
        felt = read(world, "soil", unit, "cwt-soil-7in1")
        assert felt["soil_moisture"] == pytest.approx(world.senses.say(name), abs=0.06)
        assert felt["soil_temperature"] == pytest.approx(world.field.soil_c(world.probes[name].zone), abs=0.06)
        assert 100.0 < (felt["soil_ec"] or 0.0) < 1500.0
    assert read(world, "inverter", 1, "sunspec-103")["ac_power"] > 3000.0  # type: ignore[operator]


def test_a_rich_farm_has_more_boards_inputs_and_a_drain_meter() -> None:
    world = World(rich_config(), 1)
    assert set(read(world, "cabinet", 11, "waveshare-relay-8ch")) == {f"coil_{n}" for n in range(8)}
    assert {unit for unit, _ in world.inputs.values()} == {INPUTS_FROM, INPUTS_FROM + 1}
    assert read(world, "cabinet", INPUTS_FROM + 1, "digital-input-8ch")["input_0"] in {0.0, 1.0}
    assert read(world, "cabinet", DRAINS_FROM + 2, "pulse-counter")["total"] == 0.0
