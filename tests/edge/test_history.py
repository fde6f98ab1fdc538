"""Days in seconds: the same core against the simulated greenhouse in this process, as the demo's history is made."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tonnam_edge.core import Core
from tonnam_edge.modbus.direct import DirectTransport, act_once, poll_once
from tonnam_edge.site.check import load_site
from tonnam_link.messages import Event, Frame
from tonnam_sim.farm import build_farm

MIDNIGHT_MS = 1_795_194_000_000
DAY_MS = 86_400_000


def test_a_dry_day_is_watered_and_the_soil_follows() -> None:
    site, _ = load_site(Path("edge/examples/melon-greenhouse.toml"))
    farm = build_farm(seed=1, hour=0.0)
    transports = {name: DirectTransport(bus.execute) for name, bus in farm.buses.items()}
    core = Core(site, now_ms=MIDNIGHT_MS)
    now_ms, frames, events = MIDNIGHT_MS, list[Frame](), list[Event]()
    began = time.process_time()
    while now_ms < MIDNIGHT_MS + DAY_MS:
        core.observe(poll_once(transports, site, now_ms))
        step = core.step(now_ms)
        assert act_once(step.actions, transports, site) == []
        frames += [step.frame] if step.frame else []
        events += step.events
        then_ms = min(step.next_due_ms, (now_ms // 60_000 + 1) * 60_000)
        farm.step((then_ms - now_ms) / 1000, (then_ms - now_ms) / 1000)
        now_ms = then_ms
    assert time.process_time() - began < 6  # a week in far less than a minute on any machine
    ended = [event.body for event in events if event.kind == "run.ended"]
    assert {run["outcome"] for run in ended} == {"done"}
    assert sum(run["litres"] for run in ended) > 1000
    assert all(run["litres"] == pytest.approx(run["duration_s"], rel=0.02, abs=30) for run in ended)
    assert len(frames) >= 1440
    full = frames[-1].samples
    assert set(full) == {datastream.id for datastream in site.datastreams}
    assert all(sample.value is not None for sample in full.values())
    zone_1 = "melon-greenhouse/zone-1/soil_moisture"
    moisture = [f.samples[zone_1].value for f in frames if zone_1 in f.samples]
    assert min(m for m in moisture if m is not None) > 23
