"""What the agent says to people, in Thai as a farmer would say it, and in English."""

from __future__ import annotations

import re

from tonnam_edge.core.memory import Text
from tonnam_edge.site.profile import Words


def text(th: str, en: str) -> Text:
    return {"th": th, "en": en}


def minutes(seconds: float) -> Text:
    """A length of time: whole minutes as minutes, a short or an odd one with its seconds."""
    whole, rest = divmod(round(seconds), 60)
    parts = [(whole, "นาที", "minute"), (rest, "วินาที", "second")]
    told = [part for part in parts if part[0]] or parts[1:]
    return text(
        " ".join(f"{number} {th}" for number, th, _ in told),
        " ".join(f"{number} {en}{'' if number == 1 else 's'}" for number, _, en in told),
    )


_THAI_SEAM = re.compile(r"[\s\u0e00-\u0e7f]{2}")


def joined(*parts: str) -> str:
    """Thai words and a farm's own names in a row, with a space only where either is not Thai: "แปลง 1 อยู่"."""
    whole = parts[0]
    for part in parts[1:]:
        whole += part if _THAI_SEAM.fullmatch(whole[-1:] + part[:1]) else f" {part}"
    return whole


# Why a run begins


def by_hand(seconds: float) -> Text:
    length = minutes(seconds)
    return text(f"สั่งรดเอง {length['th']}", f"Asked for by hand, {length['en']}")


def by_hand_shortened(seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        f"สั่งรดเอง แต่ลดเหลือ {length['th']} ตามที่ตั้งไว้ไม่ให้เกิน",
        f"Asked for by hand, cut to {length['en']}, the most this farm allows",
    )


def by_timer(clock: str, seconds: float) -> Text:
    length = minutes(seconds)
    return text(f"ถึงเวลารดรอบ {clock} น. รด {length['th']}", f"The {clock} watering, {length['en']}")


def by_moisture(moisture: float, low: float, high: float) -> Text:
    if moisture < low:
        return text(
            f"ดินแห้ง ความชื้น {moisture:.1f}% ต่ำกว่า {low:g}%",
            f"The soil is dry: {moisture:.1f}%, below {low:g}%",
        )
    return text(
        f"รดต่อให้ถึง {high:g}% ตอนนี้ความชื้น {moisture:.1f}%",
        f"Watering on up to {high:g}%; now {moisture:.1f}%",
    )


def limited(reason: Text, seconds: float, why: Text) -> Text:
    length = minutes(seconds)
    return text(
        f"{reason['th']} · รดได้แค่ {length['th']} เพราะ{why['th']}",
        f"{reason['en']} · only {length['en']}, because {why['en']}",
    )


# Why not


def unknown_zone(zone: str) -> Text:
    zone = zone if len(zone) <= 32 else f"{zone[:32]}…"
    return text(f"ไม่มีแปลงชื่อ {zone} ที่นี่", f"There is no zone {zone} here")


def no_time_given() -> Text:
    return text("ไม่ได้บอกว่าจะรดกี่นาที จึงไม่เปิดน้ำ", "No watering time was given, so no water")


def expired() -> Text:
    return text("คำสั่งมาถึงช้าเกินไป จึงไม่ทำ", "The command arrived too late, so it was not done")


def run_too_long() -> Text:
    return text("เวลารดที่สั่งมาเป็นไปไม่ได้ จึงไม่เปิดน้ำ", "The watering time asked for is impossible, so no water")


def clocks_differ() -> Text:
    return text(
        "นาฬิกาของเครื่องควบคุมกับของระบบไม่ตรงกัน จึงไม่เปิดน้ำ ตรวจนาฬิกา",
        "The clocks of the controller and of the cloud differ, so no water. Check the controller's clock",
    )


def overtaken() -> Text:
    return text("สั่งหยุดแปลงนี้ทีหลังแล้ว จึงไม่เปิดน้ำ", "This zone was told to stop after that, so no water")


def too_old() -> Text:
    return text(
        "คำสั่งนี้เก่ากว่าคำสั่งที่เครื่องควบคุมจำได้ จึงไม่ทำตาม สั่งใหม่อีกครั้ง",
        "This command is older than those the controller remembers, so it was not obeyed. Give it again",
    )


def too_many_commands() -> Text:
    return text("มีคำสั่งเข้ามามากเกินไป จึงไม่เปิดน้ำ", "Too many commands have come, so no water")


def new_description() -> Text:
    return text(
        "มีไฟล์ฟาร์มใหม่รออยู่ ให้ที่รดอยู่เสร็จก่อน แล้วจะรดต่อตามไฟล์ใหม่",
        "A new site file waits until the watering in progress is done, and then counts",
    )


def not_ready() -> Text:
    return text(
        "ตู้ควบคุมยังไม่ยืนยันว่าวาล์วและปั๊มปิดสนิท จึงยังไม่เปิดน้ำ ตรวจไฟและสายที่ตู้",
        "The cabinet has not confirmed that valves and pump are off, so no water yet. Check its power and cable",
    )


def after_fault() -> Text:
    return text(
        "เพิ่งปิดทุกอย่างเพราะวาล์วหรือปั๊มไม่เป็นตามสั่ง รอสักครู่แล้วลองใหม่",
        "Everything was just turned off because a valve or pump was not as it should be. Try again in a minute",
    )


def shutting_down() -> Text:
    return text("เครื่องควบคุมกำลังปิด", "The controller is being turned off")


def disk_fails() -> Text:
    return text(
        "เครื่องควบคุมจดบันทึกไม่ได้ หน่วยความจำเต็มหรือเสีย จึงไม่เปิดน้ำ",
        "The controller cannot write to its disk (full or broken), so no water is opened",
    )


def busy_here() -> Text:
    return text("แปลงนี้กำลังรดอยู่แล้ว", "This zone is already being watered")


def busy_elsewhere(zone: Words) -> Text:
    return text(
        joined("กำลังรด", zone.th, "อยู่ ปั๊มรดได้ทีละแปลง รอให้เสร็จก่อน"),
        f"{zone.en} is being watered, and the pump serves one zone at a time. Wait until it is done",
    )


def day_used_up(used_s: float, max_s: float) -> Text:
    return text(
        f"วันนี้รดไปแล้ว {used_s / 60:.0f} นาที ครบที่ตั้งไว้ {max_s / 60:.0f} นาทีต่อวัน",
        f"{used_s / 60:.0f} minutes given today, and the limit is {max_s / 60:.0f} a day",
    )


def day_nearly_used_up(max_s: float) -> Text:
    return text(f"ใกล้ครบ {max_s / 60:.0f} นาทีต่อวันที่ตั้งไว้", f"the day's limit of {max_s / 60:.0f} minutes is near")


def tank_low(level_cm: float, low_cm: float) -> Text:
    return text(
        f"น้ำในถังเหลือ {level_cm:.0f} ซม. ต้องมีเกิน {low_cm:.0f} ซม. ถึงจะรดได้",
        f"The tank holds {level_cm:.0f} cm; watering needs more than {low_cm:.0f} cm",
    )


def tank_unknown() -> Text:
    return text("ไม่รู้ระดับน้ำในถัง", "the tank's level is unknown")


def tank_unknown_refused() -> Text:
    return text(
        "ไม่รู้ระดับน้ำในถัง จึงไม่เปิดปั๊ม ตรวจเซนเซอร์ระดับน้ำ",
        "The tank's level is unknown, so the pump stays off. Check the level sensor",
    )


# How a run ended


def finished() -> Text:
    return text("รดครบเวลา", "Watered for the time planned")


def wet_enough(moisture: float, high: float) -> Text:
    return text(f"ดินชื้นพอแล้ว {moisture:.1f}% (ถึง {high:g}%)", f"The soil is wet enough: {moisture:.1f}% of {high:g}%")


def stopped_by_hand() -> Text:
    return text("สั่งหยุดเอง", "Stopped by hand")


def closing() -> Text:
    return text("กำลังปิดน้ำ", "Closing the water")


def already_off() -> Text:
    return text("แปลงนี้ปิดน้ำอยู่แล้ว", "The water was already off here")


def tank_ran_low(level_cm: float) -> Text:
    return text(f"หยุดเพราะน้ำในถังเหลือ {level_cm:.0f} ซม.", f"Stopped because the tank is down to {level_cm:.0f} cm")


def interrupted() -> Text:
    return text(
        "เครื่องควบคุมดับหรือเริ่มใหม่ระหว่างรด ปิดน้ำแล้ว",
        "The controller stopped or restarted during the watering. The water was turned off",
    )


def looks_what_was_given() -> Text:
    return text(
        "รอดูมิเตอร์ก่อนว่ารอบที่ถูกตัดให้น้ำไปแล้วเท่าไร",
        "Waiting to see on the meter what the watering that was cut off has given",
    )


def stood_still(seconds: float) -> Text:
    how_long = minutes(seconds)
    return text(
        f"เครื่องควบคุมหยุดนิ่งไป {how_long['th']} ระหว่างรด ปิดน้ำแล้ว",
        f"The controller stood still for {how_long['en']} during the watering. The water was turned off",
    )


def not_proven(name: Words, on: bool) -> Text:
    if on:
        return text(
            joined("สั่งเปิด", name.th, "แล้วแต่ตู้ไม่ยืนยัน จึงปิดทั้งหมด ตรวจตู้ควบคุม"),
            f"{name.en} was told to open but the cabinet did not confirm it, so all is off. Check the cabinet",
        )
    return text(
        joined("สั่งปิด", name.th, "แล้วแต่ตู้ไม่ยืนยัน กำลังสั่งปิดซ้ำ ไปดูที่ตู้และปิดวาล์วมือ"),
        f"{name.en} was told to close but the cabinet does not confirm it. Trying again; go and close it by hand",
    )


def not_as_said(name: Words, on: bool) -> Text:
    if on:
        return text(
            joined(name.th, "เปิดเองโดยไม่ได้สั่ง ปิดทุกอย่างแล้ว ตรวจว่ามีใครกดที่ตู้หรือไม่"),
            f"{name.en} went on without being told. All is off now. Did someone press it at the cabinet?",
        )
    return text(
        joined(name.th, "ดับเองระหว่างรด ปิดทุกอย่างแล้ว ตรวจไฟที่ตู้ควบคุม"),
        f"{name.en} went off by itself. All was turned off. Check the cabinet's power",
    )


def cabinet_silent() -> Text:
    return text(
        "ตู้ควบคุมไม่ตอบระหว่างรด สั่งปิดแล้ว รีเลย์จะตัดเองตามเวลาที่ตั้ง",
        "The cabinet went silent during the watering. It was told to close; the relays open by their own timers",
    )


def no_flow(wait_s: float) -> Text:
    return text(
        f"เปิดแล้วแต่น้ำไม่ไหลใน {wait_s:.0f} วินาที ปิดแล้ว ตรวจปั๊ม ไส้กรอง และวาล์ว",
        f"Open, but no water flowed for {wait_s:.0f} seconds. Closed. Check pump, filter and valve",
    )


# What comes next


def next_timer(clock: str, day: Text) -> Text:
    return text(f"รดรอบถัดไป{day['th']} {clock} น.", f"Next watering {day['en']} at {clock}")


def when_dry(low: float) -> Text:
    return text(f"รดเองเมื่อความชื้นต่ำกว่า {low:g}%", f"Waters when the soil is below {low:g}%")


def resting() -> Text:
    return text("พักให้น้ำซึม แล้วดูว่าต้องรดต่อไหม", "Letting the water soak in, then looking again")


def window_closed(opens: str) -> Text:
    return text(f"ดินแห้ง จะรดได้ตั้งแต่ {opens} น.", f"The soil is dry; watering is allowed from {opens}")


def moisture_unknown() -> Text:
    return text("ไม่รู้ความชื้นดิน จึงรดตามเวลาเท่านั้น", "Soil moisture is unknown, so only timers water")


def held(until: str) -> Text:
    return text(f"หยุดตามที่สั่งไว้ ถึง {until} น.", f"Held because it was stopped by hand, until {until}")


def nothing_planned() -> Text:
    return text("ยังไม่มีรอบรด", "No watering is planned")


def waiting(reason: Text) -> Text:
    return text(f"ถึงรอบรดแล้ว แต่รอก่อน: {reason['th']}", f"Due, but waiting: {reason['en']}")


def day_word(days_ahead: int, weekday: int) -> Text:
    """Today, tomorrow, or the day's name."""
    if days_ahead == 0:
        return text("วันนี้", "today")
    if days_ahead == 1:
        return text("พรุ่งนี้", "tomorrow")
    th = ("จันทร์", "อังคาร", "พุธ", "พฤหัสบดี", "ศุกร์", "เสาร์", "อาทิตย์")[weekday]
    en = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[weekday]
    return text(f"วัน{th}", f"on {en}")


# Devices


def device_lost(name: Words) -> Text:
    return text(joined(name.th, "ไม่ตอบ ตรวจไฟและสาย"), f"{name.en} does not answer. Check its power and cable")


def device_back(name: Words) -> Text:
    return text(joined(name.th, "กลับมาตอบแล้ว"), f"{name.en} answers again")
