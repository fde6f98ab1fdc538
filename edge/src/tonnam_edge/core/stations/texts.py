"""What the agent says of pumping stations and gates: why they move, why they do not, and what was found wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tonnam_edge.core.memory import Text
from tonnam_edge.core.people.modes import Mode
from tonnam_edge.core.texts import joined, minutes, text
from tonnam_edge.site.profile import Words

STATES: Mapping[str, Text] = {
    "on": text("เดิน", "on"),
    "off": text("หยุด", "off"),
    "open": text("เปิด", "open"),
    "closed": text("ปิด", "closed"),
}


def both(first: Text, *more: Text) -> Text:
    """Several sentences in a row."""
    parts = [first, *more]
    return text(" · ".join(part["th"] for part in parts), ". ".join(part["en"] for part in parts))


# Why it is as it is


def above(cm: float, start_cm: float, state: str) -> Text:
    said = STATES[state]
    return text(
        f"ระดับน้ำ {cm:.0f} ซม. ถึงเกณฑ์ {start_cm:g} ซม. จึงสั่ง{said['th']}",
        f"The water is at {cm:.0f} cm; from {start_cm:g} cm up it is {said['en']}",
    )


def flooded(cm: float, all_cm: float) -> Text:
    return text(
        f"ระดับน้ำ {cm:.0f} ซม. ถึงเกณฑ์ {all_cm:g} ซม. จึงเดินปั๊มทุกตัว",
        f"The water is at {cm:.0f} cm; from {all_cm:g} cm up every pump runs",
    )


def below(cm: float, stop_cm: float, state: str) -> Text:
    said = STATES[state]
    return text(
        f"ระดับน้ำ {cm:.0f} ซม. ถึงหรือต่ำกว่าเกณฑ์ {stop_cm:g} ซม. จึงสั่ง{said['th']}",
        f"The water is at {cm:.0f} cm; from {stop_cm:g} cm down it is {said['en']}",
    )


def between(stop_cm: float, start_cm: float, state: str) -> Text:
    said = STATES[state]
    return text(
        f"ระดับน้ำอยู่ระหว่าง {stop_cm:g} ถึง {start_cm:g} ซม. คงสถานะ{said['th']}ไว้",
        f"The water is between {stop_cm:g} and {start_cm:g} cm: it stays {said['en']}",
    )


def by_witness() -> Text:
    return text("อ่านมาตรวัดของสถานีไม่ได้ จึงดูจากมาตรวัดสำรอง", "Its own gauge is not read; the other gauge counts")


def gauges_apart() -> Text:
    return text(
        "มาตรวัดสองตัวไม่ตรงกัน ใช้ค่าที่นำไปสู่สถานะปลอดภัย ไปตรวจมาตรวัด",
        "The two gauges contradict each other; the one counts that leads to the safe state. Check both",
    )


def gauges_still(hours: float) -> Text:
    return text(
        f"ค่าระดับน้ำไม่เปลี่ยนเลย {hours:g} ชั่วโมง มาตรวัดอาจค้าง ไปเทียบกับน้ำจริง",
        f"No gauge has changed for {hours:g} hours: they may hang. Compare them with the water",
    )


def level_unknown(state: str) -> Text:
    said = STATES[state]
    return text(
        f"ไม่รู้ระดับน้ำ จึงอยู่ในสถานะปลอดภัย: {said['th']} ตรวจมาตรวัดและสาย",
        f"The level is not known, so it is in its safe state: {said['en']}. Check the gauge and its cable",
    )


def safe_because(why: Text, state: str) -> Text:
    said = STATES[state]
    return text(
        f"{why['th']} จึงอยู่ในสถานะปลอดภัย: {said['th']}", f"{why['en']}, so it is in its safe state: {said['en']}"
    )


def ordered(state: str, seconds: float) -> Text:
    said, length = STATES[state], minutes(seconds)
    return text(f"มีคนสั่ง{said['th']} {length['th']}", f"Somebody asked for it to be {said['en']} for {length['en']}")


def begins() -> Text:
    return text("เครื่องควบคุมเพิ่งเริ่ม จึงไปที่สถานะปลอดภัยก่อน", "The controller has just begun: first into the safe state")


def disk_fails() -> Text:
    return text(
        "เครื่องควบคุมจดบันทึกไม่ได้ หน่วยความจำเต็มหรือเสีย", "The controller cannot write to its disk (full or broken)"
    )


# Who has it in hand


def locked() -> Text:
    return text(
        "กุญแจล็อกที่ตู้ถูกบิด ไม่มีใครสั่งจากไกลได้ และระบบไม่แตะต้อง",
        "Locked by the key at the cabinet: nobody moves it from afar, nor does the program",
    )


def unlocked() -> Text:
    return text("กุญแจล็อกที่ตู้ถูกปลดแล้ว", "The key at the cabinet was turned back")


def locked_by(who: str, why: str) -> Text:
    return text(
        joined(who, f"ล็อกไว้ที่ตู้: {why} ปลดล็อกได้ที่ตู้เท่านั้น"),
        f"Locked at the site by {who}: {why}. It can be unlocked there only",
    )


def lock_at_the_site_only() -> Text:
    return text(
        "สถานีล็อกได้ที่ตู้เท่านั้น เพราะคนที่อยู่ไกลไม่เห็นน้ำ",
        "A station is locked at the site only: from afar nobody sees the water",
    )


def lock_unknown() -> Text:
    return text(
        "อ่านกุญแจล็อกที่ตู้ไม่ได้ ตรวจกล่องรับสัญญาณและสาย",
        "The key switch at the cabinet is not read (check the input module)",
    )


def mode_unknown() -> Text:
    return text(
        "อ่านสวิตช์ที่ตู้ไม่ได้ ตรวจกล่องรับสัญญาณและสาย",
        "The switch at the cabinet is not read (check the input module)",
    )


def switches_not_read() -> Text:
    return text(
        "ยังอ่านสวิตช์ที่ตู้ไม่ได้ จึงยังไม่สั่งอะไร", "The switches at the cabinet have not been read yet, so nothing is moved"
    )


def switches_forgotten() -> Text:
    return text(
        "หน่วยความจำเสียและยังอ่านสวิตช์ที่ตู้ไม่ได้ อาจมีคนล็อกไว้ จึงไม่สั่งอะไรจนกว่าจะอ่านได้",
        "The memory was damaged and the switches at the cabinet are not read: somebody may have locked it, so "
        "nothing is moved until they are read",
    )


MODES: Mapping[Mode, Callable[[], Text]] = {
    Mode.OFF: lambda: text(
        "สวิตช์ที่ตู้อยู่ที่ปิด ระบบไม่แตะต้องจนกว่าจะบิดไปที่อัตโนมัติ",
        'The switch at the cabinet is at "off": the program moves nothing until it is on auto',
    ),
    Mode.HAND: lambda: text(
        "มีคนควบคุมด้วยมือที่ตู้ ระบบไม่แตะต้องจนกว่าจะบิดไปที่อัตโนมัติ",
        "By hand at the cabinet: the program moves nothing until the switch is on auto",
    ),
    Mode.AUTO: lambda: text("สวิตช์ที่ตู้อยู่ที่อัตโนมัติ", "The switch at the cabinet is on auto"),
}


def emergency() -> Text:
    return text(
        "ปุ่มหยุดฉุกเฉินที่ตู้ถูกกด ระบบไม่สั่งอะไรจนกว่าจะดึงออก",
        "The emergency stop at the cabinet is pressed: nothing is moved until it is released",
    )


# Why a part of it does not move


def dry(cm: float | None, again_cm: float) -> Text:
    if cm is None:
        return text(
            f"น้ำที่ปากดูดต่ำเกินไป รอให้ถึง {again_cm:g} ซม.",
            f"Too little water at the intake; it waits for {again_cm:g} cm",
        )
    return text(
        f"น้ำที่ปากดูดเหลือ {cm:.0f} ซม. ปั๊มหยุดเพื่อไม่ให้เดินแห้ง รอให้ถึง {again_cm:g} ซม.",
        f"The intake has {cm:.0f} cm: pumps stop, so as not to run dry, until it has {again_cm:g} cm",
    )


def dry_unseen(retry_min: float) -> Text:
    return text(
        f"น้ำที่ปากดูดต่ำเกินไปตอนที่อ่านได้ครั้งล่าสุด หลังจากนั้น {retry_min:g} นาทีจะลองเดินปั๊มหนึ่งตัว ตรวจมาตรวัดที่ปากดูด",
        f"The intake was dry when last read; {retry_min:g} minutes after that one pump tries. Check the gauge there",
    )


def intake_unknown() -> Text:
    return text(
        "ไม่รู้ระดับน้ำที่ปากดูด และไม่มีกระแสไฟเป็นพยาน", "The level at the intake is not known, and no current is its witness"
    )


def drew_nothing(name: Words, current: float, retry_min: float) -> Text:
    return text(
        joined(name.th, f"กินไฟแค่ {current:g} แอมป์ ดูดไม่ได้น้ำ พัก {retry_min:g} นาทีแล้วลองใหม่"),
        f"{name.en} draws only {current:g} A, so no water: it rests for {retry_min:g} minutes and tries again",
    )


def not_running(name: Words, current: float) -> Text:
    return text(
        joined(name.th, f"ถูกสั่งเดินแต่กินไฟแค่ {current:g} แอมป์ มอเตอร์ไม่เดิน ตรวจเบรกเกอร์และโอเวอร์โหลด"),
        f"{name.en} was told to run but draws {current:g} A: the motor stands. Check breaker and overload relay",
    )


def welded(name: Words, current: float) -> Text:
    return text(
        joined(name.th, f"ถูกสั่งหยุดแต่ยังกินไฟ {current:g} แอมป์ หน้าสัมผัสอาจติด ไปดูที่ตู้"),
        f"{name.en} was told to stop but still draws {current:g} A: a contact may be welded. Go to the cabinet",
    )


def not_moved(name: Words, state: str) -> Text:
    said = STATES[state]
    return text(
        joined(name.th, f"ถูกสั่ง{said['th']} แต่ลิมิตสวิตช์ไม่ยืนยัน ไปดูว่ามีอะไรขวาง"),
        f"{name.en} was told to be {said['en']}, and its limit switch does not say so. Look what is in its way",
    )


def not_safe(name: Words, state: str) -> Text:
    said = STATES[state]
    return text(
        joined(name.th, f"ไม่ยอมไปที่สถานะปลอดภัย ({said['th']}) สั่งซ้ำอยู่ ไปทำด้วยมือที่ตู้"),
        f"{name.en} does not go into its safe state ({said['en']}). Trying again; go and do it by hand",
    )


def not_left(name: Words) -> Text:
    return text(
        joined(name.th, "ถูกสั่งแล้วแต่ตู้ไม่ยืนยัน จึงกลับไปสถานะปลอดภัย"),
        f"{name.en} was told to move and the cabinet did not confirm it: back into its safe state",
    )


def moved_by_others(name: Words, state: str) -> Text:
    said = STATES[state]
    return text(
        joined(name.th, f"ถูกอย่างอื่นสั่งให้{said['th']} จึงกลับไปสถานะปลอดภัยและรอดู"),
        f"Something else made {name.en} be {said['en']}: into its safe state, and wait",
    )


def waits_after_fault() -> Text:
    return text("เพิ่งพบสิ่งผิดปกติ รอในสถานะปลอดภัย", "Something was just found wrong: it waits in its safe state")


def rests(name: Words, seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        joined(name.th, f"พัก {length['th']} ก่อนเดินใหม่"), f"{name.en} rests for {length['en']} before it starts again"
    )


def starts_used(name: Words, most: int) -> Text:
    return text(
        joined(name.th, f"เดินครบ {most} ครั้งในหนึ่งชั่วโมงแล้ว รอก่อน"),
        f"{name.en} has started {most} times within an hour: it waits",
    )


def keeps_running(name: Words, most: int) -> Text:
    return text(
        joined(name.th, f"เดินครบ {most} ครั้งในหนึ่งชั่วโมงแล้ว ถ้าหยุดจะเดินใหม่ไม่ได้ จึงเดินต่อ"),
        f"{name.en} has started {most} times within an hour and could not start again, so it runs on",
    )


def fewer_run(run: int, wanted: int) -> Text:
    return text(
        f"ปั๊มเดิน {run} ตัวจาก {wanted} ตัวที่ต้องการ ไปดูที่ตู้", f"{run} of the {wanted} pumps that are wanted run. Go and look"
    )


def stays(name: Words, seconds: float) -> Text:
    length = minutes(seconds)
    return text(joined(name.th, f"คงไว้อย่างน้อย {length['th']}"), f"{name.en} stays so for at least {length['en']}")


def still_rises(cm: float, within_min: float) -> Text:
    return text(
        f"ปั๊มเดินมา {within_min:g} นาที แต่น้ำยังสูงขึ้น {cm:.0f} ซม. ตรวจตะแกรงและท่อส่ง",
        f"The pumps have run for {within_min:g} minutes and the water is {cm:.0f} cm higher. Check screen and outlet",
    )


# What became of a command


def order_over() -> Text:
    return text("ครบเวลาที่สั่งแล้ว กลับไปตามระดับน้ำ", "The time asked for is over: it goes by the level again")


def order_stopped() -> Text:
    return text("ยกเลิกคำสั่งแล้ว กลับไปตามระดับน้ำ", "The order is over: it goes by the level again")


def no_order() -> Text:
    return text("ไม่มีคำสั่งค้างอยู่ สถานีทำงานตามระดับน้ำ", "There was no order: it goes by the level")


def order_replaced() -> Text:
    return text("มีคำสั่งใหม่มาแทน", "A newer order has taken its place")


def order_interrupted() -> Text:
    return text(
        "เครื่องควบคุมเริ่มใหม่ คำสั่งจึงหมดไป สถานีทำงานตามระดับน้ำ",
        "The controller began anew: the order is over, it goes by the level",
    )
