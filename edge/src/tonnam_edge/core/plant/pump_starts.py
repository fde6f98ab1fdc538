"""How soon and how often a pump may start: its rest, and its starts within the last hour, as they are remembered."""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_edge.core import boots
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.site.site import Actuator
from tonnam_link.messages import Stamp

HOUR_MS = 3_600_000


class PumpStarts:
    """The starts and stops of one pump, None where there is none. `counted`: its starts matter to other pumps."""

    def __init__(self, pump: Actuator | None, memory: Memory, *, counted: bool) -> None:
        self._pump, self._memory, self._counted = pump, memory, counted
        self._rest_s = 0.0 if pump is None else pump.part.rest_s or 0.0

    def heed(self, now: Now) -> None:
        """Forget the starts of more than an hour ago, and note how old the others are: after each reboot all of them
        would count as just made."""
        starts = () if self._pump is None else self._memory.pump_starts.get(self._pump.id, ())
        if self._pump is None or not starts:
            return
        lately = self._lately(now)
        if len(lately) < len(starts):
            self._memory.pump_starts[self._pump.id] = lately
        every = self._memory.pump_starts.values()
        boots.note(self._memory.boots, now, {Stamp(*start).boot for each in every for start in each})

    def note(self, now: Now) -> None:
        """It starts."""
        if self._pump is not None and (self._pump.part.starts_per_hour is not None or self._counted):
            self._memory.pump_starts[self._pump.id] = [*self._lately(now), Stamp(now.boot, now.mono_ms)]

    def note_stop(self, now: Now) -> None:
        """It stops."""
        if self._pump is not None:
            self._memory.pump_stops[self._pump.id] = Stamp(now.boot, now.mono_ms)

    def may_not(self, now: Now) -> Text | None:
        """Why it must rest still, or None."""
        stopped = self._stopped()
        if stopped is not None and now.mono_ms - mono_ms_of(stopped, now) < self._rest_s * 1000:
            return plant_texts.pump_rests(self._rest_s)
        return self.too_often(now)

    def too_often(self, now: Now) -> Text | None:
        """Why it may not start again within this hour, or None."""
        most = None if self._pump is None else self._pump.part.starts_per_hour
        often = most is not None and len(self._lately(now)) >= most
        return plant_texts.pump_started_too_often(most) if most is not None and often else None

    def last_mono_ms(self, now: Now) -> int | None:
        """When it was started last, within the last hour; of one whose starts are counted."""
        return max((self._at(start, now) for start in self._lately(now)), default=None)

    def next_mono_ms(self, now: Now) -> int | None:
        """When it may start again, if it must rest still."""
        if self.may_not(now) is None:
            return None
        stopped = self._stopped()
        ends = [] if stopped is None else [mono_ms_of(stopped, now) + round(self._rest_s * 1000)]
        if self.too_often(now) is not None:
            ends.append(min(self._at(start, now) for start in self._lately(now)) + HOUR_MS)
        return max(ends)

    def _stopped(self) -> Stamp | None:
        return None if self._pump is None else self._memory.pump_stops.get(self._pump.id)

    def _lately(self, now: Now) -> list[Stamp]:
        starts: Iterable[Stamp] = () if self._pump is None else self._memory.pump_starts.get(self._pump.id, ())
        return [Stamp(*start) for start in starts if now.mono_ms - self._at(Stamp(*start), now) < HOUR_MS]

    def _at(self, start: Stamp, now: Now) -> int:
        return boots.mono_ms_of(start, now, self._memory.boots)


def mono_ms_of(stamp: Stamp, now: Now) -> int:
    """When that was, since boot: in an earlier boot as late as can be. Unknown time counts as used."""
    return stamp.mono_ms if stamp.boot == now.boot and stamp.mono_ms <= now.mono_ms else 0
