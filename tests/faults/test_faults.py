"""Hundreds of faults on both brokers: every accepted reading is stored once, as it was, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cases import CASES
from tests.faults.suite import live_through
from tests.faults.world import BROKERS, Setting

SEED = 20261121
FAULTS = 150


@pytest.mark.timeout(400)
@pytest.mark.parametrize("broker", BROKERS)
async def test_no_accepted_reading_is_lost_or_doubled_or_changed_whatever_breaks(broker: str, tmp_path: Path) -> None:
    result = await live_through(Setting(SEED, broker), tmp_path, lambda world: world.suffer(FAULTS))
    assert not result.verdict.wrong, result.told()
    assert {blow.kind for blow in result.chronicle.blows} == set(CASES)
