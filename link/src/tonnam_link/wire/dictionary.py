"""What the numbers in a batch stand for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import msgspec

from tonnam_link.errors import Rejected, TooLarge
from tonnam_link.messages import DatastreamSpec

MAX_DATASTREAMS = 4_096


class Dictionary:
    """What the numbers in a batch of readings stand for: entry 0, 1, 2 ... It never changes; its hash names it."""

    def __init__(self, specs: Sequence[DatastreamSpec]) -> None:
        names = [spec.datastream for spec in specs]
        if len(specs) > MAX_DATASTREAMS:
            raise TooLarge(f"a dictionary has at most {MAX_DATASTREAMS} datastreams, not {len(specs)}")
        if len(set(names)) != len(names):
            raise ValueError("a datastream is named twice")
        for spec in specs:
            if not (math.isfinite(spec.resolution) and spec.resolution >= 0):
                raise ValueError(f"{spec.datastream}: the resolution is a number from 0 up, not {spec.resolution}")
        self.specs = tuple(specs)
        self.numbers: Mapping[str, int] = {name: number for number, name in enumerate(names)}
        self.body = msgspec.msgpack.encode([[s.datastream, s.unit, float(s.resolution)] for s in specs])
        self.digest = hashlib.sha256(self.body).digest()[:8]
        self.hash = self.digest.hex()
        self.scales = tuple(_scale(spec.resolution) for spec in specs)


class _SpecRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    datastream: str
    unit: str
    resolution: float


def parse_dictionary(body: bytes) -> Dictionary:
    """A dictionary from its canonical body, as `Dictionary.body` has it. Raises Rejected."""
    try:
        rows = msgspec.msgpack.decode(body, type=list[_SpecRow])
        dictionary = Dictionary([DatastreamSpec(row.datastream, row.unit, row.resolution) for row in rows])
    except (ValueError, OverflowError, RecursionError) as error:
        raise Rejected(f"malformed dictionary: {error}") from error
    if dictionary.body != body:
        raise Rejected("the dictionary is not in its canonical form")
    return dictionary


def _scale(resolution: float) -> tuple[float, float]:
    """What a number of steps is divided by and then multiplied with; (1, 0) when there are no steps."""
    whole = steps_per_unit(resolution)
    return (1.0, resolution) if whole is None else (float(whole), 1.0)


def steps_per_unit(resolution: float) -> int | None:
    """How many steps make one unit, where that is a whole number (0.1 -> 10). It keeps decimals exact."""
    if not 0 < resolution < 1:
        return None
    whole = round(1 / resolution)
    return whole if abs(whole * resolution - 1) < 1e-9 else None
