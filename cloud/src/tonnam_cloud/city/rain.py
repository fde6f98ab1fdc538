"""Rain of a day, 07:00 to 07:00 in Thailand (Thai Meteorological Department), from a counter that only grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from tonnam_cloud.times import BANGKOK
from tonnam_cloud.words import Words

DAY_STARTS = time(7)


@dataclass(frozen=True)
class RainBand:
    """How much rain fell, up to and with `to_mm` (None: no end)."""

    id: str
    to_mm: Decimal | None
    label: Words


NO_RAIN = RainBand("none", Decimal(0), Words(th="ไม่มีฝน", en="No rain"))
TRACE = RainBand("trace", Decimal(0), Words(th="ฝนเล็กน้อยวัดไม่ได้", en="Trace"))
BANDS: tuple[RainBand, ...] = (
    RainBand("light", Decimal("10.0"), Words(th="ฝนเล็กน้อย", en="Light rain")),
    RainBand("moderate", Decimal("35.0"), Words(th="ฝนปานกลาง", en="Moderate rain")),
    RainBand("heavy", Decimal("90.0"), Words(th="ฝนหนัก", en="Heavy rain")),
    RainBand("very_heavy", None, Words(th="ฝนหนักมาก", en="Very heavy rain")),
)
UNKNOWN = RainBand("unknown", None, Words(th="ยังไม่มีข้อมูล", en="No data yet"))
SILENT = Words(th="ไม่รู้ตั้งแต่ {time}\u00a0น.", en="Not known since {time}")
"""The label of an unknown band when the gauge was heard earlier in the day."""
NEAR_AGES = 3
NEAR_MS = 3_600_000


@dataclass(frozen=True)
class Fallen:
    """Rain between two readings of the counter. `since_ms` is None when it counts from the start of the day."""

    mm: float
    since_ms: int | None
    until_ms: int


def day_start(now: datetime) -> datetime:
    """When the rain day of `now` began: the latest 07:00 in Bangkok, in UTC."""
    local = now.astimezone(BANGKOK)
    start = datetime.combine(local.date(), DAY_STARTS, BANGKOK)
    return (start if start <= local else start - timedelta(days=1)).astimezone(UTC)


def fallen_mm(counter_mm: Iterable[float]) -> float | None:
    """The rain between the first and the last of successive counter readings, in mm; None without a reading.

    Only increments count. A counter that drops was reset, wrapped or changed: what it then shows is not rain.
    """
    totals = list(counter_mm)
    if not totals:
        return None
    return sum(max(after - before, 0.0) for before, after in pairwise(totals))


def near_ms(max_age_s: float) -> int:
    """How long before the start of the day a reading may lie and still stand for what the counter showed then."""
    return max(int(NEAR_AGES * max_age_s * 1000), NEAR_MS)


def fallen_today(times_ms: Sequence[int], counter_mm: Sequence[float], start_ms: int) -> Fallen | None:
    """The day's rain so far, from readings since `near_ms` before its start; None without a reading of the day.

    Without a reading just before the start, nobody knows on which day the counter grew up to the day's first reading.
    """
    first = sum(at_ms <= start_ms for at_ms in times_ms)
    if first == len(times_ms):
        return None
    total = fallen_mm(counter_mm[max(first - 1, 0) :])
    assert total is not None
    return Fallen(total, None if first else times_ms[0], times_ms[-1])


def rain_band(today_mm: float | None) -> RainBand:
    """The band of a day's rain."""
    if today_mm is None:
        return UNKNOWN
    if today_mm <= 0:
        return NO_RAIN
    rounded = Decimal(repr(today_mm)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if rounded < Decimal("0.1"):
        return TRACE
    return next(band for band in BANDS if band.to_mm is None or rounded <= band.to_mm)
