"""What hypothesis draws: episodes of up to twenty blows of any kind at any instant, often while water runs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.season.blows import (
    EDGE_BLOWS,
    WORLD_FAULTS,
    Blow,
    Case,
    ClockStep,
    DiskFails,
    EdgePower,
    Kill,
    Lock,
    Stop,
    Visit,
    Water,
)
from tests.season.site import LAYOUTS, Layout
from tests.sim.world import drawn as world_drawn
from tonnam_sim.world.faults import BoardReboot, BusLoss, DeadUnit, LossyBus, RefusingUnit

MOST_BLOWS = 20
# A crowd is so many faults, beside what people ask for.
CROWD = 15
# What only cuts the edge off from its farm, or from the time: water must behave as if nothing had been.
SOFT: tuple[type[Any], ...] = (*EDGE_BLOWS, BusLoss, LossyBus, DeadUnit, RefusingUnit, BoardReboot)
DAYS = 3
_SPAN_S = DAYS * 86_400
# How long faults last: some seconds, as long as a run, hours, or for good.
_LASTS = st.sampled_from([2, 7, 20, 60, 240, 900, 3600, 14_400, 86_400, None])
# What begins with a run begins at any of its moments: while it opens, waters, closes, or after it.
_AFTER = st.one_of(st.integers(0, 12), st.integers(0, 900), st.integers(700, 760))


def _edge(kind: type[Any], layout: Layout) -> st.SearchStrategy[Any]:
    zones = st.sampled_from(sorted(layout.site.zones))
    down = st.sampled_from([1, 3, 10, 60, 600, 3600])
    if kind is Kill:
        return st.builds(Kill, where=st.sampled_from(["after_acts", "after_commit", "before_commit"]), down_s=down)
    if kind is EdgePower:
        wrong = st.sampled_from([0, -600, 600, -86_400, 86_400, -5_000_000, 1_000_000_000, -1_795_000_000])
        unsure = st.sampled_from([0, 10, 40, 600, 20_000, 172_800])
        return st.builds(EdgePower, down_s=down, wrong_s=wrong, unsure_s=unsure)
    if kind is ClockStep:
        return st.builds(ClockStep, by_s=st.sampled_from([-5, 5, -60, 60, -3600, 3600, -86_400, 86_400]))
    if kind is DiskFails:
        return st.just(DiskFails())
    if kind is Water:
        lives = st.sampled_from([60, 0, 2, 600])
        return st.builds(Water, zone=zones, run_s=st.sampled_from([300, 0, 1, 30, 1200, 3600]), lives_s=lives)
    if kind is Stop:
        return st.builds(Stop, zone=zones)
    if kind is Lock:
        return st.builds(Lock, zone=st.just("") | zones)
    return st.just(kind())


def _world(kind: type[Any], layout: Layout) -> st.SearchStrategy[Any]:
    strategy: st.SearchStrategy[Any] = world_drawn.faults(layout.config, 0.0, 0.0, (kind,))
    return strategy.map(lambda fault: fault.model_copy(update={"until_s": None}))


def blows(layout: Layout, kinds: tuple[type[Any], ...]) -> st.SearchStrategy[Blow]:
    """One blow of any of these kinds that the layout can suffer; most strike while water runs."""
    able = [kind for kind in kinds if "injector" not in getattr(kind, "model_fields", {}) or layout.config.injectors]
    of = [_edge(kind, layout) if kind in EDGE_BLOWS else _world(kind, layout) for kind in able]
    return st.builds(
        Blow,
        what=st.one_of(of),
        at_s=st.integers(0, _SPAN_S),
        on_run=st.sampled_from([True, True, True, False]),
        after_s=_AFTER,
        lasts_s=_LASTS,
    )


def asked(layout: Layout) -> st.SearchStrategy[Blow]:
    """People who water, so that there is something to strike, and who come and see to what is latched or locked."""
    what = st.one_of(_edge(Water, layout), _edge(Water, layout), st.just(Visit()))
    return st.builds(Blow, what=what, at_s=st.integers(0, _SPAN_S))


def cases(name: str, *, days: float = DAYS) -> st.SearchStrategy[Case]:
    """Episodes on a layout: with one blow, with some that only cut the edge off from its farm, or with anything."""
    layout = LAYOUTS[name]
    any_of, soft = blows(layout, (*EDGE_BLOWS, *WORLD_FAULTS)), blows(layout, SOFT)
    struck = st.one_of(
        st.lists(any_of, max_size=1),
        st.lists(soft, min_size=1, max_size=8),
        st.lists(any_of, min_size=2, max_size=MOST_BLOWS - 6),
    )
    return st.builds(
        lambda seed, asked, struck: Case(name, seed, (*asked, *struck), float(days)),
        st.integers(0, 2**31 - 1),
        st.lists(asked(layout), max_size=6),
        struck,
    )


def crowds(name: str, *, days: float = DAYS) -> st.SearchStrategy[Case]:
    """Episodes on a farm with up to twenty faults of any kind, and people who ask for water beside them."""
    layout = LAYOUTS[name]
    return st.builds(
        lambda seed, asked, struck: Case(name, seed, (*asked, *struck), float(days)),
        st.integers(0, 2**31 - 1),
        st.lists(asked(layout), min_size=2, max_size=6),
        st.lists(blows(layout, (*EDGE_BLOWS, *WORLD_FAULTS)), min_size=CROWD, max_size=MOST_BLOWS),
    )
