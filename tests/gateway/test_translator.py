from __future__ import annotations

import json
import re

import pytest

from tests.gateway.sent import EUI, LEVEL, LWT, SENSOR, TOWN, UP, after, frame, town
from tonnam_gateway import loader
from tonnam_gateway.translator import Translated, Translator
from tonnam_link.messages import Frame, Sample
from tonnam_link.quality import Quality

NOON_S = 1795154405


@pytest.fixture
def translator() -> Translator:
    return Translator(town())


def level(value: float, at_s: int = NOON_S) -> bytes:
    return json.dumps({"level_m": value, "ts": at_s}).encode()


def kinds(translated: Translated) -> list[str]:
    return [said.notice.kind for said in translated.said]


def test_each_dialect_becomes_frames_of_the_mapped_datastreams(translator: Translator) -> None:
    assert translator.translate(SENSOR, frame("tasmota_sensor.json"), after(0)).frames == [
        Frame(
            1795154405_000,
            {
                "town/air-1/pm2_5": Sample(37),
                "town/air-1/pm10": Sample(58),
                "town/air-1/air_temperature": Sample(31.4),
                "town/air-1/humidity": Sample(62.8),
            },
        )
    ]
    assert translator.translate(UP, frame("chirpstack_up.json"), after(0)).frames == [
        Frame(1795154404_250, {"town/rain-1/rain_total": Sample(123.4), "town/rain-1/battery": Sample(3.591)})
    ]
    assert translator.translate(LEVEL, level(2.31), after(0)).frames == [
        Frame(1795154405_000, {"town/river-1/river_level": Sample(2.31)})
    ]


def test_number_out_of_range_is_unknown_and_kept_as_raw(translator: Translator) -> None:
    (one,) = translator.translate(LEVEL, level(655.35), after(0)).frames
    assert one.samples == {"town/river-1/river_level": Sample(None, Quality.OUT_OF_RANGE, 655.35)}


def test_null_is_a_device_fault_and_said_once(translator: Translator) -> None:
    first = translator.translate(SENSOR, frame("tasmota_failed_sensor.json"), after(300))
    assert first.frames[0].samples["town/air-1/humidity"] == Sample(None, Quality.DEVICE_FAULT)
    assert first.frames[0].samples["town/air-1/pm2_5"] == Sample(0)
    again = translator.translate(SENSOR, frame("tasmota_failed_sensor.json").replace(b":05:", b":06:"), after(360))
    assert (kinds(first), kinds(again)) == (["no_number"], [])
    assert translator.counts["no_number"] == 4


def test_scale_converts_before_the_range_is_judged() -> None:
    text = TOWN.read_text(encoding="utf-8").replace("range = [-1, 15]", "scale = 0.001\nrange = [-1, 15]")
    (one,) = Translator(loader.parse(text, "town.toml")).translate(LEVEL, level(2310), after(0)).frames
    assert one.samples == {"town/river-1/river_level": Sample(2.31)}


def test_one_measure_may_feed_two_datastreams() -> None:
    text = TOWN.read_text(encoding="utf-8")
    second = re.sub(
        r"datastreams\.river_level", "datastreams.second", text[text.index("[sensors.datastreams.river") :]
    )
    (one,) = Translator(loader.parse(text + second, "town.toml")).translate(LEVEL, level(2.31), after(0)).frames
    assert set(one.samples) == {"town/river-1/river_level", "town/river-1/second"}


def test_repeated_message_is_dropped(translator: Translator) -> None:
    for topic, payload in ((SENSOR, frame("tasmota_sensor.json")), (UP, frame("chirpstack_up.json"))):
        assert translator.translate(topic, payload, after(0)).frames
        assert not translator.translate(topic, payload, after(1)).frames


def test_two_messages_in_one_millisecond_are_two_readings(translator: Translator) -> None:
    payload = b'{"level_m": 2.3}'
    frames = [translator.translate(LEVEL, payload, after(0)).frames[0] for _ in range(3)]
    assert [one.observed_at_ms - frames[0].observed_at_ms for one in frames] == [0, 1, 2]


def test_readings_stamped_on_arrival_rise_while_our_clock_is_put_back_a_little(translator: Translator) -> None:
    seconds = [0, -30, 1, -7200]
    frames = [translator.translate(LEVEL, b'{"level_m": 2.3}', after(s)).frames[0] for s in seconds]
    assert [one.observed_at_ms - frames[0].observed_at_ms for one in frames] == [0, 1, 1000, -7_200_000]


def test_time_that_a_device_tells_ahead_does_not_move_what_we_stamp(translator: Translator) -> None:
    translator.translate(LEVEL, level(2, NOON_S + 30), after(0))
    (one,) = translator.translate(LEVEL, b'{"level_m": 2.3}', after(0)).frames
    assert one.observed_at_ms == after(0).timestamp() * 1000


def test_retained_message_without_a_time_makes_no_reading_and_says_so_once(translator: Translator) -> None:
    told = [translator.translate(LEVEL, b'{"level_m": 2.3}', after(s), retained=True) for s in (0, 600, 1200)]
    assert [one.frames for one in told] == [[], [], []]
    assert [kinds(one) for one in told] == [["retained_without_time"], [], []]
    assert translator.counts["retained_without_time"] == 3
    assert len(translator.translate(LEVEL, b'{"level_m": 2.3}', after(1201)).frames) == 1


def test_retained_message_with_a_time_is_a_reading_of_that_time(translator: Translator) -> None:
    (one,) = translator.translate(SENSOR, frame("tasmota_sensor.json"), after(3600), retained=True).frames
    assert one.observed_at_ms == NOON_S * 1000


def test_retained_lwt_is_presence(translator: Translator) -> None:
    told = translator.translate(LWT, b"Offline", after(0), retained=True)
    assert [event.kind for event in told.events] == ["device.lost"]


def test_history_out_of_order_is_kept(translator: Translator) -> None:
    times = [NOON_S, NOON_S - 600, NOON_S - 300]
    frames = [one for at_s in times for one in translator.translate(LEVEL, level(2, at_s), after(0)).frames]
    assert [one.observed_at_ms // 1000 for one in frames] == times


def test_lwt_is_told_when_it_changes(translator: Translator) -> None:
    told = [
        translator.translate(LWT, payload, after(0)) for payload in (b"Online", b"Offline", b"Offline", b"Online")
    ]
    assert [[event.kind for event in one.events] for one in told] == [[], ["device.lost"], [], ["device.back"]]
    (event,) = told[1].events
    assert event.body["device"] == "air-node"
    assert event.body["text"]["en"] == "Air at the fresh market: the device cannot be reached"


def test_device_that_came_back_while_the_gateway_was_down_is_told() -> None:
    translator = Translator(town(), lost=["air-node"])
    assert [event.kind for event in translator.translate(LWT, b"Online", after(0)).events] == ["device.back"]


def test_unmapped_device_is_said_once_and_counted(translator: Translator) -> None:
    stranger = SENSOR.replace("air-1", "air-9")
    told = [translator.translate(stranger, frame("tasmota_sensor.json"), after(n)) for n in range(3)]
    assert [kinds(one) for one in told] == [["unmapped"], [], []]
    assert not any(one.frames for one in told)
    assert translator.counts["unmapped"] == 3


def test_message_without_any_mapped_measure_says_what_it_has(translator: Translator) -> None:
    (said,) = translator.translate(LEVEL, b'{"depth": 2.3, "v": 3}', after(0)).said
    assert said.device == "river-node"
    assert "depth, v" in said.notice.text


@pytest.mark.parametrize("payload", [b"[1, 2]", b'{"level_m": {"value": 2}}', b'{"level_m": [2]}', b'"x"'])
def test_nested_surprise_is_no_reading(translator: Translator, payload: bytes) -> None:
    translated = translator.translate(LEVEL, payload, after(0))
    assert (translated.frames, kinds(translated)) == ([], ["nothing_mapped"])


def test_uplink_without_codec_is_said_once(translator: Translator) -> None:
    payload = frame("chirpstack_up_no_codec.json")
    assert kinds(translator.translate(UP, payload, after(0))) == ["no_codec"]
    assert kinds(translator.translate(UP, payload, after(0))) == []


def test_topic_that_no_device_uses_is_ignored(translator: Translator) -> None:
    for topic in ("tele/tonnam-air-1/STATE", f"application/a/device/{EUI}/event/join"):
        assert translator.translate(topic, b"{}", after(0)) == Translated()
