"""Many episodes of one layout, and the smallest case of what is wrong with them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.season.blows import Case
from tests.season.drawn import crowds
from tests.season.drive import MakeCore
from tests.season.invariants import wrong
from tests.season.plays import AnyCheck, beyond_s, cases_of, checks_of, litres, played
from tests.season.site import LAYOUTS
from tonnam_edge.core import Core


@dataclass(frozen=True)
class Failure:
    """What is wrong with a case, and the last that happened in it."""

    case: Case
    seed: int
    wrong: tuple[str, ...]
    story: str

    def told(self) -> str:
        """What is wrong, what happened, and how to see it again."""
        again = f"again: make season CASE='{self.case.told()}'"
        return "\n".join([*self.wrong, self.story, f"found with seed {self.seed}", again])


@dataclass
class Sums:
    """Of episodes: how many, their waterings, litres into zones, latches, those with findings, seconds of CPU."""

    episodes: int = 0
    runs: int = 0
    litres: float = 0.0
    latches: int = 0
    findings: int = 0
    seconds: float = 0.0

    def add(self, other: Sums) -> None:
        """Together with others."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class Tally:
    """What some episodes came to. `runs` counts outcomes, `struck` blows; `of` sums by kind of blow.

    `drawn` leaves out what was played to make a failure smaller. `worst_l` and `worst_coil_s` are the most litres
    into a zone after its deadline, and the longest that a coil was commanded open after its own.
    """

    drawn: int = 0
    worst_l: float = 0.0
    worst_coil_s: float = 0.0
    days: float = 0.0
    steps: int = 0
    whole: Sums = field(default_factory=Sums)
    runs: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    of: dict[str, Sums] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def episodes(self) -> int:
        return self.whole.episodes

    def add(self, other: Tally) -> None:
        """Together with others."""
        self.drawn += other.drawn
        self.worst_l = max(self.worst_l, other.worst_l)
        self.worst_coil_s = max(self.worst_coil_s, other.worst_coil_s)
        self.days += other.days
        self.steps += other.steps
        self.whole.add(other.whole)
        for kind, sums in other.of.items():
            self.of.setdefault(kind, Sums()).add(sums)
        self.runs += other.runs
        self.struck += other.struck
        self.failures += other.failures


# Of what `make season` plays one in so many is a crowd.
EACH_CROWD = 20
# From the seed that has found a failure to the one that goes on after it.
NEXT_SEED = 1_000_000


class WentWrong(AssertionError):
    """An invariant did not hold."""


def explore(
    layout: str,
    episodes: int,
    with_seed: int,
    *,
    checks: tuple[AnyCheck, ...] | None = None,
    make_core: MakeCore = Core,
    drawn: st.SearchStrategy[Case] | None = None,
) -> Tally:
    """Draw episodes until one goes wrong; that one is made as small as it can be."""
    tally = Tally()
    found: list[Failure] = []

    @seed(with_seed)
    @settings(
        max_examples=episodes,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(cases_of(layout) if drawn is None else drawn)
    def play(case: Case) -> None:
        tally.drawn += not found
        failure = judge(case, tally, with_seed, checks, make_core)
        if failure.wrong:
            found.append(failure)
            raise WentWrong(failure.wrong[0].split(":")[0])

    try:
        play()
    except WentWrong:
        tally.failures.append(min(found, key=_size))
    return tally


def explore_on(layout: str, episodes: int, with_seed: int, **how: Any) -> Tally:
    """Draw so many episodes: after one that goes wrong on with another seed."""
    tally = explore(layout, episodes, with_seed, **how)
    went_wrong = bool(tally.failures)
    while went_wrong and tally.drawn < episodes:
        with_seed += NEXT_SEED
        more = explore(layout, episodes - tally.drawn, with_seed, **how)
        went_wrong = bool(more.failures)
        tally.add(more)
    return tally


def explore_short(layout: str, episodes: int, with_seed: int) -> Tally:
    """The same with short episodes."""
    return explore_on(layout, episodes, with_seed, drawn=cases_of(layout, short=True))


def explore_season(layout: str, episodes: int, with_seed: int) -> Tally:
    """The same, one in `EACH_CROWD` with up to twenty faults where it is a farm."""
    crowded = episodes // EACH_CROWD if layout in LAYOUTS else 0
    tally = explore_on(layout, episodes - crowded, with_seed)
    if crowded:
        tally.add(explore_on(layout, crowded, with_seed, drawn=crowds(layout)))
    return tally


def _size(failure: Failure) -> tuple[int, int]:
    return len(failure.case.blows), len(failure.case.told())


def judge(
    case: Case,
    tally: Tally,
    with_seed: int,
    checks: tuple[AnyCheck, ...] | None = None,
    make_core: MakeCore = Core,
    *,
    story: int = 40,
) -> Failure:
    """Live through one case and count it; what is wrong with it, perhaps nothing."""
    began = time.process_time()
    episode = played(case, make_core)
    found = wrong(episode, checks_of(case.layout) if checks is None else checks)
    tally.worst_l = max([tally.worst_l, *episode.record.beyond_l.values()])
    tally.worst_coil_s = max([tally.worst_coil_s, *beyond_s(episode)])
    tally.days += case.days
    tally.steps += episode.record.steps
    tally.struck.update(blow.kind for blow in case.blows)
    tally.runs.update(event.body["outcome"] for _, event in episode.record.of("run.ended"))
    sums = Sums(
        episodes=1,
        runs=len(episode.record.of("run.ended")),
        litres=litres(episode),
        latches=len(episode.record.of("latch.set")),
        findings=int(bool(found)),
        seconds=time.process_time() - began,
    )
    tally.whole.add(sums)
    for kind in case.kinds:
        tally.of.setdefault(kind, Sums()).add(sums)
    return Failure(case, with_seed, tuple(found), episode.record.story(story) if found or story > 40 else "")
