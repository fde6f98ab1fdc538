"""One injector's pulse: its closing valve, the dosing pump for some seconds, and the proof that it stands again.

The length of a pulse is held by the relay board: the pump stops though this machine dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tonnam_edge.core.image import Image, Now, Position
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.limits import EARLY_SHARE, PROVE_S
from tonnam_edge.site.dosing_file import InjectorPart
from tonnam_edge.site.site import Site

# Shorter pulses could not be seen in the coil, and a dosing pump does not dose them truly.
LEAST_PULSE_S = 2.0
# So many pulses in a row that were never seen in the coil: its relay does nothing.
UNSEEN_TIMES = 3
# What is booked goes to disk and over the wire first: a poll that begins sooner than this may look before it moves.
MOVED_AFTER_S = 0.5
VALVE_MARGIN_S = 5.0
# A board's clock may be slow by so much.
TIMER_SLOW = 1.25


class Stage(Enum):
    """How far a pulse has come."""

    IDLE = "idle"
    VALVE = "valve"  # the closing valve was told to open
    DOSING = "dosing"
    STOPPING = "stopping"  # the dosing pump was told to stop
    CLOSING = "closing"  # its closing valve was told to close


@dataclass(frozen=True)
class Shot:
    """A pulse as it was booked."""

    injector: str
    seconds: float
    ml: float


class Doser:
    """One injector. Times are since boot, in milliseconds."""

    def __init__(self, site: Site, part: InjectorPart, actuators: Actuators) -> None:
        self.part, self._actuators = part, actuators
        self._pump = site.actuators[part.actuator]
        self._valve = None if part.closing_actuator is None else site.actuators[part.closing_actuator]
        self._step_s = self._pump.relay.flash_step_s
        self.stage = Stage.IDLE
        self._since = 0
        self._wanted_s = 0.0
        self._seen = self._looked = False
        self.unseen = 0
        self.ended_mono_ms = -(10**12)

    @property
    def idle(self) -> bool:
        return self.stage is Stage.IDLE

    @property
    def names(self) -> list[str]:
        """Its dosing pump, and its closing valve where that is ours."""
        return [self._pump.id] if self._valve is None else [self._pump.id, self._valve.id]

    def timed_out(self, image: Image) -> list[str]:
        """What was told to stop, is on a board that says nothing, and has a timer there that must have ended."""
        longest_s = self.part.max_pulse_ml / self.part.ml_min * 60 + 2 * PROVE_S + VALVE_MARGIN_S
        travel_s = 0.0 if self._valve is None else 2 * self._valve.part.travel_s
        since = image.now.mono_ms - round(1000 * (TIMER_SLOW * (longest_s + travel_s) + PROVE_S))
        told = [n for n in self.names if not self._actuators.said_open(n) and self._actuators.told_mono_ms(n) < since]
        return [name for name in told if not image.positions[name].heard]

    @property
    def moves(self) -> bool:
        """Whether its pump runs or may run: it was told to, or is not proven to stand."""
        return self._actuators.said_open(self._pump.id) or not self._actuators.proven(self._pump.id)

    @property
    def least_ml(self) -> float:
        """The least that it can dose."""
        return self.part.ml_min / 60 * LEAST_PULSE_S

    @property
    def ready(self) -> bool:
        """Whether pump and closing valve are proven to be off and closed."""
        return self.idle and self._actuators.safe(self.names)

    def shot_of(self, ml: float) -> Shot | None:
        """The pulse for at most so much, as the board can time it; None when that is less than it can dose."""
        longest_s = min(ml / self.part.ml_min * 60, self._pump.timer_s or 0.0)
        seconds = int(longest_s / self._step_s + 1e-6) * self._step_s
        if seconds < LEAST_PULSE_S - 1e-6:
            return None
        return Shot(self.part.id, round(seconds, 3), self.part.ml_min * seconds / 60)

    def begin(self, shot: Shot, now: Now) -> None:
        """Begin a pulse that was booked. The caller has seen that water flows."""
        self._wanted_s = shot.seconds
        if self._valve is None:
            self._dose(now)
            return
        open_s = 2 * PROVE_S + 2 * self._valve.part.travel_s + shot.seconds + VALVE_MARGIN_S
        self._actuators.open(self._valve.id, open_s, now.mono_ms)
        self._enter(Stage.VALVE, now)

    def stop(self, now: Now) -> None:
        """End it at once, whatever it does: the dosing pump first, its closing valve when that is proven."""
        if self.idle:
            return
        self._actuators.close(self._pump.id, now.mono_ms)
        if self.stage in {Stage.VALVE, Stage.DOSING}:
            self.ended_mono_ms = now.mono_ms
            self._enter(Stage.STOPPING, now)

    def advance(self, image: Image) -> None:
        """Go as far as what is proven allows."""
        before = None
        while before is not self.stage and not self.idle:
            before = self.stage
            self._advance(image)

    def _advance(self, image: Image) -> None:
        now, waited_s = image.now, (image.now.mono_ms - self._since) / 1000
        if self.stage is Stage.VALVE and self._valve is not None:
            longest_s = PROVE_S + self._valve.part.travel_s
            self._look_at(image.positions[self._valve.id], longest_s)
            if not self._actuators.said_open(self._valve.id) or waited_s > longest_s:
                self._count_seen()
                self.stop(now)
            elif self._actuators.held(self._valve.id) is True and waited_s >= self._valve.part.travel_s:
                self._dose(now)
        elif self.stage is Stage.DOSING:
            self._look_at(image.positions[self._pump.id], self._wanted_s)
            if not self._actuators.said_open(self._pump.id) or waited_s >= self._wanted_s:
                self._count_seen()
                self.stop(now)
        elif self.stage is Stage.STOPPING and self._actuators.held(self._pump.id) is False:
            if self._valve is not None:
                self._actuators.close(self._valve.id, now.mono_ms)
            self._enter(Stage.CLOSING, now)
        elif self.stage is Stage.CLOSING and (self._valve is None or self._actuators.held(self._valve.id) is False):
            self._enter(Stage.IDLE, now)

    def _look_at(self, at: Position, on_s: float) -> None:
        """Whether a poll began while the coil should have been on for its `on_s`, and whether one has shown it so."""
        after_s = (at.mono_ms - self._since) / 1000
        if at.heard and after_s > 0:
            self._seen |= at.open is True
            self._looked |= MOVED_AFTER_S <= after_s < EARLY_SHARE * on_s

    def _count_seen(self) -> None:
        """Where no poll fell into it, and where a board was not heard, nothing is told of the relay."""
        if self._seen:
            self.unseen = 0
        elif self._looked:
            self.unseen += 1

    def _dose(self, now: Now) -> None:
        self._actuators.open(self._pump.id, self._wanted_s, now.mono_ms)
        self._enter(Stage.DOSING, now)

    def _enter(self, stage: Stage, now: Now) -> None:
        self.stage, self._since = stage, now.mono_ms
        self._seen = self._looked = False
