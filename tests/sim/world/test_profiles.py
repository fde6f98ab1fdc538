"""Each of the edge's profiles reads from the simulated device what it feels, over the edge's own reading code."""

from __future__ import annotations

import pytest

from tonnam_edge.modbus.direct import DirectTransport, _drive
from tonnam_edge.site.polling import DevicePlan, Values
from tonnam_edge.site.profile import shipped_profiles
from tonnam_sim.bus import Bus
from tonnam_sim.devices.inputs import DigitalInputs
from tonnam_sim.devices.pdu import Device
from tonnam_sim.devices.sdm120 import MainsFelt, Sdm120
from tonnam_sim.devices.sensors import PulseCounter
from tonnam_sim.devices.weather import CupAnemometer, Pyranometer, RenkeStation, WeatherFelt


def read(profile: str, device: Device, *told: str, **parameters: float) -> Values:
    found = shipped_profiles()[profile]
    plan = DevicePlan(found, told or [value.id for value in found.value], parameters)
    return _drive(plan.poll(), DirectTransport(Bus("test", {7: device}).execute), 7)


def test_digital_inputs_are_read_as_they_are_wired() -> None:
    module = DigitalInputs(lambda: [True, False, False, True])
    seen = read("digital-input-8ch", module)
    assert seen == {f"input_{n}": float(n in {0, 3}) for n in range(8)}
    assert read("digital-input-8ch", module, "input_3") == {"input_3": 1.0}


@pytest.mark.parametrize(
    ("request_hex", "code"), [("0200000009", 2), ("0200000000", 3), ("0100000001", 1), ("0200", 3)]
)
def test_digital_inputs_refuse_what_they_do_not_have(request_hex: str, code: int) -> None:
    request = bytes.fromhex(request_hex)
    assert DigitalInputs(lambda: []).execute(request) == bytes([request[0] | 0x80, code])


def test_sdm120_tells_voltage_current_power_and_energy() -> None:
    seen = read("eastron-sdm120", Sdm120(lambda: MainsFelt(230.2, 4.5, 950.0, 1234.5)))
    assert seen == pytest.approx({"voltage": 230.2, "current": 4.5, "active_power": 950.0, "energy_import": 1234.5})


def test_sdm120_answers_the_makers_voltage() -> None:
    answer = Sdm120(lambda: MainsFelt(230.2, 0.0, 0.0, 0.0)).execute(bytes.fromhex("0400000002"))
    assert answer == bytes.fromhex("040443663333")


def test_a_tipping_bucket_counts_millimetres() -> None:
    bucket = PulseCounter(lambda: 65_540, lambda: 0.0)
    assert read("rain-gauge-pulse", bucket)["rain_total"] == pytest.approx(13_108.0)
    assert read("rain-gauge-pulse", bucket, mm_per_tip=0.5)["rain_total"] == pytest.approx(32_770.0)


@pytest.mark.parametrize(("true_w_m2", "read_w_m2"), [(0.0, 0), (912.4, 912), (-3.0, 0), (2500.0, 1800)])
def test_pyranometer_tells_the_sun_within_its_range(true_w_m2: float, read_w_m2: float) -> None:
    assert read("dfrobot-sen0640", Pyranometer(lambda: true_w_m2)) == {"solar_radiation": read_w_m2}


@pytest.mark.parametrize(("true_m_s", "read_m_s"), [(0.3, 0.0), (0.5, 0.5), (3.26, 3.3)])
def test_cups_stand_still_in_a_breath_of_wind(true_m_s: float, read_m_s: float) -> None:
    assert read("dfrobot-sen0483", CupAnemometer(lambda: true_m_s))["wind_speed"] == pytest.approx(read_m_s)


def test_the_station_tells_each_quantity_in_its_place() -> None:
    felt = WeatherFelt(-1.5, 88.8, 2.4, 225.0, 640.0, 12.3)
    seen = read("renke-rs-fsxcs", RenkeStation(lambda: felt))
    expected = {
        "wind_speed": 2.4,
        "wind_force": 2.0,
        "wind_eighth": 5.0,
        "wind_direction": 225.0,
        "humidity": 88.8,
        "air_temperature": -1.5,
        "noise": 30.0,
        "pm2_5": 0.0,
        "pm10": 0.0,
        "air_pressure": 97.0,
        "illuminance": 73_600.0,
        "light_coarse": 73_600.0,
        "rain_total": 12.3,
        "solar_radiation_old": 640.0,
        "solar_radiation": 640.0,
    }
    assert seen == pytest.approx(expected)
