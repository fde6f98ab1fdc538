"""What is played by its name: farms, and the flood gate with a driver and invariants of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st

from tests.season import invariants, safety
from tests.season.blows import Case
from tests.season.drawn import cases
from tests.season.drawn_station import station_cases
from tests.season.drive import Episode, MakeCore, live
from tests.season.invariants import TRANSACTION_S, coils_and_deadlines
from tests.season.short import short_cases
from tests.season.site import LAYOUTS
from tests.season.site_station import STATIONS
from tests.season.station import StationEpisode, live_at_station

Play = Episode | StationEpisode
AnyCheck = Callable[[Any], Iterable[str]]
NAMES = (*LAYOUTS, *STATIONS)
LITRES_M3 = 1000.0


def played(case: Case, make_core: MakeCore) -> Play:
    """Live through a case; the episode that is over."""
    if case.layout in STATIONS:
        return live_at_station(case, make_core=make_core)
    return live(case, make_core=make_core)


def cases_of(name: str, *, short: bool = False) -> st.SearchStrategy[Case]:
    """What hypothesis draws for it; of a farm also short episodes."""
    if name in STATIONS:
        return station_cases(name)
    return short_cases(name) if short else cases(name)


def checks_of(name: str) -> tuple[AnyCheck, ...]:
    """All its invariants."""
    return safety.ACTIVE if name in STATIONS else invariants.ACTIVE


def litres(episode: Play) -> float:
    """Into zones, or over the dike."""
    if isinstance(episode, StationEpisode):
        return LITRES_M3 * sum(episode.world.truth.pumped_m3.values())
    return sum(zone.delivered_l for zone in episode.world.truth.zones.values())


def beyond_s(episode: Play) -> list[float]:
    """For how long each coil was commanded open after its deadline; an invariant allows one transaction."""
    if isinstance(episode, StationEpisode):
        return []
    return [span.seconds - (most_s - TRANSACTION_S) for span, most_s in coils_and_deadlines(episode)]
