"""Where one word ends and the next begins, with its colour: thresholds and texts for panels.

Sources: the Thai air quality index of B.E. 2566 (Royal Gazette 140, special 157), the Meteorological Department's
rain classes, ThaiWater's river levels. Colour never stands alone: each band has words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    RangeMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)


@dataclass(frozen=True)
class Band:
    """From `start` (None: from below everything) to the start of the next band."""

    start: float | None
    colour: str
    words: str


SKY, GREEN, YELLOW, ORANGE, RED = "#3bccff", "#73bf69", "#f2cc0c", "#ff9830", "#e02f44"
BLUE, GREY = "#5794f2", "#8e8e8e"
BEYOND = 1e9

# The tables are in tenths: 15.0 is very good, 15.1 good. A value between them belongs where its printed number does.
PM2_5 = (
    Band(None, SKY, "ดีมาก / Very good"),
    Band(15.05, GREEN, "ดี / Good"),
    Band(25.05, YELLOW, "ปานกลาง / Moderate"),
    Band(37.55, ORANGE, "เริ่มมีผลกระทบต่อสุขภาพ / Starting to affect health"),
    Band(75.05, RED, "มีผลกระทบต่อสุขภาพ / Affects health"),
)
RAIN_MM = (
    Band(None, GREY, "ไม่มีฝนหรือวัดไม่ได้ / None or a trace"),
    Band(0.05, SKY, "เล็กน้อย / Light"),
    Band(10.05, BLUE, "ปานกลาง / Moderate"),
    Band(35.05, ORANGE, "หนัก / Heavy"),
    Band(90.05, RED, "หนักมาก / Very heavy"),
)
# Both ends of a river's levels are bad.
RIVER_PCT_OF_BANK = (
    Band(None, ORANGE, "น้อยวิกฤต / Critically low"),
    Band(10.05, YELLOW, "น้อย / Low"),
    Band(30.05, GREEN, "ปกติ / Normal"),
    Band(70.05, ORANGE, "มาก / High"),
    Band(100.05, RED, "ล้นตลิ่ง / Over the bank"),
)
# The band that a new zone gets: clay loam, field capacity 32 %. A zone's own band is in its site file.
SOIL_VWC_PCT = (
    Band(None, ORANGE, "แห้ง / Dry"),
    Band(26, GREEN, "พอดี / Good"),
    Band(31, BLUE, "ชุ่ม / Wet"),
)
TANK_CM = (
    Band(None, RED, "เกือบหมด / Nearly empty"),
    Band(30, YELLOW, "น้อย / Low"),
    Band(80, GREEN, "พอใช้ / Enough"),
)

ON_OFF = (Band(0, GREY, "ปิด / Off"), Band(1, BLUE, "เปิด / On"))
# The order is that of tonnam_link.quality.Quality, whose numbers never change.
QUALITY = (
    Band(0, GREEN, "ดี / Good"),
    Band(1, ORANGE, "ข้อมูลเก่า / Stale"),
    Band(2, ORANGE, "ค่าค้าง / Stuck"),
    Band(3, ORANGE, "นอกช่วง / Out of range"),
    Band(4, ORANGE, "ค่ากระโดด / Jumped"),
    Band(5, ORANGE, "หัววัดไม่ตรงกัน / Disagrees"),
    Band(6, RED, "อุปกรณ์ขัดข้อง / Device fault"),
    Band(7, ORANGE, "เวลาไม่แน่นอน / Clock suspect"),
    Band(8, YELLOW, "ค่าทดแทน / Substituted"),
)


def thresholds(bands: Sequence[Band]) -> ThresholdsConfig:
    """The bands as a panel's thresholds."""
    steps = [Threshold(value=band.start, color=band.colour) for band in bands]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def in_words(bands: Sequence[Band]) -> list[ValueMapping]:
    """Each band's words in place of the number.

    Grafana takes the first range that fits, so the highest stands first; open ends are numbers beyond any reading,
    because versions differ in what an empty end means.
    """
    ends = [band.start for band in bands[1:]] + [None]
    falling = list(zip(bands, ends, strict=True))[::-1]
    return [
        RangeMap(
            options=DashboardRangeMapOptions(
                from_val=-BEYOND if band.start is None else band.start,
                to=BEYOND if end is None else end,
                result=ValueMappingResult(text=band.words, color=band.colour, index=index),
            )
        )
        for index, (band, end) in enumerate(falling)
    ]


def by_number(bands: Sequence[Band]) -> list[ValueMapping]:
    """Words for whole numbers: a switch, a quality."""
    options = {
        f"{band.start:g}": ValueMappingResult(text=band.words, color=band.colour, index=index)
        for index, band in enumerate(bands)
        if band.start is not None
    }
    return [ValueMap(options=options)]
