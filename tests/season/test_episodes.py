"""Three days of a farm, up to twenty blows of any kind at any instant, and nothing that must hold may break.

`make test` plays 300 episodes, `make season N=10000` as many as one likes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.season.drawn import CROWD, crowds
from tests.season.plays import NAMES
from tests.season.suite import explore

SEED = 20261121
# A farm that doses is looked at every second while it does: its episodes take ten times as long as others.
EPISODES = {
    "plain": 60,
    "master": 30,
    "kinds": 44,
    "simple": 40,
    "together": 30,
    "gravity": 32,
    "solar": 24,
    "fertigated": 6,
    "group": 8,
    "common": 10,
    "flood-gate": 16,
}
# Farms on which a few episodes are played with more faults than any other has.
CROWDED, CROWDS = ("plain", "master", "kinds", "together"), 2
AT_A_TIME = {"fertigated": 3, "flood-gate": 8}


def parts() -> Iterator[tuple[str, int, int]]:
    """Layout, number of episodes and seed of what one test plays."""
    for place, (layout, episodes) in enumerate(EPISODES.items()):
        each = AT_A_TIME.get(layout, 20)
        for part, begun in enumerate(range(0, episodes, each)):
            yield layout, min(each, episodes - begun), SEED + 1000 * place + part


def test_all_layouts_are_played_300_times_together() -> None:
    assert set(EPISODES) == set(NAMES)
    assert sum(episodes for _, episodes, _ in parts()) == 300


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("layout", "episodes", "seed"), list(parts()))
def test_every_invariant_holds_whatever_strikes(layout: str, episodes: int, seed: int) -> None:
    tally = explore(layout, episodes, seed)
    assert not tally.failures, tally.failures[0].told()
    assert tally.episodes >= episodes


@pytest.mark.parametrize("layout", CROWDED)
def test_every_invariant_holds_when_twenty_faults_strike(layout: str) -> None:
    tally = explore(layout, CROWDS, SEED, drawn=crowds(layout))
    assert not tally.failures, tally.failures[0].told()
    assert tally.struck.total() >= CROWD * CROWDS
