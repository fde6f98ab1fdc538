"""What a dialect is: one module with these functions, and one line in the table of `dialects`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from tonnam_gateway.measurement import Decoded, Timing


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of device speaks over MQTT. All functions are pure; none of them raises on what a device sent.

    address_of: the device's address if the topic is of this dialect, else None
    decode: (address, topic, payload, received_at, timing) -> what the message says
    filters: the subscriptions that devices at these addresses need
    address_problem: what is wrong with an address in a mapping file, or None
    unit_of: the UCUM code in which `decode` gives a measure, or None when only the mapping can know
    """

    address_of: Callable[[str], str | None]
    decode: Callable[[str, str, bytes, datetime, Timing], Decoded]
    filters: Callable[[Iterable[str]], set[str]]
    address_problem: Callable[[str], str | None]
    unit_of: Callable[[str], str | None]
    timed_by_path: bool = False


def topic_problem(topic: str) -> str | None:
    """What is wrong with a topic that a device is to publish on, or None."""
    if not topic or len(topic.encode()) > 256:
        return "must have 1 to 256 bytes"
    if any(character in topic for character in "+# \0") or not topic.isprintable():
        return "must be one topic: no wildcard + or #, no space"
    if "" in topic.split("/"):
        return "must not begin or end with / or have an empty level"
    if topic.startswith(("$", "tonnam/")):
        return "must not begin with $ or tonnam/, which are not for devices"
    return None


def covers(topic_filter: str, topic: str) -> bool:
    """Whether an MQTT topic filter lets a topic (or a narrower filter without #) through."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position >= len(levels) or level not in ("+", levels[position]):
            return False
    return len(wanted) == len(levels)
