"""What a node of the fault suite measures: a function of a number, so that whoever finds a value knows its story."""

from __future__ import annotations

from enum import StrEnum

from tonnam_link.messages import DatastreamSpec, Sample
from tonnam_link.quality import Quality

TENANT = "faults"
COUNT = "probe/count"
WIDE = 20
EVENT_EVERY = 20
GATEWAY = "gateway"
BEHIND = "behind"
"""The node behind the gateway: it knows only the broker of its site."""
STEP_MS = 10_000


class Role(StrEnum):
    """What becomes of a node besides trouble with its link and kills. Others than `plain` are named after it."""

    PLAIN = "plain"
    """Its disk is full or read-only at times. Its outbox keeps a ledger."""
    WORN = "worn"
    """Its outbox's file is damaged again and again."""
    SMALL = "small"
    """Its outbox may hold very little, and its link is away for long."""
    TIMELESS = "timeless"
    """It has no clock that runs without power."""


def role_of(node: str) -> Role:
    return Role(node) if node in set(Role) else Role.PLAIN


def specs(node: str) -> list[DatastreamSpec]:
    """The datastreams of a node; its site has its own name."""
    if role_of(node) is Role.SMALL:
        wide = [DatastreamSpec(f"{node}/probe/wide_{number}", "1", 0.0) for number in range(WIDE)]
        return [DatastreamSpec(f"{node}/{COUNT}", "1", 1.0), *wide]
    return [
        DatastreamSpec(f"{node}/{COUNT}", "1", 1.0),
        DatastreamSpec(f"{node}/probe/level", "cm", 0.1),
        DatastreamSpec(f"{node}/probe/exact", "Cel", 0.0),
        DatastreamSpec(f"{node}/valve/open", "1", 1.0),
    ]


def samples(node: str, number: int) -> dict[str, Sample]:
    """Image `number` of a node. No two images and no two nodes have the same exact value."""
    count = Sample(float(number))
    if role_of(node) is Role.SMALL:
        values = {f"{node}/probe/wide_{column}": _noise(number, column) for column in range(WIDE)}
        return {f"{node}/{COUNT}": count, **values}
    found = {
        f"{node}/{COUNT}": count,
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


def _noise(number: int, column: int) -> Sample:
    """Numbers that cannot be compressed much."""
    return Sample((number * 2_654_435_761 + column * 320_742_117) % 2**32 / 7)
