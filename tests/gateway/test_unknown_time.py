"""Times at a gateway that does not know the time itself, and of devices that do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.gateway.sent import ARRIVED, LEVEL, after, town
from tonnam_gateway.translator import Translated, Translator
from tonnam_link.messages import Sample, Stamp
from tonnam_link.quality import Quality

IN_1970 = datetime(1970, 1, 1, 0, 0, 25, tzinfo=UTC)
IN_2036 = datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC)


def stamp(mono_ms: int) -> Stamp:
    return Stamp("boot-1", mono_ms)


@pytest.fixture
def translator() -> Translator:
    return Translator(town())


def level(
    translator: Translator, told: datetime | None, received_at: datetime, stamp: Stamp | None = None
) -> Translated:
    """What the river's level comes to. Its device tells its time, or none."""
    ts = b"" if told is None else b', "ts": %d' % told.timestamp()
    return translator.translate(LEVEL, b'{"level_m": 2.3%s}' % ts, received_at, stamp=stamp)


@pytest.mark.parametrize("guess", [IN_1970, IN_2036])
def test_reading_without_a_time_is_stamped_while_ours_is_a_guess(translator: Translator, guess: datetime) -> None:
    (frame,) = level(translator, None, guess, stamp(70_000)).frames
    assert frame.stamp == stamp(70_000)
    (later,) = level(translator, None, ARRIVED).frames
    assert (later.stamp, later.observed_at_ms) == (None, int(ARRIVED.timestamp() * 1000))


def test_stamps_of_one_datastream_rise_though_two_messages_come_at_once(translator: Translator) -> None:
    frames = [frame for _ in range(3) for frame in level(translator, None, IN_1970, stamp(70_000)).frames]
    assert [frame.stamp for frame in frames] == [stamp(70_000), stamp(70_001), stamp(70_002)]


@pytest.mark.parametrize("guess", [IN_1970, IN_2036])
def test_time_that_a_device_tells_is_kept_though_ours_is_a_guess(translator: Translator, guess: datetime) -> None:
    (frame,) = level(translator, ARRIVED, guess, stamp(70_000)).frames
    assert (frame.stamp, frame.observed_at_ms) == (None, int(ARRIVED.timestamp() * 1000))


def test_device_in_1970_tells_no_time_whatever_ours_is(translator: Translator) -> None:
    (guessed,) = level(translator, IN_1970, IN_1970, stamp(70_000)).frames
    assert guessed.stamp == stamp(70_000)
    (known,) = level(translator, IN_1970, ARRIVED).frames
    assert known.observed_at_ms == int(ARRIVED.timestamp() * 1000)


@pytest.mark.parametrize("told", [IN_1970, IN_2036, datetime(2019, 12, 31, tzinfo=UTC), ARRIVED + timedelta(days=2)])
def test_impossible_time_of_a_device_is_told_once_and_its_readings_come_as_suspect_at_their_arrival(
    translator: Translator, told: datetime
) -> None:
    first, second = level(translator, told, ARRIVED), level(translator, told, after(10))
    (event,) = first.events + second.events
    assert (event.kind, event.body["device"]) == ("device.clock_wrong", "river-node")
    assert [said.notice.kind for said in first.said + second.said] == ["clock_wrong"]
    (frame,) = first.frames
    assert frame.observed_at_ms == int(ARRIVED.timestamp() * 1000)
    assert set(frame.samples.values()) == {Sample(2.3, Quality.CLOCK_SUSPECT)}
    assert event.body["claimed"] == told.isoformat()
    assert all(told.isoformat() in event.body["text"][language] for language in ("th", "en"))


def test_time_that_is_none_is_told_as_the_device_wrote_it(translator: Translator) -> None:
    translated = translator.translate(LEVEL, b'{"level_m": 2.3, "ts": "so\\u0000on"}', ARRIVED)
    assert [event.body["claimed"] for event in translated.events] == [r"'so\x00on'"]
    assert [set(frame.samples.values()) for frame in translated.frames] == [{Sample(2.3, Quality.CLOCK_SUSPECT)}]


def test_what_is_unknown_anyway_keeps_its_own_reason_whatever_the_clock_says(translator: Translator) -> None:
    (frame,) = translator.translate(LEVEL, b'{"level_m": 655.35, "ts": 25}', ARRIVED).frames
    assert set(frame.samples.values()) == {Sample(None, Quality.OUT_OF_RANGE, 655.35)}


def test_good_time_after_an_impossible_one_makes_good_readings_again(translator: Translator) -> None:
    level(translator, IN_1970, ARRIVED)
    (frame,) = level(translator, after(10), after(10)).frames
    assert set(frame.samples.values()) == {Sample(2.3)}


def test_impossible_time_of_a_message_that_the_broker_kept_makes_no_reading(translator: Translator) -> None:
    kept = translator.translate(LEVEL, b'{"level_m": 2.3, "ts": 25}', ARRIVED, retained=True)
    assert kept.frames == []


def test_future_that_a_device_tells_while_ours_is_a_guess_stays_for_the_cloud_to_judge(
    translator: Translator,
) -> None:
    (frame,) = level(translator, IN_2036, IN_1970, stamp(70_000)).frames
    assert (frame.stamp, frame.observed_at_ms) == (None, int(IN_2036.timestamp() * 1000))
    (other,) = level(translator, None, IN_1970, stamp(70_000)).frames
    assert other.stamp == stamp(70_000)


def test_events_of_two_boots_in_the_same_second_of_1970_are_two(translator: Translator) -> None:
    lwt = "tele/tonnam-air-1/LWT"
    gone = translator.translate(lwt, b"Offline", IN_1970, stamp=stamp(5)).events
    again = Translator(town()).translate(lwt, b"Offline", IN_1970, stamp=Stamp("boot-2", 5)).events
    assert gone[0].stamp == stamp(5)
    assert gone[0].id != again[0].id
