"""What is found is made small, told in one line, and found again from that line; the table adds up."""

from __future__ import annotations

from collections.abc import Iterator

from tests.season.blows import parse_case
from tests.season.drawn import cases
from tests.season.drive import Episode, live
from tests.season.invariants import wrong
from tests.season.mutants import LeavesThePumpOn
from tests.season.suite import Tally, explore, explore_on
from tests.season.table import table


def test_a_finding_shrinks_to_few_blows_and_is_found_again_from_its_line() -> None:
    tally = explore("plain", 100, 3, make_core=LeavesThePumpOn, drawn=cases("plain", days=0.1))
    failure = tally.failures[0]
    assert len(failure.case.blows) <= 2
    line = failure.told().splitlines()[-1]
    told = line.removeprefix("again: make season CASE='").removesuffix("'")
    assert parse_case(told) == failure.case
    assert wrong(live(parse_case(told), make_core=LeavesThePumpOn))[0].startswith("running_pump_has_a_path")


def test_failures_leave_the_number_of_episodes_as_it_was_asked_for() -> None:
    def nothing_is_asked(episode: Episode) -> Iterator[str]:
        return (f"{kind} was asked" for kind in episode.case.kinds if kind == "water")

    tally = explore_on("plain", 12, 3, checks=(nothing_is_asked,), drawn=cases("plain", days=0.001))
    assert len({failure.seed for failure in tally.failures}) == len(tally.failures) > 1
    assert tally.drawn == 12 < tally.episodes


def test_table_has_a_line_for_each_farm_and_each_kind_of_blow() -> None:
    tally = explore("simple", 6, 5, drawn=cases("simple", days=0.1))
    both = Tally()
    both.add(tally)
    both.add(tally)
    assert (both.episodes, both.whole.litres) == (2 * tally.episodes, 2 * tally.whole.litres)
    lines = table({"simple": tally}).splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("simple", "all"))] == ["simple", "all"]
    assert {line.split()[0] for line in lines if line} >= set(tally.struck)
    assert (both.worst_l, both.worst_coil_s) == (tally.worst_l, tally.worst_coil_s)
