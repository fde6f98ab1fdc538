"""What InfluxDB answers, as arrays. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tonnam_cloud.store.line_protocol import MINUTES
from tonnam_cloud.store.minutes import Minutes, join, minute_of, nothing
from tonnam_cloud.store.port import Buckets, Floats, Latest, Millis, Series
from tonnam_link.quality import Quality

Rows = list[list[Any]]
_UNTAGGED = re.compile(r"\\([,= ])")


def as_series(rows: Rows) -> Series:
    """Rows of time, value, quality, raw."""
    times, values, qualities, raws = zip(*rows, strict=True) if rows else ((),) * 4
    quality = np.array([code or 0 for code in qualities], np.uint8)
    return Series(_whole(times), _floats(values), quality, _floats(raws))


def as_minutes(rows: Rows) -> Minutes:
    """Rows of time, count, minimum, maximum, mean, quality: each minute once."""
    if not rows:
        return nothing()
    times, counts, lowest, highest, means, qualities = zip(*rows, strict=True)
    quality = np.array(qualities, np.uint8)
    starts, floats = minute_of(_whole(times)), (_floats(lowest), _floats(highest), _floats(means))
    return join(Minutes(starts, _whole(counts), *floats, quality))


def as_starts(rows: Rows) -> Millis:
    """Rows of the start of a step and how many readings it has: the starts of those that have any."""
    return _whole([start for start, count in rows if count])


def as_buckets(rows: Rows) -> Buckets:
    """Rows of start, count, minimum, maximum, mean, readings, worst quality; steps without readings are left out."""
    rows = [row for row in rows if row[5]]
    starts, counts, lowest, highest, means, *_ = zip(*rows, strict=True) if rows else ((),) * 7
    return Buckets(
        _whole(starts),
        _whole([count or 0 for count in counts]),
        _floats(lowest),
        _floats(highest),
        _floats(means),
    )


def may_be_suspect(rows: Rows) -> bool:
    """Whether, among the readings in any of these buckets, some may have been stamped by a suspect clock."""
    return any((row[6] or 0) >= Quality.CLOCK_SUSPECT for row in rows)


def as_latest(row: list[Any]) -> Latest:
    """A row of time, value, quality, raw."""
    at_ms, value, quality, raw = row
    return Latest(int(at_ms), _number(value), Quality(quality or 0), _number(raw))


def datastream_of(key: str) -> str | None:
    """The id in a series key such as `level,site=a,tenant=b,thing=c`; None when it is not one of ours."""
    measured, *tags = re.split(r"(?<!\\),", key)
    named = dict(tag.split("=", 1) for tag in tags)
    if set(named) != {"tenant", "site", "thing"}:
        return None
    parts = (named["tenant"], named["site"], named["thing"], measured.removesuffix(MINUTES))
    return "/".join(_UNTAGGED.sub(r"\1", part) for part in parts)


def _number(number: float | None) -> float | None:
    return None if number is None else float(number)


def _whole(numbers: Sequence[int]) -> Millis:
    return np.array(numbers, np.int64)


def _floats(numbers: Sequence[float | None]) -> Floats:
    return np.array([np.nan if number is None else number for number in numbers], np.float64)
