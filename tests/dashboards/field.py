"""Some days of the simulated farm and town, in an InfluxDB as the cloud leaves them there.

The farm's values come from the simulator's devices and physics, under the names of the site file; the town's are what
the gateway makes of the messages that the simulated sensors send. Both go through the cloud's own InfluxDB store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.servers import InfluxServer
from tonnam_cloud.store.influx import InfluxAddress, InfluxStore
from tonnam_cloud.store.port import Column, ReadingBatch
from tonnam_gateway.loader import load
from tonnam_gateway.translator import Translator
from tonnam_link.messages import Frame, Sample
from tonnam_link.quality import Quality
from tonnam_sim.farm import PUMP, VALVES, Farm, build_farm
from tonnam_sim.town import build_town
from tonnam_sim.town_messages import town_messages

END = datetime(2026, 1, 15, 7, 0, tzinfo=UTC)  # 14:00 in Thailand
FARM_FOR, FARM_STEP = timedelta(hours=40), timedelta(minutes=5)
TOWN_FOR, TOWN_STEP = timedelta(days=5), timedelta(minutes=10)
FARM, TOWN = "melon-greenhouse", "town"
TOWN_FILE = Path(__file__).parents[2] / "gateway/examples/town.toml"
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
    """The farm until END, both zones watered ten minutes at 06:00 and 13:00; one probe is broken throughout."""
    at = END - FARM_FOR
    farm = build_farm(SEED, (at.hour + 7) % 24 + at.minute / 60)
    while at < END:
        at += FARM_STEP
        _water(farm, thai_minute=((at.hour + 7) % 24) * 60 + at.minute)
        farm.step(FARM_STEP.total_seconds(), FARM_STEP.total_seconds())
        yield Frame(milliseconds(at), {f"{FARM}/{name}": sample for name, sample in _samples(farm).items()})


def _water(farm: Farm, thai_minute: int) -> None:
    """Work the relay board over Modbus: zone 1, then zone 2."""
    zone = next((zone for zone in (0, 1) for start in (360, 780) if 0 <= thai_minute - start - 10 * zone < 10), None)
    for coil, on in ((PUMP, zone is not None), *((valve, zone == number) for number, valve in enumerate(VALVES))):
        farm.buses["cabinet"].execute(1, bytes([5, 0, coil, 0xFF if on else 0, 0]))


def _samples(farm: Farm) -> dict[str, Sample]:
    climate, water = farm.climate, farm.water
    known = {
        "pump/running": float(farm.relay.contact(PUMP)),
        "tank/level": water.level_cm,
        "flow/rate": water.flow_l_min,
        "flow/total": water.meter_l,
        "climate/air_temperature": climate.air_c,
        "climate/humidity": climate.humidity_pct,
        "climate/illuminance": climate.illuminance_lx,
        "inverter/ac_power": farm.roof_w,
        "inverter/energy_total": farm.state()["roof"]["energy_wh"],
    }
    for zone, valve in enumerate(VALVES):
        twins = [farm.probe(zone, twin) for twin in (0, 1)]
        known[f"zone-{zone + 1}/valve_open"] = float(farm.relay.contact(valve))
        for thing, felt in ((f"zone-{zone + 1}", twins[0]), (f"probe-{zone + 1}-a", twins[0])):
            known[f"{thing}/soil_moisture"] = felt.vwc_pct
            known[f"{thing}/soil_temperature"] = felt.soil_c
            known[f"{thing}/soil_ec"] = felt.ec_us_cm
    samples = {name: Sample(value) for name, value in known.items()}
    samples["probe-1-b/soil_moisture"] = Sample(farm.probe(0, 1).vwc_pct)
    return samples | {"probe-2-b/soil_moisture": Sample(None, Quality.OUT_OF_RANGE, 3276.7)}


def town_frames() -> Iterator[Frame]:
    """The town until END, through the gateway. Its dust sensor is silent for nine hours on the third day."""
    at = END - TOWN_FOR
    town = build_town(SEED, (at.hour + 7) % 24 + at.minute / 60)
    translator = Translator(load(TOWN_FILE))
    while at < END:
        at += TOWN_STEP
        town.step(TOWN_STEP.total_seconds())
        silent = timedelta(hours=60) <= END - at < timedelta(hours=69)
        for topic, payload in town_messages(town, at):
            if not (silent and topic.startswith("tele/")):
                yield from translator.translate(topic, payload, at).frames
