"""What is left of the oldest readings of a full outbox: one-minute aggregates, there and back."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.harness import ORIGIN
from tests.link.wire.test_codec import DICTIONARY, RESOLUTIONS
from tests.link.wire.test_decode import KNOWN, envelope
from tonnam_link.errors import MissingDictionary, Rejected, TooLarge
from tonnam_link.messages import LATEST_MS, DatastreamSpec
from tonnam_link.quality import Quality
from tonnam_link.wire import codec
from tonnam_link.wire.aggregates import AggregatesBody, aggregates_body
from tonnam_link.wire.codec import AggregateRow, Dictionary, Kind
from tonnam_link.wire.decode import AggregateColumn, decode, peek

MINUTE = 1_795_000_020_000
ROWS = [
    AggregateRow(MINUTE, 0, 6, 26.1, 26.4, 26.2),
    AggregateRow(MINUTE, 3, 6, -math.pi, math.pi, 1 / 3),
    AggregateRow(MINUTE + 60_000, 0, 5, 26.0, 26.0, 26.0),
    AggregateRow(MINUTE + 60_000, 1, 1, 0.0, 0.0, 0.0, Quality.STALE),
    AggregateRow(MINUTE + 600_000, 0, 60, -0.5, 9000.0, 4321.25),
    AggregateRow(MINUTE + 600_000, 3, 1, 1e300, 1e300, 1e300, Quality.CLOCK_SUSPECT),
]


def encoded(rows: list[AggregateRow], dictionary: Dictionary = DICTIONARY) -> bytes:
    return codec.encode_aggregates(ORIGIN, 7, 12, dictionary, rows)


def rows_back(columns: list[AggregateColumn], dictionary: Dictionary) -> dict[tuple[int, int], AggregateRow]:
    """Columns as single rows, by minute and number."""
    found = {}
    for column in columns:
        number = dictionary.numbers[column.datastream]
        arrays = (column.minute_ms, column.count, column.minimum, column.maximum, column.mean, column.quality)
        for at, count, minimum, maximum, mean, quality in zip(*(each.tolist() for each in arrays), strict=True):
            found[at, number] = AggregateRow(at, number, count, minimum, maximum, mean, Quality(quality))
    return found


def by_key(rows: list[AggregateRow]) -> dict[tuple[int, int], AggregateRow]:
    return {(row.minute_ms, row.number): row for row in rows}


def test_aggregates_come_back_as_they_were_in_whatever_order_they_are_given() -> None:
    batch = decode(encoded(ROWS[::-1]), KNOWN)
    assert (batch.kind, batch.epoch, batch.sequence, batch.dictionary) == ("aggregates", 7, 12, DICTIONARY.hash)
    assert rows_back(batch.aggregates, DICTIONARY) == by_key(ROWS)
    assert {column.datastream: column.unit for column in batch.aggregates} == {
        DICTIONARY.specs[number].datastream: DICTIONARY.specs[number].unit for number in (0, 1, 3)
    }
    assert batch.columns == []


def test_aggregates_without_their_dictionary_name_the_one_that_is_missing() -> None:
    assert peek(encoded(ROWS)).dictionary == DICTIONARY.hash
    with pytest.raises(MissingDictionary, match=DICTIONARY.hash):
        decode(encoded(ROWS), {})


@st.composite
def minutes_of_readings(draw: st.DrawFn) -> tuple[Dictionary, list[AggregateRow]]:
    """Aggregates of values on the grid, some of them large, not every datastream in every minute."""
    resolutions = draw(st.lists(RESOLUTIONS, min_size=1, max_size=4))
    dictionary = Dictionary([DatastreamSpec(f"s/t/p{n}", "1", r) for n, r in enumerate(resolutions)])
    rows, at = [], draw(st.sampled_from([0, MINUTE]))
    for step in draw(st.lists(st.sampled_from([1, 1, 1, 2, 700, 300_000]), min_size=1, max_size=8)):
        at += step * 60_000
        for number in sorted(draw(st.sets(st.integers(0, len(resolutions) - 1), min_size=1))):
            whole = st.one_of(st.integers(-300, 300), st.integers(-(2**40), 2**40))
            per_unit = codec.steps_per_unit(resolutions[number])
            values = [
                k / per_unit if per_unit else k * (resolutions[number] or 0.37)
                for k in draw(st.lists(whole, min_size=1, max_size=5))
            ]
            mean = math.fsum(values) / len(values)
            quality = draw(st.sampled_from(list(Quality)))
            rows.append(AggregateRow(at, number, len(values), min(values), max(values), mean, quality))
    return dictionary, rows


@given(minutes_of_readings())
@settings(max_examples=100, deadline=None)
def test_minima_and_maxima_on_the_grid_come_back_exactly_and_means_almost(
    given_rows: tuple[Dictionary, list[AggregateRow]],
) -> None:
    dictionary, rows = given_rows
    found = rows_back(decode(encoded(rows, dictionary), {dictionary.hash: dictionary}).aggregates, dictionary)
    assert found.keys() == by_key(rows).keys()
    for key, row in by_key(rows).items():
        assert msgspec.structs.replace(found[key], mean=row.mean) == row
        assert found[key].minimum <= found[key].mean <= found[key].maximum
        size = max(abs(row.minimum), abs(row.maximum))  # a mean near 0 of large values has lost digits already
        assert found[key].mean == pytest.approx(row.mean, rel=1e-12, abs=1e-12 * size)


def test_hour_of_thirty_datastreams_costs_less_than_a_byte_and_a_half_an_aggregate() -> None:
    dictionary = Dictionary([DatastreamSpec(f"s/zone-{n}/soil_moisture", "%", 0.1) for n in range(30)])
    rows = [
        AggregateRow(MINUTE + k * 60_000, n, 6, low := round(20 + n + math.sin(n + k / 9), 1), low + 0.1, low + 0.05)
        for k in range(60)
        for n in range(30)
    ]
    assert len(encoded(rows, dictionary)) / len(rows) < 1.5


@pytest.mark.parametrize(
    "changed",
    [
        {"minute_ms": MINUTE + 1},
        {"minute_ms": -60_000},
        {"minute_ms": LATEST_MS + 60_001},
        {"count": 0},
        {"minimum": math.nan},
        {"maximum": math.inf},
        {"mean": math.nan},
        {"minimum": 27.0},
    ],
)
def test_aggregate_that_cannot_be_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cannot be|no time"):
        encoded([msgspec.structs.replace(ROWS[0], **changed)])


def test_minute_of_a_datastream_twice_or_no_aggregate_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        encoded([*ROWS, ROWS[0]])
    with pytest.raises(ValueError, match="at least one"):
        encoded([])


def test_too_many_minutes_do_not_fit_into_one_batch() -> None:
    rows = [AggregateRow(k * 60_000, 0, 1, 0.0, 0.0, 0.0) for k in range(codec.MAX_FRAMES + 1)]
    with pytest.raises(TooLarge):
        encoded(rows)


BODY = aggregates_body(DICTIONARY, ROWS)


def aggregates(**changed: Any) -> bytes:
    """A batch of aggregates with parts of its body changed."""
    return envelope(msgspec.msgpack.encode(msgspec.structs.replace(BODY, **changed)), kind=Kind.AGGREGATES)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (aggregates(columns=0), "no columns"),
        (aggregates(columns=5), "more than datastreams"),
        (aggregates(forms=b""), "without a resolution"),
        (aggregates(first_minute=-1), "time axis"),
        (aggregates(minutes=codec.MAX_FRAMES + 1), "time axis"),
        (aggregates(step_minutes=0), "time axis"),
        (aggregates(first_minute=LATEST_MS // 60_000), "after 9999"),
        (aggregates(counts=b""), "too few"),
        (aggregates(counts=bytes(3)), "of nothing"),
        (aggregates(excesses=b"\x44\x01" + b"\xff" * 3), "above the maximum|too few"),
        (aggregates(doubles=b""), "too few"),
        (aggregates(doubles=b"\xff" * len(BODY.doubles)), "not finite"),
        (aggregates(doubles=BODY.doubles[8:] + BODY.doubles[:8]), "outside"),
        (aggregates(qualities=b"\x63" * len(BODY.qualities)), "quality"),
        (aggregates(qualities=bytes(len(BODY.qualities))), "marks nothing"),
        (aggregates(masks=bytes(len(BODY.masks))), "without samples"),
    ],
)
def test_bad_batch_of_aggregates_is_rejected_with_a_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        decode(payload, KNOWN)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_mutated_aggregates_never_raise_anything_else(changes: list[tuple[int, int]]) -> None:
    body = bytearray(msgspec.msgpack.encode(BODY))
    for position, byte in changes:
        body[position % len(body)] = byte
    with contextlib.suppress(Rejected):
        decode(envelope(bytes(body), kind=Kind.AGGREGATES), KNOWN)


BYTES = st.binary(max_size=24)


@given(
    st.builds(
        AggregatesBody,
        st.one_of(st.integers(-1, 10), st.integers(-(2**63), 2**63 - 1)),
        st.integers(-1, 20),
        st.one_of(st.integers(-1, 5), st.integers(0, 2**32)),
        st.integers(-1, 6),
        *[BYTES] * 5,
        st.sampled_from([b"", b"\x44\x80\x08\x08", b"\x01\x05"]),
        *[BYTES] * 6,
    )
)
@settings(max_examples=300, deadline=None)
def test_parts_of_aggregates_that_do_not_fit_together_never_raise_anything_else(body: AggregatesBody) -> None:
    with contextlib.suppress(Rejected):
        decode(envelope(msgspec.msgpack.encode(body), kind=Kind.AGGREGATES), KNOWN)
