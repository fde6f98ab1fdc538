"""Many nodes at one receiver, simulated: nobody starves, nothing is sent twice in vain, what is live goes first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.link.simulation import Cloud, Figures, Stall, World
from tonnam_link.receiving.reception import BACK_BUDGET, BACK_WAITING_BYTES, Reception
from tonnam_link.topics import Channel

DAY_BATCHES = 16
SLOW_LINE = {"bytes_per_s": 2_000, "latency_s": 0.3}


def hundred_back(until: float, *stalls: Stall, node: dict[str, Any] | None = None, **cloud: Any) -> Figures:
    """A hundred nodes come back at once, each with a day of backlog; they seal a live batch every minute."""
    world = World(seed=20261120)
    there = Cloud(world, stalls=stalls, **cloud)
    nodes = [there.node(f"n-{n}", backlog=DAY_BATCHES, **(node or {})) for n in range(100)]
    world.run(until)
    for each in nodes:
        each.closes(within=30.0)
    return Figures(nodes, there)


def test_node_back_after_a_day_does_not_delay_others_by_a_second() -> None:
    world = World(seed=1)
    there = Cloud(world, back_s=0.2)
    back = there.node("back", backlog=DAY_BATCHES)
    others = [there.node(f"n-{n}", live_every_s=1.0) for n in range(5)]
    world.run(30.0)
    for each in others:
        each.closes(within=2.0)
    figures = Figures([back, *others], there)
    assert back.drained_at is not None, figures
    assert max(figures.live_s) < 1.0, figures
    assert figures.again(Channel.BACK) == 1.0, figures


def test_hundred_nodes_back_at_once_drain_in_turns_while_live_flows() -> None:
    figures = hundred_back(150.0)
    work_s = 100 * DAY_BATCHES * 0.05
    assert max(figures.drained_s) < 1.3 * work_s, figures
    assert min(figures.drained_s) > 0.7 * max(figures.drained_s), figures
    assert max(figures.live_s) < 1.0, figures
    assert figures.again(Channel.BACK) < 1.05, figures
    assert figures.again(Channel.UP) < 1.01, figures


@pytest.mark.parametrize("how", ["hangs", "busy", "gone"])
def test_stall_of_ten_seconds_among_a_hundred_nodes_costs_hardly_more_than_itself(how: str) -> None:
    """`gone` is a receiver that is killed and started again: it remembers nothing."""
    undisturbed = hundred_back(240.0)
    figures = hundred_back(240.0, Stall(20.0, 30.0, how))
    assert max(figures.drained_s) < max(undisturbed.drained_s) + 30.0, figures
    assert max(figures.live_s) < 10.0 + 20.0, figures
    assert figures.again(Channel.BACK) < 1.2, figures
    assert figures.again(Channel.UP) < 1.2, figures
    assert max(figures.cloud.commits.values()) == 1, figures


def test_stall_in_the_first_seconds_brings_no_storm() -> None:
    figures = hundred_back(240.0, Stall(1.0, 11.0, "hangs"), Stall(20.0, 30.0, "busy"))
    assert max(figures.drained_s) < 150.0, figures
    assert figures.again(Channel.BACK) < 1.3, figures
    assert figures.cloud.largest_wait[1] <= 100 + BACK_BUDGET, figures


def test_store_that_is_away_for_ten_minutes_is_asked_ever_less() -> None:
    figures = hundred_back(900.0, Stall(5.0, 605.0, "busy"))
    away = 600.0
    assert max(figures.drained_s) < 605.0 + 150.0, figures
    assert figures.again(Channel.BACK) < 3.0, figures
    assert figures.again(Channel.UP) < 5.0, f"a batch each {away / figures.again(Channel.UP):.0f} s; {figures}"


def test_store_slower_than_patience_does_not_get_everything_twice() -> None:
    figures = hundred_back(900.0, back_s=0.4)
    assert max(figures.drained_s) < 1.1 * 100 * DAY_BATCHES * 0.4, figures
    assert max(figures.live_s) < 1.0, figures
    assert figures.again(Channel.BACK) < 1.5, figures
    assert max(figures.cloud.commits.values()) == 1, figures


def test_line_of_two_kilobytes_a_second_is_not_choked_by_its_own_backlog() -> None:
    figures = hundred_back(500.0, node={"line": SLOW_LINE})
    transfer_s = DAY_BATCHES * 27_000 / 2_000
    assert max(figures.drained_s) < 1.3 * transfer_s, figures
    assert max(figures.live_s) < 27_000 / 2_000 + 5.0, figures
    assert figures.again(Channel.BACK) < 1.1, figures


def test_lost_messages_cost_time_but_no_batch() -> None:
    figures = hundred_back(400.0, node={"line": {"loss": 0.05}})
    assert max(figures.drained_s) < 250.0, figures
    assert max(figures.live_s) < 60.0, figures
    assert max(figures.cloud.commits.values()) == 1, "what was stored and comes again is answered from memory"


def test_slow_node_has_its_turn_among_fast_ones() -> None:
    world = World(seed=2)
    there = Cloud(world, back_s=0.2)
    fast = [there.node(f"fast-{n}", backlog=60, line={"latency_s": 0.005}) for n in range(10)]
    slow = there.node("slow", backlog=20, line={"latency_s": 0.8, "bytes_per_s": 20_000})
    world.run(300.0)
    figures = Figures([*fast, slow], there)
    turn_s = 10 * 0.2 + 2 * 0.8 + 27_000 / 20_000 + 1.0
    assert (slow.drained_at or 1e9) < 20 * turn_s, figures
    assert (slow.drained_at or 1e9) < min(each.drained_at or 1e9 for each in fast), figures


def test_thousand_nodes_take_no_more_memory_than_is_set_for_backlog() -> None:
    world = World(seed=3)
    there = Cloud(world)
    nodes = [there.node(f"n-{n}", backlog=2, live_every_s=300.0) for n in range(1000)]
    world.run(200.0)
    figures = Figures(nodes, there)
    assert max(figures.drained_s) < 1.7 * 2000 * 0.05, figures
    assert there.largest_wait[1] * 27_000 < BACK_WAITING_BYTES, figures
    assert figures.again(Channel.BACK) < 3.0, figures


def test_receiver_that_starts_anew_finds_all_who_waited_for_their_turn() -> None:
    figures = hundred_back(240.0, Stall(20.0, 20.5, "gone"))
    assert isinstance(figures.cloud.reception, Reception)
    assert max(figures.drained_s) < 150.0, figures
