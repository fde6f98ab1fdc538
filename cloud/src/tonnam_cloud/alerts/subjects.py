"""What each rule is about, found in the registry: datastreams with their limits, and sites."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonnam_cloud.alerts.rules import Rule
from tonnam_cloud.alerts.silence import Expected
from tonnam_cloud.measures.service import words_of
from tonnam_cloud.registry.models import Datastream, Sensor, Site, Zone
from tonnam_cloud.words import Words

GAP_AGES = 3
FOR_EVER_MS = 1 << 62


@dataclass(frozen=True)
class Subject:
    """One rule for one datastream, or for all matching datastreams of one site.

    `datastreams` are all that it is about; `limit` is in their unit, None for no_data. Between readings further
    apart than `gap_ms` nothing is known.
    """

    rule: Rule
    id: str
    tenant: str
    site: str
    datastreams: tuple[str, ...]
    place: Words
    site_name: Words
    unit: str = ""
    limit: float | None = None
    gap_ms: int = FOR_EVER_MS

    @property
    def key(self) -> tuple[str, str]:
        return self.rule.id, self.id

    @property
    def datastream(self) -> str | None:
        return None if self.rule.scope == "site" else self.id


@dataclass(frozen=True)
class _Registry:
    """What the registry knows, by id."""

    sites: Mapping[tuple[str, str], Site]
    datastreams: Sequence[Datastream]
    zones: Mapping[str, Zone]
    sensors: Mapping[str, Sensor]
    tanks: Collection[str]

    def role(self, datastream: str) -> str | None:
        """What a datastream is for, in the words of `Rule.role`."""
        if datastream in self.zones:
            return "zone_moisture"
        if datastream in self.tanks:
            return "tank"
        sensor = self.sensors.get(datastream)
        return sensor.kind if sensor else None


def find_expected(session: Session) -> dict[str, Expected]:
    """Every datastream that should bring data."""
    wanted = select(Datastream, Site.described_ms).join(
        Site, (Site.tenant == Datastream.tenant) & (Site.id == Datastream.site)
    )
    return {
        row.id: Expected((row.tenant, row.site), int(row.max_age_s * 1000), described_ms)
        for row, described_ms in session.execute(wanted)
    }


def find_subjects(session: Session, rules: Iterable[Rule]) -> list[Subject]:
    """Every rule with everything that it is about."""
    sites = session.scalars(select(Site)).all()
    known = _Registry(
        {(row.tenant, row.id): row for row in sites},
        session.scalars(select(Datastream).order_by(Datastream.id)).all(),
        {row.moisture: row for row in session.scalars(select(Zone)) if row.moisture},
        {name: row for row in session.scalars(select(Sensor)) for name in row.datastreams},
        {row.tank for row in sites if row.tank},
    )
    return [subject for rule in rules for subject in _of_rule(rule, known)]


def _of_rule(rule: Rule, known: _Registry) -> Iterator[Subject]:
    rows = [row for row in known.datastreams if rule.matches(row.id) and (row.tenant, row.site) in known.sites]
    if rule.role is not None:
        rows = [row for row in rows if known.role(row.id) == rule.role]
    if rule.scope == "site":
        by_place: dict[tuple[str, str], list[Datastream]] = {}
        for row in rows:
            by_place.setdefault((row.tenant, row.site), []).append(row)
        yield from (_of_site(rule, known.sites[place], inside) for place, inside in by_place.items())
        return
    for row in rows:
        limit = _limit(rule, row, known)
        if limit is not None or rule.kind == "no_data":
            yield _of_datastream(rule, row, known, limit)


def _of_site(rule: Rule, site: Site, rows: Sequence[Datastream]) -> Subject:
    name = words_of(site.name, site.id)
    return Subject(
        rule=rule,
        id=f"{site.tenant}/{site.id}",
        tenant=site.tenant,
        site=site.id,
        datastreams=tuple(row.id for row in rows),
        place=name,
        site_name=name,
    )


def _of_datastream(rule: Rule, row: Datastream, known: _Registry, limit: float | None) -> Subject:
    site = known.sites[row.tenant, row.site]
    owner = known.zones.get(row.id) or known.sensors.get(row.id)
    return Subject(
        rule=rule,
        id=row.id,
        tenant=row.tenant,
        site=row.site,
        datastreams=(row.id,),
        place=words_of(owner.name if owner else row.name, row.thing),
        site_name=words_of(site.name, site.id),
        unit=row.unit,
        limit=limit,
        gap_ms=FOR_EVER_MS if limit is None else int(GAP_AGES * row.max_age_s * 1000),
    )


def _limit(rule: Rule, row: Datastream, known: _Registry) -> float | None:
    """The limit in the datastream's unit; None when this datastream has no band or bank to measure by."""
    fixed = rule.above if rule.above is not None else rule.below
    if fixed is not None:
        return fixed
    zone, sensor = known.zones.get(row.id), known.sensors.get(row.id)
    if rule.below_band is not None and zone and zone.band_low_pct is not None:
        return zone.band_low_pct - rule.below_band
    if rule.above_band is not None and zone and zone.band_high_pct is not None:
        return zone.band_high_pct + rule.above_band
    if rule.above_bank_pct is not None and sensor and sensor.bank_height_m is not None:
        bed_m = sensor.bed_m or 0.0
        return bed_m + (sensor.bank_height_m - bed_m) * rule.above_bank_pct / 100
    return None
