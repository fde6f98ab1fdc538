"""Pumps whose supply comes and goes: how much there is, what part of the flow that gives, and when to pause.

What unknown means: an inverter that does not answer, as at night, is asked no more; the next witness is the meter.
While water still moves the pump goes on, without it the run pauses. What the flow should be is then not known: too
little is no fault, none is a pause, and too much is judged by the whole flow.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.site.site import Actuator

# What there was is remembered for this long.
KEPT_MS = 1_800_000
# Power is there again when it has been this much above the least for so long: a cloud's edge is ragged.
RETURNS_SHARE, RETURNS_S = 1.1, 10.0
# Less than this part of the flow is never waited for: a pulse would hardly come.
LEAST_SHARE = 0.1
# Shares are learned in steps of power that are each this much wider than the one before.
STEP = 1.25
LEARN_SHARE = 0.2
LEARNED_AT_MOST = 1.5
LEARN_S = 60.0


class Point(NamedTuple):
    """From then on this share of the flow is expected; None when it is not known."""

    mono_ms: int
    share: float | None


class Sun(NamedTuple):
    """What `holds.solar` says of pumps that have nothing but the sun. `anyway`: the program waters now whatever the
    power is said to be; `wait`: what to say of a start that waits for it."""

    anyway: bool = False
    wait: Text | None = None


class Whose(NamedTuple):
    """Who wants a pump to run: somebody, or the programs that are named. Those without hours of their own are ""."""

    by_person: bool
    programs: Collection[str] = ("",)

    @classmethod
    def together(cls, many: Iterable[Whose]) -> Whose:
        """Who together want one pump to run."""
        found = list(many)
        return cls(any(each.by_person for each in found), {name for each in found for name in each.programs})


class Power:
    """The power of one pump. Times are since boot, in milliseconds. `sun` is by program, see `Whose`.

    `by_roof`: it is that of `holds.solar`, which people and a latest hour need not believe.
    """

    def __init__(self, pump: Actuator, memory: Memory) -> None:
        self._pump, self._memory = pump, memory
        self._least_w, self.by_roof = pump.least_w or 0.0, pump.part.power is None
        self._points: deque[Point] = deque()
        self._there_since: int | None = None
        self._step: int | None = None
        self._step_since = 0
        self.watts: float | None = None
        self.sun: Mapping[str, Sun] = {}

    def look(self, image: Image, sun: Mapping[str, Sun]) -> None:
        """Read how much there is."""
        self.sun = sun
        now, self.watts = image.now.mono_ms, image.value(self._pump.power)
        returned = self.watts is not None and self.watts >= RETURNS_SHARE * self._least_w
        self._there_since = (now if self._there_since is None else self._there_since) if returned else None
        step = self._step_of(self.watts)
        if step != self._step:
            self._step, self._step_since = step, now
        share = self._share(self.watts)
        if not self._points or self._points[-1].share != share:
            self._points.append(Point(now, share))
        while len(self._points) > 1 and now - self._points[1].mono_ms > KEPT_MS:
            self._points.popleft()

    @property
    def enough(self) -> bool:
        """Whether it is known that the pump has enough."""
        return self.watts is not None and self.watts >= self._least_w

    def lacks(self, *, moves: bool | None, whose: Whose) -> bool:
        """Whether the pump has too little. `moves`: whether the meter says that water flows all the same, None where
        nothing does."""
        if self.enough:
            return False
        if self._anyway(whose):
            return moves is False
        return self.watts is not None or not moves

    def may_start(self, now: int, whose: Whose) -> bool:
        """Whether there is enough, or nobody waits for that any more."""
        return self.returned(now) or self._anyway(whose)

    def said(self, program: str) -> Text | None:
        """What to say of a program's start that waits for the sun."""
        return self._sun_of(program).wait

    def _anyway(self, whose: Whose) -> bool:
        return any(self._sun_of(each).anyway for each in whose.programs) or (whose.by_person and self.by_roof)

    def _sun_of(self, program: str) -> Sun:
        return self.sun.get(program) or self.sun.get("") or Sun()

    def returned(self, now: int) -> bool:
        """Whether there is enough again, and has been for a while."""
        return self._there_since is not None and now - self._there_since >= RETURNS_S * 1000

    def returns_mono_ms(self) -> int | None:
        """When it will have been there for long enough."""
        return None if self._there_since is None else self._there_since + round(RETURNS_S * 1000)

    def mean(self, from_mono_ms: int, to_mono_ms: int) -> float | None:
        """The share of the whole flow that there was power for, on average; None where it was not known."""
        total, until = 0.0, to_mono_ms
        for point in reversed(self._points):
            since = max(point.mono_ms, from_mono_ms)
            if since < until:
                if point.share is None:
                    return None
                total += point.share * (until - since)
                until = since
            if point.mono_ms <= from_mono_ms:
                break
        return total / (to_mono_ms - until) if until < to_mono_ms else None

    def least(self, now: int) -> float:
        """The least share of the last minutes, as far as it is known."""
        known = [point.share for point in self._points if point.share is not None]
        return max(LEAST_SHARE, min([*known, 1.0]))

    def learns_from(self, now: int) -> int | None:
        """Since when the power is about what it is now, if that is long enough to learn what it gives."""
        declared = self._pump.part.flow_at is not None
        long_enough = self._step is not None and now - self._step_since >= LEARN_S * 1000
        return self._step_since if long_enough and not declared else None

    def learn(self, share: float, now: int) -> None:
        """An outlet ran alone with this power and took this share of its flow. Slowly believed."""
        if self._step is None:
            return
        shares = self._memory.power_shares.setdefault(self._pump.id, {})
        before = shares.get(str(self._step), share)
        shares[str(self._step)] = round(min(before + LEARN_SHARE * (share - before), LEARNED_AT_MOST), 3)
        self._step_since = now

    def _share(self, watts: float | None) -> float | None:
        if watts is None or watts < self._least_w:
            return None
        if self._pump.part.flow_at is not None:
            return interpolated(self._pump.part.flow_at, watts) / 100
        step = self._step_of(watts)
        return None if step is None else self._memory.power_shares.get(self._pump.id, {}).get(str(step))

    def _step_of(self, watts: float | None) -> int | None:
        if watts is None or watts < self._least_w or self._least_w <= 0:
            return None
        return int(math.log(watts / self._least_w) / math.log(STEP))


class Shares:
    """The share that is expected of several supplies together, each with its flow and its power, if that matters."""

    def __init__(self, parts: Iterable[tuple[float, Power | None]], *, unknown: bool = False) -> None:
        self._parts, self._unknown = list(parts), unknown
        self._whole_l_min = sum(l_min for l_min, _ in self._parts)

    def mean(self, from_mono_ms: int, to_mono_ms: int) -> float | None:
        """On average between two times; None where it is not known of one of them."""
        if self._unknown or self._whole_l_min <= 0:
            return None
        total = 0.0
        for l_min, power in self._parts:
            share = 1.0 if power is None else power.mean(from_mono_ms, to_mono_ms)
            if share is None:
                return None
            total += share * l_min
        return total / self._whole_l_min

    def least(self, now: int) -> float:
        """The least of late: for how long to wait for a pulse."""
        if self._whole_l_min <= 0:
            return 1.0
        return sum(l_min * (1.0 if power is None else power.least(now)) for l_min, power in self._parts) / (
            self._whole_l_min
        )


def interpolated(points: Sequence[tuple[float, float]], x: float) -> float:
    """On the straight lines through points that rise in x; level beyond the first and the last."""
    before = points[0]
    for point in points:
        if x <= point[0]:
            span = point[0] - before[0]
            return point[1] if span <= 0 else before[1] + (point[1] - before[1]) * (x - before[0]) / span
        before = point
    return points[-1][1]
