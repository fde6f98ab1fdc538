"""Any JSON: the address is the topic, measures are JSON paths such as `tank.level_m` or `channels.0.value`.

A message that is nothing but a number has the one measure `value`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tonnam_gateway import device_time, payload
from tonnam_gateway.dialects.base import Dialect, topic_problem
from tonnam_gateway.measurement import Decoded, Measurement, Notice, Timing
from tonnam_link.quality import Quality

BARE = "value"


def address_of(topic: str) -> str | None:
    """The whole topic."""
    return topic


def decode(address: str, topic: str, body: bytes, received_at: datetime, timing: Timing) -> Decoded:
    """Every leaf as a measurement, but the one that holds the time."""
    try:
        message = payload.parse(body)
    except payload.Unreadable as error:
        return Decoded(notices=(Notice("unreadable", str(error)),))
    told = payload.at_path(message, timing.path) if timing.path else None
    stamp = device_time.stamp([(told, timing.form)], timing, received_at)
    measurements = []
    for measure, leaf in payload.leaves(message):
        value = payload.number(leaf)
        quality = Quality.DEVICE_FAULT if value is None else stamp.quality
        if measure != timing.path:
            measurements.append(
                Measurement(address, measure or BARE, value, None, stamp.observed_at, quality, stamp.on_arrival)
            )
    return Decoded(tuple(measurements), notices=stamp.notices)


def _filters(addresses: Iterable[str]) -> set[str]:
    return set(addresses)


def _unit_of(_: str) -> str | None:
    return None


DIALECT = Dialect(address_of, decode, _filters, topic_problem, _unit_of, timed_by_path=True)
