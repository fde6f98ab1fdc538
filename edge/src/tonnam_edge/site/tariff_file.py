"""What electricity costs, and what pumps take of it: parts of the site file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from tonnam_edge.site.profile import Model, Words
from tonnam_edge.site.site_types import WEEK, Day, Id, Positive, TimeOfDay, Weekday


class TariffPart(Model):
    """A price and when it counts: within `hours` (over midnight if they end before they begin) of `days`.

    Of several that fit an instant the first counts. With `holidays` false it counts on no public holiday.
    """

    id: Id
    name: Words
    baht_kwh: Annotated[float, Field(ge=0, le=100)]
    hours: tuple[TimeOfDay, TimeOfDay] | None = None
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEK
    holidays: bool = True

    @model_validator(mode="after")
    def _some_time_is_left(self) -> TariffPart:
        if self.hours is not None and self.hours[0] == self.hours[1]:
            raise ValueError("hours must begin and end at different times; without hours it counts all day")
        return self


class ElectricityPart(Model):
    """What pumps take, kW by the pump's id, or per ampere of the current that its actuator names; and holidays."""

    pump_kw: dict[str, Positive] = Field(default={})
    kw_per_a: dict[str, Positive] = Field(default={})
    holidays: tuple[Day, ...] = ()
