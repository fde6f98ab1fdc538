"""What others do: SenML JSON with zstd, and one JSON message for each reading. To send, and to read back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import zstandard

from tonnam_link.messages import DatastreamSpec, Frame

ZSTD_LEVEL = 19
_encoder = msgspec.json.Encoder()


def senml_zstd(specs: Sequence[DatastreamSpec], frames: Sequence[Frame]) -> bytes:
    """One pack (RFC 8428), as short as it can be said: base name, time and unit once for each datastream."""
    records: list[dict[str, Any]] = []
    first_s = frames[0].observed_at_ms / 1000
    for spec in specs:
        head: dict[str, Any] = {"bn": spec.datastream, "bt": first_s, "bu": spec.unit}
        for frame in frames:
            sample = frame.samples[spec.datastream]
            if sample.value is None:
                continue
            after_s = round(frame.observed_at_ms / 1000 - first_s, 3)
            records.append({**head, **({"t": after_s} if after_s else {}), "v": sample.value})
            head = {}
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(_encoder.encode(records))


def single_messages(frame: Frame) -> Iterator[tuple[str, bytes]]:
    """A topic and a message for each reading."""
    for name, sample in frame.samples.items():
        if sample.value is not None:
            yield f"demo-farm/{name}", _encoder.encode({"time": frame.observed_at_ms, "value": sample.value})


class _Record(msgspec.Struct):
    bn: str = ""
    bt: float = 0.0
    bu: str = ""
    t: float = 0.0
    v: float = math.nan


class _Single(msgspec.Struct):
    time: int
    value: float


_senml_decoder = msgspec.json.Decoder(list[_Record])
_single_decoder = msgspec.json.Decoder(_Single)
Columns = dict[str, tuple[list[int], list[float]]]


def read_senml_zstd(payload: bytes) -> Columns:
    """Times and values of each datastream."""
    columns: Columns = {}
    times: list[int] = []
    values: list[float] = []
    base_ms = 0.0
    for record in _senml_decoder.decode(zstandard.ZstdDecompressor().decompress(payload)):
        if record.bn:
            times, values = columns.setdefault(record.bn, ([], []))
            base_ms = record.bt * 1000
        times.append(round(base_ms + record.t * 1000))
        values.append(record.v)
    return columns


def read_singles(messages: Sequence[tuple[str, bytes]]) -> Columns:
    """Times and values of each datastream."""
    columns: Columns = {}
    for topic, payload in messages:
        single = _single_decoder.decode(payload)
        times, values = columns.setdefault(topic, ([], []))
        times.append(single.time)
        values.append(single.value)
    return columns
