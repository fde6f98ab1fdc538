"""Which datastreams have gone silent, and since when: one probe, or the whole site. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tonnam_cloud.alerts.machine import Evidence

Place = tuple[str, str]
"""Tenant and site."""


@dataclass(frozen=True)
class Expected:
    """A datastream that should bring data: how old its newest reading may be, and since when it is known at all."""

    place: Place
    max_age_ms: int
    known_ms: int


class Silence:
    """The newest known reading of every datastream, and what its absence says.

    Silence is counted from the start of this watch at the earliest: while the cloud was down nobody was silent.
    A single datastream is silent only while others of its site still speak, and counted from when they came back.
    """

    def __init__(self, started_ms: int) -> None:
        self._started_ms = started_ms
        self._expected: Mapping[str, Expected] = {}
        self._newest_ms: dict[str, int] = {}
        self._spoke_again_ms: dict[Place, int] = {}
        self._silent: set[Place] = set()

    def expect(self, expected: Mapping[str, Expected]) -> None:
        """From now on watch for these, by datastream id."""
        self._expected = expected

    def heard(self, datastream: str, observed_at_ms: int) -> None:
        """A known value was observed then."""
        self._newest_ms[datastream] = max(observed_at_ms, self._newest_ms.get(datastream, 0))

    def stale(self, now_ms: int) -> list[str]:
        """The datastreams whose newest reading is too old."""
        return [name for name in self._expected if self._stale_ms(name) < now_ms]

    def look(self, now_ms: int) -> None:
        """Note which sites are silent altogether, and which speak again."""
        speaking = {each.place for name, each in self._expected.items() if self._stale_ms(name) >= now_ms}
        for place in self._silent & speaking:
            self._spoke_again_ms[place] = now_ms
        self._silent = {each.place for each in self._expected.values()} - speaking

    def of_datastream(self, name: str, now_ms: int) -> tuple[Evidence, int]:
        """The evidence against one datastream, and since when it is silent."""
        if self._stale_ms(name) >= now_ms:
            return Evidence.CLEAR, now_ms
        place = self._expected[name].place
        if place in self._silent:
            return Evidence.UNKNOWN, now_ms
        since_ms = max(self._stale_ms(name), self._started_ms, self._spoke_again_ms.get(place, 0))
        return Evidence.BREACH, since_ms

    def of_site(self, names: Iterable[str], now_ms: int) -> tuple[Evidence, int]:
        """The evidence against all of these together, and since when the last of them is silent."""
        stale_ms = max(self._stale_ms(name) for name in names)
        return (Evidence.CLEAR if stale_ms >= now_ms else Evidence.BREACH), max(stale_ms, self._started_ms)

    def _stale_ms(self, name: str) -> int:
        expected = self._expected[name]
        return self._newest_ms.get(name, expected.known_ms) + expected.max_age_ms
