from __future__ import annotations

import json
from datetime import UTC, datetime

from tests.gateway.sent import ARRIVED, BANGKOK, EUI, UP, frame
from tonnam_gateway.dialects import chirpstack
from tonnam_gateway.measurement import Decoded, Timing

LOG = UP.removesuffix("up") + "log"


def decode(payload: bytes, topic: str = UP, timing: Timing = BANGKOK) -> Decoded:
    return chirpstack.decode(EUI, topic, payload, ARRIVED, timing)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def changed(**fields: object) -> bytes:
    return json.dumps(json.loads(frame("chirpstack_up.json")) | fields).encode()


def test_object_becomes_measurements() -> None:
    decoded = decode(frame("chirpstack_up.json"))
    assert {one.measure: one.value for one in decoded.measurements} == {"rain_total_mm": 123.4, "battery_v": 3.591}
    assert decoded.message_id == "3ac7e3c4-4401-4b8d-9386-a5c902f9202d"


def test_sample_time_is_the_best_that_anybody_told() -> None:
    gateways = [{"nsTime": "2026-11-20T06:00:04.600+00:00"}]
    wrong_gnss = [{"gwTime": "2007-04-06T06:00:04+00:00", "nsTime": "2026-11-20T06:00:04.600+00:00"}]
    for payload, expected in (
        (changed(), "2026-11-20T06:00:04.250"),
        (changed(rxInfo=gateways), "2026-11-20T06:00:04.600"),
        (changed(rxInfo=wrong_gnss), "2026-11-20T06:00:04.600"),
        (changed(rxInfo=[]), "2026-11-20T06:00:04.775023"),
    ):
        assert {one.observed_at for one in decode(payload).measurements} == {at(expected)}


def test_time_inside_the_object_is_preferred_when_the_mapping_says_where_it_is() -> None:
    payload = changed(object={"rain_total_mm": 1.0, "taken": {"at": 1795154000}})
    decoded = decode(payload, timing=Timing(BANGKOK.zone, "taken.at", "s"))
    assert {one.observed_at for one in decoded.measurements} == {datetime.fromtimestamp(1795154000, UTC)}


def test_first_uplink_has_no_frame_counter_and_a_real_zero() -> None:
    decoded = decode(frame("chirpstack_up_first.json"))
    assert {one.measure: one.value for one in decoded.measurements} == {"rain_total_mm": 0.0, "battery_v": 3.661}


def test_session_and_frame_counter_identify_a_message_without_deduplication_id() -> None:
    first = json.loads(frame("chirpstack_up_first.json"))
    del first["deduplicationId"]
    assert decode(json.dumps(first).encode()).message_id == "00189441/0"
    assert decode(json.dumps(first | {"fCnt": 3}).encode()).message_id == "00189441/3"


def test_bytes_without_a_codec_are_a_notice_that_says_what_to_do() -> None:
    decoded = decode(frame("chirpstack_up_no_codec.json"))
    assert not decoded.measurements
    assert [(notice.kind, "codec" in notice.text) for notice in decoded.notices] == [("no_codec", True)]


def test_frame_of_mac_commands_only_is_silently_nothing() -> None:
    message = json.loads(frame("chirpstack_up_no_codec.json"))
    del message["fPort"], message["data"]
    assert decode(json.dumps(message).encode()).notices == ()


def test_what_chirpstack_logs_about_the_device_is_a_notice() -> None:
    (notice,) = decode(frame("chirpstack_log.json"), LOG).notices
    assert notice.kind == "chirpstack_uplink_mic"
    assert "make sure keys are correct" in notice.text


def test_topic_names_the_device_for_uplinks_and_logs_only() -> None:
    assert chirpstack.address_of(UP.replace(EUI, EUI.upper())) == EUI
    assert chirpstack.address_of(LOG) == EUI
    assert chirpstack.address_of(UP.replace("/up", "/join")) is None
    assert chirpstack.address_of("application/a/b/device/x/event/up") is None
