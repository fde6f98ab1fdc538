"""What a node of the fault suite measures: a function of a number, so that whoever finds a value knows its story."""

from __future__ import annotations

from tonnam_link.messages import DatastreamSpec, Sample
from tonnam_link.quality import Quality

TENANT = "faults"


def specs(node: str) -> list[DatastreamSpec]:
    """The datastreams of a node; its site has its own name."""
    return [
        DatastreamSpec(f"{node}/probe/count", "1", 1.0),
        DatastreamSpec(f"{node}/probe/level", "cm", 0.1),
        DatastreamSpec(f"{node}/probe/exact", "Cel", 0.0),
        DatastreamSpec(f"{node}/valve/open", "1", 1.0),
    ]


def count_stream(node: str) -> str:
    """The full id of the datastream whose value is the number itself."""
    return f"{TENANT}/{node}/probe/count"


def samples(node: str, number: int) -> dict[str, Sample]:
    """Image `number` of a node. No two images and no two nodes have the same exact value."""
    found = {
        f"{node}/probe/count": Sample(float(number)),
        f"{node}/probe/level": _level(number),
        f"{node}/probe/exact": Sample(number / 7 + sum(node.encode()) * 1e6),
    }
    if number % 5 == 0:
        found[f"{node}/valve/open"] = Sample(float(number // 5 % 2))
    return found


def _level(number: int) -> Sample:
    """Mostly known; sometimes not, and sometimes rejected. 0.0 is among them."""
    if number % 11 == 3:
        return Sample(None, Quality.STALE)
    if number % 13 == 4:
        return Sample(None, Quality.OUT_OF_RANGE, 9999.5)
    return Sample(number * 7 % 2000 / 10)
