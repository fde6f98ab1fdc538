"""What ingest says on the live bus after its commit: one message a site and batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np

from tonnam_cloud.live.bus import LiveSample, Stored, sealed
from tonnam_cloud.store.newest import SUSPECT
from tonnam_cloud.store.port import Column
from tonnam_link.topics import Channel, live_topic

Message = tuple[str, bytes]
PRESENCE = "node.presence"
"""The kind that stands in `events` when a node came or went."""


@dataclass
class Told:
    """What of one site was stored with one batch."""

    readings: list[LiveSample] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


def newest_by_site(columns: Iterable[Column]) -> dict[str, Told]:
    """The newest reading of each datastream, by site; none of a suspect clock, for nobody knows that it is new."""
    sites: dict[str, Told] = {}
    for column in columns:
        _, site, path = column.datastream.split("/", 2)
        told = sites.setdefault(site, Told())
        at = len(column.quality) - 1
        if column.quality[at] == SUSPECT:
            others = np.flatnonzero(column.quality != SUSPECT)
            if not len(others):
                continue
            at = int(others[-1])
        value = float(column.value[at])
        told.readings.append(
            LiveSample(
                path, int(column.observed_at_ms[at]), None if value != value else value, int(column.quality[at])
            )
        )
    return sites


def messages(tenant: str, node: str, channel: Channel, sites: dict[str, Told]) -> Iterator[Message]:
    """The messages for the sites of one batch. Backlog does not show its readings: they are not of now."""
    back = channel is Channel.BACK
    for site, told in sites.items():
        stored = Stored(
            node=node,
            lane="back" if back else "up",
            readings=[] if back else told.readings,
            events=told.events,
            outcomes=told.outcomes,
            backlog=back,
        )
        topic = live_topic(tenant, site)
        yield topic, sealed(topic, msgspec.json.encode(stored))
