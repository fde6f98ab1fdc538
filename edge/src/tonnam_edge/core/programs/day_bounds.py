"""What the hours of a day may come to: ET0 beyond it is replaced, and the day marked."""

from __future__ import annotations

from datetime import date

from tonnam_edge.agronomy.marks import Mark
from tonnam_edge.agronomy.reference_et import BOUNDS_OUTSIDE_MM_DAY, BOUNDS_UNDER_COVER_MM_DAY
from tonnam_edge.core.programs import stand_ins
from tonnam_edge.core.programs.kept import DAY_H, Kept


def within(kept: Kept, mm: float, day: date, *, under_cover: bool) -> float:
    """What a day can still bring within its bounds, of an hour's ET0 in mm; what the day before missed comes with its
    first hour."""
    low, high = BOUNDS_UNDER_COVER_MM_DAY if under_cover else BOUNDS_OUTSIDE_MM_DAY
    wanted = mm
    if kept.day != day.isoformat():
        missing = max(low - kept.day_mm, 0.0) if kept.day else 0.0
        kept.day, kept.day_mm = day.isoformat(), -missing
        mm += missing
    mm = min(mm, max(high - kept.day_mm, 0.0))
    kept.day_mm = round(kept.day_mm + mm, 4)
    if mm != wanted:
        stand_ins.note(kept, frozenset({Mark.BOUNDED}), DAY_H)
    return mm
