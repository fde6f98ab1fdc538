"""What events and outcomes change in the registry. Every call may be repeated, and the order may be any: a node that
comes back sends what is new before its backlog.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tonnam_cloud.errors import Rejected
from tonnam_cloud.registry import gaps, standing, told
from tonnam_cloud.registry.models import Command, Datastream, Event, Gap, Node, Run, Sensor, Site, Zone
from tonnam_link import messages
from tonnam_link.commands import refusals
from tonnam_link.messages import CommandState

_ORDER = {CommandState.QUEUED: 0, CommandState.SENT: 1, CommandState.ACCEPTED: 2, CommandState.RUNNING: 3}
_FINAL = 4
PLANS_TO_LOOK_AT = 50
AHEAD_MS = 86_400_000

log = structlog.get_logger(__name__)


class Source(NamedTuple):
    """Who told it, and when it arrived."""

    tenant: str
    node: str
    received_ms: int


def apply_event(session: Session, source: Source, event: messages.Event) -> Collection[str]:
    """Keep an event, and do what it says unless that was done before. The ids of the sites that it is about.

    Raises Rejected, with nothing changed, when it cannot be understood.
    """
    content = told.read(event)
    if event.at_ms > source.received_ms + AHEAD_MS:
        raise Rejected(f"event {event.kind!r} is from more than a day ahead: the node's clock is wrong")
    if isinstance(content, told.NodeStarted | told.ReadingsGap):
        _check_gap(session, source, event, content)
    if isinstance(content, told.SiteDescribed | told.RunStarted | told.RunEnded | told.ZonePlanned | told.SiteStands):
        _check_site(session, source, event, content.site_id)
    if session.get(Event, (source.tenant, source.node, event.id)) is None:
        session.add(
            Event(
                tenant=source.tenant,
                node=source.node,
                id=event.id,
                kind=event.kind,
                at_ms=event.at_ms,
                received_ms=source.received_ms,
                body=event.body,
            )
        )
        _do(session, source, event, content)
        session.flush()
        if event.kind == refusals.KIND:
            said = {key: str(event.body.get(key))[:40] for key in ("why", "count")}
            log.warning("a node refused commands", node=f"{source.tenant}/{source.node}", **said)
    return sites_of(session, _owner(source, content)) if content.site_id is None else [content.site_id]


def _do(session: Session, source: Source, event: messages.Event, content: told.Told) -> None:
    match content:
        case told.SiteDescribed():
            _describe(session, source, event, content)
        case told.RunStarted():
            _start_run(session, source, event, content)
        case told.RunEnded():
            _end_run(session, source, event, content)
        case told.ZonePlanned():
            _plan(session, source, _newness(event), content)
        case told.SiteStands():
            standing.keep(session, source.tenant, _newness(event), content, source.received_ms)
        case told.NodeStarted() | told.ReadingsGap():
            _note_gap(session, _owner(source, content), event, content)


def _newness(event: messages.Event) -> int:
    """By what an event counts before others: its time, but none where the clock was suspect."""
    return 0 if told.is_suspect(event) else event.at_ms


def _check_gap(session: Session, source: Source, event: messages.Event, content: told.Gapped) -> None:
    """Raises Rejected when it is about times that have not been, or about a node that is none of the teller's."""
    if (content.gap_to_ms or 0) > source.received_ms + AHEAD_MS:
        raise Rejected(f"event {event.kind!r} is about times more than a day ahead: the node's clock is wrong")
    owner = _owner(source, content)
    if owner.node == source.node and owner.tenant == source.tenant:
        return
    row = session.get(Node, owner[:2]) if owner.tenant == source.tenant else None
    if row is None or row.via != source.node:
        raise Rejected(f"event {event.kind!r}: {source.node} may not speak for {owner.tenant}/{owner.node}")


def _check_site(session: Session, source: Source, event: messages.Event, site_id: str) -> None:
    """Raises Rejected when it is about a site that another node has described: commands for its zones, stops too, go
    to that one. Only a node that was revoked gives way."""
    site = session.get(Site, (source.tenant, site_id))
    if site is None or site.node == source.node:
        return
    other = session.get(Node, (source.tenant, site.node))
    if other is not None and other.revoked_ms is None:
        raise Rejected(
            f"event {event.kind!r}: {site_id} is the site of {site.node}. If {source.node} has taken its place: "
            f"tonnam-cloud node revoke {source.tenant} {site.node}, then start {source.node} again"
        )


def _owner(source: Source, content: told.Told) -> Source:
    """Whose sites an event is about: the teller's, or those of a node behind it."""
    if isinstance(content, told.ReadingsGap) and content.node is not None:
        tenant, node = content.node.split("/")
        return Source(tenant, node, source.received_ms)
    return source


def _note_gap(session: Session, owner: Source, event: messages.Event, content: told.Gapped) -> None:
    """Where a clock that jumped lets a gap end before it begins, nobody knows when it began."""
    from_ms, to_ms = content.gap_from_ms, content.gap_to_ms
    if to_ms is None:
        to_ms = event.at_ms  # it did not know the time when it started
    if from_ms is not None and from_ms > to_ms:
        from_ms = None
    if isinstance(content, told.NodeStarted) and from_ms in {None, to_ms}:
        return  # nobody knows that anything is missing
    gap = Gap(tenant=owner.tenant, node=owner.node, id=event.id, cause=gaps.STOPPED, from_ms=from_ms, to_ms=to_ms)
    if isinstance(content, told.ReadingsGap):
        gap.cause, gap.readings, gap.text = content.cause, content.readings, told.as_words(content.text)
    gaps.note(session, gap)


def sites_of(session: Session, source: Source) -> Sequence[str]:
    """The sites that a node has described."""
    return session.scalars(select(Site.id).where(Site.tenant == source.tenant, Site.node == source.node)).all()


def _describe(session: Session, source: Source, event: messages.Event, content: told.SiteDescribed) -> None:
    """The site becomes what is told, unless a newer description is known. What is told no more goes."""
    tenant, site_id = source.tenant, content.site.id
    site = session.get(Site, (tenant, site_id))
    if site is not None and site.described_ms > _newness(event):
        return
    known = site is not None
    tank = content.tank
    session.merge(
        Site(
            tenant=tenant,
            id=site_id,
            node=source.node,
            kind=content.site.kind,
            name=told.as_words(content.site.name),
            latitude=content.site.latitude,
            longitude=content.site.longitude,
            pump=_full(tenant, content.pump),
            tank=_full(tenant, tank.datastream if tank else None),
            tank_full_cm=tank.full_cm if tank else None,
            flow=_full(tenant, content.flow),
            described_ms=_newness(event),
        )
    )
    session.flush()
    _describe_streams(session, tenant, content)
    _describe_zones(session, source, content, event.body.get("zones", []))
    _describe_sensors(session, tenant, content)
    if not known:
        _stands_from_before(session, source, site_id)


def _describe_streams(session: Session, tenant: str, content: told.SiteDescribed) -> None:
    for position, stream in enumerate(content.datastreams):
        site, thing, measured = stream.id.split("/")
        session.merge(
            Datastream(
                id=f"{tenant}/{stream.id}",
                tenant=tenant,
                site=site,
                thing=thing,
                property=measured,
                name=told.as_words(stream.name),
                unit=stream.unit,
                kind=stream.kind,
                max_age_s=stream.max_age_s,
                position=position,
            )
        )
    names = [f"{tenant}/{stream.id}" for stream in content.datastreams]
    _forget(session, Datastream, tenant, content.site.id, Datastream.id.not_in(names))


def _describe_zones(session: Session, source: Source, content: told.SiteDescribed, raw: list[dict[str, Any]]) -> None:
    tenant, site = source.tenant, content.site.id
    for position, (zone, described) in enumerate(zip(content.zones, raw, strict=True)):
        new = session.get(Zone, (tenant, site, zone.id)) is None
        moisture, valve = _full(tenant, zone.moisture), _full(tenant, zone.valve)
        session.merge(
            Zone(
                tenant=tenant,
                site=site,
                id=zone.id,
                name=told.as_words(zone.name),
                moisture=moisture,
                valve=valve,
                band_low_pct=zone.band_low_pct,
                band_high_pct=zone.band_high_pct,
                max_run_s=zone.max_run_s,
                description={**described, "moisture": moisture, "valve": valve},
                position=position,
            )
        )
        session.flush()
        if new:
            _plan_from_before(session, source, site, zone.id)
    _forget(session, Zone, tenant, site, Zone.id.not_in([zone.id for zone in content.zones]))


def _describe_sensors(session: Session, tenant: str, content: told.SiteDescribed) -> None:
    for position, sensor in enumerate(content.sensors):
        session.merge(
            Sensor(
                tenant=tenant,
                site=content.site.id,
                thing=sensor.thing,
                kind=sensor.kind,
                name=told.as_words(sensor.name),
                latitude=sensor.latitude,
                longitude=sensor.longitude,
                datastreams=[f"{tenant}/{name}" for name in sensor.datastreams],
                bank_height_m=sensor.bank_height_m,
                bed_m=sensor.bed_m,
                position=position,
            )
        )
    things = [sensor.thing for sensor in content.sensors]
    _forget(session, Sensor, tenant, content.site.id, Sensor.thing.not_in(things))


def _forget(session: Session, table: type[Datastream | Zone | Sensor], tenant: str, site: str, which: Any) -> None:
    session.execute(delete(table).where(table.tenant == tenant, table.site == site, which))


def _full(tenant: str, name: str | None) -> str | None:
    return None if name is None else f"{tenant}/{name}"


def _start_run(session: Session, source: Source, event: messages.Event, content: told.RunStarted) -> None:
    run = _run(session, source, content)
    run.started_ms, run.suspect = event.at_ms, told.is_suspect(event)
    run.cause, run.program, run.command_id = content.cause, content.program, content.command_id
    run.planned_s, run.start_reason = content.planned_s, told.as_words(content.reason)


def _end_run(session: Session, source: Source, event: messages.Event, content: told.RunEnded) -> None:
    run = _run(session, source, content)
    if run.started_ms is None:
        run.started_ms, run.suspect = event.at_ms - round(content.duration_s * 1000), told.is_suspect(event)
    run.ended_ms, run.outcome = event.at_ms, content.outcome
    run.duration_s, run.litres, run.end_reason = content.duration_s, content.litres, told.as_words(content.reason)
    run.doses, run.kwh, run.baht = told.doses(content), told.spent(content.kwh), told.spent(content.baht)


def _run(session: Session, source: Source, content: told.RunStarted | told.RunEnded) -> Run:
    run = session.get(Run, (source.tenant, content.run_id))
    if run is None:
        run = Run(tenant=source.tenant, run_id=content.run_id)
        session.add(run)
    run.node, run.site, run.zone = source.node, content.site, content.zone
    return run


def _plan(session: Session, source: Source, at_ms: int, content: told.ZonePlanned) -> None:
    zone = session.get(Zone, (source.tenant, content.site, content.zone))
    if zone is not None and (zone.planned_ms or 0) <= at_ms:
        zone.next_at_ms, zone.next_text, zone.planned_ms = content.next_at_ms, told.as_words(content.text), at_ms


def _plan_from_before(session: Session, source: Source, site: str, zone: str) -> None:
    """A plan may have come before the zone was described."""
    mine = (Event.tenant == source.tenant, Event.node == source.node, Event.kind == "zone.planned")
    newest = select(Event).where(*mine).order_by(Event.at_ms.desc()).limit(PLANS_TO_LOOK_AT)
    events = [messages.Event(row.id, row.kind, row.at_ms, row.body) for row in session.scalars(newest)]
    for event in sorted(events, key=_newness, reverse=True):
        if (event.body.get("site"), event.body.get("zone")) == (site, zone):
            try:
                content = told.read(event)
            except Rejected:
                continue  # an older version took what this one does not
            assert isinstance(content, told.ZonePlanned)
            _plan(session, source, _newness(event), content)
            return


def _stands_from_before(session: Session, source: Source, site: str) -> None:
    """What stands may have been told before the site was described."""
    mine = (Event.tenant == source.tenant, Event.node == source.node, Event.kind == "site.stands")
    for row in session.scalars(select(Event).where(*mine).order_by(Event.at_ms.desc()).limit(PLANS_TO_LOOK_AT)):
        event = messages.Event(row.id, row.kind, row.at_ms, row.body)
        content = told.read(event)
        if isinstance(content, told.SiteStands) and content.site == site:
            standing.keep(session, source.tenant, _newness(event), content, source.received_ms)


def apply_outcome(session: Session, source: Source, outcome: messages.Outcome) -> str | None:
    """Move a command on, never back and never out of a final state. Its site, or None when it is not this node's.

    The node's word counts. What we have called expired because nothing was heard is only a belief: it gives way.
    """
    command = session.get(Command, outcome.command_id, with_for_update=True)
    if command is None or (command.tenant, command.node) != (source.tenant, source.node):
        return None
    before = CommandState(command.state)
    believed = before is CommandState.EXPIRED and command.answered_ms is None
    if command.answered_ms is None:
        command.answered_ms = source.received_ms
    if believed or (not before.final and _rank(outcome.state) > _rank(before)):
        command.state, command.changed_ms = outcome.state.value, source.received_ms
        command.reason = outcome.reason or command.reason
    if outcome.run_id is not None and command.run_id is None:
        command.run_id = outcome.run_id
    return command.site


def _rank(state: CommandState) -> int:
    return _ORDER.get(state, _FINAL)
