"""Slows down guessing of passwords, by user name and address together: nobody can lock another person out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FREE_TRIES = 5
FIRST_WAIT_MS = 2_000
LONGEST_WAIT_MS = 15 * 60_000
FORGET_AFTER_MS = 30 * 60_000
MOST_KEYS = 10_000


@dataclass(frozen=True)
class _Failures:
    count: int
    last_ms: int


class Throttle:
    """Counts failed tries per (name, address), in memory and bounded.

    After five failures each further one doubles the wait, from 2 s to 15 min; 30 quiet minutes forget them.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait_ms(self, name: str, address: str, now_ms: int) -> int:
        """How long this name must wait at this address before it may try; 0 when it may."""
        past = self._recent(name, address, now_ms)
        if past is None or past.count < FREE_TRIES:
            return 0
        wait_ms = min(FIRST_WAIT_MS << min(past.count - FREE_TRIES, 20), LONGEST_WAIT_MS)
        return max(0, past.last_ms + wait_ms - now_ms)

    def failed(self, name: str, address: str, now_ms: int) -> None:
        past = self._recent(name, address, now_ms)
        self._failures[name, address] = _Failures((past.count if past else 0) + 1, now_ms)
        self._failures.move_to_end((name, address))
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        self._failures.pop((name, address), None)

    def _recent(self, name: str, address: str, now_ms: int) -> _Failures | None:
        past = self._failures.get((name, address))
        return past if past and now_ms - past.last_ms < FORGET_AFTER_MS else None
