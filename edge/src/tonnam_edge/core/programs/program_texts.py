"""What the programs say to people of soil, weather and water, in Thai as a farmer would say it, and in English."""

from __future__ import annotations

from tonnam_edge.core.memory import Text
from tonnam_edge.core.texts import joined, minutes, text
from tonnam_edge.site.profile import Words

# Why water


def by_balance(depletion_mm: float, litres: float) -> Text:
    return text(
        f"พืชใช้น้ำไปแล้ว {depletion_mm:.1f} มม. เติม {litres:.0f} ลิตร",
        f"The crop has used {depletion_mm:.1f} mm: {litres:.0f} litres to give back",
    )


def by_balance_ahead(depletion_mm: float, litres: float, clock: str, baht_kwh: float) -> Text:
    return text(
        f"พืชใช้น้ำไปแล้ว {depletion_mm:.1f} มม. เติม {litres:.0f} ลิตร ก่อนไฟแพง {clock} น. ({baht_kwh:.2f} บาท/หน่วย)",
        f"The crop has used {depletion_mm:.1f} mm: {litres:.0f} litres before electricity is dear at {clock} "
        f"({baht_kwh:.2f} baht a kWh)",
    )


def by_hand_litres(litres: float) -> Text:
    return text(f"สั่งรดเอง {litres:.0f} ลิตร", f"Asked for by hand, {litres:.0f} litres")


def by_week(litres: float) -> Text:
    return text(
        f"ไม่รู้ความชื้นและอากาศ จึงรดเท่าที่เคยรดเฉลี่ย 7 วัน อีก {litres:.0f} ลิตร",
        f"Neither soil nor weather is known: as much as the mean of seven days, {litres:.0f} litres more",
    )


def by_safe_timer(litres: float) -> Text:
    return text(
        f"ไม่รู้ความชื้นและอากาศ จึงรดตามรอบสำรอง {litres:.0f} ลิตร",
        f"Neither soil nor weather is known: the zone's safe watering, {litres:.0f} litres",
    )


def by_light(ml_plant: float, j_cm2: float) -> Text:
    return text(
        f"แสงสะสมครบ {j_cm2:.0f} จูล/ตร.ซม. ให้ต้นละ {ml_plant:.0f} มล.",
        f"{j_cm2:.0f} J/cm2 of light: {ml_plant:.0f} mL a plant",
    )


def by_usual_light(ml_plant: float) -> Text:
    return text(
        f"เซนเซอร์แสงไม่บอกหรือบอกค่าที่เป็นไปไม่ได้ จึงใช้แสงปกติของเวลานี้ ให้ต้นละ {ml_plant:.0f} มล.",
        f"No light sensor tells, or what it tells cannot be; by the light that is usual at this hour: "
        f"{ml_plant:.0f} mL a plant",
    )


def by_interval(ml_plant: float, waited_min: float) -> Text:
    return text(
        f"ไม่ได้ให้น้ำมา {waited_min:.0f} นาที ให้ต้นละ {ml_plant:.0f} มล.",
        f"{waited_min:.0f} minutes without water: {ml_plant:.0f} mL a plant",
    )


# Why not


def enough_by_balance(depletion_mm: float, raw_mm: float) -> Text:
    return text(
        f"พืชใช้น้ำไป {depletion_mm:.1f} มม. จะรดเมื่อถึง {raw_mm:.1f} มม.",
        f"The crop has used {depletion_mm:.1f} mm; waters at {raw_mm:.1f} mm",
    )


def enough_for_a_day(depletion_mm: float) -> Text:
    return text(
        f"พืชใช้น้ำไป {depletion_mm:.1f} มม. แต่ให้น้ำครบ 1.5 เท่าของที่ใช้ใน 24 ชม. แล้ว พรุ่งนี้เติมต่อ",
        f"The crop has used {depletion_mm:.1f} mm, but had 1.5 times a day's use in 24 hours; goes on tomorrow",
    )


def enough_by_day(litres: float) -> Text:
    return text(
        f"เซนเซอร์บอกไม่ได้ว่าต้องรดเท่าไร จึงให้วันละ {litres:.0f} ลิตร แปลงนี้ได้น้ำของวันนี้แล้ว",
        f"No sensor says how much is needed: the zone gets {litres:.0f} litres a day, and has had today's",
    )


def enough_light_later(j_cm2: float, wanted: float) -> Text:
    share = min(j_cm2 / wanted, 1.0) // 0.25 * 25  # not with every cloud
    return text(f"แสงสะสมถึง {share:.0f}% ของที่ต้องการ", f"{share:.0f}% of the light for the next dose")


def probe_asks_too_much(allowed_mm: float) -> Text:
    return text(
        f"หัววัดบอกว่าดินแห้ง แต่ให้น้ำครบ 1.5 เท่าของที่พืชใช้ใน 24 ชม. แล้ว ({allowed_mm:.1f} มม.) ไปดูหัววัด",
        f"The probe says dry, but 1.5 times what the crop uses was given in 24 hours ({allowed_mm:.1f} mm). "
        "Look at the probe",
    )


def looking_for_probe() -> Text:
    return text("หัววัดไม่บอกความชื้น รอดูก่อนสักครู่", "The probes say nothing just now; waiting a little")


def by_last_known_time(said: Text) -> Text:
    return text(
        f"{said['th']} (นาฬิกายังไม่ได้ตั้ง ใช้เวลาที่จำได้)", f"{said['en']} (the clock is not set: by the last known time)"
    )


def by_own_count(seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        f"นาฬิกายังไม่ได้ตั้ง จึงรดตามรอบที่นับเอง {length['th']}",
        f"The clock is not set: watered {length['en']} by the controller's own count of time",
    )


def may_have_watered() -> Text:
    return text(
        "นาฬิกายังไม่ได้ตั้ง รอบนี้อาจรดไปแล้ว",
        "The clock is not set, and this watering may have been given already",
    )


def slot_used_by_a_guess(clock: str) -> Text:
    return text(
        f"ข้ามรอบ {clock} น. เพราะเมื่อนาฬิกายังไม่ได้ตั้ง อาจรดรอบนี้ไปแล้ว",
        f"The {clock} watering was left out: it may have been given while the clock was not set",
    )


def slot_skipped(clock: str, late_min: float) -> Text:
    return text(
        f"ข้ามรอบ {clock} น. เพราะเริ่มไม่ได้ภายใน {late_min:g} นาที",
        f"The {clock} watering was left out: it could not begin within {late_min:g} minutes",
    )


def rest_of_slot(clock: str, seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        f"รดต่อส่วนที่เหลือของรอบ {clock} น. ที่ถูกตัดไป {length['th']}",
        f"The rest of the watering at {clock} that was cut off, {length['en']}",
    )


def rest_given_up(clock: str) -> Text:
    return text(
        f"ไม่รดส่วนที่เหลือของรอบ {clock} น. ที่ถูกตัดไป เพราะไม่รู้ว่าได้น้ำไปแล้วเท่าไร",
        f"The rest of the watering at {clock} that was cut off is given up: how much it had is not known",
    )


def slot_unfed(clock: str, seconds: float) -> Text:
    length = minutes(seconds)
    return text(
        f"รดรอบ {clock} น. ที่ปั๊มไม่มีแดดเดินเลย {length['th']}",
        f"The {clock} watering, for which the pump had no sun, {length['en']}",
    )


def slot_held(clock: str, why: Text) -> Text:
    """`why` is what was said of the zone last: what held it, or who had to have water first."""
    return text(
        f"ข้ามรอบ {clock} น. เพราะยังเริ่มไม่ได้: {why['th']}",
        f"The {clock} watering was left out. It was held up: {why['en']}",
    )


def slot_waits(clock: str, why: Text) -> Text:
    """`why` is what the hold says."""
    return text(f"รอบ {clock} น. ยังรออยู่: {why['th']}", f"The {clock} watering waits. {why['en']}")


def slot_fell(clock: str, fell_mm: float) -> Text:
    return text(
        f"ข้ามรอบ {clock} น. เพราะฝนที่รอตกแล้ว {fell_mm:.0f} มม.",
        f"The {clock} watering was left out: the rain that it waited for has fallen, {fell_mm:.0f} mm",
    )


def less_what_fell(reason: Text, seconds: float, fell_mm: float, expected_mm: float) -> Text:
    length = minutes(seconds)
    return text(
        f"{reason['th']} ฝนตกแล้ว {fell_mm:.0f} จากที่คาด {expected_mm:.0f} มม. จึงรด {length['th']}",
        f"{reason['en']}; {fell_mm:.0f} of the expected {expected_mm:.0f} mm have fallen, so {length['en']}",
    )


def slot_of_a_clock_ahead(clock: str) -> Text:
    return text(
        f"ข้ามรอบ {clock} น. เพราะนาฬิกาเคยเดินล้ำหน้า และใช้รอบนี้ไปแล้ว",
        f"The {clock} watering was left out: the clock had been ahead, and used it up then",
    )


def day_was_watered(clock: str) -> Text:
    return text(
        f"ข้ามรอบ {clock} น. เพราะโปรแกรมนี้รดของวันนี้ไปแล้ว",
        f"The {clock} watering was left out: this program has watered today already",
    )


# Steps of the ladder


def by_probe_again(zone: Words) -> Text:
    return text(joined(zone.th, "กลับมารดตามความชื้นดิน"), f"{zone.en} waters by soil moisture again")


def by_balance_again(zone: Words) -> Text:
    return text(joined(zone.th, "กลับมารดตามน้ำที่พืชใช้"), f"{zone.en} waters by what the crop uses again")


def down_to_balance(zone: Words) -> Text:
    return text(
        joined(zone.th, "ไม่รู้ความชื้นที่เชื่อได้ จึงรดตามน้ำที่พืชใช้ ไปดูหัววัด"),
        f"{zone.en}: no soil moisture to believe, so it waters by what the crop uses. Look at the probes",
    )


def down_to_week(zone: Words) -> Text:
    return text(
        joined(zone.th, "ไม่รู้ทั้งความชื้นและอากาศ จึงรดเท่าเฉลี่ย 7 วัน ไปดูเซนเซอร์"),
        f"{zone.en}: neither soil nor weather is known, so it gets the mean of seven days. Look at the sensors",
    )


def down_to_safe(zone: Words) -> Text:
    return text(
        joined(zone.th, "ไม่รู้อะไรเลย จึงรดตามรอบสำรอง ไปดูเซนเซอร์"),
        f"{zone.en}: nothing is known, so it gets its safe watering. Look at the sensors",
    )


def probe_contradicts(zone: Words, moisture_pct: float, expected_pct: float, *, rained: bool) -> Text:
    """`rained`: the gauge has counted rain of late, and may be what is wrong."""
    th, en = (
        ("ไปดูหัววัดและมาตรวัดฝน", "Look at the probes and the rain gauge")
        if rained
        else ("ไปดูหัววัด", "Look at the probes")
    )
    return text(
        joined(zone.th, f"หัววัดบอก {moisture_pct:.0f}% แต่ควรเป็นราว {expected_pct:.0f}% สามวันแล้ว {th}"),
        f"{zone.en}: the probes say {moisture_pct:.0f}%, and {expected_pct:.0f}% is expected, for three days. {en}",
    )


def probe_in_doubt(zone: Words) -> Text:
    return text(
        joined(zone.th, "หัววัดบอกไม่ตรงกับที่คำนวณสามวันติดกันหรือนานกว่า ไปดูหัววัด"),
        f"{zone.en}: the probes contradict what was reckoned for three days or more. Look at the probes",
    )


def rain_unseen(hours: float, rain_mm: float | None) -> Text:
    """What is said of rain that fell while the controller was off; None: the gauge does not tell."""
    if rain_mm is None:
        return text(
            f"เครื่องดับไป {hours:.0f} ชม. ไม่รู้ว่าฝนตกเท่าไร จึงคิดว่าไม่ตก เพราะมาตรวัดฝนเริ่มนับใหม่",
            f"Off for {hours:.0f} hours. How much it rained is not known, for the gauge counts anew: taken as none",
        )
    return text(
        f"เครื่องดับไป {hours:.0f} ชม. มาตรวัดฝนนับได้ {rain_mm:.1f} มม. คิดให้แล้ว",
        f"Off for {hours:.0f} hours. The gauge counted {rain_mm:.1f} mm of rain meanwhile: it is reckoned in",
    )


def stood_in(th: str, en: str) -> Text:
    """What stood in for weather yesterday; empty when all was measured."""
    if not en:
        return text("อากาศวัดได้ครบอีกครั้ง ไม่ต้องใช้ค่าแทน", "All weather was measured again: nothing stands in for it")
    return text(f"อากาศบางอย่างวัดไม่ได้ จึงใช้แทน: {th}", f"Some weather was not measured. In its place: {en}")


def gauge_doubted() -> Text:
    return text(
        "มาตรวัดฝนนับฝนทั้งที่อากาศแห้ง แดดจ้า หรือดินไม่เปียก จึงไม่คิดฝนของมันจนกว่าจะเงียบครบหนึ่งวัน ไปดูมาตรวัดฝน",
        "The rain gauge counts rain in dry air, bright sun, or that no soil has seen. Its rain does not count until "
        "it is quiet for a day. Look at the rain gauge",
    )


def gauge_recovers() -> Text:
    return text(
        "มาตรวัดฝนเงียบมาครบหนึ่งวัน คิดฝนของมันอีกครั้ง", "The rain gauge has been quiet for a day: its rain counts again"
    )


# Thirst


def thirsts(zone: Words, hours: float, why: Text) -> Text:
    """`why` is what is said of the zone just now."""
    return text(
        joined(zone.th, f"ต้องการน้ำมา {hours:.0f} ชม. แล้วยังไม่ได้รด: {why['th']}"),
        f"{zone.en} has wanted water for {hours:.0f} hours and had none. {why['en']}",
    )


def kept_off(zone: Words, hours: float, why: Text) -> Text:
    """`why` says what a person has done."""
    return text(
        joined(zone.th, f"ต้องการน้ำ แต่มีคนปิดไว้มา {hours:.0f} ชม. ถ้าตั้งใจ ไม่ต้องทำอะไร ถ้าลืม: {why['th']}"),
        f"{zone.en} wants water and has been kept off for {hours:.0f} hours. If that is meant, leave it so. "
        f"If not: {why['en']}",
    )


def no_water_came() -> Text:
    return text("รดครั้งล่าสุดแล้วน้ำไม่มา", "The last watering brought no water")


# Holds


def held_for_a_day(zone: Words, why: Text) -> Text:
    """`why` is what the hold says."""
    return text(
        joined(zone.th, f"รออากาศมาครบ 24 ชม. แล้ว ({why['th']}) ไปดูเครื่องวัดลม มาตรวัดฝน และเครื่องวัดอากาศ"),
        f"{zone.en} has waited for the weather for 24 hours ({why['en']}). Look at the gauges of rain, wind and air",
    )


def rained(rain_mm: float) -> Text:
    return text(f"ฝนตก {rain_mm:.0f} มม. ใน 24 ชม. จึงงดรด", f"{rain_mm:.0f} mm of rain in 24 hours, so no water")


def rain_expected(rain_mm: float) -> Text:
    return text(f"คาดว่าฝนจะตก {rain_mm:.0f} มม. รอดูก่อน", f"{rain_mm:.0f} mm of rain are expected; waiting for it")


def windy(most_m_s: float) -> Text:
    return text(f"ลมแรงเกิน {most_m_s:g} ม./วินาที รอลมสงบ", f"Wind over {most_m_s:g} m/s; waiting until it is calmer")


def frosty(least_c: float) -> Text:
    return text(
        f"อากาศไม่เกิน {least_c:g} องศาเซลเซียส หนาวเกินจะรด", f"The air is at {least_c:g} °C or below: too cold to water"
    )


def tank_kept(least_cm: float) -> Text:
    return text(
        f"น้ำในถังต่ำกว่า {least_cm:g} ซม. เก็บไว้ให้คนสั่งรดเอง",
        f"The tank is below {least_cm:g} cm; what is left is kept for watering by hand",
    )


def quiet_until(clock: str) -> Text:
    return text(f"ช่วงงดรด ถึง {clock} น.", f"Quiet hours, until {clock}")


def quota_used(litres: float) -> Text:
    return text(
        f"ใช้น้ำครบโควตา {litres:.0f} ลิตรใน 24 ชม. แล้ว", f"The quota of {litres:.0f} litres in 24 hours is used up"
    )


def waits_for_sun(clock: str) -> Text:
    return text(
        f"รอแดดให้โซลาร์พอเดินปั๊ม ถ้ายังไม่พอจะรดตอน {clock} น.",
        f"Not enough sun to run the pump yet; waters at {clock} all the same",
    )


def waits_for_price(clock: str, now_baht: float, then_baht: float, saved_baht: float | None, latest: str) -> Text:
    """`saved_baht` is None where nobody knows what the pump takes."""
    th = "" if saved_baht is None else f" ประหยัดราว {saved_baht:.2f} บาท"
    en = "" if saved_baht is None else f", about {saved_baht:.2f} baht less"
    return text(
        f"รอไฟถูก {clock} น. ({then_baht:.2f} บาท/หน่วย ตอนนี้ {now_baht:.2f}){th} อย่างช้ารดตอน {latest} น.",
        f"Waiting for cheaper electricity at {clock} ({then_baht:.2f} baht a kWh, now {now_baht:.2f}{en}); "
        f"waters at {latest} at the latest",
    )


def no_sun() -> Text:
    return text(
        "ปั๊มเดินด้วยแดดอย่างเดียว แดดไม่พอ หรือไม่รู้ว่ามีเท่าไร รอแดด",
        "The pump has nothing but the sun, and that is too little or not known",
    )
