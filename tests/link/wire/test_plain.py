"""A node reads its own batches back without numpy, and reads in them what the receiver reads."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.harness import ORIGIN
from tests.link.wire.test_codec import DICTIONARY, ROWS, batches, batches_on_the_grid, cells, samples
from tests.link.wire.test_decode import BODY, KNOWN, envelope
from tonnam_link.errors import Rejected
from tonnam_link.wire import codec
from tonnam_link.wire.codec import Dictionary, Row
from tonnam_link.wire.decode import decode
from tonnam_link.wire.plain import rows_of


def test_rows_come_back_as_they_were_sealed() -> None:
    assert rows_of(batches()["readings"], DICTIONARY) == ROWS


@given(batches_on_the_grid())
@settings(max_examples=60, deadline=None)
def test_rows_are_those_that_the_receiver_sees(batch: tuple[Dictionary, list[Row]]) -> None:
    dictionary, rows = batch
    payload = codec.encode_readings(ORIGIN, 1, 1, dictionary, rows)
    found = rows_of(payload, dictionary)
    assert [row.observed_at_ms for row in found] == sorted(row.observed_at_ms for row in rows)
    assert samples(found, dictionary) == cells(decode(payload, {dictionary.hash: dictionary}).columns)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=600, deadline=None)
def test_damaged_batch_is_rejected_when_the_receiver_would_reject_it_and_only_then(
    changes: list[tuple[int, int]],
) -> None:
    body = bytearray(msgspec.msgpack.encode(BODY))
    for position, byte in changes:
        body[position % len(body)] = byte
    payload = envelope(bytes(body))
    try:
        expected = cells(decode(payload, KNOWN).columns)
    except Rejected:
        with pytest.raises(Rejected):
            rows_of(payload, DICTIONARY)
    else:
        assert samples(rows_of(payload, DICTIONARY), DICTIONARY) == expected


@pytest.mark.parametrize("payload", [b"", batches()["events"], batches()["readings"][:60]])
def test_what_is_no_batch_of_readings_is_rejected(payload: bytes) -> None:
    with pytest.raises(Rejected):
        rows_of(payload, DICTIONARY)


def test_batch_of_another_dictionary_is_rejected() -> None:
    with pytest.raises(Rejected, match="dictionary"):
        rows_of(batches()["readings"], Dictionary(DICTIONARY.specs[:2]))


def test_rows_are_read_without_numpy() -> None:
    script = "import sys, tonnam_link.wire.plain, tonnam_link.wire.codec; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
