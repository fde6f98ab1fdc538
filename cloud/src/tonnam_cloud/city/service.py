"""Towns as they are now, in the words of `air`, `rain` and `river`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tonnam_cloud.city import air, rain, repository, river, schemas, stations
from tonnam_cloud.database import Database
from tonnam_cloud.farm.service import node_status
from tonnam_cloud.measures import service as measures
from tonnam_cloud.measures.schemas import Measure
from tonnam_cloud.measures.service import words_of
from tonnam_cloud.people.person import Person
from tonnam_cloud.registry import standing
from tonnam_cloud.registry.models import Datastream, Node, Sensor, Site
from tonnam_cloud.store import arrays
from tonnam_cloud.store.hours import HourMeans
from tonnam_cloud.store.port import Series, Store
from tonnam_cloud.times import clock_time, utc, utc_or_none

COUNTER, LEVEL = "rain_total", "river_level"
LONGEST_AGE_S = 1e6
"""However rarely a gauge is said to speak, days are not read for one day's rain."""


@dataclass(frozen=True)
class _Readings:
    """What the store has of some datastreams, by id, read with a few questions however many sensors there are."""

    now_ms: int
    order: Mapping[str, int]
    newest: Mapping[str, Measure]
    air_hours: Mapping[str, Sequence[float | None]]
    rain: Mapping[str, Series]
    rain_near_ms: Mapping[str, int]
    river: Mapping[str, Series]


def town(database: Database, store: Store, hours: HourMeans, person: Person, now_ms: int) -> schemas.Town:
    """Every town of the person's tenants."""
    with database.reading() as session:
        sites = repository.sites(session, person.tenants)
        nodes = repository.nodes(session, person.tenants)
        sensors = repository.sensors(session, person.tenants)
        streams = repository.datastreams(session, person.tenants)
    known = _read(store, hours, streams, now_ms)
    by_place: dict[tuple[str, str], list[schemas.TownSensor]] = {}
    for row in sensors:
        by_place.setdefault((row.tenant, row.site), []).append(_sensor(known, row))
    towns = [
        _site(site, nodes.get((site.tenant, site.node)), by_place.get((site.tenant, site.id), []), known.newest)
        for site in sites
    ]
    return schemas.Town(now=utc(now_ms), sites=towns)


def _read(store: Store, hours: HourMeans, streams: Sequence[Datastream], now_ms: int) -> _Readings:
    of = {name: [row for row in streams if row.property == name] for name in (*air.POLLUTANTS, COUNTER, LEVEL)}
    near_ms = {row.id: rain.near_ms(min(row.max_age_s, LONGEST_AGE_S)) for row in of[COUNTER]}
    today_ms = _day_start_ms(now_ms) - max(near_ms.values(), default=0)
    hour_ms = now_ms - river.HOUR_MS - river.WINDOW_MS
    return _Readings(
        now_ms=now_ms,
        order={row.id: place for place, row in enumerate(streams)},
        newest=measures.measures(store, streams, now_ms),
        air_hours=hours.last([row.id for name in air.POLLUTANTS for row in of[name]], air.HOURS, now_ms),
        rain=store.series_of(near_ms, today_ms, now_ms + 1) if near_ms else {},
        rain_near_ms=near_ms,
        river=store.series_of([row.id for row in of[LEVEL]], hour_ms, now_ms + 1) if of[LEVEL] else {},
    )


def _site(
    site: Site, node: Node | None, sensors: list[schemas.TownSensor], newest: Mapping[str, Measure]
) -> schemas.TownSite:
    return schemas.TownSite(
        tenant=site.tenant,
        id=site.id,
        name=words_of(site.name, site.id),
        node=node_status(site, node),
        sensors=sensors,
        stations=stations.stations(site.tenant, standing.of(site), newest),
    )


def _sensor(known: _Readings, row: Sensor) -> schemas.TownSensor:
    mine = [name for name in row.datastreams if name in known.newest]
    found = {name: known.newest[name] for name in sorted(mine, key=known.order.__getitem__)}
    by_property = {each.property: each for each in found.values()}
    return schemas.TownSensor.model_validate(
        {
            "thing": row.thing,
            "kind": row.kind,
            "name": words_of(row.name, row.thing),
            "latitude": row.latitude,
            "longitude": row.longitude,
            "measures": list(found.values()),
            "air": _air(known, by_property) if row.kind == "air" else None,
            "rain": _rain(known, by_property.get(COUNTER)) if row.kind == "rain" else None,
            "river": _river(known, row, by_property.get(LEVEL)) if row.kind == "river" else None,
        }
    )


def _air(known: _Readings, found: Mapping[str, Measure]) -> schemas.Air:
    hours = {name: known.air_hours[found[name].datastream] for name in air.POLLUTANTS if name in found}
    means = {name: air.running_mean(each) for name, each in hours.items()}
    index = air.air_index(means)
    mean = means.get("pm2_5")
    return schemas.Air.model_validate(
        {
            "pm2_5_24h": None if mean is None else round(mean, 1),
            "hours": sum(each is not None for each in hours.get("pm2_5", [])),
            "aqi": index.value,
            "aqi_text": index.text,
            "pollutant": index.pollutant,
            "band": index.band.id,
            "label": index.band.label,
            "advice": index.band.advice,
        }
    )


def _rain(known: _Readings, counter: Measure | None) -> schemas.Rain:
    fallen = _fallen_today(known, counter.datastream) if counter else None
    silent = fallen is not None and not (counter and counter.fresh)
    band = rain.rain_band(None if silent or fallen is None else fallen.mm)
    until = utc(fallen.until_ms) if silent and fallen else None
    return schemas.Rain.model_validate(
        {
            "today_mm": None if fallen is None else round(fallen.mm, 1),
            "since": utc_or_none(fallen.since_ms) if fallen else None,
            "until": until,
            "band": band.id,
            "label": rain.SILENT.filled(time=clock_time(until)) if until else band.label,
        }
    )


def _fallen_today(known: _Readings, datastream: str) -> rain.Fallen | None:
    start_ms = _day_start_ms(known.now_ms)
    series = known.rain.get(datastream, arrays.empty())
    times_ms, counter_mm = _known(arrays.clip(series, start_ms - known.rain_near_ms[datastream], known.now_ms + 1))
    return rain.fallen_today(times_ms, counter_mm, start_ms)


def _day_start_ms(now_ms: int) -> int:
    return int(rain.day_start(utc(now_ms)).timestamp() * 1000)


def _river(known: _Readings, row: Sensor, level: Measure | None) -> schemas.River:
    level_m = measures.trusted(level)
    pct = river.bank_pct(level_m, row.bank_height_m, row.bed_m or 0.0)
    band = river.river_band(pct)
    return schemas.River.model_validate(
        {
            "level_m": level_m,
            "bank_height_m": row.bank_height_m,
            "bank_pct": pct,
            "band": band.id,
            "label": band.label,
            "trend": _trend(known, level.datastream) if level else None,
        }
    )


def _trend(known: _Readings, datastream: str) -> river.Trend | None:
    times_ms, level_m = _known(known.river.get(datastream, arrays.empty()))
    return river.trend(times_ms, level_m, known.now_ms)


def _known(series: Series) -> tuple[list[int], list[float]]:
    """Times and values of the readings of which both are known."""
    series = arrays.trusted(series)
    known = ~np.isnan(series.value)
    return series.observed_at_ms[known].tolist(), series.value[known].tolist()
