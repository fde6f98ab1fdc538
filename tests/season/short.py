"""Short episodes: people water at once, and what strikes does so around that. They find many a fault in minutes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.season.blows import EDGE_BLOWS, WORLD_FAULTS, Blow, Case, Visit, Water
from tests.season.drawn import blows
from tests.season.site import LAYOUTS, Layout

DAYS = 0.1
_SPAN_S = round(DAYS * 86_400)
_RUN_S, _VISIT_S, _AGAIN_S = 300, 3600, 3700
# While it opens and waters, at any of its moments, and while it closes.
_AFTER = st.one_of(st.integers(0, 15), st.integers(0, 400), st.integers(_RUN_S - 20, _RUN_S + 30))


def _water(layout: Layout) -> st.SearchStrategy[Blow]:
    """Several at once, one after the other, and after somebody has come."""
    at = st.one_of(st.integers(60, 70), st.integers(60, 700), st.integers(_AGAIN_S, _SPAN_S - 1200))
    run = st.sampled_from([_RUN_S, 40, 1200])
    what = st.builds(Water, zone=st.sampled_from(sorted(layout.site.zones)), run_s=run)
    return st.builds(Blow, what=what, at_s=at)


def short_cases(name: str) -> st.SearchStrategy[Case]:
    """Episodes of a tenth of a day on a farm; solar pumps have no sun in it."""
    layout = LAYOUTS[name]
    any_of = blows(layout, (*EDGE_BLOWS, *WORLD_FAULTS))
    around = st.builds(lambda blow, after_s: replace(blow, at_s=0, on_run=True, after_s=after_s), any_of, _AFTER)
    else_ = any_of.map(lambda blow: replace(blow, at_s=blow.at_s % _SPAN_S, on_run=False))
    return st.builds(
        lambda seed, asked, struck, more: Case(name, seed, (*asked, *struck, *more, Blow(Visit(), _VISIT_S)), DAYS),
        st.integers(0, 2**31 - 1),
        st.lists(_water(layout), min_size=1, max_size=4),
        st.lists(around, min_size=1, max_size=4),
        st.lists(else_, max_size=2),
    )
