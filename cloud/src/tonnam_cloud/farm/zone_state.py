"""A zone's state in one word, from its soil moisture and the band that its crop wants. Pure."""

from __future__ import annotations

from tonnam_cloud.farm.schemas import ZoneState

WET_ABOVE_BAND_PCT = 3.0
"""Just after watering the soil is above its band for a while: that is good, not wet."""


def zone_state(moisture_pct: float | None, low_pct: float | None, high_pct: float | None) -> ZoneState:
    """The word; `moisture_pct` is None unless it is good and fresh."""
    if moisture_pct is None or low_pct is None or high_pct is None:
        return "unknown"
    if moisture_pct < low_pct:
        return "dry"
    return "wet" if moisture_pct > high_pct + WET_ABOVE_BAND_PCT else "good"
