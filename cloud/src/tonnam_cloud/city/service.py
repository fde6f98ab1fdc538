"""Towns as they are now, in the words of `air`, `rain` and `river`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sqlalchemy.orm import Session

from tonnam_cloud.city import air, rain, repository, river, schemas
from tonnam_cloud.database import Database
from tonnam_cloud.measures import service as measures
from tonnam_cloud.measures.schemas import Measure
from tonnam_cloud.measures.service import words_of
from tonnam_cloud.people.person import Person
from tonnam_cloud.registry.models import Sensor, Site
from tonnam_cloud.store.port import Store
from tonnam_cloud.times import clock_time, utc, utc_or_none

HOUR_MS = measures.HOUR_MS


def town(database: Database, store: Store, person: Person, now_ms: int) -> schemas.Town:
    """Every town of the person's tenants."""
    with database.reading() as session:
        sites = repository.sites(session, person.tenants)
        return schemas.Town(now=utc(now_ms), sites=[_site(session, store, site, now_ms) for site in sites])


def _site(session: Session, store: Store, site: Site, now_ms: int) -> schemas.TownSite:
    sensors = [_sensor(session, store, row, now_ms) for row in repository.sensors(session, site)]
    return schemas.TownSite(tenant=site.tenant, id=site.id, name=words_of(site.name, site.id), sensors=sensors)


def _sensor(session: Session, store: Store, row: Sensor, now_ms: int) -> schemas.TownSensor:
    streams = repository.datastreams(session, row.datastreams)
    found = measures.measures(store, streams, now_ms)
    near_ms = rain.near_ms(max((each.max_age_s for each in streams if each.property == "rain_total"), default=0.0))
    by_property = {each.property: each for each in found.values()}
    return schemas.TownSensor.model_validate(
        {
            "thing": row.thing,
            "kind": row.kind,
            "name": words_of(row.name, row.thing),
            "latitude": row.latitude,
            "longitude": row.longitude,
            "measures": list(found.values()),
            "air": _air(store, by_property, now_ms) if row.kind == "air" else None,
            "rain": _rain(store, by_property.get("rain_total"), near_ms, now_ms) if row.kind == "rain" else None,
            "river": _river(store, row, by_property.get("river_level"), now_ms) if row.kind == "river" else None,
        }
    )


def _air(store: Store, found: Mapping[str, Measure], now_ms: int) -> schemas.Air:
    hours = {name: _hour_means(store, found[name].datastream, now_ms) for name in air.POLLUTANTS if name in found}
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


def _hour_means(store: Store, datastream: str, now_ms: int) -> list[float | None]:
    """The means of the last 24 whole clock hours; None for an hour without a known value."""
    end_ms = now_ms // HOUR_MS * HOUR_MS
    start_ms = end_ms - air.HOURS * HOUR_MS
    buckets = store.buckets(datastream, start_ms, end_ms, HOUR_MS)
    means = dict(zip(buckets.start_ms.tolist(), buckets.mean.tolist(), strict=True))
    found = [means.get(at_ms) for at_ms in range(start_ms, end_ms, HOUR_MS)]
    return [None if mean is None or mean != mean else mean for mean in found]


def _rain(store: Store, counter: Measure | None, near_ms: int, now_ms: int) -> schemas.Rain:
    fallen = _fallen_today(store, counter.datastream, near_ms, now_ms) if counter else None
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


def _fallen_today(store: Store, datastream: str, near_ms: int, now_ms: int) -> rain.Fallen | None:
    start_ms = int(rain.day_start(utc(now_ms)).timestamp() * 1000)
    series = store.series(datastream, start_ms - near_ms, now_ms + 1)
    known = ~np.isnan(series.value)
    return rain.fallen_today(series.observed_at_ms[known].tolist(), series.value[known].tolist(), start_ms)


def _river(store: Store, row: Sensor, level: Measure | None, now_ms: int) -> schemas.River:
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
            "trend": _trend(store, level.datastream, now_ms) if level else None,
        }
    )


def _trend(store: Store, datastream: str, now_ms: int) -> river.Trend | None:
    series = store.series(datastream, now_ms - river.HOUR_MS - river.WINDOW_MS, now_ms + 1)
    known = ~np.isnan(series.value)
    return river.trend(series.observed_at_ms[known].tolist(), series.value[known].tolist(), now_ms)
