"""Three days of a farm, up to twenty blows of any kind at any instant, and nothing that must hold may break."""

from __future__ import annotations

import pytest

from tests.season.site import LAYOUTS
from tests.season.suite import explore

SEED = 20261121
PARTS, EPISODES = 1, 25


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_invariant_holds_whatever_strikes(layout: str, part: int) -> None:
    tally = explore(layout, EPISODES, SEED + part)
    assert not tally.failures, tally.failures[0].told()
    assert tally.episodes >= EPISODES
