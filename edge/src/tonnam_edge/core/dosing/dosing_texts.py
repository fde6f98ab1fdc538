"""What the agent says of dosing: why there is none, and what was found wrong with an injector."""

from __future__ import annotations

from tonnam_edge.core.memory import Text
from tonnam_edge.core.texts import joined, text
from tonnam_edge.site.profile import Words

QUANTITY = {"ec": text("ค่า EC", "EC"), "ph": text("ค่า pH", "pH")}


def plain(reason: Text, why: Text) -> Text:
    """A run that goes on without what should be dosed."""
    return text(f"{reason['th']} · ให้น้ำเปล่า: {why['th']}", f"{reason['en']} · plain water: {why['en']}")


def waits_for_dosing(why: Text) -> Text:
    return text(f"รอให้จ่ายปุ๋ยได้ก่อน: {why['th']}", f"Waits until it can be fertilised: {why['en']}")


def other_recipe(zone: Words) -> Text:
    return text(
        joined(zone.th, "กำลังรดด้วยสูตรปุ๋ยอื่นในท่อเดียวกัน รอให้เสร็จก่อน"),
        f"{zone.en} is being watered with another recipe through the same pipe. Wait until it is done",
    )


def rinse_first(line: str) -> Text:
    return text(
        f"ท่อ {line} ยังมีปุ๋ยค้างจากรอบก่อน ล้างท่อก่อน แล้วสั่งใหม่",
        f"Line {line} still holds what was dosed in a run that was cut off. It is rinsed first; then ask again",
    )


def rinses(line: str, litres: float) -> Text:
    return text(
        f"ล้างท่อ {line} {litres:.0f} ลิตร เพราะรอบก่อนหยุดก่อนล้างเสร็จ",
        f"Rinses line {line} with {litres:.0f} L: the run before was cut off before it was clean",
    )


def rinse_not_counted(line: str) -> Text:
    return text(
        f"ล้างท่อ {line} แล้วแต่มิเตอร์ไม่นับน้ำ จึงไม่รู้ว่าสะอาดหรือยัง จะไม่ล้างซ้ำจนกว่ามิเตอร์จะนับ ดูมิเตอร์น้ำ",
        f"Line {line} was rinsed and the meter has counted nothing, so nobody knows whether it is clean. It is not "
        "rinsed again until the meter counts: look at it",
    )


def rinses_itself(reason: Text, litres: float) -> Text:
    """The first water of a run carries what another zone's run has left."""
    return text(
        f"{reason['th']} · น้ำ {litres:.0f} ลิตรแรกมีปุ๋ยค้างท่อ",
        f"{reason['en']} · its first {litres:.0f} L carry what was left in the pipe",
    )


def too_short(litres: float) -> Text:
    return text(
        f"รอบนี้สั้นเกินไป ต้องมีน้ำอย่างน้อย {litres:.0f} ลิตรจึงจ่ายปุ๋ยและล้างท่อได้",
        f"This watering is too short: it takes {litres:.0f} L to dose and to rinse the pipe",
    )


def flow_not_proven() -> Text:
    return text("ยังไม่เห็นน้ำไหลที่จุดจ่ายปุ๋ย", "No flow has been proven at the injector")


def hand_waters() -> Text:
    return text(
        "มีคนเปิดน้ำจากตู้ในท่อเดียวกัน จึงไม่จ่ายปุ๋ยจนกว่าจะปิด",
        "Somebody lets water run through this line at the cabinet: nothing is dosed until that is over",
    )


def flow_not_known() -> Text:
    return text("อ่านมิเตอร์น้ำไม่ได้ จึงไม่จ่ายปุ๋ย", "The water meter cannot be read, so nothing is dosed")


def switch_hangs(line: str) -> Text:
    return text(
        f"สวิตช์วัดการไหลของท่อ {line} ค้าง บอกว่าน้ำไหลทั้งที่ปั๊มหยุด",
        f"The flow switch of line {line} hangs: it says flow while nothing runs",
    )


def disk() -> Text:
    return text("จดปริมาณปุ๋ยลงเครื่องไม่ได้ จึงไม่จ่าย", "What is dosed cannot be written down here, so nothing is dosed")


def cap(injector: Words, which: str) -> Text:
    if which == "stock":
        return text(
            joined(injector.th, "หมดถังแล้วตามที่จดไว้ เติมแล้วแจ้งที่ตู้ว่าเติมแล้ว"),
            f"{injector.en}: its stock is used up by our books. Fill it, and say so at the controller",
        )
    th, en = ("หนึ่งชั่วโมง", "an hour") if which == "hour" else ("หนึ่งวัน", "a day")
    return text(
        joined(injector.th, f"จ่ายครบที่ตั้งไว้ใน{th}แล้ว"), f"{injector.en} has dosed the most that is allowed within {en}"
    )


def latched(what: Text) -> Text:
    return text(
        f"ล็อกการจ่ายปุ๋ยไว้จนกว่าจะมีคนมาดู: {what['th']}", f"Dosing is locked until a person has looked: {what['en']}"
    )


def probe_unknown(quantity: str) -> Text:
    name = QUANTITY[quantity]
    return text(f"ไม่รู้{name['th']} จึงไม่จ่าย", f"The {name['en']} is not known, so nothing is dosed by it")


def probes_contradict(quantity: str, one: float, other: float) -> Text:
    name = QUANTITY[quantity]
    return text(
        f"หัววัด{name['th']} สองตัวไม่ตรงกัน {one:.2f} กับ {other:.2f} จึงไม่จ่าย",
        f"Two probes contradict each other: {name['en']} {one:.2f} and {other:.2f}. Nothing is dosed by them",
    )


def probe_hangs(quantity: str, value: float) -> Text:
    name = QUANTITY[quantity]
    return text(
        f"{name['th']} ค้างที่ {value:.2f} ไม่ขยับเลย จึงไม่จ่าย",
        f"The {name['en']} hangs at {value:.2f} and does not move at all. Nothing is dosed by it",
    )


def no_answer(injector: Words, quantity: str) -> Text:
    name = QUANTITY[quantity]
    return text(
        joined(injector.th, f"จ่ายแล้วแต่{name['th']} ไม่เปลี่ยน ดูถังปุ๋ย ปั๊มจ่าย และหัววัด"),
        f"{injector.en} doses and the {name['en']} does not follow. Look at its tank, its pump and the probe",
    )


def not_reached(injector: Words, quantity: str, target: float) -> Text:
    name = QUANTITY[quantity]
    return text(
        joined(injector.th, f"จ่ายเต็มที่แล้วแต่{name['th']} ไปไม่ถึง {target:g} ดูความเข้มของถังปุ๋ยและหัววัด"),
        f"{injector.en}: the {name['en']} cannot be brought to {target:g}. Look at the stock and the probe",
    )


def ec_far(injector: Words, value: float, expected: float) -> Text:
    return text(
        joined(injector.th, f"จ่ายตามสูตรแล้วค่า EC ควรเป็น {expected:.1f} แต่วัดได้ {value:.1f} ดูถังปุ๋ย ปั๊มจ่าย และหัววัด"),
        f"{injector.en}: the EC should be {expected:.1f} by what is dosed, and is {value:.1f}. Look at its tank, its "
        "pump and the probe",
    )


def coil_differs(injector: Words) -> Text:
    return text(
        joined("รีเลย์ของ", injector.th, "ไม่ตรงกับที่สั่ง จึงปิดทั้งหมดและหยุดจ่ายปุ๋ย"),
        f"The relay of {injector.en} is not as it was told. All was turned off, and it doses no more",
    )


def relay_dead(injector: Words) -> Text:
    return text(
        joined("รีเลย์ของ", injector.th, "สั่งแล้วไม่ทำงาน"), f"The relay of {injector.en} does nothing when it is told to"
    )


def runs_when_off(injector: Words) -> Text:
    return text(
        joined(injector.th, "ยังเดินอยู่ทั้งที่สั่งหยุดแล้ว ปิดน้ำไว้ก่อน ไปตัดไฟปั๊มจ่ายปุ๋ย แล้วแจ้งที่ตู้ (power-cut)"),
        f"{injector.en} runs though it was turned off. The water is off meanwhile: cut the dosing pump's power, and "
        "say so at the controller (power-cut)",
    )


def refilled() -> Text:
    return text("จดแล้วว่าเติมเต็มถัง", "Noted: its tank is full")


def power_cut() -> Text:
    return text(
        "จดแล้วว่าตัดไฟปั๊มจ่ายปุ๋ยแล้ว ให้น้ำเปล่าต่อจนกว่าสัญญาณจะบอกว่าปั๊มหยุด อย่าเพิ่งต่อไฟ",
        "Noted: its power is cut. Plain water goes on; leave it unplugged until its contact says that it stands",
    )


def does_not_run_on() -> Text:
    return text(
        "ปั๊มจ่ายปุ๋ยตัวนี้ไม่ได้เดินค้าง จึงไม่ต้องแจ้ง", "Nothing says that this dosing pump runs on, so there is nothing to note"
    )


def unknown_injector(name: str) -> Text:
    return text(f"ไม่มีปั๊มจ่ายปุ๋ยชื่อ {name}", f"There is no injector {name}")
