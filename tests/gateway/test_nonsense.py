from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.sent import EUI, LEVEL, SENSOR, UP, after, town
from tonnam_gateway.translator import Translated, Translator
from tonnam_link.quality import Quality

TOWN = town()
TOPICS = st.sampled_from([SENSOR, SENSOR.replace("SENSOR", "LWT"), UP, UP.replace("/up", "/log"), LEVEL])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_FIELDS = (
    "Time PMS5003 PM2.5 TempUnit SHT3X Temperature object rxInfo gwTime time fCnt devAddr deduplicationId "
    "rain_total_mm level_m ts level code"
)
KEYS = st.text(max_size=8) | st.sampled_from(_FIELDS.split())
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=25
)


def sane(translated: Translated) -> None:
    for frame in translated.frames:
        assert frame.observed_at_ms > 0
        for sample in frame.samples.values():
            assert (sample.value is None) == (sample.quality is not Quality.GOOD)
            assert all(number is None or math.isfinite(number) for number in (sample.value, sample.raw))


@settings(max_examples=300, deadline=None)
@given(TOPICS, st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(topic: str, payload: bytes) -> None:
    sane(Translator(TOWN).translate(topic, payload, after(0)))


@settings(max_examples=400, deadline=None)
@given(TOPICS, JSON)
def test_arbitrary_json_never_raises_and_never_makes_a_false_number(topic: str, value: object) -> None:
    sane(Translator(TOWN).translate(topic, json.dumps(value).encode(), after(0)))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=20))
def test_arbitrary_topics_never_raise(topic: str, payload: bytes) -> None:
    sane(Translator(TOWN).translate(topic, payload, after(0)))


@settings(max_examples=200, deadline=None)
@given(SCALARS)
def test_arbitrary_times_never_raise(told: object) -> None:
    for topic, message in (
        (SENSOR, {"Time": told, "PMS5003": {"PM2.5": 5}}),
        (UP, {"time": told, "object": {"rain_total_mm": 5}, "rxInfo": [{"gwTime": told}, told]}),
        (LEVEL, {"ts": told, "level_m": 5}),
    ):
        (frame,) = Translator(TOWN).translate(topic, json.dumps(message).encode(), after(0)).frames
        assert frame.observed_at_ms <= after(300).timestamp() * 1000


@pytest.mark.parametrize("depth", [20, 900, 50_000])
def test_deep_nesting_never_raises(depth: int) -> None:
    payload = b'{"a":' * depth + b"1" + b"}" * depth
    for topic in (SENSOR, UP.replace(EUI, EUI.upper()), LEVEL):
        sane(Translator(TOWN).translate(topic, payload, after(0)))
