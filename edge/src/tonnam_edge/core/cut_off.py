"""Runs that the end of a process has cut off, until it is known what they were given: pulse counters go on counting.

What unknown means: without a meter, with one that is silent or was reset, while a valve is not proven closed, or
where somebody may have let water run by hand through the same meter, the whole plan counts as given. Nobody waits for
that longer than `JUDGE_WITHIN_MS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tonnam_edge.core import texts
from tonnam_edge.core.books import ran_at_most_s
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Intent, Memory, Text
from tonnam_edge.core.plant.given import Closed
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.wishes import Wait, Wish
from tonnam_edge.site.site import Site

JUDGE_WITHIN_MS = 120_000
LOOK_MS = 1000

ByHand = Callable[[str], bool | None]
"""Whether somebody waters a zone at the cabinet; None while its switch does not answer."""


class Judged(NamedTuple):
    """A run that was cut off, and its litres, which its outlet takes in so many seconds. None when nobody knows: then
    it may have given its whole plan. In `at_most_s` it can have been on."""

    intent: Intent
    litres: float | None
    seconds: float
    at_most_s: float
    reason: Text


class CutOff:
    """They stay in the memory until they are judged: however often the process is killed, each is told once."""

    def __init__(self, site: Site, memory: Memory, water: Water, judged: Callable[[Judged, Now], None]) -> None:
        self._site, self._memory, self._water, self._judged = site, memory, water, judged
        self._closed = Closed(site, water)
        self._waiting: dict[str, float] = {}  # by outlet: for how long its run gave water at most
        self._reason: Text = {}
        self._until_mono_ms = 0

    @property
    def outlets(self) -> frozenset[str]:
        """Whose runs wait to be judged."""
        return frozenset(self._waiting)

    def begin(self, reason: Text, now: Now) -> None:
        """Whatever the memory holds was cut off. What no meter can tell of is judged at once."""
        self._reason, self._until_mono_ms = reason, now.mono_ms + JUDGE_WITHIN_MS
        for zone, intent in list(self._memory.runs.items()):
            self._waiting[zone] = ran_at_most_s(intent, now)
            known = zone in self._site.outlets and intent.metered is not None
            if not known or intent.metered.counter != self._site.total_of(zone):  # type: ignore[union-attr]
                self._judge(zone, None, now)

    def follow(self, image: Image, by_hand: ByHand) -> None:
        """Judge those whose water is proven to be off and whose meter was read since, and who has waited enough."""
        now = image.now
        for meter in sorted({self._site.paths.meter(zone) or "" for zone in self._waiting}):
            zones = self._of(meter)
            streams = [self._closed.stream(zone, now) for zone in zones]
            hands = {by_hand(zone) for zone in self._site.paths.outlets_of(meter)} if meter else set()
            if True in hands:
                self._judge_all(zones, now)
            elif None not in {*streams, *hands} and streams:
                self._judge_by_meter(zones, now)
            elif now.mono_ms >= self._until_mono_ms:
                self._judge_all(zones, now)

    def settle(self, outlet: str, now: Now) -> None:
        """A person's water begins in an outlet: what is not known of its meter by now will never be."""
        self._judge_all(self._beside(outlet), now)

    def waits(self, wish: Wish) -> Wait | None:
        """Why a program waits: its meter is still needed, and nobody knows yet what its zone has had."""
        if wish.cause == "manual" or not self._beside(wish.zone):
            return None
        return Wait(texts.looks_what_was_given())

    def planned_s(self, zone: str) -> float:
        """What counts of a run as long as it is not judged: all of it."""
        return self._memory.runs[zone].planned_s if zone in self._waiting else 0.0

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When something must be looked at again."""
        return [now.mono_ms + LOOK_MS] if self._waiting else []

    def _of(self, meter: str) -> list[str]:
        return [zone for zone in self._waiting if (self._site.paths.meter(zone) or "") == meter]

    def _beside(self, outlet: str) -> list[str]:
        """Those that wait for the meter of an outlet, or for itself."""
        meter = self._site.paths.meter(outlet)
        return [zone for zone in self._waiting if zone == outlet or self._site.paths.meter(zone) == meter is not None]

    def _judge_by_meter(self, zones: list[str], now: Now) -> None:
        stream = self._water.runs.stream(zones[0])
        notes = {zone: note for zone in zones if (note := self._memory.runs[zone].metered) is not None}
        litres = None if stream is None else self._closed.litres(notes, stream)
        for zone in zones:
            self._judge(zone, None if litres is None else litres[zone], now)

    def _judge_all(self, zones: list[str], now: Now) -> None:
        for zone in zones:
            self._judge(zone, None, now)

    def _judge(self, zone: str, litres: float | None, now: Now) -> None:
        at_most_s, intent = self._waiting.pop(zone), self._memory.runs.pop(zone)
        seconds = intent.planned_s if litres is None else litres / self._water.expected.l_min([zone]) * 60
        self._judged(Judged(intent, litres, seconds, at_most_s, self._reason), now)
