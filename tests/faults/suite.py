"""One world from its beginning to the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.chronicle import Chronicle
from tests.faults.verdict import Verdict, judge
from tests.faults.world import Setting, World, running_world


@dataclass(frozen=True)
class Result:
    """What came of one world."""

    setting: Setting
    chronicle: Chronicle
    verdict: Verdict

    @property
    def struck(self) -> int:
        return len(self.chronicle.blows)

    def told(self) -> str:
        """All that is wrong, and how to see it again."""
        again = f"make faults N={self.struck} SEED={self.setting.seed} BROKER={self.setting.broker}"
        return "\n".join([*self.verdict.wrong, f"again: {again}"])


async def live_through(setting: Setting, home: Path, suffer: Callable[[World], Awaitable[None]]) -> Result:
    """Build a world below `home`, let it suffer, heal and end it, and look at what is on its disks."""
    async with running_world(setting, home) as world:
        await suffer(world)
        await world.heal()
        await world.stop()
    verdict = await asyncio.to_thread(judge, world)
    if verdict.wrong:
        world.chronicle.save(home / "chronicle.txt")
    return Result(setting, world.chronicle, verdict)
