"""An outage is logged once, and its end once."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)


class Outage:
    """Remembers whether something is away. `what` says what waits for it, such as "alerts wait for the database"."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._away = False

    def note(self, error: Exception) -> None:
        if not self._away:
            log.warning(self._what, error=str(error))
        self._away = True

    def over(self) -> None:
        if self._away:
            log.info(f"{self._what}: over")
        self._away = False
