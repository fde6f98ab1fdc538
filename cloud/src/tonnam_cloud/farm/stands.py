"""What keeps water off a zone until a person acts, as the API tells it, and why no water runs now. Pure."""

from __future__ import annotations

from tonnam_cloud.farm import schemas
from tonnam_cloud.registry.told import LockoutTold, SiteStands
from tonnam_cloud.registry.told import Words as WordsTold
from tonnam_cloud.times import utc_or_none
from tonnam_cloud.words import Words

EMERGENCY = Words(
    th="มีคนกดปุ่มหยุดฉุกเฉินที่ตู้ ทุกอย่างปิดอยู่",
    en="The emergency stop at the cabinet is pressed; everything is off.",
)
LOCKED_SITE = Words(
    th="{who} ล็อกทั้งฟาร์มไว้: {why} ปลดล็อกได้ที่ฟาร์มเท่านั้น",
    en="{who} has locked the whole farm: {why}. It can be unlocked at the farm only.",
)
LOCKED_ZONE = Words(
    th="{who} ล็อกแปลงนี้ไว้: {why} ปลดล็อกได้ที่ฟาร์มเท่านั้น",
    en="{who} has locked this zone: {why}. It can be unlocked at the farm only.",
)


def emergency(standing: SiteStands) -> schemas.Emergency | None:
    pressed = standing.emergency
    return None if pressed is None else schemas.Emergency(since=utc_or_none(pressed.since_ms))


def latches(standing: SiteStands, zone: str | None = None) -> list[schemas.Latch]:
    """All latches of a site, or those that keep water off a zone."""
    return [
        schemas.Latch(
            id=each.id,
            kind=each.of,
            subject=each.subject,
            zones=each.zones,
            text=_words(each.text),
            since=utc_or_none(each.since_ms),
        )
        for each in standing.latches
        if zone is None or zone in each.zones
    ]


def lockouts(standing: SiteStands, zone: str | None = None) -> list[schemas.Lockout]:
    """All lock-outs of a site, or those that keep water off a zone."""
    return [
        schemas.Lockout(id=each.id, zone=each.zone, who=each.who, why=each.why, since=utc_or_none(each.since_ms))
        for each in standing.lockouts
        if zone is None or each.zone in {None, zone}
    ]


def mode(standing: SiteStands, zone: str) -> schemas.Mode | None:
    found = next((each for each in standing.modes if each.zone == zone), None)
    return None if found is None else schemas.Mode(mode=found.mode, text=_words(found.text))


def why_not(standing: SiteStands, zone: str, plan: Words | None) -> Words | None:
    """Why a zone does not water now, the gravest reason first; without one what the farm itself intends."""
    if standing.emergency is not None:
        return EMERGENCY
    locked = next((each for each in standing.lockouts if each.zone in {None, zone}), None)
    if locked is not None:
        return _locked(locked)
    switch = mode(standing, zone)
    if switch is not None and switch.mode in {"off", "hand"}:
        return switch.text
    latched = next((each for each in standing.latches if zone in each.zones), None)
    if latched is not None:
        return _words(latched.text)
    return switch.text if switch is not None and switch.mode == "unknown" else plan


def _locked(lockout: LockoutTold) -> Words:
    words = LOCKED_SITE if lockout.zone is None else LOCKED_ZONE
    return words.filled(who=lockout.who, why=lockout.why)


def _words(told: WordsTold) -> Words:
    return Words(th=told.th, en=told.en)
