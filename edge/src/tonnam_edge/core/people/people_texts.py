"""What the agent says of switches, lock-outs and the emergency stop: why people keep the water off."""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_edge.core.memory import Text
from tonnam_edge.core.texts import joined, minutes, text, unknown_zone
from tonnam_edge.site.profile import Words


def switch_off() -> Text:
    return text(
        "สวิตช์ที่ตู้อยู่ที่ปิด บิดไปที่อัตโนมัติแล้วจะรดต่อเอง",
        'The switch at the cabinet is at "off". Turn it to auto and the farm waters again',
    )


def switch_hand() -> Text:
    return text(
        "มีคนรดด้วยมือที่ตู้ บิดสวิตช์กลับไปที่อัตโนมัติแล้วจะรดต่อเอง",
        "By hand at the cabinet. Turn the switch back to auto and the farm waters by itself again",
    )


def switch_auto() -> Text:
    return text("สวิตช์ที่ตู้อยู่ที่อัตโนมัติ", "The switch at the cabinet is on auto")


def switch_not_read() -> Text:
    return text(
        "ยังอ่านสวิตช์ที่ตู้ไม่ได้ จึงยังไม่เปิดน้ำ", "The switch at the cabinet has not been read yet, so no water is opened"
    )


def switch_unknown(seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        f"ไม่รู้ว่าสวิตช์ที่ตู้อยู่ตรงไหนมาเกิน {length['th']} จึงไม่รดเอง สั่งรดเองได้ ตรวจกล่องรับสัญญาณและสาย",
        f"Where the cabinet's switch stands has not been known for {length['en']}, so nothing waters by itself. "
        "You can still ask for water. Check the input module and its cable",
    )


def turned_off() -> Text:
    return text("มีคนบิดสวิตช์ที่ตู้ไปที่ปิด", "Somebody turned the switch at the cabinet to off")


def turned_to_hand() -> Text:
    return text("มีคนบิดสวิตช์ที่ตู้ไปที่มือ", "Somebody turned the switch at the cabinet to hand")


def watered_by_hand() -> Text:
    return text("รดด้วยมือที่ตู้", "By hand at the cabinet")


def emergency() -> Text:
    return text(
        "มีคนกดปุ่มหยุดฉุกเฉินที่ตู้ ปิดทุกอย่างแล้ว ไปดูที่ตู้ เมื่อปลอดภัยแล้วให้ดึงปุ่มออก",
        "The emergency stop at the cabinet is pressed, and all is off. Go and look; release it when all is safe",
    )


def emergency_over() -> Text:
    return text("ปุ่มหยุดฉุกเฉินถูกดึงออกแล้ว", "The emergency stop was released")


def emergency_just_over(seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        f"เพิ่งดึงปุ่มหยุดฉุกเฉินออก รอ {length['th']} ก่อนรดเอง",
        f"The emergency stop was just released; nothing waters by itself for {length['en']}",
    )


def emergency_not_read() -> Text:
    return text("ยังอ่านปุ่มหยุดฉุกเฉินไม่ได้ จึงยังไม่เปิดน้ำ", "The emergency stop has not been read yet, so no water is opened")


def emergency_unknown(seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        f"ไม่รู้สถานะปุ่มหยุดฉุกเฉินมาเกิน {length['th']} จึงไม่รดเอง สั่งรดเองได้ ตรวจกล่องรับสัญญาณและสาย",
        f"The emergency stop has not been read for {length['en']}, so nothing waters by itself. You can still ask "
        "for water. Check the input module and its cable",
    )


def locked(who: str, why: str, zone: Words | None) -> Text:
    where_th, where_en = ("ทั้งฟาร์ม", "The whole farm") if zone is None else (zone.th, zone.en)
    return text(
        joined(who, "ล็อก", where_th, f"ไว้: {why} ปลดล็อกได้ที่ฟาร์มเท่านั้น"),
        f"{where_en} is locked by {who}: {why}. It can be unlocked at the farm only",
    )


def locked_now() -> Text:
    return text("ล็อกแล้ว ปิดน้ำที่กำลังรด ปลดล็อกได้ที่ฟาร์มเท่านั้น", "Locked; what ran is being closed. Unlock it at the farm")


def too_many_locks() -> Text:
    return text("ล็อกไว้มากเกินไปแล้ว ปลดล็อกที่ฟาร์มก่อน", "There are too many lock-outs. Unlock some at the farm first")


def unlocked(count: int) -> Text:
    return text(f"ปลดล็อกแล้ว {count} รายการ", f"{count} lock-out{'' if count == 1 else 's'} removed")


def nothing_locked() -> Text:
    return text("ไม่มีอะไรล็อกอยู่", "Nothing is locked there")


def no_such_zone(zone: str, known: Iterable[str]) -> Text:
    there, none = ", ".join(sorted(known)), unknown_zone(zone)
    return text(f"{none['th']} ที่มีคือ {there}", f"{none['en']}. There are: {there}")


def latch_cleared() -> Text:
    return text("ปลดแล้ว ฟาร์มรดน้ำต่อได้", "Cleared: the farm may water again")


def latch_unknown() -> Text:
    return text("รายการนี้ถูกปลดไปแล้ว หรือไม่มีที่นี่", "That was cleared before, or is not known here")


def what_stands() -> Text:
    return text("ที่ยังค้างอยู่", "What stands")


def clear_on_site() -> Text:
    return text(
        "ปลดจากไกลไม่ได้ เพราะอาจมีคนล็อกไว้และยังทำงานอยู่ ไปดูที่ฟาร์มว่าไม่มีใคร แล้วสั่ง tonnam-edge clear ที่เครื่องควบคุม",
        "This cannot be cleared from afar: somebody may have locked it and still work there. Make sure at the site "
        "that nobody does, then give tonnam-edge clear at the controller",
    )


def unlock_on_site() -> Text:
    return text("การล็อกปลดได้ที่ฟาร์มเท่านั้น", "A lock-out can be removed at the farm only")
