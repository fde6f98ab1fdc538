"""Profiles read as the vendors' own words say: registers in, numbers and units out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.edge.farms import Registers
from tonnam_edge.errors import Rejected, Transient
from tonnam_edge.modbus.direct import DirectTransport, _drive
from tonnam_edge.modbus.writes import coil_write
from tonnam_edge.site.polling import DevicePlan, Read, Values
from tonnam_edge.site.profile import shipped_profiles
from tonnam_edge.site.registers import WordOrder, number

RELAY = shipped_profiles()["waveshare-relay-8ch"].relay


def read(profile: str, words: dict[int, int], *told: str, **parameters: float) -> Values:
    found = shipped_profiles()[profile]
    plan = DevicePlan(found, told or found.told(), parameters)
    return _drive(plan.poll(), DirectTransport(Registers(words).execute), 1)


def words(text: str) -> list[int]:
    body = bytes.fromhex(text)
    return list(struct.unpack(f">{len(body) // 2}H", body))


def test_soil_probe_reads_the_vendors_vector() -> None:
    registers = dict(enumerate(words("01 D0 01 4C 00 2C 00 5A 00 20 00 58 00 68")))
    told = [value.id for value in shipped_profiles()["cwt-soil-7in1"].value]
    assert read("cwt-soil-7in1", registers, *told) == {
        "soil_moisture": 46.4,
        "soil_temperature": 33.2,
        "soil_ec": 44,
        "soil_ph": 9.0,
        "nitrogen_indicative": 32,
        "phosphorus_indicative": 88,
        "potassium_indicative": 104,
    }


def test_soil_probe_in_air_is_zero_but_dead_electronics_are_unknown() -> None:
    in_air = read("cwt-soil-7in1", dict(enumerate([0, 250, 0, 70])), "soil_moisture")
    assert in_air["soil_moisture"] == 0.0
    dead = read("cwt-soil-7in1", dict(enumerate([0, 0, 0, 0])), "soil_moisture")
    assert dead["soil_moisture"] is None


def test_soil_probe_is_read_in_one_request_of_known_registers() -> None:
    plan = DevicePlan(shipped_profiles()["cwt-soil-7in1"], ["soil_moisture", "potassium_indicative"])
    assert plan.blocks == [Read(3, 0, 7)]


@pytest.mark.parametrize(
    ("profile", "raw", "temperature", "humidity"),
    [
        ("sht20-x10", "01 31 02 22", 30.5, 54.6),
        ("sht20-x100", "0B EA 15 54", 30.5, 54.6),
        ("sht20-x10", "FF 33 02 22", -20.5, 54.6),
    ],
)
def test_sht20_reads_both_batches(profile: str, raw: str, temperature: float, humidity: float) -> None:
    first, second = words(raw)
    assert read(profile, {1: first, 2: second}) == {"air_temperature": temperature, "humidity": humidity}


@pytest.mark.parametrize(
    ("unit", "decimals", "raw", "level_cm"),
    [(1, 1, 1234, 123.4), (2, 0, 1500, 150.0), (0x12, 2, 150, 150.0), (1, 1, 0xFFF6, -1.0), (6, 1, 1234, None)],
)
def test_level_sensor_converts_by_its_own_unit_and_decimals(
    unit: int, decimals: int, raw: int, level_cm: float | None
) -> None:
    assert read("qdy30a", {2: unit, 3: decimals, 4: raw})["level"] == level_cm


def test_light_sensor_reads_a_double_word() -> None:
    assert read("cwt-sls-200k", {0: 500, 1: 250, 2: 3, 3: 0x0D40})["illuminance"] == 200000


def test_pulse_counter_is_scaled_by_the_litres_of_a_pulse() -> None:
    assert read("pulse-counter", {0: 1, 1: 0, 2: 100}, pulse_l=10) == {"total": 655_360, "rate": 600}


def inverter(base: int = 40000, power_scale: int = 0) -> dict[int, int]:
    """Model 1 of 66 registers, then model 103 of 50, then the end."""
    map_: dict[int, int] = {base: 0x5375, base + 1: 0x6E53, base + 2: 1, base + 3: 66}
    at = base + 4 + 66
    map_ |= {base + 4 + n: 0 for n in range(66)}
    map_ |= {at + n: 0 for n in range(52)}
    map_ |= {at: 103, at + 1: 50, at + 14: 4321, at + 15: power_scale & 0xFFFF, at + 24: 1, at + 25: 1, at + 26: 1}
    return map_ | {at + 52: 0xFFFF, at + 53: 0}


def test_sunspec_chain_is_walked_to_the_inverter_model() -> None:
    assert read("sunspec-103", inverter()) == {"ac_power": 4321, "energy_total": 655_370}
    assert read("sunspec-103", inverter(base=50000, power_scale=-1))["ac_power"] == 432.1


def test_sunspec_not_implemented_is_unknown_not_a_number() -> None:
    night = inverter()
    start = 40000 + 4 + 66
    night |= {start + 14: 0x8000, start + 24: 0, start + 25: 0}
    assert read("sunspec-103", night) == {"ac_power": None, "energy_total": None}


@pytest.mark.parametrize("length", [0, 10, 23, 200, 0xFFF0])
def test_sunspec_model_of_a_nonsense_length_is_a_failed_read(length: int) -> None:
    nonsense = dict.fromkeys(range(40000, 0x10000), 0) | {40000: 0x5375, 40001: 0x6E53, 40002: 103, 40003: length}
    with pytest.raises(Transient, match="registers"):
        read("sunspec-103", nonsense)


def test_sunspec_chain_that_runs_past_the_last_register_is_a_failed_read() -> None:
    endless = dict.fromkeys(range(40000, 0x10000), 0) | {40000: 0x5375, 40001: 0x6E53, 40002: 1, 40003: 0xFFF0}
    with pytest.raises(Transient, match="none of the models"):
        read("sunspec-103", endless)


def test_sunspec_without_the_mark_is_not_read_as_something_else() -> None:
    with pytest.raises(Transient, match="no SunSpec mark"):
        read("sunspec-103", {0: 1, 1: 2, 40000: 5, 40001: 6})


def test_a_read_past_the_map_is_rejected_with_the_devices_code() -> None:
    with pytest.raises(Rejected) as caught:
        read("sht20-x10", {1: 1})
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("order", "raw"),
    [("ABCD", "43 66 33 33"), ("CDAB", "33 33 43 66"), ("BADC", "66 43 33 33"), ("DCBA", "33 33 66 43")],
)
def test_float_in_every_word_order(order: WordOrder, raw: str) -> None:
    assert number(words(raw), "float32", order) == pytest.approx(230.2, abs=1e-5)


@given(st.integers(-(2**31), 2**31 - 1), st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]))
def test_any_int32_survives_any_word_order(value: int, order: WordOrder) -> None:
    body = struct.pack(">i", value)
    a, b, c, d = (body[n : n + 1] for n in range(4))
    wire = {"ABCD": a + b + c + d, "CDAB": c + d + a + b, "BADC": b + a + d + c, "DCBA": d + c + b + a}[order]
    assert number(list(struct.unpack(">HH", wire)), "int32", order) == value


@pytest.mark.parametrize(
    ("coil", "seconds", "frame"),
    [(0, 60, "02 00 02 58"), (3, 600, "02 03 17 70"), (0, 0.7, "02 00 00 07"), (1, 99999, "02 01 7F FF")],
)
def test_a_valve_is_opened_with_a_deadline_that_the_board_holds(coil: int, seconds: float, frame: str) -> None:
    assert RELAY is not None
    assert struct.pack(">HH", *coil_write(RELAY, coil, True, seconds)) == bytes.fromhex(frame)


def test_off_is_a_plain_off() -> None:
    assert RELAY is not None
    assert coil_write(RELAY, 5, False, None) == (5, 0)
