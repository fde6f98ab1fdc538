"""What a site's controller has told, in words for people, and what each kind of it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tonnam_cloud.farm import schemas
from tonnam_cloud.registry.models import Event, Site
from tonnam_cloud.times import utc
from tonnam_cloud.words import Words

MOST = 100
LONGEST = 1000
LOOKED_AT = 500
"""A controller may have many sites; so many of its newest events are looked at for those of one."""

TITLES: Mapping[str, Words] = {
    "actuator.fault": Words(th="วาล์วหรือปั๊มไม่เป็นไปตามสั่ง", en="A valve or pump is not as it was told"),
    "clock.disagrees": Words(th="นาฬิกาไม่ตรงกัน", en="The clocks disagree"),
    "command.rejected": Words(th="ไม่รับคำสั่งที่ส่งมา", en="Commands were turned away"),
    "device.back": Words(th="อุปกรณ์กลับมาแล้ว", en="A device is back"),
    "device.clock_wrong": Words(th="นาฬิกาของเครื่องวัดผิด", en="A device's clock is wrong"),
    "device.lost": Words(th="อุปกรณ์เงียบไป", en="A device fell silent"),
    "dosing.stopped": Words(th="จ่ายปุ๋ยไม่ได้หรือไม่ครบ", en="Nothing, or not all, was dosed"),
    "emergency.pressed": Words(th="กดปุ่มหยุดฉุกเฉิน", en="The emergency stop was pressed"),
    "emergency.released": Words(th="ปล่อยปุ่มหยุดฉุกเฉิน", en="The emergency stop was released"),
    "flush.ended": Words(th="ล้างไส้กรอง", en="A filter was flushed"),
    "latch.cleared": Words(th="ปลดสิ่งผิดปกติแล้ว", en="Something wrong was cleared"),
    "latch.set": Words(th="พบสิ่งผิดปกติ", en="Something was found wrong"),
    "lock.cleared": Words(th="ปลดล็อกแล้ว", en="Unlocked"),
    "lock.set": Words(th="ล็อก", en="Locked"),
    "node.started": Words(th="เครื่องควบคุมเริ่มทำงาน", en="The controller began"),
    "node.stopped": Words(th="เครื่องควบคุมหยุดทำงาน", en="The controller ended"),
    "outbox.damaged": Words(th="ไฟล์เก็บข้อมูลเสียหาย", en="The file of readings is damaged"),
    "outbox.deleted": Words(th="ไฟล์เก็บข้อมูลถูกลบ", en="The file of readings was deleted"),
    "probe.contradicts": Words(th="หัววัดไม่ตรงกับน้ำที่คำนวณ", en="A probe contradicts the water balance"),
    "program.skipped": Words(th="ข้ามรอบรดน้ำ", en="A watering was left out"),
    "program.stepped": Words(th="เปลี่ยนวิธีคิดการรด", en="A program goes by something else"),
    "pump.held": Words(th="ปั๊มรอไฟ", en="A pump waits for power"),
    "pump.resumed": Words(th="ปั๊มเดินต่อ", en="A pump goes on"),
    "rain.doubted": Words(th="มาตรวัดฝนน่าสงสัย", en="The rain gauge is doubted"),
    "rain.unseen": Words(th="ฝนตอนที่เครื่องควบคุมดับ", en="Rain while the controller was off"),
    "station.dry": Words(th="ปั๊มดูดไม่ได้น้ำ", en="A pump draws no water"),
    "station.explained": Words(th="สถานีบอกเหตุผล", en="Why the station stands as it does"),
    "station.lock": Words(th="กุญแจที่สถานี", en="The station's key switch"),
    "station.mode": Words(th="สวิตช์ที่สถานี", en="The station's switch"),
    "station.moved": Words(th="ปั๊มหรือประตูขยับ", en="A pump or gate moved"),
    "station.rises": Words(th="น้ำยังสูงขึ้น", en="The water still rises"),
    "weather.holds": Words(th="อากาศทำให้ไม่ได้รดครบหนึ่งวัน", en="Weather has held the water for a day"),
    "weather.stand_ins": Words(th="ใช้ค่าแทนอากาศที่ไม่ได้วัด", en="What stood in for weather not measured"),
    "zone.mode": Words(th="สวิตช์ที่ตู้", en="The cabinet's switch"),
    "zone.waits": Words(th="รอน้ำมาครบหนึ่งวัน", en="Has waited a day for water"),
}
ELSEWHERE = frozenset(
    {"flush.started", "readings.gap", "run.ended", "run.started", "site.described", "site.stands", "zone.planned"}
)
"""What people see by another way: the zone's plan and waterings, its chart's gaps, what stands."""
BY = Words(th="โดย {by}", en="By {by}")


def of_site(session: Session, site: Site, from_ms: int) -> list[schemas.SiteEvent]:
    """What was told of a site since, the newest first, at most `MOST`."""
    mine = select(Event).where(Event.tenant == site.tenant, Event.node == site.node, Event.at_ms >= from_ms)
    newest = mine.where(Event.kind.in_(TITLES)).order_by(Event.at_ms.desc(), Event.id).limit(LOOKED_AT)
    return [_event(row) for row in _concerning(session.scalars(newest).all(), site.id)[:MOST]]


def _concerning(rows: Sequence[Event], site: str) -> list[Event]:
    return [row for row in rows if row.body.get("site") in {None, site}]


def _event(row: Event) -> schemas.SiteEvent:
    said, by, zone = (row.body.get(key) for key in ("text", "by", "zone"))
    text = Words.read(said) if isinstance(said, Mapping) else None
    if text is not None:
        text = Words(th=text.th[:LONGEST], en=text.en[:LONGEST])
    if text is None and isinstance(by, str):
        text = BY.filled(by=by)
    return schemas.SiteEvent(
        id=row.id,
        kind=row.kind,
        at=None if row.body.get("clock_suspect") is True else utc(row.at_ms),
        title=TITLES[row.kind],
        text=text,
        zone=zone if isinstance(zone, str) else None,
    )
