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
from tonnam_cloud.times import utc

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
    found = measures.measures(store, repository.datastreams(session, row.datastreams), now_ms)
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
            "rain": _rain(store, by_property.get("rain_total"), now_ms) if row.kind == "rain" else None,
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


def _rain(store: Store, counter: Measure | None, now_ms: int) -> schemas.Rain:
    today_mm = _fallen_today_mm(store, counter.datastream, now_ms) if counter else None
    band = rain.rain_band(today_mm)
    shown = None if today_mm is None else round(today_mm, 1)
    return schemas.Rain.model_validate({"today_mm": shown, "band": band.id, "label": band.label})


def _fallen_today_mm(store: Store, datastream: str, now_ms: int) -> float | None:
    """The day's rain so far, from the last reading before its start; None without a reading since then."""
    start_ms = int(rain.day_start(utc(now_ms)).timestamp() * 1000)
    series = store.series(datastream, start_ms, now_ms + 1)
    counter = series.value[~np.isnan(series.value)].tolist()
    if not counter:
        return None
    before = store.latest([datastream], at_ms=start_ms).get(datastream)
    return rain.fallen_mm(([] if before is None or before.value is None else [before.value]) + counter)


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
