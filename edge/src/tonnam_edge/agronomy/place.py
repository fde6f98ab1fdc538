"""Where a farm lies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Place:
    """A site on the earth; east and north are positive.

    `coastal` says that a sea shapes its weather (FAO-56 equation 50). The usual temperatures stand in on a day on
    which none was measured; the defaults are those of the plains of Thailand.
    """

    latitude_deg: float
    longitude_deg: float
    elevation_m: float = 0.0
    coastal: bool = False
    usual_t_max_c: float = 33.0
    usual_t_min_c: float = 23.0

    def __post_init__(self) -> None:
        wrong = not (abs(self.latitude_deg) <= 90 and abs(self.longitude_deg) <= 180)
        if wrong or not -430 <= self.elevation_m <= 6000:
            raise ValueError("a place has a latitude within 90, a longitude within 180 degrees, and -430 to 6000 m")
        if not -40 <= self.usual_t_min_c <= self.usual_t_max_c <= 60:
            raise ValueError("usual temperatures are between -40 and 60 C, the lowest first")
