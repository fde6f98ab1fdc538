"""Why a line has holes, in words."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from tonnam_cloud.measures.schemas import Gap
from tonnam_cloud.registry import gaps
from tonnam_cloud.registry import models as registry
from tonnam_cloud.times import utc, utc_or_none
from tonnam_cloud.words import Words

NOT_RECORDED = Words(th="ไม่มีข้อมูลช่วงนี้", en="Nothing is recorded of this time.")
WORDS: Mapping[str, Words] = {
    gaps.STOPPED: Words(
        th="เครื่องควบคุมดับหรือกำลังเริ่มใหม่ ช่วงนี้จึงไม่ได้วัด",
        en="The controller was off or starting again, so nothing was measured.",
    ),
    gaps.QUARANTINE: Words(
        th="ข้อมูลบางส่วนส่งมาแล้วแต่ระบบอ่านไม่ได้ และเก็บไว้ต่อไม่ไหว",
        en="Some of what was sent could not be read, and there was no more room to keep it.",
    ),
}


def of_site(session: Session, tenant: str, site: str, from_ms: int, to_ms: int) -> list[Gap]:
    """The gaps of a site within a range, oldest first."""
    return [gap_out(row) for row in gaps.of_site(session, tenant, site, from_ms, to_ms)]


def gap_out(row: registry.Gap) -> Gap:
    text = Words.read(row.text) or WORDS.get(row.cause, NOT_RECORDED)
    known = {"from": utc_or_none(row.from_ms), "to": utc(row.to_ms)}
    return Gap.model_validate({**known, "cause": row.cause, "readings": row.readings, "text": text})
