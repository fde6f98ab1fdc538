"""InfluxDB's text: line protocol to write and quoting for InfluxQL. Pure.

Escaping follows telegraf's serializer (plugins/serializers/influx/escape.go). Numbers are bare, so that a field is a
float from its first write; NaN and infinity cannot be written, such a field is left out; `quality` is always there.
"""

from __future__ import annotations

import re

import numpy as np

from tonnam_cloud.errors import Rejected
from tonnam_cloud.store.port import AggregateColumn, Column

MINUTES = ":minute"
"""What is put behind a property's name for its aggregates: no property's own name has a colon."""

_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "})
_TAG = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
_CONTROL = re.compile(r"[\x00-\x1f]")


def escape_measurement(text: str) -> str:
    """A measurement's name. Raises Rejected when it cannot be one."""
    return _escaped(text, _MEASUREMENT)


def escape_tag(text: str) -> str:
    """A tag's key or value. Raises Rejected when it cannot be one."""
    return _escaped(text, _TAG)


def _escaped(text: str, table: dict[int, str]) -> str:
    if not text or text.endswith("\\") or text.startswith(("#", "_")) or _CONTROL.search(text):
        raise Rejected(f"{text!r} cannot be a name or a tag in InfluxDB")
    return text.translate(table)


def quote_name(text: str) -> str:
    """An identifier in InfluxQL. Raises Rejected for control characters: its scanner ends a string there."""
    return _quoted(text, '"')


def quote_text(text: str) -> str:
    """A string in InfluxQL. Raises Rejected for control characters."""
    return _quoted(text, "'")


def _quoted(text: str, mark: str) -> str:
    if _CONTROL.search(text):
        raise Rejected(f"{text!r} cannot be asked of InfluxDB")
    return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark


def split_datastream(datastream: str) -> tuple[str, str, str, str]:
    """(tenant, site, thing, property) of a full id. Raises Rejected."""
    parts = datastream.split("/")
    if len(parts) != 4:
        raise Rejected(f"{datastream!r} is not {{tenant}}/{{site}}/{{thing}}/{{property}}")
    tenant, site, thing, measured = parts
    return tenant, site, thing, measured


def column_lines(column: Column) -> list[str]:
    """One line a reading, times in milliseconds. Raises Rejected when the datastream's id cannot be written."""
    head = f"{_key(column.datastream)} quality="
    times, qualities = column.observed_at_ms.tolist(), column.quality.tolist()
    known, kept = np.isfinite(column.value), np.isfinite(column.raw)
    if known.all() and not kept.any():
        return [
            f"{head}{quality}i,value={value!r} {at_ms}"
            for quality, value, at_ms in zip(qualities, column.value.tolist(), times, strict=True)
        ]
    values = _fields("value", column.value.tolist(), known.tolist())
    raws = _fields("raw", column.raw.tolist(), kept.tolist())
    return [
        f"{head}{quality}i{value}{raw} {at_ms}"
        for quality, value, raw, at_ms in zip(qualities, values, raws, times, strict=True)
    ]


def minute_lines(column: AggregateColumn, at: int) -> list[str]:
    """One line an aggregate, `at` ms after the start of its minute. Raises Rejected as `column_lines` does."""
    key = _key(column.datastream, MINUTES)
    arrays = (column.minute_ms + at, column.count, column.minimum, column.maximum, column.mean, column.quality)
    return [
        f"{key} count={count}i,minimum={minimum!r},maximum={maximum!r},mean={mean!r},quality={quality}i {at_ms}"
        for at_ms, count, minimum, maximum, mean, quality in zip(*(each.tolist() for each in arrays), strict=True)
    ]


def _key(datastream: str, of: str = "") -> str:
    """Measurement and tags. Raises Rejected when they cannot be written."""
    tenant, site, thing, measured = split_datastream(datastream)
    tags = f"site={escape_tag(site)},tenant={escape_tag(tenant)},thing={escape_tag(thing)}"
    return f"{escape_measurement(measured)}{of},{tags}"


def _fields(name: str, numbers: list[float], present: list[bool]) -> list[str]:
    return [f",{name}={number!r}" if there else "" for number, there in zip(numbers, present, strict=True)]
