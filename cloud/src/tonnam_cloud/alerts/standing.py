"""Alerts about what stands at a site until a person acts. They are raised where it is told, and not by a rule: they
must reach people whatever the rules are, and though the watch over the rules is away.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonnam_cloud.alerts import repository
from tonnam_cloud.alerts.models import AlertRow
from tonnam_cloud.registry import told
from tonnam_cloud.registry.models import Site, Zone
from tonnam_cloud.words import Words

CRITICAL = frozenset({"high_flow", "leak", "welded", "not_closed", "not_safe", "not_moved"})
"""Latches of which water runs, or may."""
TITLES: Mapping[str, Words] = {
    "no_flow": Words(th="{place}: เปิดแล้วน้ำไม่ไหล", en="{place}: no water flows"),
    "low_flow": Words(th="{place}: น้ำไหลน้อยเกินไป", en="{place}: too little water flows"),
    "high_flow": Words(th="{place}: น้ำไหลมากเกินไป", en="{place}: too much water flows"),
    "leak": Words(th="{place}: น้ำรั่ว", en="{place}: a leak"),
    "welded": Words(th="{place}: ปั๊มไม่ยอมหยุด", en="{place}: the pump does not stop"),
    "meter_still": Words(th="{place}: น้ำไหลแต่มิเตอร์ไม่นับ", en="{place}: water flows and the meter does not count"),
    "together": Words(th="{place}: รดพร้อมกันแล้วน้ำผิด", en="{place}: zones that water together get the wrong flow"),
    "not_closed": Words(th="{place}: วาล์วไม่ปิด", en="{place}: a valve does not close"),
    "unexpected": Words(th="{place}: มีอย่างอื่นสั่งวาล์วหรือปั๊ม", en="{place}: something else moves valves or pump"),
    "dosing": Words(th="{place}: จ่ายปุ๋ยไม่ได้", en="{place}: dosing has stopped"),
    "stock_empty": Words(th="{place}: ถังปุ๋ยหมด", en="{place}: a stock tank is empty"),
    "memory_lost": Words(
        th="{place}: เครื่องควบคุมจำไม่ได้ว่ามีอะไรค้างอยู่", en="{place}: the controller has forgotten what stood"
    ),
    "not_running": Words(th="{place}: ปั๊มไม่เดิน", en="{place}: a pump does not run"),
    "not_moved": Words(th="{place}: ประตูไม่ขยับ", en="{place}: the gate does not move"),
    "not_safe": Words(th="{place}: ไม่ไปสถานะปลอดภัย", en="{place}: does not go into its safe state"),
}
OTHER = Words(th="{place}: พบสิ่งผิดปกติ", en="{place}: something is wrong")
LATCH_TEXT = Words(
    th="{text} · ไม่รดที่เกี่ยวข้องจนกว่าจะมีคนไปดูแล้วกดว่าซ่อมแล้ว",
    en="{text}. What it concerns gets no water until a person has looked and says that it is mended.",
)
OTHER_TEXTS: Mapping[str, Words] = {
    "together": Words(th="{text} · ดูแล้วกดว่าซ่อมแล้ว", en="{text}. Go and look, then say that it is mended."),
    "dosing": Words(
        th="{text} · รดน้ำเปล่าต่อไป จนกว่าจะมีคนไปดูแล้วกดว่าซ่อมแล้ว",
        en="{text}. Plain water goes on until a person has looked and says that it is mended.",
    ),
    "stock_empty": Words(
        th="{text} · รดน้ำเปล่าต่อไป จนกว่าจะแจ้งที่ตู้ว่าเติมแล้ว",
        en="{text}. Plain water goes on until somebody says at the controller that it is full.",
    ),
    "memory_lost": Words(
        th="{text} · ไปดูที่ฟาร์มก่อน แล้วสั่ง tonnam-edge clear ที่เครื่องควบคุม ปลดจากไกลไม่ได้",
        en="{text}. Then give tonnam-edge clear at the controller; it cannot be cleared from afar.",
    ),
}
STATION_LATCH_TEXT = Words(
    th="{text} · ไปดู แล้วกดว่าซ่อมแล้ว",
    en="{text}. Go and look, then say that it is mended.",
)
STATION_TITLE = Words(th="{place}: ต้องมีคนไปดู", en="{place}: somebody must look")
EMERGENCY_TITLE = Words(th="{place}: มีคนกดปุ่มหยุดฉุกเฉิน", en="{place}: the emergency stop is pressed")
EMERGENCY_TEXT = Words(
    th="ปิดทุกอย่างแล้ว ไปดูที่ตู้ เมื่อปลอดภัยแล้วให้ดึงปุ่มออก แล้วฟาร์มจะรดต่อเอง",
    en="Everything is off. Go to the cabinet; when all is safe release the button, and the farm goes on.",
)
DOUBT_TITLES: Mapping[str, Words] = {
    "probe": Words(th="{place}: หัววัดดินไม่น่าเชื่อ", en="{place}: the soil probes are in doubt"),
    "rain_gauge": Words(th="{place}: มาตรวัดฝนไม่น่าเชื่อ", en="{place}: the rain gauge is in doubt"),
    "flow": Words(th="{place}: น้ำไหล ไม่รู้ว่าใครเปิด", en="{place}: water flows, and nobody knows who lets it"),
}
THIRST_TITLES: Mapping[str, Words] = {
    "no_water": Words(th="{place}: ต้องการน้ำแต่ไม่ได้รด", en="{place}: wants water and gets none"),
    "kept_off": Words(th="{place}: มีคนปิดน้ำไว้นาน", en="{place}: kept off for long"),
}
SWITCH_TITLE = Words(th="{place}: ไม่รู้ว่าสวิตช์ที่ตู้อยู่ตรงไหน", en="{place}: the cabinet's switch is not read")


class _Wanted(NamedTuple):
    """An alert that is to stand."""

    rule: str
    subject: str
    severity: str
    title: Words
    text: Words
    since_ms: int


def follow(session: Session, site: Site, content: told.SiteStands, at_ms: int) -> None:
    """Raise an alert for everything that stands, end those of what does not, and say it anew. It is `at_ms`."""
    wanted = {(each.rule, each.subject): each for each in _wanted(session, site, content, at_ms)}
    mine = (AlertRow.tenant == site.tenant, AlertRow.site == site.id, AlertRow.rule.in_(repository.TOLD))
    rows = session.scalars(select(AlertRow).where(*mine, AlertRow.state == "firing")).all()
    for row in rows:
        if (row.rule, row.subject) not in wanted:
            row.state, row.resolved_ms, row.seen_ms = "resolved", at_ms, at_ms
    known = {(row.rule, row.subject): row for row in rows}
    for key, each in wanted.items():
        row = known.get(key) or _opened(session, site, each)
        row.severity, row.title, row.text = each.severity, each.title.model_dump(), each.text.model_dump()
        row.seen_ms = at_ms


def _opened(session: Session, site: Site, each: _Wanted) -> AlertRow:
    row = AlertRow(
        id=uuid.uuid4().hex,
        rule=each.rule,
        subject=each.subject,
        tenant=site.tenant,
        site=site.id,
        state="firing",
        since_ms=each.since_ms,
    )
    session.add(row)
    return row


def _wanted(session: Session, site: Site, content: told.SiteStands, at_ms: int) -> list[_Wanted]:
    place, whole = f"{site.tenant}/{site.id}", Words.read(site.name) or Words(th=site.id, en=site.id)
    found = []
    for latch in content.latches:
        zone = session.get(Zone, (site.tenant, site.id, latch.subject))
        station = _station_of(content, latch.subject)
        name = (Words.read(zone.name) if zone else None) or (_words(station.name) if station else whole)
        title = TITLES.get(latch.of, OTHER).filled(place=name)
        told_of = OTHER_TEXTS.get(latch.of, STATION_LATCH_TEXT if station else LATCH_TEXT)
        text = told_of.filled(text=_words(latch.text))
        severity = "critical" if latch.of in CRITICAL else "warning"
        since_ms = at_ms if latch.since_ms is None else latch.since_ms
        found.append(_Wanted("latch", f"{place}/{latch.id}", severity, title, text, since_ms))
    if content.emergency is not None:
        since_ms = content.emergency.since_ms or at_ms
        title = EMERGENCY_TITLE.filled(place=whole)
        found.append(_Wanted("emergency-stop", place, "critical", title, EMERGENCY_TEXT, since_ms))
    for mode in content.modes:
        zone = session.get(Zone, (site.tenant, site.id, mode.zone))
        if mode.mode == "unknown" and zone is not None:
            name, text = Words.read(zone.name) or whole, Words(th=mode.text.th, en=mode.text.en)
            title = SWITCH_TITLE.filled(place=name)
            found.append(_Wanted("switch-unknown", f"{place}/{mode.zone}", "warning", title, text, at_ms))
    for doubt in content.doubts:
        zone = session.get(Zone, (site.tenant, site.id, doubt.zone)) if doubt.zone else None
        name = (Words.read(zone.name) if zone else None) or whole
        title = DOUBT_TITLES.get(doubt.of, OTHER).filled(place=name)
        subject = f"{place}/{doubt.of}/{doubt.zone or ''}"
        found.append(_Wanted("doubt", subject, "warning", title, _words(doubt.text), at_ms))
    for each in content.stations:
        if each.alarm is not None:
            title = STATION_TITLE.filled(place=_words(each.name))
            found.append(_Wanted("station", f"{place}/{each.id}", "critical", title, _words(each.alarm), at_ms))
    return found + [_thirst(session, site, each, at_ms) for each in content.thirsty]


def _thirst(session: Session, site: Site, told_of: told.ThirstyTold, at_ms: int) -> _Wanted:
    zone = session.get(Zone, (site.tenant, site.id, told_of.zone))
    name = (Words.read(zone.name) if zone else None) or Words(th=told_of.zone, en=told_of.zone)
    title = THIRST_TITLES.get(told_of.of, OTHER).filled(place=name)
    since_ms = at_ms if told_of.since_ms is None else told_of.since_ms
    subject = f"{site.tenant}/{site.id}/{told_of.zone}"
    return _Wanted("thirst", subject, "warning", title, _words(told_of.text), since_ms)


def _station_of(content: told.SiteStands, actuator: str) -> told.StationStands | None:
    return next((each for each in content.stations if any(part.id == actuator for part in each.parts)), None)


def _words(given: told.Words) -> Words:
    return Words(th=given.th, en=given.en)
