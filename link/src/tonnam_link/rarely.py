"""Warnings about what strangers send: at most one a minute and kind, so that nobody can fill a disk with our log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

EVERY_S = 60.0
LONGEST = 200


class Rarely:
    """Says warnings; those that come too soon after one of their kind are counted, and told with the next."""

    def __init__(self, log: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        self._said: dict[str, tuple[float, int]] = {}

    def warn(self, event: str, **about: Any) -> bool:
        """Log the event unless one of its kind was logged in the last minute; whether it was. Long texts are cut."""
        return self._say(self._log.warning, event, about)

    def exception(self, event: str, **about: Any) -> bool:
        """The same of an exception that is being handled, as an error."""
        return self._say(self._log.exception, event, about)

    def _say(self, say: Callable[..., Any], event: str, about: dict[str, Any]) -> bool:
        at, untold = self._said.get(event, (-EVERY_S, 0))
        now = self._now()
        if now - at < EVERY_S:
            self._said[event] = (at, untold + 1)
            return False
        self._said[event] = (now, 0)
        told = {name: value[:LONGEST] if isinstance(value, str) else value for name, value in about.items()}
        say(event, **told, **({"more_since_last": untold} if untold else {}))
        return True
