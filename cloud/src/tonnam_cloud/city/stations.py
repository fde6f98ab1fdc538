"""Pumping stations and gates, as their controller has told that they stand. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tonnam_cloud.city import schemas
from tonnam_cloud.measures.schemas import Measure
from tonnam_cloud.registry.told import SiteStands, StationStands
from tonnam_cloud.registry.told import Words as WordsTold
from tonnam_cloud.times import utc_or_none
from tonnam_cloud.words import Words


def stations(tenant: str, stands: SiteStands, newest: Mapping[str, Measure]) -> list[schemas.Station]:
    """Those of a site, in the order of its site file, each with what was found wrong with it."""
    return [_station(tenant, each, stands, newest) for each in stands.stations]


def _station(tenant: str, told: StationStands, stands: SiteStands, newest: Mapping[str, Measure]) -> schemas.Station:
    mine = {stands.site, told.id, *(part.id for part in told.parts)}
    names = [told.level, *(part.datastream for part in told.parts)]
    heard = [newest[name] for name in (f"{tenant}/{name}" for name in names) if name in newest]
    return schemas.Station(
        id=told.id,
        name=_words(told.name),
        state=told.state,
        text=_words(told.text),
        parts=[schemas.StationPart(id=part.id, name=_words(part.name), state=part.state) for part in told.parts],
        level=None if told.level is None else newest.get(f"{tenant}/{told.level}"),
        level_by=told.level_by,
        mode=told.mode,
        locked=told.locked,
        in_hand=told.in_hand,
        ordered=told.ordered,
        order_state=told.order_state,
        max_order_s=told.max_order_s,
        heard_at=max((each.observed_at for each in heard if each.observed_at is not None), default=None),
        fresh=any(each.fresh for each in heard),
        alarm=None if told.alarm is None else _words(told.alarm),
        latches=[
            schemas.StationLatch(id=each.id, kind=each.of, text=_words(each.text), since=utc_or_none(each.since_ms))
            for each in stands.latches
            if each.subject in mine
        ],
    )


def _words(told: WordsTold) -> Words:
    return Words(th=told.th, en=told.en)
