"""Hundreds of faults on both brokers: every accepted reading is stored once, as it was, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cases import CASES
from tests.faults.chronicle import Chronicle
from tests.faults.suite import live_through
from tests.faults.world import BROKERS, Setting, World

SEED = 20261121
FAULTS = 150


@pytest.mark.timeout(400)
@pytest.mark.parametrize("broker", BROKERS)
async def test_no_accepted_reading_is_lost_or_doubled_or_changed_whatever_breaks(broker: str, tmp_path: Path) -> None:
    result = await live_through(Setting(SEED, broker), tmp_path, suffer_everything)
    assert not result.verdict.wrong, result.told()
    # That each kind of fault does what it says has tests of its own; here nearly all must have been among them.
    assert len(set(CASES) - kinds(result.chronicle)) <= 2


async def suffer_everything(world: World) -> None:
    """So many faults, and more if a kind was not among them: on a slow machine some find nothing to strike."""
    await world.suffer(FAULTS)
    if kinds(world.chronicle) != set(CASES):
        await world.suffer(FAULTS // 6)


def kinds(chronicle: Chronicle) -> set[str]:
    return {blow.kind for blow in chronicle.blows}
