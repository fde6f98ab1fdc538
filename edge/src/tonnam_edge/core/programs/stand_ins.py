"""What stood in for weather that was not measured, told when it changes from one day to the next."""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_edge.agronomy.marks import Mark, Marks
from tonnam_edge.core.memory import Text
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.kept import Kept

LEAST_HOURS = 3.0  # of a day; a device that was silent for less is no news

THROUGH_A_COVER = frozenset(
    {
        Mark.RADIATION_FROM_OUTSIDE,
        Mark.RADIATION_FROM_FORECAST,
        Mark.RADIATION_FROM_INVERTER,
        Mark.RADIATION_FROM_CLIMATOLOGY,
        Mark.RADIATION_DEFAULT,
    }
)
_TH, _EN = 0, 1
# In Thai and in English. What is no mark here needs no telling: it happens every day.
WORDS: dict[Mark, tuple[str, str]] = {
    Mark.TEMPERATURE_DEFAULT: ("อุณหภูมิปกติของที่นี่", "the place's usual temperature"),
    Mark.HUMIDITY_FROM_TMIN: ("ความชื้นจากอุณหภูมิต่ำสุด", "humidity from the lowest temperature"),
    Mark.HUMIDITY_DEFAULT: ("ความชื้นปกติ", "usual humidity"),
    Mark.WIND_DEFAULT: ("ลม 2 ม./วินาที", "a wind of 2 m/s"),
    Mark.RADIATION_FROM_LUX: ("แสงจากลักซ์", "light from lux"),
    Mark.RADIATION_FROM_SUNSHINE: ("แสงจากชั่วโมงแดด", "light from sunshine"),
    Mark.RADIATION_FROM_OUTSIDE: ("แสงจากข้างนอก", "light from outside"),
    Mark.RADIATION_FROM_FORECAST: ("แสงจากพยากรณ์", "light from the forecast"),
    Mark.RADIATION_FROM_INVERTER: ("แสงจากหลังคาโซลาร์", "light from the solar roof"),
    Mark.RADIATION_FROM_TEMPERATURE: ("แสงจากอุณหภูมิสูงสุดและต่ำสุดของวัน", "light from the day's range of temperature"),
    Mark.RADIATION_FROM_CLIMATOLOGY: ("แสงปกติของเดือน", "the month's usual light"),
    Mark.RADIATION_MEDIAN: ("แสงเฉลี่ยหลายวันก่อน", "light of the last days"),
    Mark.RADIATION_DEFAULT: ("แสงครึ่งหนึ่งของฟ้าใส", "half of the light above the air"),
    Mark.TRANSMISSIVITY_DEFAULT: ("หลังคาที่ยังไม่ได้วัด", "a cover that nobody measured"),
    Mark.TRANSMISSIVITY_OLD: ("หลังคาที่วัดไว้เกินปี", "a cover measured more than a year ago"),
    Mark.RAIN_UNKNOWN: ("ไม่มีฝน เพราะมาตรวัดฝนเงียบ", "no rain, as the gauge is silent"),
    Mark.MEDIAN: ("การใช้น้ำเฉลี่ยหลายวันก่อน", "ET0 of the last days"),
    Mark.BOUNDED: ("ค่าที่เป็นไปไม่ได้ถูกแทน", "a limit in place of what cannot be"),
    Mark.REJECTED: ("ค่าที่เป็นไปไม่ได้ถูกทิ้ง", "some values that cannot be were left out"),
}


def note(kept: Kept, marks: Marks, hours: float) -> None:
    """Count what stood in within a period. A cover's transmissivity is no news where the light came from inside."""
    if not marks & THROUGH_A_COVER:
        marks -= {Mark.TRANSMISSIVITY_DEFAULT, Mark.TRANSMISSIVITY_OLD}
    for mark in marks & WORDS.keys():
        kept.marked_h = {**kept.marked_h, mark.value: round(kept.marked_h.get(mark.value, 0.0) + hours, 3)}


def end_of_day(kept: Kept) -> Text | None:
    """What to say of a day that is over; None when it was as the day before."""
    lasting = [mark.value for mark in WORDS if kept.marked_h.get(mark.value, 0.0) >= LEAST_HOURS]
    before, kept.marked_h = kept.marks_told, {}
    kept.marks_told = lasting
    return None if lasting == before else words.stood_in(*_listed(lasting))


def _listed(marks: Iterable[str]) -> tuple[str, str]:
    found = [WORDS[Mark(mark)] for mark in marks]
    return ", ".join(each[_TH] for each in found), ", ".join(each[_EN] for each in found)
