"""Farms as they are now, and a zone's last hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from tonnam_cloud.alerts import service as alerts
from tonnam_cloud.database import Database
from tonnam_cloud.farm import events, repository, schemas, stands
from tonnam_cloud.farm.zone_state import zone_state
from tonnam_cloud.measures import gaps
from tonnam_cloud.measures import service as measures
from tonnam_cloud.measures.schemas import Measure, Points
from tonnam_cloud.measures.service import words_of
from tonnam_cloud.people.person import Person
from tonnam_cloud.refusals import NotFound
from tonnam_cloud.registry import standing as standings
from tonnam_cloud.registry.models import Datastream, Node, Run, Site, Zone
from tonnam_cloud.registry.told import SiteStands
from tonnam_cloud.store.port import Store
from tonnam_cloud.times import utc, utc_or_none
from tonnam_cloud.words import Words

OPEN_VALVE = 0.5
_OfASite = TypeVar("_OfASite", Zone, Datastream)


@dataclass(frozen=True)
class Missing:
    """What a zone should measure, for one that does not."""

    property: str
    name: Words
    unit: str


SOIL_MOISTURE = Missing("soil_moisture", Words(th="ความชื้นดิน", en="Soil moisture"), "%")
VALVE = Missing("valve_open", Words(th="วาล์ว", en="Valve"), "1")


@dataclass(frozen=True)
class _Registry:
    """What the registry knows of a person's farms. Places are (tenant, site); runs are by (tenant, site, zone)."""

    sites: Sequence[Site]
    nodes: Mapping[tuple[str, str], Node]
    zones: Mapping[tuple[str, str], Sequence[Zone]]
    datastreams: Mapping[tuple[str, str], Sequence[Datastream]]
    running: Mapping[tuple[str, str, str], Run]
    ended: Mapping[tuple[str, str, str], Run]
    litres: Mapping[str, int]


def overview(database: Database, store: Store, person: Person, now_ms: int) -> schemas.Overview:
    """Every farm of the person's tenants."""
    with database.reading() as session:
        known = _registry(session, person)
        firing = alerts.firing(session, person)
    newest = measures.measures(store, (row for rows in known.datastreams.values() for row in rows), now_ms)
    farms = [_farm(known, site, newest) for site in known.sites]
    return schemas.Overview(now=utc(now_ms), sites=farms, alerts=firing)


def _registry(session: Session, person: Person) -> _Registry:
    running, ended = repository.newest_runs(session, person.tenants)
    return _Registry(
        repository.sites(session, person.tenants, "farm"),
        {(row.tenant, row.id): row for row in repository.nodes(session, person.tenants)},
        _by_place(repository.zones(session, person.tenants)),
        _by_place(repository.datastreams(session, person.tenants, "farm")),
        {(run.tenant, run.site, run.zone): run for run in running},
        {(run.tenant, run.site, run.zone): run for run in ended},
        repository.litres_asked(session, [*running, *ended]),
    )


def _by_place(rows: Sequence[_OfASite]) -> Mapping[tuple[str, str], list[_OfASite]]:
    """Rows by the site that they are of, in their order."""
    found: dict[tuple[str, str], list[_OfASite]] = {}
    for row in rows:
        found.setdefault((row.tenant, row.site), []).append(row)
    return found


def _farm(known: _Registry, site: Site, newest: Mapping[str, Measure]) -> schemas.FarmSite:
    place = (site.tenant, site.id)
    standing = standings.of(site)
    zones = known.zones.get(place, [])
    found = {row.id: newest[row.id] for row in known.datastreams.get(place, [])}
    shown = [site.pump, site.tank, site.flow, *(name for zone in zones for name in (zone.moisture, zone.valve))]
    return schemas.FarmSite(
        tenant=site.tenant,
        id=site.id,
        kind="farm",
        name=words_of(site.name, site.id),
        node=node_status(site, known.nodes.get((site.tenant, site.node))),
        zones=[_zone(known, zone, found, standing) for zone in zones],
        pump=measures.pick(found, site.pump),
        tank=_tank(measures.pick(found, site.tank), site.tank_full_cm),
        flow=measures.pick(found, site.flow),
        measures=measures.rest(found, shown),
        emergency=stands.emergency(standing),
        latches=stands.latches(standing),
        lockouts=stands.lockouts(standing),
    )


def node_status(site: Site, node: Node | None) -> schemas.NodeStatus:
    """Whether the machine at a site is there, and when it was last heard."""
    if node is None:
        return schemas.NodeStatus(id=site.node, online=False, last_heard_at=None)
    return schemas.NodeStatus(id=node.id, online=node.online, last_heard_at=utc_or_none(node.last_heard_ms))


def _tank(level: Measure | None, full_cm: float | None) -> schemas.Tank | None:
    return schemas.Tank(**level.model_dump(), full_cm=full_cm) if level else None


def _zone(known: _Registry, zone: Zone, found: Mapping[str, Measure], standing: SiteStands) -> schemas.Zone:
    moisture = _measured(found, zone, zone.moisture, SOIL_MOISTURE)
    valve = _measured(found, zone, zone.valve, VALVE)
    position = measures.trusted(valve)
    key = (zone.tenant, zone.site, zone.id)
    running, ended = known.running.get(key), known.ended.get(key)
    runs = None if position is None else position >= OPEN_VALVE
    return schemas.Zone(
        id=zone.id,
        name=words_of(zone.name, zone.id),
        crop=_crop(zone.description.get("crop")),
        area_m2=_area(zone.description.get("area_m2")),
        moisture=moisture,
        band=_band(zone),
        state=zone_state(measures.trusted(moisture), zone.band_low_pct, zone.band_high_pct),
        valve=valve,
        running=runs,
        run=run_out(running, known.litres) if running else None,
        last_run=run_out(ended, known.litres) if ended else None,
        next=_next(zone),
        max_run_s=zone.max_run_s,
        mode=stands.mode(standing, zone.id),
        latches=stands.latches(standing, zone.id),
        lockouts=stands.lockouts(standing, zone.id),
        why_not=None if runs else stands.why_not(standing, zone.id, Words.read(zone.next_text)),
    )


def _crop(told: object) -> Words | None:
    return Words.read(told) if isinstance(told, Mapping) else None


def _area(told: object) -> float | None:
    """The ground in square metres, if what a node told is a number."""
    return float(told) if isinstance(told, int | float) and 0 <= told < 1e12 else None


def _measured(found: Mapping[str, Measure], zone: Zone, datastream: str | None, otherwise: Missing) -> Measure:
    name = f"{zone.tenant}/{zone.site}/{zone.id}/{otherwise.property}"
    return measures.pick(found, datastream) or measures.absent(datastream or name, otherwise.name, otherwise.unit)


def _band(zone: Zone) -> schemas.Band:
    return schemas.Band(low_pct=zone.band_low_pct, high_pct=zone.band_high_pct)


def _next(zone: Zone) -> schemas.NextWatering | None:
    text = Words.read(zone.next_text)
    return schemas.NextWatering(at=utc_or_none(zone.next_at_ms), text=text) if text else None


def run_out(run: Run, litres: Mapping[str, int]) -> schemas.Run:
    """A run as the API tells it: the reason is that of its end, once it has ended. `litres` asked, by command."""
    return schemas.Run(
        id=run.run_id,
        zone=run.zone,
        cause=run.cause,
        started_at=utc(run.started_ms),
        ended_at=utc_or_none(run.ended_ms),
        planned_s=run.planned_s,
        planned_litres=litres.get(run.command_id or ""),
        duration_s=run.duration_s,
        litres=run.litres,
        doses=[_dose(each) for each in run.doses or []],
        kwh=run.kwh,
        baht=run.baht,
        outcome=run.outcome,
        reason=Words.read(run.end_reason) or Words.read(run.start_reason),
    )


def _dose(kept: Mapping[str, Any]) -> schemas.Dose:
    name = Words.read(kept.get("name"))
    return schemas.Dose(injector=kept["injector"], liquid=kept.get("liquid"), name=name, ml=kept["ml"])


def zone_history(
    database: Database, store: Store, person: Person, place: tuple[str, str, str], hours: int, now_ms: int
) -> schemas.ZoneHistory:
    """Soil moisture and waterings of a zone (tenant, site, zone). Raises NotFound, also for other tenants' zones."""
    from_ms = now_ms - hours * measures.HOUR_MS
    with database.reading() as session:
        zone = repository.zone(session, *place) if person.may_see(place[0]) else None
        if zone is None:
            raise NotFound
        row = repository.datastream(session, zone.moisture)
        runs = repository.runs_within(session, zone, from_ms, now_ms + 1)
        litres = repository.litres_asked(session, runs)
        known_gaps = gaps.of_site(session, *place[:2], from_ms, now_ms + 1)
    line = measures.points(store, row.id, row.max_age_s, from_ms, now_ms + 1) if row else Points(t=[], v=[])
    return schemas.ZoneHistory.model_validate(
        {
            "from": utc(from_ms),
            "to": utc(now_ms),
            "moisture": line,
            "band": _band(zone),
            "runs": [run_out(run, litres) for run in runs],
            "gaps": known_gaps,
        }
    )


def site_events(
    database: Database, person: Person, tenant: str, site: str, hours: int, now_ms: int
) -> schemas.SiteEvents:
    """What the controller of a site has told. Raises NotFound, also for other tenants' sites."""
    with database.reading() as session:
        row = repository.site(session, tenant, site) if person.may_see(tenant) else None
        if row is None:
            raise NotFound
        return schemas.SiteEvents(events=events.of_site(session, row, now_ms - hours * measures.HOUR_MS))
