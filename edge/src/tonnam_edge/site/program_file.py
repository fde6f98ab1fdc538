"""The programs of a site file, key by key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tonnam_edge.site.profile import Model
from tonnam_edge.site.site_types import WEEK, Day, Id, Positive, SlotTime, TimeOfDay, Weekday

Hours = tuple[TimeOfDay, TimeOfDay]
Rest = Annotated[float, Field(ge=1, le=1440)]


class TimerPart(Model):
    """Water at a time of day, on some weekdays or every so many days, counted from `first` where that is given.

    `at` is when the run begins, `finish` when it is done. `season_pct` is how much of `run_min` is given in each of
    the twelve months, January first; 0 is no water in that month.
    """

    id: Id
    kind: Literal["timer"]
    zone: Id
    at: SlotTime | None = None
    finish: SlotTime | None = None
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEK
    every_days: Annotated[int, Field(ge=1, le=60)] = 1
    first: Day | None = None
    run_min: Positive
    season_pct: Annotated[tuple[Annotated[float, Field(ge=0, le=300)], ...], Field(min_length=12, max_length=12)] = (
        100.0,
    ) * 12
    late_min: Annotated[float, Field(ge=0, le=720)] = 30.0

    @model_validator(mode="after")
    def _begins_or_finishes(self) -> TimerPart:
        if (self.at is None) == (self.finish is None):
            raise ValueError('a timer has either "at", when it begins, or "finish", when it is done')
        return self

    def run_s(self, month: int) -> float:
        """For how long it waters in a month, 1 to 12."""
        return self.run_min * 60 * self.season_pct[month - 1] / 100


class MoisturePart(Model):
    """Water in pulses once the soil is below the zone's band, until it is back at the top of it.

    With `latest` it waits for cheaper electricity, at the longest until the clock next shows that.
    """

    id: Id
    kind: Literal["moisture"]
    zone: Id
    pulse_min: Positive
    rest_min: Rest
    between: Hours | None = None
    latest: TimeOfDay | None = None


class BalancePart(Model):
    """Water when the water balance says that the crop has used what it can take easily (RAW), or daily `at` a time.

    As many litres as are missing, in runs of at most `pulse_min` with rests of `rest_min`. With `at` it also waters
    when RAW is reached before that time. With `latest` it waits for cheaper electricity, at the longest until the
    clock next shows that; and waters beforehand, while it is cheap, what else would be due in dear hours.
    """

    id: Id
    kind: Literal["balance"]
    zone: Id
    at: SlotTime | None = None
    pulse_min: Positive | None = None
    rest_min: Rest = 30.0
    between: Hours | None = None
    latest: TimeOfDay | None = None


class LightPart(Model):
    """Water substrate by the light: `dose_ml_plant` for each `dose_j_cm2`, at least and at most so long apart.

    Where it is measured, drain trims the dose: `drain` counts litres, `drain_ec` says mS/cm.
    """

    id: Id
    kind: Literal["light"]
    zone: Id
    plants: Annotated[int, Field(ge=1, le=1_000_000)]
    dose_ml_plant: Annotated[float, Field(ge=1, le=20_000)]
    dose_j_cm2: Annotated[float, Field(ge=1, le=5000)]
    least_interval_min: Annotated[float, Field(ge=1, le=10_080)]
    most_interval_min: Annotated[float, Field(ge=1, le=10_080)]
    between: Hours | None = None
    drain: str | None = None
    drain_pct: Annotated[float, Field(gt=0, lt=80)] | None = None
    drain_ec: str | None = None
    drain_ec_max: Positive | None = None

    @model_validator(mode="after")
    def _least_first(self) -> LightPart:
        if self.least_interval_min > self.most_interval_min:
            raise ValueError("least_interval_min is more than most_interval_min")
        return self


AnyProgram = TimerPart | MoisturePart | BalancePart | LightPart
ProgramPart = Annotated[AnyProgram, Field(discriminator="kind")]
PROGRAMS: dict[str, type[TimerPart | MoisturePart | BalancePart | LightPart]] = {
    "timer": TimerPart,
    "moisture": MoisturePart,
    "balance": BalancePart,
    "light": LightPart,
}
