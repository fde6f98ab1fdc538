"""Reading what devices call JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
# printf("%f") of a missing sensor writes nan or inf, which no JSON reader takes.
_BARE_NAN = re.compile(rb"([:\[,]\s*)[-+]?(?:nan|inf(?:inity)?)(?=\s*[,}\]])", re.IGNORECASE)

Json = object


class Unreadable(ValueError):
    """The payload is not what the dialect speaks; the text says why."""


def parse(payload: bytes) -> Json:
    """The JSON value of a payload; bare `nan` and `inf` become NaN. Raises Unreadable."""
    if len(payload) > MAX_BYTES:
        raise Unreadable(f"the message has {len(payload)} bytes; at most {MAX_BYTES} are read")
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        first = error
    try:
        return json.loads(_BARE_NAN.sub(rb"\1NaN", payload))
    except (ValueError, RecursionError):
        raise Unreadable(f"not JSON: {str(first)[:120]}") from first


def parse_object(payload: bytes) -> dict[str, Json]:
    """The JSON object of a payload. Raises Unreadable."""
    value = parse(payload)
    if not isinstance(value, dict):
        raise Unreadable(f"not a JSON object but {type(value).__name__}")
    return value


def leaves(value: Json, path: str = "", depth: int = 0) -> Iterator[tuple[str, Json]]:
    """Every value that is not an object or array, with its path: keys and positions joined by dots."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{position}" if path else str(position), depth + 1)
    else:
        yield path, value


def number(value: Json) -> float | None:
    """The value as a finite float, or None: true, "12" and NaN are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def at(value: Json, key: str) -> Json:
    """What stands under the key, or None when this is no object or has no such key."""
    return value.get(key) if isinstance(value, dict) else None


def at_path(value: Json, path: str) -> Json:
    """The leaf at a path as `leaves` writes it, or None."""
    return next((leaf for found, leaf in leaves(value) if found == path), None)
