"""Thailand's air quality index, B.E. 2566 (Royal Gazette vol. 140 special 157), from 24-hour running means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from tonnam_cloud.words import Words

HOURS = 24
HOURS_NEEDED = 18
"""Under three quarters of the hours there is no index, only "not enough data"."""


@dataclass(frozen=True)
class Pollutant:
    """Where each band of one pollutant ends, in ug/m3, and the step to which its mean is rounded first.

    A band begins one step after the band before it ends; the last one is open.
    """

    step: Decimal
    band_ends: tuple[Decimal, ...]


@dataclass(frozen=True)
class AirBand:
    """One band of the index. `index_to` is None for the last, which the rule leaves without numbers."""

    id: str
    index_from: int
    index_to: int | None
    label: Words
    advice: Words


POLLUTANTS: Mapping[str, Pollutant] = {
    "pm2_5": Pollutant(Decimal("0.1"), (Decimal("15.0"), Decimal("25.0"), Decimal("37.5"), Decimal("75.0"))),
    "pm10": Pollutant(Decimal("1"), (Decimal(50), Decimal(80), Decimal(120), Decimal(180))),
}

BANDS: tuple[AirBand, ...] = (
    AirBand(
        "very_good",
        0,
        25,
        Words(th="ดีมาก", en="Very good"),
        Words(th="อากาศดีมาก ออกไปทำงานกลางแจ้งได้ตามปกติ", en="Clean air. Work and play outdoors as usual."),
    ),
    AirBand(
        "good",
        26,
        50,
        Words(th="ดี", en="Good"),
        Words(th="อากาศดี ทำกิจกรรมกลางแจ้งได้ตามปกติ", en="Good air. Outdoor work is fine."),
    ),
    AirBand(
        "moderate",
        51,
        100,
        Words(th="ปานกลาง", en="Moderate"),
        Words(
            th="ทำงานกลางแจ้งได้ เด็ก ผู้สูงอายุ และผู้ป่วยโรคปอดหรือหัวใจ ถ้าไอหรือหายใจลำบากให้พัก",
            en="Outdoor work is fine. Children, older people, those with lung or heart disease: rest if you cough.",
        ),
    ),
    AirBand(
        "starts_to_affect",
        101,
        200,
        Words(th="เริ่มมีผลกระทบต่อสุขภาพ", en="Starting to affect health"),
        Words(
            th="ลดเวลาอยู่กลางแจ้งและใส่หน้ากากกันฝุ่น เด็ก ผู้สูงอายุ และผู้ป่วยควรอยู่ในบ้าน",
            en="Spend less time outdoors and wear a dust mask. Children, older and ill people: stay indoors.",
        ),
    ),
    AirBand(
        "affects",
        201,
        None,
        Words(th="มีผลกระทบต่อสุขภาพ", en="Affects health"),
        Words(
            th="งดงานกลางแจ้ง ปิดประตูหน้าต่าง ถ้าต้องออกให้ใส่หน้ากากกันฝุ่น ถ้าหายใจลำบากให้ไปพบแพทย์",
            en="Stop outdoor work, close doors and windows, wear a dust mask if you must go out. "
            "Short of breath: see a doctor.",
        ),
    ),
)

NOT_ENOUGH = AirBand(
    "not_enough_data",
    0,
    None,
    Words(th="ข้อมูลยังไม่พอ", en="Not enough data"),
    Words(
        th=f"ต้องมีข้อมูลอย่างน้อย {HOURS_NEEDED} ใน {HOURS} ชั่วโมงล่าสุดจึงบอกได้",
        en=f"It takes readings in at least {HOURS_NEEDED} of the last {HOURS} hours to say.",
    ),
)


@dataclass(frozen=True)
class Index:
    """An air quality index. `value` is None above 200, where only the band is defined; `text` then says "201+"."""

    value: int | None
    text: str | None
    band: AirBand
    pollutant: str | None


def running_mean(hour_means: Sequence[float | None]) -> float | None:
    """The mean of the last 24 hour means (None = hour without readings), or None with under 18 of them."""
    present = [mean for mean in hour_means[-HOURS:] if mean is not None]
    return sum(present) / len(present) if len(present) >= HOURS_NEEDED else None


def sub_index(pollutant: str, mean_ug_m3: float) -> tuple[int, int | None]:
    """The number of the band (0 is the best) and the index within it, None in the last band."""
    scale = POLLUTANTS[pollutant]
    mean = Decimal(repr(max(mean_ug_m3, 0.0))).quantize(scale.step, ROUND_HALF_UP)
    for number, end in enumerate(scale.band_ends):
        if mean <= end:
            start = Decimal(0) if number == 0 else scale.band_ends[number - 1] + scale.step
            return number, _within(BANDS[number], (mean - start) / (end - start))
    return len(BANDS) - 1, None


def _within(band: AirBand, share: Decimal) -> int:
    assert band.index_to is not None
    index = band.index_from + (band.index_to - band.index_from) * share
    return int(index.quantize(Decimal(1), ROUND_HALF_UP))


def air_index(means_ug_m3: Mapping[str, float | None]) -> Index:
    """The index for 24-hour means by pollutant: the greatest of the pollutants' own.

    Without enough PM2.5, the pollutant that harms most here, there is no index at all.
    """
    if means_ug_m3.get("pm2_5") is None:
        return Index(None, None, NOT_ENOUGH, None)
    known = {name: mean for name, mean in means_ug_m3.items() if mean is not None and name in POLLUTANTS}
    ranked = {name: sub_index(name, mean) for name, mean in known.items()}
    worst = max(ranked, key=lambda name: (ranked[name][0], ranked[name][1] or 0))
    number, value = ranked[worst]
    return Index(value, "201+" if value is None else str(value), BANDS[number], worst)
