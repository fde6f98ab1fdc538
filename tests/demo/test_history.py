"""The history that the demo begins with: made by the real cores, ending on a dry afternoon just above the band."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tonnam_demo import history
from tonnam_demo.plan import DRY_AFTERNOON_HOUR, FARM, FARM_SITE, TOWN
from tonnam_edge.site.check import load_site
from tonnam_edge.state_store import StateStore
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.topics import Origin
from tonnam_sim.farm import build_farm

DAY_MS = 86_400_000
NOW_MS = 1_795_000_020_000


def _running(week: history.FarmWeek) -> set[str]:
    """Zones with a run that has begun and not ended."""
    ended = {event.body["run_id"] for event in week.told.events if event.kind == "run.ended"}
    began = [event.body for event in week.told.events if event.kind == "run.started"]
    return {body["zone"] for body in began if body["run_id"] not in ended}


ENDS_MS = (NOW_MS, NOW_MS + 6 * 3_600_000, NOW_MS + 12 * 3_600_000, NOW_MS + 18 * 3_600_000)


@pytest.mark.parametrize("end_ms", ENDS_MS)
def test_last_hours_leave_a_zone_just_above_its_band_whatever_the_timers_do(end_ms: int) -> None:
    site, _ = load_site(FARM_SITE)
    week = history.FarmWeek(site, 1, end_ms - DAY_MS, DRY_AFTERNOON_HOUR)
    week.run_until(end_ms - history.LAST_HOURS * 3_600_000)
    history.end_the_week_dry(week, end_ms)
    assert week.farm.hour == pytest.approx(DRY_AFTERNOON_HOUR, abs=0.01)
    above = [
        history.moisture_pct(week.farm, number) - zone.band.low_pct
        for number, zone in enumerate(site.zones.values())
        if zone.id not in _running(week)
    ]
    assert any(0 < pct < 1.0 for pct in above), above


def test_every_run_of_the_history_has_an_end_and_times_only_rise() -> None:
    site, _ = load_site(FARM_SITE)
    week = history.FarmWeek(site, 1, NOW_MS - 2 * DAY_MS, DRY_AFTERNOON_HOUR)
    week.run_until(NOW_MS)
    ended = [event.body for event in week.told.events if event.kind == "run.ended"]
    assert len(ended) >= 4
    assert {body["outcome"] for body in ended} == {"done"}
    assert 2 <= sum(body["zone"] == "zone-2" for body in ended) <= 6  # in the morning, not by drops
    assert len(_running(week)) <= 1
    times = [frame.observed_at_ms for frame in week.told.frames]
    assert times == sorted(set(times))


def test_history_waits_in_the_outboxes_and_the_simulators_go_on_from_it(tmp_path: Path) -> None:
    said: list[str] = []
    history.make_once(tmp_path, seed=1, days=1, say=said.append)
    edge = Outbox(tmp_path / "edge" / "outbox.sqlite3", Origin(*FARM))
    gateway = Outbox(tmp_path / "gateway" / "outbox.sqlite", Origin(*TOWN))
    assert edge.backlog.readings > 1440 * 20
    assert gateway.backlog.readings > 288 * 4
    edge.close()
    gateway.close()
    store = StateStore(tmp_path / "edge")
    assert store.memory() is not None
    store.close()
    farm = build_farm(1, DRY_AFTERNOON_HOUR, json.loads((tmp_path / "farm-sim.json").read_text()))
    assert history.moisture_pct(farm, 0) < 27
    before = (tmp_path / "edge" / "outbox.sqlite3").stat().st_mtime_ns
    history.make_once(tmp_path, seed=1, days=1, say=said.append)
    assert (tmp_path / "edge" / "outbox.sqlite3").stat().st_mtime_ns == before
    assert len(said) == 2


def test_history_that_was_broken_off_is_begun_again(tmp_path: Path) -> None:
    half = tmp_path / "edge" / "outbox.sqlite3"
    half.parent.mkdir()
    half.write_bytes(b"half of a file")
    history.make_once(tmp_path, seed=1, days=1, say=lambda line: None)
    outbox = Outbox(half, Origin(*FARM))
    assert outbox.set_aside is None
    outbox.close()
