"""The edge's process in an episode: its clocks, its end, what is sent to it, and what happens to it later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.season.blows import Kill
from tests.season.record import Record
from tonnam_edge.core import Core, Step
from tonnam_link.messages import Command, CommandAction

MIDNIGHT_MS = 1_795_194_000_000  # 2026-11-21 00:00 in Thailand
SECOND_MS = 1000
KEY = "5a" * 8


class Process:
    """What the driver of a farm and that of a flood gate have in common. Times are the true time of the episode."""

    record: Record
    now_ms: int
    core: Core | None
    _booted_ms: int
    _up_ms: int  # when the process starts again

    def __init__(self) -> None:
        self._skew_ms, self._sure, self._ids = 0, True, 0
        self._dies: Kill | None = None
        self._step: Step | None = None
        self._uncommitted: list[Step] = []
        self._later: list[tuple[int, Callable[[], None]]] = []

    @property
    def _wall_ms(self) -> int:
        return MIDNIGHT_MS + self.now_ms + self._skew_ms

    @property
    def _mono_ms(self) -> int:
        return self.now_ms - self._booted_ms

    def _new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def _die(self, down_s: float) -> None:
        self.core, self._step, self._dies, self._uncommitted = None, None, None, []
        self._up_ms = self.now_ms + round(down_s * SECOND_MS)

    def _set_right(self) -> None:
        self._skew_ms, self._sure = 0, True

    def _in_ms(self, wait_ms: int, what: Callable[[], None]) -> None:
        self._later.append((self.now_ms + wait_ms, what))

    def _command(self, action: CommandAction, zone: str, lives_s: int, **more: Any) -> None:
        """The cloud knows the true time. A process that is down hears nothing of it."""
        wall_ms = MIDNIGHT_MS + self.now_ms
        command_id = f"command-{len(self.record.commands)}"
        command = Command(command_id, action, zone, wall_ms, wall_ms + lives_s * SECOND_MS, signed_by=KEY, **more)
        if self.core is not None:
            self.record.commands.append((self.now_ms, command))
            self.core.command(command)
