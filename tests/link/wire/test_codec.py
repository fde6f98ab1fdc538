"""What goes into a batch comes out of it."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.harness import ORIGIN
from tonnam_link.errors import MissingDictionary, TooLarge
from tonnam_link.messages import CommandState, DatastreamSpec, Event, Outcome, Sample
from tonnam_link.quality import Quality
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Dictionary, Row
from tonnam_link.wire.decode import Column, decode

EPOCH, SEQUENCE = -6_148_914_691_236_517_206, 258
SPECS = [
    DatastreamSpec("melon/zone-1/soil_moisture", "%", 0.1),
    DatastreamSpec("melon/pump/running", "1", 1.0),
    DatastreamSpec("melon/inverter/energy_total", "Wh", 5.0),
    DatastreamSpec("melon/climate/air_temperature", "Cel", 0.0),
]
DICTIONARY = Dictionary(SPECS)
ROWS = [
    Row(1_795_000_000_000, [(0, Sample(26.4)), (1, Sample(0.0)), (2, Sample(1_000_000.0)), (3, Sample(math.pi))]),
    Row(1_795_000_010_000, [(0, Sample(26.3)), (1, Sample(1.0)), (2, Sample(1_000_005.0))]),
    Row(1_795_000_020_001, [(0, Sample(None, Quality.OUT_OF_RANGE, 212.7)), (1, Sample(1.0, Quality.STALE))]),
    Row(1_795_000_090_000, [(0, Sample(-0.5)), (2, Sample(9_000_000.0)), (3, Sample(None, Quality.DEVICE_FAULT))]),
]
EVENTS = [
    Event("e1", "run.started", 1_795_000_000_000, {"zone": "zone-1", "planned_s": 600, "reason": {"th": "ดินแห้ง"}}),
    Event("e2", "node.stopped", 1_795_000_000_001, {}),
]
OUTCOMES = [
    Outcome("c1", CommandState.REFUSED, 1_795_000_000_000, {"th": "ถังน้ำใกล้หมด", "en": "The tank is nearly empty."}),
    Outcome("c2", CommandState.DONE, 1_795_000_000_000, run_id="r1"),
]


def cells(columns: list[Column]) -> dict[tuple[str, int], Sample]:
    """Columns as single samples, None for NaN."""
    found = {}
    for column in columns:
        arrays = (column.observed_at_ms, column.value, column.quality, column.raw)
        for at, value, quality, raw in zip(*(array.tolist() for array in arrays), strict=True):
            sample = Sample(None if math.isnan(value) else value, Quality(quality), None if math.isnan(raw) else raw)
            found[column.datastream, at] = sample
    return found


def samples(rows: list[Row], dictionary: Dictionary) -> dict[tuple[str, int], Sample]:
    return {(dictionary.specs[n].datastream, row.observed_at_ms): sample for row in rows for n, sample in row.samples}


def batches() -> dict[str, bytes]:
    return {
        "readings": codec.encode_readings(ORIGIN, EPOCH, SEQUENCE, DICTIONARY, ROWS),
        "events": codec.encode_events(ORIGIN, EPOCH, SEQUENCE, EVENTS),
        "outcomes": codec.encode_outcomes(ORIGIN, EPOCH, SEQUENCE, OUTCOMES),
        "dictionary": codec.encode_dictionary(ORIGIN, EPOCH, SEQUENCE, DICTIONARY),
    }


def test_readings_of_a_batch_come_back_with_times_qualities_and_rejected_numbers() -> None:
    batch = decode(batches()["readings"], {DICTIONARY.hash: DICTIONARY})

    assert (batch.epoch, batch.sequence, batch.kind, batch.dictionary) == (
        EPOCH,
        SEQUENCE,
        "readings",
        DICTIONARY.hash,
    )
    assert cells(batch.columns) == samples(ROWS, DICTIONARY)
    assert {column.datastream: column.unit for column in batch.columns} == {s.datastream: s.unit for s in SPECS}


def test_events_outcomes_and_dictionaries_come_back_as_they_were() -> None:
    assert decode(batches()["events"]).events == EVENTS
    assert decode(batches()["outcomes"]).outcomes == OUTCOMES
    dictionary = decode(batches()["dictionary"])
    assert dictionary.specs == tuple(SPECS)
    assert dictionary.dictionary == Dictionary(dictionary.specs).hash == DICTIONARY.hash


def test_batch_without_its_dictionary_names_the_one_that_is_missing() -> None:
    with pytest.raises(MissingDictionary) as caught:
        decode(batches()["readings"], {})
    assert caught.value.dictionary == DICTIONARY.hash


RESOLUTIONS = st.sampled_from([0.0, 1.0, 0.1, 0.01, 0.001, 0.25, 0.5, 0.3, 5.0, 1000.0])
QUALITIES = st.sampled_from(list(Quality))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def batches_on_the_grid(draw: st.DrawFn) -> tuple[Dictionary, list[Row]]:
    """Rows whose values are whole multiples of their resolution, some too far apart for 16 bits."""
    resolutions = draw(st.lists(RESOLUTIONS, min_size=1, max_size=6))
    dictionary = Dictionary([DatastreamSpec(f"s/t/p{n}", "1", r) for n, r in enumerate(resolutions)])
    steps = draw(st.lists(st.integers(1, 100_000), min_size=1, max_size=30))
    at, rows = 1_795_000_000_000, []
    for step in steps:
        at += step
        chosen = draw(st.sets(st.integers(0, len(resolutions) - 1), min_size=1))
        rows.append(Row(at, [(n, draw(sample_on_the_grid(resolutions[n]))) for n in sorted(chosen)]))
    return dictionary, rows


def sample_on_the_grid(resolution: float) -> st.SearchStrategy[Sample]:
    whole = st.one_of(st.integers(-300, 300), st.integers(-(2**40), 2**40))
    per_unit = codec.steps_per_unit(resolution)
    if resolution == 0:
        value: st.SearchStrategy[float] = FLOATS
    elif per_unit is not None:
        value = whole.map(lambda k: k / per_unit)
    else:
        value = whole.map(lambda k: k * resolution)
    return st.builds(Sample, st.one_of(st.none(), value, value, value), QUALITIES, st.one_of(st.none(), FLOATS))


@given(batches_on_the_grid())
@settings(max_examples=60, deadline=None)
def test_every_value_on_its_grid_comes_back_exactly(batch: tuple[Dictionary, list[Row]]) -> None:
    dictionary, rows = batch
    payload = codec.encode_readings(ORIGIN, EPOCH, SEQUENCE, dictionary, rows)
    assert cells(decode(payload, {dictionary.hash: dictionary}).columns) == samples(rows, dictionary)


@given(st.lists(st.floats(-3000, 3000), min_size=1, max_size=40), st.sampled_from([0.1, 0.01, 1.0, 0.25, 5.0, 0.3]))
@settings(max_examples=100, deadline=None)
def test_every_value_comes_back_to_half_a_step(values: list[float], resolution: float) -> None:
    dictionary = Dictionary([DatastreamSpec("s/t/p", "1", resolution)])
    rows = [Row(at, [(0, Sample(value))]) for at, value in enumerate(values)]
    (column,) = decode(codec.encode_readings(ORIGIN, 1, 1, dictionary, rows), {dictionary.hash: dictionary}).columns
    assert all(
        abs(back - value) <= resolution / 2 + 1e-9 for back, value in zip(column.value.tolist(), values, strict=True)
    )


def only_column(rows: list[Row], dictionary: Dictionary = DICTIONARY) -> Column:
    (column,) = decode(codec.encode_readings(ORIGIN, 1, 1, dictionary, rows), {dictionary.hash: dictionary}).columns
    return column


def test_column_of_values_too_far_apart_travels_as_exact_float64() -> None:
    rows = [Row(1, [(0, Sample(0.123456789))]), Row(2, [(0, Sample(1e12))])]
    assert only_column(rows).value.tolist() == [0.123456789, 1e12]


@pytest.mark.parametrize(
    "values", [[1234567.0, 1234568.0], [0.1, 0.25, -3.125], [1e-6, 0.0], [4e9], [0.1 + 0.2, 1.0]]
)
def test_values_without_a_resolution_come_back_exactly(values: list[float]) -> None:
    rows = [Row(at, [(3, Sample(value))]) for at, value in enumerate(values)]
    assert only_column(rows).value.tolist() == values


def test_decimals_without_a_resolution_cost_no_more_than_with_one() -> None:
    specs = [DatastreamSpec("s/meter/total", "L", resolution) for resolution in (0.0, 0.001)]
    rows = [Row(k * 10_000, [(0, Sample((163_412_000 + 20 * k + k % 3) / 1000))]) for k in range(60)]
    exact, coarse = (codec.encode_readings(ORIGIN, 1, 1, Dictionary([spec]), rows) for spec in specs)
    assert len(exact) <= len(coarse) + 8


def test_zero_is_a_value_and_unknown_is_none() -> None:
    rows = [Row(1, [(0, Sample(0.0))]), Row(2, [(0, Sample(None))])]
    (column,) = decode(codec.encode_readings(ORIGIN, 1, 1, DICTIONARY, rows), {DICTIONARY.hash: DICTIONARY}).columns
    assert column.value[0] == 0.0
    assert math.isnan(column.value[1])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_number_that_is_not_finite_is_unknown_and_a_fault(value: float) -> None:
    assert codec.clean(Sample(value)) == Sample(None, Quality.DEVICE_FAULT)
    assert codec.clean(Sample(value, Quality.JUMPED, value)) == Sample(None, Quality.JUMPED)


def test_too_many_readings_do_not_fit_into_one_batch() -> None:
    rows = [Row(at, [(0, Sample(1.0))]) for at in range(codec.MAX_FRAMES + 1)]
    with pytest.raises(TooLarge):
        codec.encode_readings(ORIGIN, 1, 1, DICTIONARY, rows)


def test_readings_that_lie_years_apart_do_not_fit_into_one_batch() -> None:
    with pytest.raises(TooLarge):
        codec.encode_readings(ORIGIN, 1, 1, DICTIONARY, [Row(0, [(0, Sample(1.0))]), Row(2**40, [(0, Sample(1.0))])])


def test_dictionary_refuses_a_name_twice_and_a_resolution_that_is_none() -> None:
    with pytest.raises(ValueError, match="twice"):
        Dictionary([SPECS[0], SPECS[0]])
    with pytest.raises(ValueError, match="resolution"):
        Dictionary([DatastreamSpec("s/t/p", "1", -0.1)])


def test_batch_of_a_minute_costs_less_than_one_byte_a_reading() -> None:
    specs = [DatastreamSpec(f"s/zone-{n}/soil_moisture", "%", 0.1) for n in range(30)]
    rows = [
        Row(1_795_000_000_000 + k * 10_000, [(n, Sample(20 + n + math.sin(n + k / 9) / 2)) for n in range(30)])
        for k in range(6)
    ]
    payload = codec.encode_readings(ORIGIN, EPOCH, 100_000, Dictionary(specs), rows)
    assert len(payload) / 180 < 1.0


def test_a_node_seals_and_sends_without_numpy() -> None:
    script = "import sys, tonnam_link.node.uplink; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
