"""What nodes had accepted, held against what the cloud has stored: nothing lost, nothing twice, nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.faults.readings import COUNT, TENANT, Role
from tests.faults.trial import Tally, Trial
from tests.faults.world import World
from tests.ledger import Reading
from tests.stored import Minute, command_states, quarantined, stored, stored_events, stored_minutes


@dataclass
class Verdict:
    """`wrong` is empty when the invariant holds. Each of its entries tells the story of one thing that is wrong."""

    wrong: list[str] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)


def judge(world: World) -> Verdict:
    """Look at the disks of a world that has healed and ended."""
    verdict, data = Verdict(), world.cloud.data
    found, events, states = stored(data), stored_events(data), command_states(data)
    for name, node in world.nodes.items():
        trial = Trial(node, world.chronicle, found, events)
        trial.count(verdict.tallies)
        verdict.wrong.extend(trial.wrong())
        undone = [command for command in trial.done() if states[command] != "done"]
        verdict.wrong.extend(f"command {command} is {states[command]}, and its node did it" for command in undone)
        if node.role is Role.SMALL:
            verdict.wrong.extend(_wrong_minutes(trial, stored_minutes(data, f"{TENANT}/{name}/{COUNT}")))
    verdict.wrong.extend(_of_nobody(world, found))
    for entry in quarantined(data):
        verdict.wrong.append(f"in quarantine: {entry.node}, {len(entry.payload)} bytes: {entry.reason}")
    return verdict


def _wrong_minutes(trial: Trial, minutes: dict[int, Minute]) -> Iterator[str]:
    """Of a minute without raw readings there is an aggregate of what was accepted, or it was dropped and told so."""
    for start_ms, numbers in trial.minutes_to_check().items():
        if trial.dropped(start_ms):
            continue
        minute = minutes.get(start_ms)
        if minute is None:
            yield f"the minute {start_ms} was not dropped, and nothing is known of it; accepted: {numbers}"
        elif not _fits(minute, numbers):
            yield f"the minute {start_ms} is {minute}; accepted: {numbers}"


def _fits(minute: Minute, numbers: list[int]) -> bool:
    """Of images that were accepted, and maybe of some of the same minute of which nobody was told."""
    if minute.readings != len(numbers):
        return minute.readings > len(numbers) and minute.minimum <= numbers[0] and minute.maximum >= numbers[-1]
    right = (minute.minimum, minute.maximum) == (numbers[0], numbers[-1])
    return right and math.isclose(minute.mean, sum(numbers) / len(numbers))


def _of_nobody(world: World, found: Iterable[Reading]) -> Iterator[str]:
    ours = tuple(f"{TENANT}/{name}/" for name in world.nodes)
    strange = sorted({stream for stream, _ in found if not stream.startswith(ours)})
    yield from (f"the store has a series of no node: {stream}" for stream in strange)
