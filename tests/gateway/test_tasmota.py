from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.gateway.sent import ARRIVED, BANGKOK, LWT, SENSOR, after, frame
from tonnam_gateway.dialects import tasmota
from tonnam_gateway.measurement import Decoded, Timing
from tonnam_link.quality import Quality


def decode(payload: bytes, topic: str = SENSOR, timing: Timing = BANGKOK) -> Decoded:
    return tasmota.decode("tonnam-air-1", topic, payload, ARRIVED, timing)


def values(decoded: Decoded) -> dict[str, tuple[float | None, str | None]]:
    return {one.measure: (one.value, one.unit) for one in decoded.measurements}


def test_sensor_message_becomes_measurements_in_known_units() -> None:
    found = values(decode(frame("tasmota_sensor.json")))
    assert found["PMS5003.PM2.5"] == (37, "ug/m3")
    assert found["PMS5003.PM10"] == (58, "ug/m3")
    assert found["SHT3X.Temperature"] == (31.4, "Cel")
    assert found["SHT3X.Humidity"] == (62.8, "%")
    assert not {"Time", "TempUnit"} & set(found)


def test_local_time_without_offset_is_read_in_the_mapping_s_zone() -> None:
    payload = frame("tasmota_sensor.json")
    assert {one.observed_at for one in decode(payload).measurements} == {datetime(2026, 11, 20, 6, 0, 5, tzinfo=UTC)}
    in_utc = decode(payload, timing=Timing(ZoneInfo("UTC")))
    assert {one.observed_at for one in in_utc.measurements} == {ARRIVED}, "13:00 UTC would be hours ahead"
    assert [notice.kind for notice in in_utc.notices] == ["clock_wrong"]


@pytest.mark.parametrize("told", ['"2026-11-20T13:00:05+07:00"', '"2026-11-20T06:00:05Z"', "1795154405"])
def test_time_with_an_offset_or_in_seconds_needs_no_zone(told: str) -> None:
    decoded = decode(b'{"Time":%s,"A":{"B":1}}' % told.encode(), timing=Timing(ZoneInfo("America/New_York")))
    assert [one.observed_at for one in decoded.measurements] == [datetime(2026, 11, 20, 6, 0, 5, tzinfo=UTC)]


def test_failed_sensor_is_unknown_and_not_zero() -> None:
    found = {one.measure: one for one in decode(frame("tasmota_failed_sensor.json")).measurements}
    assert (found["SHT3X.Temperature"].value, found["SHT3X.Temperature"].quality) == (None, Quality.DEVICE_FAULT)
    assert (found["PMS5003.PM2.5"].value, found["PMS5003.PM2.5"].quality) == (0, Quality.GOOD), "a real zero"


def test_fahrenheit_and_inches_are_converted() -> None:
    found = {
        one.measure: (round(one.value or 0, 2), one.unit)
        for one in decode(frame("tasmota_fahrenheit.json")).measurements
    }
    assert found["BMP180.Temperature"] == (21.72, "Cel")
    assert found["BMP180.Pressure"] == (972.1, "hPa")


def test_unit_that_nobody_knows_makes_the_value_unknown() -> None:
    assert values(decode(b'{"DS18B20":{"Temperature":20},"TempUnit":"X"}')) == {"DS18B20.Temperature": (None, "Cel")}


def test_hour_that_occurs_twice_is_taken_as_the_one_nearer_to_arrival() -> None:
    zone = Timing(ZoneInfo("Europe/Berlin"))  # 2026-10-25, 02:30 is 00:30 and again 01:30 UTC
    payload = b'{"Time":"2026-10-25T02:30:00","A":{"B":1}}'
    for arrived in (datetime(2026, 10, 25, 0, 30, 5, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, 5, tzinfo=UTC)):
        (one,) = tasmota.decode("t", SENSOR, payload, arrived, zone).measurements
        assert one.observed_at == arrived.replace(second=0)


@pytest.mark.parametrize(
    "told", ["1970-01-01T00:00:09", "2007-04-06T13:00:05", "2036-02-07T13:28:16", "2026-11-20T13:06:00", "yesterday"]
)
def test_impossible_clock_is_replaced_by_the_time_of_arrival(told: str) -> None:
    decoded = decode(b'{"Time":"%s","A":{"B":1}}' % told.encode())
    assert [(one.observed_at, one.stamped_on_arrival) for one in decoded.measurements] == [(ARRIVED, True)]
    assert [notice.kind for notice in decoded.notices] == ["clock_wrong"]


def test_clock_a_few_minutes_ahead_is_believed() -> None:
    (one,) = decode(b'{"Time":"2026-11-20T13:04:00","A":{"B":1}}').measurements
    assert one.observed_at == after(3 * 60 + 53)


def test_clock_hours_behind_is_kept_but_said() -> None:
    decoded = decode(b'{"Time":"2026-11-20T06:00:05","A":{"B":1}}')
    assert decoded.measurements[0].observed_at == datetime(2026, 11, 19, 23, 0, 5, tzinfo=UTC)
    assert [notice.kind for notice in decoded.notices] == ["clock_behind"]


@pytest.mark.parametrize(("payload", "online"), [(b"Online", True), (b"Offline", False)])
def test_lwt_tells_presence(payload: bytes, online: bool) -> None:
    assert decode(payload, LWT) == Decoded(online=online)


def test_lwt_of_another_kind_is_a_notice() -> None:
    assert [notice.kind for notice in decode(b"\xff", LWT).notices] == ["unreadable"]


@pytest.mark.parametrize(
    ("topic", "address"),
    [
        ("tele/tonnam-air-1/SENSOR", "tonnam-air-1"),
        ("tonnam-air-1/tele/LWT", "tonnam-air-1"),
        ("tele/town/air/1/SENSOR", "town/air/1"),
        ("tele/tonnam-air-1/STATE", None),
        ("stat/tonnam-air-1/RESULT", None),
        ("tele/SENSOR", None),
    ],
)
def test_topic_names_the_device_in_either_layout(topic: str, address: str | None) -> None:
    assert tasmota.address_of(topic) == address
