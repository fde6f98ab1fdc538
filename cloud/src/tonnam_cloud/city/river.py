"""A river's level in per cent of its bank (ThaiWater's bands), and where it is going."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tonnam_cloud.words import Words

Trend = Literal["rising", "falling", "steady"]
HOUR_MS = 3_600_000
WINDOW_MS = 900_000
STEADY_M = 0.03
"""Less than this within an hour is waves and the gauge's own noise."""


@dataclass(frozen=True)
class RiverBand:
    """How full the river is, up to and with `to_pct` (None: no end). Both ends are bad."""

    id: str
    to_pct: float | None
    label: Words


BANDS: tuple[RiverBand, ...] = (
    RiverBand("critically_low", 10.0, Words(th="น้อยวิกฤต", en="Critically low")),
    RiverBand("low", 30.0, Words(th="น้อย", en="Low")),
    RiverBand("normal", 70.0, Words(th="ปกติ", en="Normal")),
    RiverBand("high", 100.0, Words(th="มาก", en="High")),
    RiverBand("overflowing", None, Words(th="ล้นตลิ่ง", en="Over the bank")),
)
UNKNOWN = RiverBand("unknown", None, Words(th="ยังไม่มีข้อมูล", en="No data yet"))


def bank_pct(level_m: float | None, bank_height_m: float | None, bed_m: float = 0.0) -> float | None:
    """The level in per cent of the height from bed to bank, to one decimal; None when either is not known."""
    if level_m is None or bank_height_m is None or bank_height_m <= bed_m:
        return None
    return round(100.0 * (level_m - bed_m) / (bank_height_m - bed_m), 1)


def river_band(pct: float | None) -> RiverBand:
    """The band of a bank percentage."""
    if pct is None:
        return UNKNOWN
    return next(band for band in BANDS if band.to_pct is None or pct <= band.to_pct)


def trend(times_ms: Sequence[int], levels_m: Sequence[float], now_ms: int) -> Trend | None:
    """Where the level goes over the last hour: the median of the last quarter hour against that of an hour before.

    None when either end has no reading within those minutes.
    """
    newest = _median_within(times_ms, levels_m, now_ms - WINDOW_MS, now_ms)
    before = _median_within(times_ms, levels_m, now_ms - HOUR_MS - WINDOW_MS, now_ms - HOUR_MS + WINDOW_MS)
    if newest is None or before is None:
        return None
    if abs(newest - before) < STEADY_M:
        return "steady"
    return "rising" if newest > before else "falling"


def _median_within(times_ms: Sequence[int], levels_m: Sequence[float], from_ms: int, to_ms: int) -> float | None:
    within = [level for at, level in zip(times_ms, levels_m, strict=True) if from_ms <= at <= to_ms]
    return median(within) if within else None
