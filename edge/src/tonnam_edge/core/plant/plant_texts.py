"""What the agent says of pumps, valves, flow and the tank: why a zone waits, what was found wrong."""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_edge.core.memory import Text
from tonnam_edge.core.texts import joined, minutes, text
from tonnam_edge.site.profile import Words


def latched(what: Text) -> Text:
    return text(
        f"ล็อกไว้จนกว่าจะมีคนมาดูและกดปลดล็อก: {what['th']}",
        f"Locked until a person has looked and clears it: {what['en']}",
    )


def memory_lost() -> Text:
    return text(
        "เครื่องควบคุมลืมทุกอย่างเพราะหน่วยความจำเสีย ไม่รู้แล้วว่าใครล็อกอะไรไว้ อาจมีคนซ่อมปั๊มหรือท่ออยู่ ไปดูก่อนว่าไม่มี",
        "The controller has lost its memory and does not know any more what was locked or found wrong. Somebody may "
        "be working at pump or pipes: make sure that nobody is",
    )


def pump_full(pump: Words, capacity_l_min: float) -> Text:
    return text(
        joined(pump.th, f"จ่ายได้ {capacity_l_min:g} ลิตรต่อนาที ตอนนี้ไม่พอสำหรับแปลงนี้ รอให้แปลงอื่นเสร็จก่อน"),
        f"{pump.en} gives {capacity_l_min:g} L/min, not enough for this zone as well. Wait until another is done",
    )


def waits_its_turn() -> Text:
    return text("มีแปลงที่รอนานกว่า รอคิวก่อน", "Another zone has waited longer. Wait for its turn")


def waits_too_long(why: Text) -> Text:
    return text(f"รอน้ำมาหนึ่งวันแล้ว: {why['th']}", f"It has waited for water for a day: {why['en']}")


def pump_deadline_too_short() -> Text:
    return text(
        "ปั๊มตั้งเวลาตัดไว้แล้ว ต่อเวลาระหว่างเดินไม่ได้ รอให้แปลงที่รดอยู่เสร็จก่อน",
        "The pump's cut-off time is set and cannot be extended while it runs. Wait until the watering is done",
    )


def pump_not_heard(name: Words) -> Text:
    return text(
        joined(name.th, "เดินอยู่แต่ตู้ไม่ตอบ สั่งหยุดหรือต่อเวลาไม่ได้ รอให้ตู้ตอบหรือปั๊มหยุดก่อน ตรวจตู้และสาย"),
        f"{name.en} runs, but its cabinet does not answer: it can neither be stopped nor run longer. This zone waits "
        "until it answers or the pump has stopped. Check the cabinet and its cable",
    )


def waters_alone() -> Text:
    return text("แปลงนี้ต้องรดทีละแปลง รอให้แปลงอื่นเสร็จก่อน", "This zone waters alone. Wait until the others are done")


def pump_rests(rest_s: float) -> Text:
    length = minutes(rest_s)
    return text(f"พักปั๊ม {length['th']} ก่อนเดินใหม่", f"The pump rests for {length['en']} before it starts again")


def pump_started_too_often(most: int) -> Text:
    return text(
        f"ปั๊มเดินครบ {most} ครั้งในหนึ่งชั่วโมงแล้ว รอก่อน", f"The pump has started {most} times within an hour. It must wait"
    )


def pump_had_to_stop() -> Text:
    return text(
        "ปั๊มต้องหยุดเพราะอีกแปลงหยุดก่อนเวลา และยังเดินใหม่ไม่ได้",
        "The pump had to stop because another zone stopped early, and cannot start again yet",
    )


def nearly_done() -> Text:
    return text("แปลงที่รดอยู่ใกล้เสร็จแล้ว รอให้ปั๊มหยุดก่อน", "What waters now is nearly done. Wait until the pump has stopped")


def never_fed() -> Text:
    return text("ปั๊มไม่ได้เดินตลอดเวลาที่ตั้งไว้ แปลงนี้จึงไม่ได้น้ำเลย", "The pump stood all the time: the zone had no water")


def left_dry() -> Text:
    return text("ปั๊มหยุดก่อนเวลา แปลงนี้ได้น้ำไม่ครบ", "The pump stopped before its time: the zone did not get all its water")


def after_restart() -> Text:
    return text("เครื่องควบคุมเพิ่งเริ่มทำงาน รอสักครู่", "The controller has just started. Wait a moment")


def nobody_would_close(name: Words) -> Text:
    return text(
        joined(name.th, "ไม่มีเวลาตัดของตัวเอง ถ้าเครื่องควบคุมดับจะเปิดค้าง จึงไม่เปิดให้ ทั้งรดอัตโนมัติและสั่งจากโทรศัพท์ ใช้สวิตช์ที่ตู้แทน"),
        f"{name.en} has no cut-off of its own: if the controller dies it stays open. So nothing waters with it, "
        "neither a program nor a command from afar; use the switch at the cabinet",
    )


def guarded_for(name: Words) -> Text:
    return text(joined(name.th, "ตั้งเวลาตัดได้แค่นี้"), f"{name.en} can guard no longer run")


def tank_unknown_used_up(litres: float) -> Text:
    return text(
        f"ไม่รู้ระดับน้ำในถัง และใช้ไปแล้ว {litres:.0f} ลิตรตั้งแต่นั้น ตรวจเซนเซอร์ระดับน้ำ",
        f"The tank's level is unknown, and {litres:.0f} litres were drawn since. Check the level sensor",
    )


def tank_became_unknown(seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        f"ไม่รู้ระดับน้ำในถังมา {length['th']} จึงหยุด ตรวจเซนเซอร์ระดับน้ำ",
        f"The tank's level has been unknown for {length['en']}, so it stopped. Check the level sensor",
    )


def runs_dry(current: float) -> Text:
    return text(
        f"ปั๊มเดินแต่กินไฟแค่ {current:g} แอมป์ น่าจะไม่มีน้ำ ปิดแล้ว ตรวจถังและท่อดูด",
        f"The pump draws only {current:g} A, so it has no water. Closed. Check the tank and the suction pipe",
    )


def low_flow(l_min: float, expected_l_min: float) -> Text:
    return text(
        f"น้ำไหลแค่ {l_min:.0f} ลิตรต่อนาที ควรได้ {expected_l_min:.0f} ปิดแล้ว ตรวจไส้กรอง ท่อ และวาล์ว",
        f"Only {l_min:.0f} L/min flow where {expected_l_min:.0f} should. Closed. Check filter, pipes and valve",
    )


def high_flow(l_min: float, expected_l_min: float) -> Text:
    return text(
        f"น้ำไหลถึง {l_min:.0f} ลิตรต่อนาที ควรได้ {expected_l_min:.0f} ปิดแล้ว ท่ออาจแตก",
        f"{l_min:.0f} L/min flow where {expected_l_min:.0f} should. Closed. A pipe may have burst",
    )


def together_wrong(how: Text) -> Text:
    return text(
        f"{how['th']} รดหลายแปลงพร้อมกันอยู่ จะรดทีละแปลงเพื่อหาว่าแปลงไหน",
        f"{how['en']}. Several zones were open; they will water one by one to find which",
    )


def wrong_together(names: Iterable[Words]) -> Text:
    zones = list(names)
    th, en = " กับ ".join(zone.th for zone in zones), " and ".join(zone.en for zone in zones)
    return text(
        f"{th} รดพร้อมกันทีไรน้ำก็ผิด รดทีละแปลงแล้วปกติ จะรดทีละแปลงจนกว่าจะมีคนไปดูปั๊ม ท่อ และ capacity_l_min",
        f"{en} get the wrong flow whenever they water together, and the right one alone. They water one by one until "
        "somebody has looked at pump, pipe and capacity_l_min",
    )


def timer_ended() -> Text:
    return text("รีเลย์ตัดเองตามเวลาที่ตั้งไว้ ก่อนถึงเวลาเล็กน้อย", "The relay's own timer ended it a little early")


def leak(litres: float) -> Text:
    return text(
        f"ปิดทุกวาล์วแล้วแต่น้ำยังไหล {litres:g} ลิตร ท่อหรือวาล์วรั่ว ไปดูและปิดวาล์วมือ",
        f"All is closed, and {litres:g} litres flowed. A pipe or valve leaks: go and close it by hand",
    )


def finished_after_pause(stood_s: float) -> Text:
    minutes = f"{stood_s / 60:.1f}"
    return text(
        f"ครบเวลาแล้ว แต่ระหว่างนั้นปั๊มหยุด {minutes} นาที ได้น้ำน้อยกว่าที่ตั้งไว้",
        f"Its time is over, and the pump stood for {minutes} min of it: less water than planned",
    )


def perhaps_leak() -> Text:
    return text(
        "ปิดทุกวาล์วแล้วแต่น้ำยังไหล และอ่านสวิตช์ที่ตู้ไม่ได้ อาจมีคนเปิดน้ำด้วยมือ หรือท่อรั่ว ไปดู",
        "All is closed and water flows, and the cabinet's switch is not read: somebody waters by hand, or a pipe "
        "leaks. Go and look",
    )


def perhaps_burst() -> Text:
    return text(
        "น้ำไหลมากเกินไป และอ่านสวิตช์ที่ตู้ไม่ได้ อาจมีคนเปิดน้ำด้วยมือ หรือท่อแตก ไปดู จะไม่รดเองจนกว่าสวิตช์จะตอบ",
        "Too much water flowed, and the cabinet's switch is not read: somebody waters by hand, or a pipe has burst. "
        "Go and look; no program waters there until the switch answers",
    )


def welded(name: Words) -> Text:
    return text(
        joined("สั่งปิด", name.th, "แล้ว รีเลย์ปิดแล้ว แต่ยังเดินอยู่ หน้าสัมผัสอาจละลายติด ไปตัดไฟที่ตู้"),
        f"{name.en} was told to stop, its relay is off, and it goes on: a contact may be welded. Cut its power",
    )


def moved_by_others(name: Words, times: int) -> Text:
    return text(
        joined(name.th, f"ถูกเปิดปิดโดยไม่ได้สั่ง {times} ครั้งในหนึ่งชั่วโมง อาจมีเครื่องอื่นสั่งตู้เดียวกัน"),
        f"{name.en} was moved {times} times within an hour by somebody else. Does another machine use this cabinet?",
    )


def weak_supply(name: Words, times: int) -> Text:
    return text(
        joined(
            name.th,
            f"ดับพร้อมรีเลย์ตัวอื่นทุกทีที่ปั๊มเริ่มเดิน {times} ครั้งในหนึ่งชั่วโมง ไฟตกหรือบอร์ดรีเลย์เริ่มใหม่เอง "
            "ตรวจแรงดันไฟ สายไฟ และตัวจ่ายไฟของตู้",
        ),
        f"{name.en} went off together with other relays {times} times within an hour, each time as a pump started: "
        "the supply is weak, or the board restarts. Check the voltage, the cables and the cabinet's power supply",
    )


def volume_given(litres: float) -> Text:
    return text(f"รดครบ {litres:.0f} ลิตร", f"Watered {litres:.0f} litres as planned")


def group_full(capacity_l_min: float) -> Text:
    return text(
        f"ท่อเมนจ่ายได้ {capacity_l_min:g} ลิตรต่อนาที ตอนนี้ไม่พอสำหรับแปลงนี้ รอให้แปลงอื่นเสร็จก่อน",
        f"The main gives {capacity_l_min:g} L/min, not enough for this zone as well. Wait until another is done",
    )


def most_pumps(most: int) -> Text:
    return text(
        f"เดินปั๊มพร้อมกันได้ไม่เกิน {most} ตัว รอให้ตัวอื่นหยุดก่อน",
        f"At most {most} pump{'' if most == 1 else 's'} may run at a time. Wait until another has stopped",
    )


def starts_too_soon(least_s: float) -> Text:
    length = minutes(least_s)
    return text(
        f"ปั๊มอีกตัวเพิ่งเริ่มเดิน ต้องห่างกัน {length['th']} รอสักครู่",
        f"Another pump has just started; {length['en']} must pass between starts. Wait a moment",
    )


def too_little_power() -> Text:
    return text("ไฟให้ปั๊มยังไม่พอ หรือไม่รู้ว่ามีเท่าไร รอก่อน", "The pump has too little power, or it is not known. Wait")


def pump_held() -> Text:
    return text(
        "ไฟให้ปั๊มไม่พอ พักปั๊มไว้ วาล์วยังเปิดอยู่ ไฟมาแล้วจะรดต่อจนถึงเวลาที่ตั้งไว้",
        "Too little power: the pump rests and the valves stay open. It goes on with the power, until the planned end",
    )


def pump_goes_on() -> Text:
    return text("ไฟพอแล้ว ปั๊มเดินต่อ", "There is power again: the pump goes on")


def filter_flushes() -> Text:
    return text("กำลังล้างกรอง รอสักครู่", "The filter is being flushed. Wait a moment")


def flush_for_litres(litres: float) -> Text:
    return text(f"น้ำผ่านกรอง {litres:.0f} ลิตรแล้ว ถึงเวลาล้าง", f"{litres:.0f} litres went through the filter: flushed")


def flush_for_hours(hours: float) -> Text:
    return text(f"เดินปั๊มผ่านกรอง {hours:.1f} ชั่วโมงแล้ว ถึงเวลาล้าง", f"The pump has run {hours:.1f} hours: filter flushed")


def flush_for_pressure(above: float) -> Text:
    return text(f"ความดันตกที่กรองเกิน {above:g} ถึงเวลาล้าง", f"The filter takes more than {above:g} of pressure: flushed")


def meter_still() -> Text:
    return text(
        "น้ำไหลแต่มิเตอร์ไม่นับ มิเตอร์น่าจะเสียหรือสายขาด จะรดต่อได้อีกไม่กี่ลิตร ไปดูมิเตอร์",
        "Water flows and the meter does not count: it may be stuck, or its wire broken. Zones get a limited number "
        "of litres more. Look at the meter",
    )


def meter_used_up() -> Text:
    return text(
        "มิเตอร์ไม่นับ และใช้น้ำครบที่ยอมให้แล้ว ไปดูมิเตอร์แล้วกดว่าซ่อมแล้ว",
        "The meter does not count, and the litres that are allowed without it are used up. Mend it and say so",
    )


def meter_nearly_used_up() -> Text:
    return text("มิเตอร์ไม่นับ เหลือน้ำที่ยอมให้อีกเท่านี้", "the meter does not count, and no more is allowed without it")


def valve_as_if_open(valve: Words, how: Text) -> Text:
    return text(
        joined(how["th"], "เหมือน", valve.th, "เปิดอยู่ด้วย หน้าสัมผัสรีเลย์อาจละลายติด หรือท่อแตก ไปดูวาล์วและท่อ"),
        f"{how['en']}. It is as if {valve.en} was open too: its relay may be welded, or a pipe has burst. Look",
    )
