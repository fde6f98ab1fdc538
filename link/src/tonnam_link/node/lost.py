"""What the owner of readings had to drop from its memory while the disk took nothing: a gap, told as an event."""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_link.messages import Event, Frame, Stamp
from tonnam_link.node.node_clock import NodeClock
from tonnam_link.outbox.gaps import Gap


class Lost:
    """Counts dropped readings until they are told. Where their time is not known yet, that waits for the clock."""

    def __init__(self, clock: NodeClock) -> None:
        self._clock = clock
        self._readings = 0
        self._spans: list[tuple[int, Stamp | None]] = []

    def add(self, frames: Iterable[Frame]) -> None:
        """Note frames that are dropped."""
        for frame in frames:
            self._readings += len(frame.samples)
            self._spans = _ends([*self._spans, (frame.observed_at_ms, frame.stamp)])

    def take(self, *, last_chance: bool = False) -> Event | None:
        """The event of the gap, whose owner tells it from now on; None when there is none, or not yet.

        At the `last_chance` a guess of the time must do.
        """
        now = self._clock.instant()
        guessed = any(stamp is not None for _, stamp in self._spans) and now.stamp is not None
        if not self._readings or (guessed and not last_chance):
            return None
        guess_ms = now.ms - now.mono_ms
        times = [
            at_ms if stamp is None else self._clock.time_of(at_ms, stamp) or stamp.mono_ms + guess_ms
            for at_ms, stamp in self._spans
        ]
        gap = Gap("memory", min(times), max(times), self._readings)
        self._readings, self._spans = 0, []
        event = gap.event(now.ms)
        return event if now.stamp is None else Event(event.id, event.kind, event.at_ms, event.body, now.stamp)


def _ends(spans: list[tuple[int, Stamp | None]]) -> list[tuple[int, Stamp | None]]:
    """The first and the last, of those whose time is known and of the others."""
    known = sorted(span for span in spans if span[1] is None)
    stamped = sorted((span for span in spans if span[1] is not None), key=lambda span: span[1] or ())
    return [*known[:1], *known[-1:], *stamped[:1], *stamped[-1:]]
