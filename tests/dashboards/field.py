"""Some days of the simulated farm and town, in an InfluxDB as the cloud leaves them there.

The farm's readings are what the edge's core makes of the simulated devices' registers, on the demo's site file and
simulated clock; the town's are what the gateway makes of the messages that the simulated sensors send. Both go
through the cloud's own InfluxDB store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from tests.servers import InfluxServer
from tonnam_cloud.store.influx import InfluxAddress, InfluxStore
from tonnam_cloud.store.port import Column, ReadingBatch
from tonnam_demo.history import FarmWeek
from tonnam_demo.plan import FARM_SITE, TOWN_SITE
from tonnam_edge.site.check import load_site
from tonnam_gateway.loader import load
from tonnam_gateway.translator import Translator
from tonnam_link.messages import Frame, Sample
from tonnam_sim.town import build_town
from tonnam_sim.town_messages import town_messages

END = datetime(2026, 1, 15, 7, 0, tzinfo=UTC)  # 14:00 in Thailand
FARM_FOR, DEAD_PROBE_UNIT = timedelta(hours=40), 4
TOWN_FOR, TOWN_STEP = timedelta(days=5), timedelta(minutes=10)
FARM, TOWN = "melon-greenhouse", "town"
SEED = 7


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def fill(influx: InfluxServer) -> str:
    """Write farm and town into a new database; its name."""
    database = influx.database()
    store = InfluxStore(InfluxAddress(url=influx.url, bucket=database))
    try:
        for tenant, frames in (("demo-farm", farm_frames()), ("demo-town", town_frames())):
            assert store.append([as_batch(tenant, frames)]) == []
    finally:
        store.close()
    return database


def as_batch(tenant: str, frames: Iterator[Frame]) -> ReadingBatch:
    """The frames as columns, one a datastream, the way ingest hands them to a store."""
    readings: dict[str, list[tuple[int, Sample]]] = defaultdict(list)
    for frame in frames:
        for datastream, sample in frame.samples.items():
            readings[f"{tenant}/{datastream}"].append((frame.observed_at_ms, sample))
    return ReadingBatch(f"{tenant}/node", 1, 1, [_column(name, rows) for name, rows in readings.items()])


def _column(name: str, rows: list[tuple[int, Sample]]) -> Column:
    samples = [sample for _, sample in rows]
    return Column(
        name,
        np.array([at_ms for at_ms, _ in rows], np.int64),
        np.array([np.nan if one.value is None else one.value for one in samples], np.float64),
        np.array([one.quality for one in samples], np.uint8),
        np.array([np.nan if one.raw is None else one.raw for one in samples], np.float64),
    )


def farm_frames() -> Iterator[Frame]:
    """The farm until END, watered and told by the edge's own core. One probe is dead throughout."""
    site, _ = load_site(FARM_SITE)
    at = END - FARM_FOR
    week = FarmWeek(site, SEED, milliseconds(at), (at.hour + 7) % 24 + at.minute / 60)
    week.farm.buses["soil"].dead.add(DEAD_PROBE_UNIT)
    week.run_until(milliseconds(END))
    yield from week.told.frames


def town_frames() -> Iterator[Frame]:
    """The town until END, through the gateway. Its dust sensor is silent for nine hours on the third day."""
    at = END - TOWN_FOR
    town = build_town(SEED, (at.hour + 7) % 24 + at.minute / 60)
    translator = Translator(load(TOWN_SITE))
    while at < END:
        at += TOWN_STEP
        town.step(TOWN_STEP.total_seconds())
        silent = timedelta(hours=60) <= END - at < timedelta(hours=69)
        for topic, payload in town_messages(town, at):
            if not (silent and topic.startswith("tele/")):
                yield from translator.translate(topic, payload, at).frames
