"""What commissioning asks and says, in Thai and English."""

from __future__ import annotations

from tonnam_edge.core.memory import Text
from tonnam_edge.core.texts import text
from tonnam_edge.site.profile import Words


def isolated() -> Text:
    return text(
        "จะเปิดวาล์วทีละตัว ตัดไฟปั๊มและล็อกเบรกเกอร์แล้วหรือยัง และไม่มีใครอยู่ใกล้วาล์วใช่ไหม [y ใช่ / n ไม่]",
        "Valves will be opened, one at a time. Is the pump isolated (its breaker off and locked), and nobody near "
        "the valves? [y yes / n no]",
    )


def nothing_touched() -> Text:
    return text("ไม่ได้แตะอุปกรณ์ใดเลย", "Nothing was touched.")


def no_timer(board: Words) -> Text:
    return text(
        f"{board.th} จับเวลาปิดเองไม่ได้ ถ้าเครื่องนี้ดับระหว่างทดลอง วาล์วจะเปิดค้าง ให้มีคนเฝ้าตู้ ทำต่อไหม [y/n]",
        f"{board.en} holds no deadline: if this machine dies meanwhile, a valve stays open. Let somebody stand "
        "at the cabinet. Go on? [y/n]",
    )


def cut_power(board: Words, seconds: float) -> Text:
    return text(
        f"เปิดรีเลย์ตัวหนึ่งของ {board.th} ไว้ {seconds:.0f} วินาที ปิดไฟเลี้ยงของกล่องแล้วเปิดใหม่ตอนนี้ จากนั้นกด Enter [s ข้าม]",
        f"One relay of {board.en} is on for {seconds:.0f} s. Switch the board's supply off and on again now, "
        "then press Enter. [s skip]",
    )


def comes_back(board: Words, *, off: bool) -> Text:
    if off:
        return text(f"{board.th} กลับมาโดยปิดหมดทุกตัว ดี", f"{board.en} comes back with everything off. Good.")
    return text(
        f"{board.th} กลับมาโดยยังเปิดอยู่ หรือไม่ได้ตัดไฟ ตั้งค่ากล่องให้ปิดทุกตัวเมื่อไฟมา แล้วทำใหม่",
        f"{board.en} comes back with a relay on, or was not switched off. Set it to be off at power-on, and begin "
        "again.",
    )


def timer_result(board: Words, *, closes: bool, renews: bool) -> Text:
    if not closes:
        return text(
            f"{board.th} ไม่ปิดเองเมื่อครบเวลา ห้ามใช้รดน้ำโดยไม่มีคนเฝ้า",
            f"{board.en} did not end an opening by itself in time. Do not water with it while nobody is there.",
        )
    if renews:
        return text(
            f"{board.th} ปิดเองตรงเวลา และต่อเวลาได้", f"{board.en} ends openings in time, and its timer can be renewed."
        )
    return text(
        f"{board.th} ปิดเองตรงเวลา แต่ต่อเวลาไม่ได้", f"{board.en} ends openings in time; its timer cannot be renewed."
    )


def pulse_result(board: Words, *, ends: bool) -> Text:
    if ends:
        return text(f"{board.th} ตัดพัลส์เองตรงเวลา", f"{board.en} ends a latching valve's pulse by itself.")
    return text(
        f"{board.th} ไม่ตัดพัลส์เอง คอยล์วาล์วจะไหม้ ถอดสายวาล์วออก",
        f"{board.en} did not end a latching valve's pulse: its coil would burn out. Take its wires off.",
    )


def what_moves(name: Words, seconds: float) -> Text:
    return text(
        f"เปิด {name.th} อยู่ ปิดเองใน {seconds:.0f} วินาที เห็นอะไร [o ตัวนี้เปิด / c ตัวนี้ปิด / w ตัวอื่นขยับ / n ไม่มีอะไร]",
        f"{name.en} is on, for {seconds:.0f} s at most. What do you see? "
        "[o it opens / c it closes / w another one moves / n nothing]",
    )


def not_right(name: Words, seen: str) -> Text:
    what = {
        "c": (
            "ทำงานกลับทาง ตรวจสาย หรือเป็นวาล์วชนิดปกติเปิด",
            "moves the wrong way: look at its wires, or at its kind",
        ),
        "w": ("ต่อสายสลับกับตัวอื่น ตรวจ coil ในไฟล์", "is wired to another coil: look at coil in the site file"),
        "n": ("ไม่ขยับ ตรวจไฟเลี้ยงและสาย", "does not move: look at its supply and wires"),
        "": ("ไม่มีคำตอบทันเวลา", "was not answered for in time"),
    }[seen]
    return text(f"{name.th} {what[0]}", f"{name.en} {what[1]}.")


def when_open(name: Words, seconds: float) -> Text:
    return text(
        f"จับเวลา: กด Enter แล้ว {name.th} จะเปิด กด Enter อีกครั้งเมื่อเปิดสุด (อย่างช้า {seconds:.0f} วินาที)",
        f"Travel: press Enter and {name.en} opens; press Enter again when it is fully open (within {seconds:.0f} s).",
    )


def opens_now(name: Words) -> Text:
    return text(f"{name.th} กำลังเปิด กด Enter เมื่อเปิดสุด", f"{name.en} opens now. Press Enter when it is fully open.")


def closes_now(name: Words) -> Text:
    return text(f"{name.th} กำลังปิด กด Enter เมื่อปิดสุด", f"{name.en} closes now. Press Enter when it is fully closed.")


def time_over() -> Text:
    return text("หมดเวลา ปิดแล้ว กด Enter เพื่อทำต่อ", "The time is over, and it is off. Press Enter to go on.")


def travel_is(name: Words, seconds: float) -> Text:
    return text(f"{name.th} ใช้เวลาเคลื่อน {seconds:g} วินาที", f"{name.en} travels for {seconds:g} s.")


def contactor_moves(name: Words, seconds: float, *, stops: bool) -> Text:
    """`stops`: a pump that is on in its safe state."""
    if stops:
        return text(
            f"สั่ง {name.th} หยุด {seconds:.0f} วินาที ดูคอนแทกเตอร์",
            f"{name.en} is told to stand still for {seconds:.0f} s: look at it.",
        )
    return text(
        f"สั่ง {name.th} ทำงาน {seconds:.0f} วินาที ดูคอนแทกเตอร์",
        f"{name.en} is told to run for {seconds:.0f} s: look at it.",
    )


def contactor(name: Words, *, stops: bool) -> Text:
    if stops:
        return text(
            f"คอนแทกเตอร์ของ {name.th} ปล่อยแล้วดูดกลับใช่ไหม [y/n]",
            f"Did the contactor of {name.en} let go, and pull in again? [y/n]",
        )
    return text(
        f"คอนแทกเตอร์ของ {name.th} ดูดแล้วปล่อยใช่ไหม [y/n]",
        f"Did the contactor of {name.en} pull in, and let go again? [y/n]",
    )


def measure_flow(zone: Words) -> Text:
    return text(
        f"วัดอัตราการไหลของ {zone.th} ไหม ถ้าวัด ให้เปิดไฟปั๊มและให้มีน้ำในถังก่อน [y วัด / s ข้าม]",
        f"Measure the flow of {zone.en}? Then switch the pump's supply on again first, with water in the tank. "
        "[y measure / s skip]",
    )


def water_flows(zone: Words, seconds: float) -> Text:
    return text(f"กำลังรด {zone.th} นาน {seconds:.0f} วินาที", f"{zone.en} is watered now, for {seconds:.0f} s.")


def flow_is(zone: Words, l_min: float) -> Text:
    return text(
        f"{zone.th} ไหล {l_min:g} ลิตร/นาที น้ำออกที่แปลงนี้แปลงเดียวใช่ไหม [y/n]",
        f"{zone.en} takes {l_min:g} L/min. Did water come out there, and nowhere else? [y/n]",
    )


def flow_unknown(zone: Words) -> Text:
    return text(
        f"วัดการไหลของ {zone.th} ไม่ได้ มิเตอร์นับไม่ถึงสามพัลส์ ใช้ค่าเดิม",
        f"The flow of {zone.en} could not be measured: fewer than three pulses came. It stays as it was.",
    )


def write_it(file: str) -> Text:
    return text(f"เขียนผลลงใน {file} ไหม [y/n]", f"Write the results into {file}? [y/n]")


def written(file: str) -> Text:
    return text(f"เขียนลงใน {file} แล้ว", f"Written into {file}.")


def nothing_to_write() -> Text:
    return text("ไม่มีผลให้เขียน", "There is nothing to write.")


def silent(reason: str) -> Text:
    return text(f"ข้ามไป เพราะไม่ตอบ: {reason}", f"Left out, for it does not answer: {reason}")
