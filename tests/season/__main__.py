"""`make season N=10000 SEED=7 LAYOUT=plain`: as many episodes as one likes, and a table of what came of them.

`SHORT=1` plays episodes of a tenth of a day, in which all strikes around the water that people ask for.
`make season CASE='{"layout": ...}'` lives through one case again and tells its story.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.season.blows import parse_case
from tests.season.plays import NAMES
from tests.season.suite import Tally, explore_season, explore_short, judge
from tests.season.table import table

CHUNK = 100
USAGE = "make season [N=1000] [SEED=1] [LAYOUT=plain|flood-gate|...] [JOBS=2] [SHORT=1] or make season CASE='{...}'"
STORY = 400


def chunks(episodes: int, seed: int, layouts: list[str]) -> Iterator[tuple[str, int, int]]:
    """Layout, number of episodes and seed of each chunk, the layouts in turns."""
    number = 0
    while episodes > 0:
        yield layouts[number % len(layouts)], min(CHUNK, episodes), seed + number // len(layouts)
        episodes -= CHUNK
        number += 1


def run(episodes: int, seed: int, layouts: list[str], jobs: int, *, short: bool) -> int:
    """All chunks, the table, and 1 when anything is wrong. What is wrong is made small, and the chunk goes on."""
    tallies = {name: Tally() for name in layouts}
    asked = list(chunks(episodes, seed, layouts))
    play = explore_short if short else explore_season
    with ProcessPoolExecutor(jobs) as pool:
        for (name, _, own_seed), tally in zip(asked, pool.map(play, *zip(*asked, strict=True)), strict=True):
            tallies[name].add(tally)
            verdict = "WRONG" if tally.failures else "ok"
            print(f"{name}, seed {own_seed}: {tally.drawn} episodes: {verdict}", flush=True)
            for failure in tally.failures:
                print(f"{failure.told()}\n", flush=True)
    print(table(tallies))
    return any(tally.failures for tally in tallies.values())


def again(line: str) -> int:
    """One case, with its story."""
    case = parse_case(line)
    failure = judge(case, Tally(), 0, story=STORY)
    print(failure.told() if failure.wrong else f"{failure.story}\nnothing is wrong")
    return bool(failure.wrong)


def main(words: list[str]) -> int:
    """Read `N=...` and the like; what is empty counts as not said."""
    given = {name: value for name, _, value in (word.partition("=") for word in words) if value}
    if given.keys() - {"N", "SEED", "LAYOUT", "JOBS", "SHORT", "CASE"} or given.get("LAYOUT", "plain") not in NAMES:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    if "CASE" in given:
        return again(given["CASE"])
    layouts = [given["LAYOUT"]] if "LAYOUT" in given else list(NAMES)
    episodes, seed, jobs = (int(given.get(name, usual)) for name, usual in (("N", 1000), ("SEED", 1), ("JOBS", 2)))
    return run(episodes, seed, layouts, jobs, short="SHORT" in given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
