"""Keeping a simulation across restarts: one JSON file, replaced whole."""

import asyncio
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog

from .farm import BadState

_log = structlog.get_logger()
Simulation = TypeVar("Simulation")
State = dict[str, Any]


class StateFile:
    """The file named by --state; without a name it remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._troubled = False
        self._one_at_a_time = threading.Lock()  # the last save may meet one that is still on its way

    def restore(self, build: Callable[[State | None], Simulation]) -> Simulation:
        """Build from what was saved, or from None when there is nothing; what is unusable is set aside and said."""
        if self._path is None or not self._path.exists():
            return build(None)
        try:
            return build(self._load(self._path))
        except (BadState, ValueError, RecursionError) as why:
            aside = self._path.with_name(f"{self._path.name}.unusable")
            self._path.replace(aside)
            _log.warning("saved state cannot be used; starting fresh", why=str(why), set_aside_as=str(aside))
            return build(None)

    def save(self, state: State) -> None:
        """Write the state to disk, whole or not at all; OSError when the disk will not."""
        if self._path is None:
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        with self._one_at_a_time, fresh.open("w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
            fresh.replace(self._path)

    async def save_on_the_way(self, state: State) -> None:
        """Save without holding up the devices; a disk that fails is said once, and once when it is well again."""
        try:
            await asyncio.to_thread(self.save, state)
        except OSError as why:
            if not self._troubled:
                _log.error("cannot save the state; going on unsaved", why=str(why))
            self._troubled = True
        else:
            if self._troubled:
                _log.info("the state is saved again")
            self._troubled = False

    @staticmethod
    def _load(path: Path) -> State:
        state = json.loads(path.read_bytes())
        if not isinstance(state, dict):
            raise BadState("not a JSON object")
        return state
