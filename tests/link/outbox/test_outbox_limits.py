"""An outbox within its limits: the oldest readings become one a minute, then they go, and each gap is told."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.link.harness import ORIGIN, SPECS, START_MS, frame, identities
from tests.link.outboxes import MINUTE_MS, Arrived, batches, drained, events_of, gaps_of, opened, stamped, tidy
from tonnam_link.errors import OutboxUnavailable
from tonnam_link.messages import CommandState, Event, Frame, Outcome, Sample
from tonnam_link.outbox import keeper
from tonnam_link.outbox.limits import Limits
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.quality import Quality

NAMES = [spec.datastream for spec in SPECS]
DIGITS = {0.0: 9, 0.1: 1, 1.0: 0}
DAY_MS = 86_400_000
KIB = 1024


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where the outbox is."""
    return tmp_path / "outbox.db" if request.param == "file" else None


def noisy(number: int) -> Frame:
    """Frame `number` of a weather that does not compress."""
    noise = random.Random(number)
    values = {spec.datastream: noise.gauss(200, 90) for spec in SPECS}
    samples = {spec.datastream: Sample(round(values[spec.datastream], DIGITS[spec.resolution])) for spec in SPECS}
    return Frame(START_MS + number * 1000, samples)


def fill(outbox: Outbox, numbers: range, at_once: int = 100) -> Iterator[int]:
    """Accept frames, so many in a call, and seal now and then. Yields after each call how much is used."""
    for begin in range(numbers.start, numbers.stop, at_once):
        outbox.accept([noisy(n) for n in range(begin, min(begin + at_once, numbers.stop))])
        outbox.seal(at_least=1_000)
        yield outbox.used_bytes


class Mono:
    """A clock of the machine that never steps."""

    days = 0.0

    def __call__(self) -> int:
        return int(self.days * DAY_MS)


@pytest.mark.parametrize(("days", "size"), [(0, 1), (1, 0), (-1, 1)])
def test_limits_are_more_than_nothing(days: float, size: int) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Limits(days, size)


def test_full_outbox_keeps_its_oldest_readings_as_one_value_a_minute(place: Path | None) -> None:
    limit = 80 * KIB
    outbox = opened(place, Limits(bytes=limit))
    used = list(fill(outbox, range(4_000)))
    assert max(used) <= limit * 1.3
    found = drained(outbox)
    assert {gap["cause"] for gap in found.gaps()} == {"thinned"}
    assert sum(gap["readings"] for gap in found.gaps()) == sum(found.minutes.values())
    assert len(found.readings) + sum(found.minutes.values()) == 16_000
    assert found.lacks(identities([frame(n) for n in range(4_000)])) == set()
    newest = max(minute_ms for _, minute_ms in found.minutes)
    assert newest < min(at for _, at in found.readings), "the oldest were thinned, and whole minutes only"


def test_each_minute_is_one_aggregate_of_exactly_what_it_replaced(place: Path | None) -> None:
    outbox = opened(place, Limits(bytes=80 * KIB))
    for _ in fill(outbox, range(4_000), at_once=70):
        pass
    tidy(outbox)
    truth: dict[tuple[str, int], list[float]] = {}
    for n in range(4_000):
        for name, sample in noisy(n).samples.items():
            assert sample.value is not None
            minute_ms = (START_MS + n * 1000) // MINUTE_MS * MINUTE_MS
            truth.setdefault((name, minute_ms), []).append(sample.value)
    minutes = 0
    for batch in batches(outbox):
        for column in batch.aggregates:
            rows = zip(column.minute_ms, column.count, column.minimum, column.maximum, column.mean, strict=True)
            for minute_ms, count, least, most, mean in rows:
                values = truth.pop((column.datastream, int(minute_ms)))
                assert (count, least, most) == (len(values), pytest.approx(min(values)), pytest.approx(max(values)))
                assert mean == pytest.approx(sum(values) / len(values), abs=0.06)
                minutes += 1
    assert minutes > 100


def test_what_is_not_known_and_not_good_is_left_out_of_aggregates(place: Path | None) -> None:
    clock = Mono()
    outbox = opened(place, Limits(days=1), clock)
    first = START_MS // MINUTE_MS * MINUTE_MS
    doubt, fault = Quality.OUT_OF_RANGE, Quality.DEVICE_FAULT
    told: list[tuple[int, dict[str, Sample]]] = [
        (first, {NAMES[0]: Sample(1.0), NAMES[1]: Sample(5.0, doubt), NAMES[2]: Sample(None, fault)}),
        (first + 1_000, {NAMES[0]: Sample(90.0, doubt), NAMES[1]: Sample(7.0, doubt), NAMES[2]: Sample(None, fault)}),
        (first + 2_000, {NAMES[0]: Sample(2.0), NAMES[1]: Sample(None, fault)}),
    ]
    told += [(first + MINUTE_MS * n, {name: Sample(float(n % 7)) for name in NAMES}) for n in range(1, 3)]
    told += [(first + 3 * MINUTE_MS + n * 100, {name: Sample(float(n % 7)) for name in NAMES}) for n in range(600)]
    outbox.accept([Frame(at, samples) for at, samples in told])
    outbox.seal()
    clock.days += 1.1
    tidy(outbox)
    columns = {column.datastream: column for batch in batches(outbox) for column in batch.aggregates}
    assert (columns[NAMES[0]].count[0], columns[NAMES[0]].maximum[0], columns[NAMES[0]].quality[0]) == (2, 2.0, 0)
    assert (columns[NAMES[1]].count[0], columns[NAMES[1]].mean[0], columns[NAMES[1]].quality[0]) == (2, 6.0, doubt)
    assert columns[NAMES[2]].minute_ms[0] == first + MINUTE_MS, "a minute without a known value has no row"


def test_readings_are_thinned_after_their_days_and_dropped_after_twice_as_many(place: Path | None) -> None:
    clock = Mono()
    outbox = opened(place, Limits(days=10), clock)
    for day in range(10):
        clock.days = day
        outbox.accept([noisy(day * 1000 + n) for n in range(120)])
        outbox.seal()
        tidy(outbox)
    assert gaps_of(outbox) == []
    clock.days = 10.5
    tidy(outbox)
    assert [(gap["cause"], gap["readings"]) for gap in gaps_of(outbox)] == [("thinned", 2 * 480)]
    clock.days = 20.5
    found = drained(outbox)
    assert {gap["cause"] for gap in found.gaps()} == {"thinned", "dropped"}
    assert found.lacks(identities([noisy(day * 1000 + n) for day in range(10) for n in range(120)])) == set()
    assert min(minute_ms for _, minute_ms in found.minutes) >= START_MS + 1_950_000, "two days are gone"
    assert len(found.readings) <= 240, "the last minute might have gone on"


def test_days_count_only_while_the_outbox_is_open(tmp_path: Path) -> None:
    """A node that was off for a year has all that it had."""
    clock, path = Mono(), tmp_path / "outbox.db"
    outbox = opened(path, Limits(days=10), clock)
    clock.days = 9
    outbox.accept([noisy(n) for n in range(200)])
    outbox.seal()
    outbox.close()
    clock.days = 365
    outbox = opened(path, Limits(days=10), clock)
    clock.days = 374
    assert gaps_of(outbox) == []
    clock.days = 376
    tidy(outbox)
    assert [gap["cause"] for gap in gaps_of(outbox)] == ["thinned"]


@pytest.mark.parametrize("slice_s", [0.0, math.inf], ids=["slow machine", "fast machine"])
def test_when_all_is_thinned_the_oldest_is_dropped_and_events_never(
    place: Path | None, monkeypatch: pytest.MonkeyPatch, slice_s: float
) -> None:
    monkeypatch.setattr(keeper, "SLICE_S", slice_s)
    monkeypatch.setattr(keeper, "LONGEST_S", math.inf)
    limit = 112 * KIB
    outbox = opened(place, Limits(bytes=limit))
    events = [Event(f"e{n}", "run.ended", START_MS, {"zone": f"zone-{n}"}) for n in range(50)]
    outbox.accept([], events, [Outcome("c1", CommandState.DONE, START_MS)])
    frames = [Frame(START_MS + n * 10_000, noisy(n).samples) for n in range(8_000)]
    for begin in range(0, len(frames), 200):
        outbox.accept(frames[begin : begin + 200])
        outbox.seal()
        assert outbox.used_bytes <= limit * 1.3
    found = drained(outbox)
    assert {gap["cause"] for gap in found.gaps()} == {"thinned", "dropped"}
    assert {event.id for event in events} <= found.events.keys()
    assert ("c1", "done") in found.outcomes
    assert found.lacks(identities(frames)) == set()
    dropped = [gap for gap in found.gaps() if gap["cause"] == "dropped"]
    assert min(gap["from_ms"] for gap in dropped) <= START_MS, "the oldest goes first"
    assert min(minute_ms for _, minute_ms in found.minutes) > max(gap["to_ms"] for gap in dropped)
    assert len(found.minutes) > 1_000, "only the oldest"


def test_gap_is_told_for_people_in_both_languages(place: Path | None) -> None:
    outbox = opened(place, Limits(bytes=76 * KIB))
    for _ in fill(outbox, range(4_000)):
        pass
    tidy(outbox)
    event = next(event for event in events_of(outbox) if event.kind == "readings.gap")
    assert event.body["from_ms"] == START_MS
    assert START_MS < event.body["to_ms"] <= event.at_ms <= START_MS + 4_000_000
    assert event.body["node"] is None
    assert "one value a minute" in event.body["text"]["en"]
    assert "นาทีละหนึ่งค่า" in event.body["text"]["th"]


def test_batch_under_way_may_vanish(place: Path | None) -> None:
    outbox = opened(place, Limits(bytes=66 * KIB))
    outbox.accept([noisy(n) for n in range(300)])
    (first,) = outbox.seal()
    for _ in fill(outbox, range(300, 2_500)):
        pass
    assert outbox.payload(first.sequence) is None
    before = outbox.backlog
    outbox.release([first.sequence])
    assert outbox.backlog == before


def test_readings_that_were_never_sealed_count_too(place: Path | None) -> None:
    limit = 70 * KIB
    outbox = opened(place, Limits(bytes=limit))
    for n in range(400):
        outbox.accept([noisy(n)])
        assert outbox.used_bytes <= limit * 1.2
    assert outbox.backlog.readings == 1_600, "to seal them was enough"
    assert gaps_of(outbox) == []


def test_readings_that_wait_for_the_time_count_too(place: Path | None) -> None:
    limit = 90 * KIB
    outbox = opened(place, Limits(bytes=limit))
    outbox.begin("b1")
    for n in range(0, 3_000, 50):
        outbox.accept([stamped(noisy(k), "b1", k * 1000, k * 1000) for k in range(n, n + 50)])
        assert outbox.used_bytes <= limit * 1.3
    outbox.learn("b1", START_MS)
    found = drained(outbox)
    known = {at for _, at in found.readings if at >= START_MS}
    suspect = {at for _, at in found.readings if at < START_MS}
    assert max(known) == START_MS + 2_999_000
    assert found.gaps()
    assert all(at in known or (at - START_MS) in suspect or found.covers(at - START_MS) for at in range(
        START_MS, START_MS + 3_000_000, 1000
    ))  # fmt: skip


def test_lower_limit_at_a_restart_is_reached_in_short_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outbox.db"
    outbox = opened(path)
    outbox.seal_history((noisy(n) for n in range(10_000)), [], 16_384)
    assert outbox.used_bytes > 150 * KIB
    outbox.close()
    outbox = opened(path, Limits(bytes=80 * KIB))
    monkeypatch.setattr(keeper, "SLICE_S", 0.0)
    slices = 1
    while outbox.tend():
        slices += 1
    assert outbox.used_bytes <= 80 * KIB
    assert path.stat().st_size <= 80 * KIB
    assert slices >= 4, "each has one batch of the three, or what is free"
    assert drained(outbox).lacks(identities([frame(n) for n in range(10_000)])) == set()


def test_space_is_given_back_when_a_long_outage_is_over(tmp_path: Path) -> None:
    path, noise = tmp_path / "outbox.db", random.Random(9)
    log = path.with_name("outbox.db-wal")
    outbox = opened(path)
    for n in range(40):
        texts = [noise.randbytes(20_000).hex() for _ in range(10)]
        outbox.accept(events=[Event(f"e{n}-{k}", "log", START_MS, {"text": text}) for k, text in enumerate(texts)])
    largest = path.stat().st_size
    assert largest > 7_000 * KIB
    longest = log.stat().st_size
    while sealed := outbox.oldest():
        outbox.release([sealed.sequence])
        outbox.flush()
        outbox.tend()
        longest = max(longest, log.stat().st_size)
    tidy(outbox)
    assert path.stat().st_size < 1_200 * KIB
    assert longest < 5_000 * KIB


def test_readings_are_refused_when_nothing_is_left_but_events_and_outcomes(place: Path | None) -> None:
    limit = 120 * KIB
    outbox = opened(place, Limits(bytes=limit))
    noise = random.Random(3)
    number = 0
    while outbox.used_bytes <= limit * 1.1:
        text = noise.randbytes(1_000).hex()
        outbox.accept(events=[Event(f"e{number}", "log", START_MS, {"text": text})])
        number += 1
    with pytest.raises(OutboxUnavailable, match=r"is full of events .* events are refused"):
        outbox.accept(events=[Event("one more", "log", START_MS, {})])
    assert limit < outbox.used_bytes <= limit * 1.2
    with pytest.raises(OutboxUnavailable, match="readings are refused"):
        outbox.accept([frame(0)])
    assert outbox.accept(outcomes=[Outcome("c1", CommandState.DONE, START_MS)]), "an outcome has always room"
    assert len(events_of(outbox)) == number
    outbox.release([batch.sequence for batch in batches(outbox)][: number // 2])
    outbox.accept([frame(0)])
    assert outbox.waiting == 4


def test_what_would_not_become_smaller_stays_whole_until_it_is_dropped(place: Path | None) -> None:
    """A sensor that speaks once in ten minutes."""
    outbox = opened(place, Limits(bytes=90 * KIB))
    noise = random.Random(5)
    n = 0
    while not gaps_of(outbox):
        frames = [Frame(START_MS + k * 600_000, {NAMES[3]: Sample(noise.random())}) for k in range(n, n + 500)]
        outbox.accept(frames)
        outbox.seal()
        n += 500
    tidy(outbox)
    found = Arrived().take(batches(outbox))
    assert not found.minutes
    assert [gap["cause"] for gap in found.gaps()] == ["dropped"]
    assert found.lacks((NAMES[3], START_MS + k * 600_000) for k in range(n)) == set()


def test_passes_are_told_as_one_event_however_many_slices_they_take(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = Outbox(path, ORIGIN, Limits(bytes=80 * KIB))
    outbox.register(SPECS)
    for _ in fill(outbox, range(4_000), at_once=50):
        pass
    told = gaps_of(outbox)
    assert 0 < len(told) < 12
    outbox.close()
    again = opened(path, Limits(bytes=80 * KIB))
    assert drained(again).lacks(identities([frame(n) for n in range(4_000)])) == set()


def test_pass_that_takes_for_ever_is_told_every_hour(place: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine that can only just keep up."""
    monkeypatch.setattr(keeper, "SLICE_S", 0.0)
    monkeypatch.setattr(keeper, "LONGEST_S", 0.0)
    clock = Mono()
    outbox = opened(place, Limits(bytes=72 * KIB), clock)
    hours = 0
    for n in range(0, 6_000, 200):
        clock.days += 0.05
        outbox.accept([noisy(k) for k in range(n, n + 200)])
        hours += bool(gaps_of(outbox))
    assert hours > 10
    assert drained(outbox).lacks(identities([frame(n) for n in range(6_000)])) == set()
