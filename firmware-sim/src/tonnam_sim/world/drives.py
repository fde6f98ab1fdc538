"""What turns a contact into an open path: valves of four kinds with their travel, and a pump that spins up."""

from __future__ import annotations

import math

from .config import ValveKind

_QUARTER = 0.25
_HALFWAY = 0.5
_NEAR = 1e-6  # seconds, and shares of a travel: well above what a float of a year in seconds can tell apart


class Valve:
    """A valve's position, 0 shut to 1 open, moving at one over its travel; it opens in quarters.

    Within a quarter of its way the flow is that of the quarter's middle, so that flow is constant between
    transitions and any two ways of stepping agree.
    """

    def __init__(self, kind: ValveKind, travel_s: float, *, is_open: bool) -> None:
        self.kind = kind
        self.travel_s = travel_s
        self.position = float(is_open)
        self._target = self.position
        self._seen_s = 0.0

    def tell(self, now_s: float, *, opens: bool, shuts: bool, powered: bool, jammed: bool) -> None:
        """What the contacts say from now on; `shuts` is the second coil, of a latching valve only.

        Bring the position up to date first (`move`).
        """
        if jammed:
            self._target = self.position
        elif self.kind is ValveKind.NORMALLY_CLOSED:
            self._target = float(opens and powered)
        elif self.kind is ValveKind.NORMALLY_OPEN:
            self._target = float(not (opens and powered))
        elif self.kind is ValveKind.MOTORISED:
            self._target = float(opens) if powered else self.position
        elif powered and opens != shuts:
            self._target = float(opens)
        self._seen_s = now_s
        if self.travel_s <= 0.0:
            self.position = self._target

    def move(self, now_s: float) -> None:
        """Bring the position to `now_s`."""
        if self.moving:
            way = (now_s - self._seen_s) / self.travel_s
            gap = self._target - self.position
            self.position = self._target if abs(gap) <= way + _NEAR else self.position + math.copysign(way, gap)
            nearest = round(self.position / _QUARTER) * _QUARTER
            if abs(self.position - nearest) < _NEAR:
                self.position = nearest
        self._seen_s = now_s

    @property
    def moving(self) -> bool:
        return self.position != self._target

    @property
    def opening(self) -> bool:
        """Whether it is open or on its way there."""
        return self._target > 0.0

    @property
    def openness(self) -> float:
        """Share of its full opening that lets water through now."""
        if not self.moving:
            return self.position
        quarter = self.position / _QUARTER
        low = math.floor(quarter + _NEAR) if self._target > self.position else math.ceil(quarter - _NEAR) - 1
        return (low + _HALFWAY) * _QUARTER

    def next_s(self) -> float:
        """When it next enters another quarter or arrives; infinite when it stands."""
        if not self.moving:
            return math.inf
        quarter = self.position / _QUARTER
        edge = math.floor(quarter + _NEAR) + 1 if self._target > self.position else math.ceil(quarter - _NEAR) - 1
        edge_at = min(max(edge * _QUARTER, min(self._target, self.position)), max(self._target, self.position))
        return self._seen_s + abs(edge_at - self.position) * self.travel_s


class CutOff:
    """Lets through for at most `limit_s` at a time (None: for ever), and again once it was off."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = math.inf if limit_s is None else limit_s
        self._since_s: float | None = None

    def passes(self, now_s: float, on: bool) -> bool:
        """Whether it lets through what is on or off from now."""
        if not on:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = now_s
        return on and now_s < self._ends_s - _NEAR

    def next_s(self, now_s: float) -> float:
        """When it ends what is on; infinite when nothing is, or it has."""
        return self._ends_s if now_s < self._ends_s - _NEAR else math.inf

    @property
    def _ends_s(self) -> float:
        return math.inf if self._since_s is None else self._since_s + self._limit_s


class Motor:
    """A pump's motor: half its speed for `spin_s` after it starts, and again after it stops."""

    def __init__(self, spin_s: float) -> None:
        self._spin_s = spin_s
        self._until_s = -math.inf
        self.on = False

    def tell(self, now_s: float, on: bool) -> bool:
        """Current from now on, or none; whether that is a change."""
        if on == self.on:
            return False
        self.on, self._until_s = on, now_s + self._spin_s
        return True

    def speed(self, now_s: float) -> float:
        """Share of its full speed."""
        if now_s < self._until_s - _NEAR:
            return _HALFWAY
        return float(self.on)

    def next_s(self, now_s: float) -> float:
        """When the speed next changes by itself."""
        return self._until_s if now_s < self._until_s - _NEAR else math.inf
