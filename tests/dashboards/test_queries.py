"""Every query of every panel and menu, asked of a real InfluxDB that the simulated farm and town have filled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.dashboards import field
from tests.dashboards.as_grafana import Target, Viewer, target, targets
from tests.servers import InfluxServer
from tonnam_cloud.city.air import running_mean
from tonnam_cloud.store.influx import InfluxAddress, InfluxStore
from tonnam_dashboards.main import DASHBOARDS, as_json
from tonnam_link.messages import Frame, Sample
from tonnam_link.quality import Quality

pytestmark = pytest.mark.xdist_group("grafana-queries")

JSON: dict[str, dict[str, Any]] = {name: json.loads(as_json(make())) for name, make in DASHBOARDS.items()}
HOUR_MS = 3_600_000


def all_targets() -> Iterator[Any]:
    for name, dashboard in sorted(JSON.items()):
        for one in targets(dashboard):
            yield pytest.param(name, one, id=f"{name}-{one}")


@pytest.fixture(scope="module")
def viewers(influx: InfluxServer) -> dict[str, Viewer]:
    database = field.fill(influx)
    return {name: Viewer(influx.url, database, dashboard, field.END) for name, dashboard in JSON.items()}


@pytest.fixture
def farm(viewers: dict[str, Viewer]) -> Viewer:
    return viewers["farm"]


@pytest.fixture
def town(viewers: dict[str, Viewer]) -> Viewer:
    return viewers["town"]


def things(viewer: Viewer, title: str, alias: str = "") -> list[str]:
    return [series["tags"]["thing"] for series in viewer.ask(target(viewer.dashboard, title, alias))]


def points(viewer: Viewer, title: str, alias: str = "") -> list[tuple[int, float]]:
    """Times and values of a panel with a single series."""
    (series,) = viewer.ask(target(viewer.dashboard, title, alias))
    return [(at_ms, value) for at_ms, value in series["values"]]


@pytest.mark.parametrize(("name", "one"), list(all_targets()))
def test_every_panel_query_finds_rows(viewers: dict[str, Viewer], name: str, one: Target) -> None:
    series = viewers[name].ask(one)
    assert series
    for each in series:
        assert each["tags"].keys() == {"thing"}, "the alias names series by their thing"
        assert any(value is not None for _, value in each["values"])


def test_menus_offer_who_and_where_and_which_zones(farm: Viewer, town: Viewer) -> None:
    assert (farm.offered("tenant"), farm.offered("site")) == (["demo-farm"], ["melon-greenhouse"])
    assert farm.offered("zone") == ["zone-1", "zone-2"]
    assert (town.offered("tenant"), town.offered("site")) == (["demo-town"], ["town"])
    assert town.variables() == {"tenant": "demo-town", "site": "town", "bank_m": "4.5", "bed_m": "0"}


def test_zones_and_probes_are_told_apart(farm: Viewer) -> None:
    assert things(farm, "Soil moisture by zone") == ["zone-1", "zone-2"]
    assert things(farm, "Each soil probe") == ["probe-1-a", "probe-1-b", "probe-2-a"]


def test_waterings_are_seen_in_the_valves(farm: Viewer) -> None:
    seen = farm.ask(target(farm.dashboard, "Valves and pump", "Valve"))
    assert len(seen) == 2
    for series in seen:
        values = [value for _, value in series["values"]]
        assert set(values) == {0, 1}
        assert values.count(1) < len(values) / 4


def test_litres_per_day_add_up_to_the_meter(farm: Viewer) -> None:
    totals = [
        frame.samples[f"{field.FARM}/flow/total"].value or 0.0
        for frame in field.farm_frames()
        if f"{field.FARM}/flow/total" in frame.samples
    ]
    per_day = points(farm, "Water used per day")
    assert sum(litres for _, litres in per_day) == pytest.approx(totals[-1] - totals[0])
    assert all((at_ms + 7 * HOUR_MS) % (24 * HOUR_MS) == 0 for at_ms, _ in per_day), "days begin at Thai midnight"


def test_dead_probe_is_told_as_stale_and_never_drawn(farm: Viewer) -> None:
    frames = list(field.farm_frames())
    assert "probe-2-b" not in things(farm, "Each soil probe")
    heard = farm.ask(target(farm.dashboard, "each point was last heard"))
    quality = {(series["name"], series["tags"]["thing"]): series["values"][0] for series in heard}
    at_ms, code = quality["soil_moisture", "probe-2-b"]
    last_ms = max(
        frame.observed_at_ms for frame in frames if f"{field.FARM}/probe-2-b/soil_moisture" in frame.samples
    )
    assert (at_ms, code) == (last_ms, Quality.STALE)
    assert len(quality) == len({name for frame in frames for name in frame.samples})


def test_rain_days_run_from_seven_to_seven_and_add_up_to_the_gauge(town: Viewer) -> None:
    totals = [
        frame.samples[f"{field.TOWN}/rain-1/rain_total"].value or 0.0
        for frame in field.town_frames()
        if f"{field.TOWN}/rain-1/rain_total" in frame.samples
    ]
    per_day = points(town, "Rain per day")
    assert sum(mm for _, mm in per_day) == pytest.approx(totals[-1] - totals[0])
    assert sum(mm for _, mm in per_day) > 0
    assert all((at_ms + 7 * HOUR_MS) % (24 * HOUR_MS) == 7 * HOUR_MS for at_ms, _ in per_day)


def dust_hours() -> dict[int, list[float]]:
    """What the dust sensor said, by the hour since 1970."""
    hours: dict[int, list[float]] = {}
    for frame in field.town_frames():
        sample = frame.samples.get(f"{field.TOWN}/air-1/pm2_5")
        if sample is not None and sample.value is not None:
            hours.setdefault(frame.observed_at_ms // HOUR_MS, []).append(sample.value)
    return hours


def test_24_hour_mean_is_the_phone_pages_and_silent_where_it_is(town: Viewer) -> None:
    means = {hour: sum(values) / len(values) for hour, values in dust_hours().items()}
    drawn = {at_ms // HOUR_MS: value for at_ms, value in points(town, "24-hour running mean")}
    end = field.milliseconds(field.END) // HOUR_MS
    for hour in range(end - 71, end):
        expected = running_mean([means.get(before) for before in range(hour - 23, hour + 1)])
        assert drawn.get(hour) == (None if expected is None else pytest.approx(expected)), hour
    assert len(drawn) < 72, "the nine silent hours leave a gap"


def test_24_hour_mean_now_is_of_the_last_day_only(town: Viewer) -> None:
    (at_ms, now), (drawn_ms, drawn) = points(town, "24 h mean")[-1], points(town, "24-hour running mean")[-1]
    assert at_ms == drawn_ms
    assert now == pytest.approx(drawn)
    eight_silent_hours_later = replace(town, now=field.END + timedelta(hours=8))
    assert eight_silent_hours_later.ask(target(town.dashboard, "24 h mean")) == []


def test_river_is_shown_against_the_bank_that_was_typed_in(town: Viewer) -> None:
    (_, level_m), (_, pct) = points(town, "River level", "Level")[-1], points(town, "against its bank")[-1]
    assert pct == pytest.approx(level_m / 4.5 * 100, rel=0.02)
    assert {bank_m for _, bank_m in points(town, "River level", "Bank")} == {4.5}


def test_old_reading_is_not_shown_as_now(farm: Viewer) -> None:
    later = replace(farm, now=field.END + timedelta(hours=2))
    for title in ("ความชื้นดิน / Soil moisture", "How is the soil", "Water flowing", "Tank level"):
        one = target(farm.dashboard, title)
        assert farm.ask(one)
        assert later.ask(one) == []
    assert later.ask(target(farm.dashboard, "Farm last heard")), "but when it was last heard is shown"


def test_counter_that_starts_again_takes_no_rain_away(influx: InfluxServer, town: Viewer) -> None:
    at = field.milliseconds(field.END)
    database = influx.database()
    frames = [(50.0, 4), (52.0, 3), (0.0, 2), (1.5, 1)]
    batch = field.as_batch(
        "demo-town",
        iter(Frame(at - ago * HOUR_MS, {f"{field.TOWN}/rain-1/rain_total": Sample(mm)}) for mm, ago in frames),
    )
    store = InfluxStore(InfluxAddress(url=influx.url, bucket=database))
    store.append([batch])
    store.close()
    assert sum(mm for _, mm in points(replace(town, database=database), "Rain per day")) == pytest.approx(3.5)
