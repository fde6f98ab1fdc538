"""Gaps: readings that were accepted and did not stay as they were. Each is told, as an event."""

from __future__ import annotations

import uuid
from typing import Literal

import msgspec

from tonnam_link.messages import Event

Cause = Literal["thinned", "dropped", "damaged", "memory"]

NEAR_MS = 86_400_000
MOST_OF_A_KIND = 8

TEXTS: dict[Cause, dict[str, str]] = {
    "thinned": {
        "th": "ส่งข้อมูลไม่ได้นานจนที่เก็บเกือบเต็ม ค่าที่วัดไว้ช่วงเก่าสุดจึงถูกย่อเหลือนาทีละหนึ่งค่า (ต่ำสุด สูงสุด และเฉลี่ย) "
        "การให้น้ำไม่ได้รับผลกระทบ โปรดตรวจการเชื่อมต่ออินเทอร์เน็ต",
        "en": "Readings could not be sent for so long that the store on the node is nearly full. The oldest are kept "
        "as one value a minute (lowest, highest and mean). Watering is not affected. Please check the connection.",
    },
    "dropped": {
        "th": "ส่งข้อมูลไม่ได้นานจนที่เก็บเต็ม ค่าที่วัดไว้ช่วงเก่าสุดจึงถูกลบทิ้ง การให้น้ำไม่ได้รับผลกระทบ โปรดตรวจการเชื่อมต่ออินเทอร์เน็ต",
        "en": "Readings could not be sent for so long that the store on the node is full. The oldest were deleted. "
        "Watering is not affected. Please check the connection.",
    },
    "damaged": {
        "th": "ไฟล์ที่เก็บค่าที่วัดไว้และยังไม่ได้ส่งเสียหาย ค่าบางส่วนในช่วงนี้อาจหายไป ส่วนที่ยังอ่านได้จะถูกส่งตามปกติ "
        "ถ้าเกิดขึ้นอีก โปรดเปลี่ยนการ์ดหน่วยความจำ",
        "en": "The file of readings that were not yet sent is damaged. Some of this time may be lost; what could "
        "still be read is sent as usual. If this happens again, please replace the memory card.",
    },
    "memory": {
        "th": "เขียนลงที่เก็บไม่ได้นานจนหน่วยความจำเต็ม ค่าที่วัดไว้ช่วงเก่าสุดบางส่วนจึงหายไป โปรดตรวจการ์ดหน่วยความจำและพื้นที่ว่าง",
        "en": "The node's disk took nothing for so long that its memory filled up. Some of the oldest readings "
        "are lost. Please check the memory card and its free space.",
    },
}


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Readings from `from_ms` (None: nobody knows) to `to_ms` that are thinned or gone.

    `readings` is how many, None if that is not known; `node` whose they were, as `tenant/node`, if not our own.
    """

    cause: Cause
    from_ms: int | None
    to_ms: int
    readings: int | None
    node: str | None = None

    def joined(self, other: Gap) -> Gap:
        """Both as one."""
        from_ms = None if self.from_ms is None or other.from_ms is None else min(self.from_ms, other.from_ms)
        readings = None if self.readings is None or other.readings is None else self.readings + other.readings
        return Gap(self.cause, from_ms, max(self.to_ms, other.to_ms), readings, self.node)

    def event(self, at_ms: int) -> Event:
        """The event that tells it, each time another one.

        An outbox that lost its last commits tells again what it has told, and then it may have become more: under the
        id of before nobody would keep it.
        """
        body = {
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
            "cause": self.cause,
            "readings": self.readings,
            "node": self.node,
            "text": TEXTS[self.cause],
        }
        return Event(uuid.uuid4().hex, "readings.gap", at_ms, body)


def join(gaps: tuple[Gap, ...], new: Gap) -> tuple[Gap, ...]:
    """The gaps with `new`, which becomes part of a near one of the same cause and node if there is one.

    Gaps that lie far apart stay apart, but no more than a few of a kind.
    """
    kin = [gap for gap in gaps if (gap.cause, gap.node) == (new.cause, new.node)]
    near = [gap for gap in kin if _distance_ms(gap, new) <= NEAR_MS] or kin[MOST_OF_A_KIND - 1 :]
    if not near:
        return (*gaps, new)
    return tuple(gap.joined(new) if gap is near[0] else gap for gap in gaps)


def _distance_ms(one: Gap, other: Gap) -> int:
    """How much time lies between two gaps; nothing if nobody knows."""
    if one.from_ms is None or other.from_ms is None:
        return 0
    return max(one.from_ms, other.from_ms) - min(one.to_ms, other.to_ms)
