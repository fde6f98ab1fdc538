"""What moves and measures water, key by key: meters, the tank, pressure groups, filters. Parts of the site file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tonnam_edge.site.profile import Model, Words
from tonnam_edge.site.site_types import Id, Positive


class TankPart(Model):
    """The tank that the pumps draw from. Below `low_cm` no water is drawn; below `short_cm` zones take turns.

    While its level is unknown a run lasts at most `unknown_max_run_min`, and all together draw `unknown_max_l`. If it
    is not given they draw 20 minutes of each zone a day, and more only where a meter or a current with `dry_below`
    would tell of a pump that runs dry.
    """

    level: str
    full_cm: Positive
    low_cm: Annotated[float, Field(ge=0)]
    short_cm: Positive | None = None
    unknown_max_run_min: Annotated[float, Field(ge=0)] = 5.0
    unknown_max_l: Annotated[float, Field(ge=0)] | None = None


class FlowPart(Model):
    """A water meter: which datastreams say its rate and its total, and what is not normal.

    Less than `low_pct` or more than `high_pct` of what the open zones should take is a fault. Pipes fill for
    `fill_s`. When all is closed, nothing flows after `settle_s`: two pulses within `leak_within_min` are a leak.
    A meter that was found to count nothing while water flows lets `still_max_l` pass until somebody has looked (if
    not given, 20 minutes of each of its zones).
    """

    rate: str
    total: str
    low_pct: Annotated[float, Field(gt=0, lt=100)] = 60.0
    high_pct: Annotated[float, Field(gt=100, le=1000)] = 140.0
    fill_s: Annotated[float, Field(ge=0, le=600)] = 15.0
    pulses_to_wait: Annotated[int, Field(ge=1, le=20)] = 3
    settle_s: Annotated[float, Field(ge=5, le=3600)] = 60.0
    leak_within_min: Annotated[float, Field(ge=1, le=1440)] = 60.0
    still_max_l: Annotated[float, Field(ge=0)] | None = None


class MeterPart(FlowPart):
    """A meter of some supplies only. A supply is named by its pump, or without one by its master valve or valve.

    `[flow]` is the meter of all supplies that no `[[meter]]` names.
    """

    id: Id
    supplies: Annotated[tuple[Id, ...], Field(min_length=1)]


class GroupPart(Model):
    """Pumps that share a source or a main: what it gives them together, how many may run, and how soon one after
    another may start (the inrush of motors)."""

    id: Id
    pumps: Annotated[tuple[Id, ...], Field(min_length=2)]
    capacity_l_min: Positive | None = None
    most_pumps: Annotated[int, Field(ge=1, le=32)] | None = None
    least_s: Annotated[float, Field(ge=0, le=3600)] = 0.0


class FilterPart(Model):
    """A filter that is flushed backwards through `valve`, with the pump on and its zones closed, for `seconds`.

    It is due after so many litres or hours of pumping, or when the pressure that it takes, the datastream
    `difference`, stays `above`. One that failed or did not help is done again after `rest_min`. `flow_l_min` is what
    a flush takes.
    """

    id: Id
    name: Words
    valve: Id
    pump: Id | None = None
    master: Id | None = None
    seconds: Annotated[float, Field(ge=5, le=600)]
    flow_l_min: Positive
    every_l: Positive | None = None
    every_h: Positive | None = None
    difference: str | None = None
    above: Positive | None = None
    rest_min: Annotated[float, Field(ge=1, le=1440)] = 30.0
