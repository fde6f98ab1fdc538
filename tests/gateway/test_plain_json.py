from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.gateway.sent import ARRIVED, BANGKOK, LEVEL
from tonnam_gateway.dialects import plain_json
from tonnam_gateway.measurement import Decoded, TimeForm, Timing
from tonnam_link.quality import Quality

ZONE = ZoneInfo("Asia/Bangkok")


def decode(payload: bytes, timing: Timing = BANGKOK) -> Decoded:
    return plain_json.decode(LEVEL, LEVEL, payload, ARRIVED, timing)


@pytest.mark.parametrize(
    ("told", "form"),
    [
        ("1795154405", "s"),
        ("1795154405.0", "s"),
        ("1795154405000", "ms"),
        ('"2026-11-20T06:00:05Z"', "iso"),
        ('"2026-11-20T13:00:05"', "iso"),
    ],
)
def test_time_field_is_read_in_each_form(told: str, form: TimeForm) -> None:
    decoded = decode(b'{"level_m": 2.31, "ts": %s}' % told.encode(), Timing(ZONE, "ts", form))
    assert [(one.measure, one.value) for one in decoded.measurements] == [("level_m", 2.31)]
    assert decoded.measurements[0].observed_at == datetime(2026, 11, 20, 6, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "form"), [("1795154405000", "s"), ("1795154405", "ms"), ("1e300", "s"), ("true", "s"), ('"soon"', "iso")]
)
def test_milliseconds_read_as_seconds_and_other_nonsense_are_stamped_on_arrival(told: str, form: TimeForm) -> None:
    decoded = decode(b'{"level_m": 2.31, "ts": %s}' % told.encode(), Timing(ZONE, "ts", form))
    assert [(one.value, one.observed_at) for one in decoded.measurements] == [(2.31, ARRIVED)]
    assert [notice.kind for notice in decoded.notices] == ["clock_wrong"]


def test_message_without_time_is_stamped_on_arrival_without_a_word() -> None:
    decoded = decode(b'{"level_m": 2.31}')
    assert (decoded.measurements[0].observed_at, decoded.notices) == (ARRIVED, ())


def test_nested_objects_and_arrays_are_paths() -> None:
    decoded = decode(b'{"tank": {"level.m": 1.5}, "channels": [{"v": 1}, {"v": 2}]}')
    expected = {"tank.level.m": 1.5, "channels.0.v": 1, "channels.1.v": 2}
    assert {one.measure: one.value for one in decoded.measurements} == expected


def test_bare_number_is_the_measure_value() -> None:
    assert [(one.measure, one.value) for one in decode(b"2.31").measurements] == [("value", 2.31)]


@pytest.mark.parametrize(
    "told", [b"NaN", b"nan", b"-nan", b"inf", b"Infinity", b"1e999", b"null", b"true", b'"2.31"']
)
def test_what_is_not_a_finite_number_is_unknown_and_the_rest_of_the_message_counts(told: bytes) -> None:
    decoded = decode(b'{"level_m": ' + told + b', "battery": 3.6}')
    found = {one.measure: (one.value, one.quality) for one in decoded.measurements}
    assert found == {"level_m": (None, Quality.DEVICE_FAULT), "battery": (3.6, Quality.GOOD)}


@pytest.mark.parametrize("payload", [b"", b"ERR", b"{", b"\xff\xfe\x00", b'{"a":1}' * 20_000, b"[" * 5_000])
def test_what_is_not_json_is_a_notice(payload: bytes) -> None:
    decoded = decode(payload)
    assert (decoded.measurements, [notice.kind for notice in decoded.notices]) == ((), ["unreadable"])
