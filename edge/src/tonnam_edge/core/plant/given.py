"""What each run in progress was given by its meter, noted on disk: whoever comes after a kill can go on counting.

What unknown means: a meter that is not good when a run begins, or that begins anew during it, says nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Memory, Metered
from tonnam_edge.core.plant.blind import NOTE_EVERY_MS
from tonnam_edge.core.plant.flow import Stream
from tonnam_edge.core.plant.run import Run
from tonnam_edge.core.plant.water import Water
from tonnam_edge.site.deadlines import hold_s
from tonnam_edge.site.site import Site

# For how long water may flow through what neither a board nor a cut-off ends.
ENDLESS_S = 86_400.0
# More than so many times what can flow, and this many litres, is no water: the counter jumped.
JUMP, JUMP_L = 5.0, 50.0


@dataclass
class _Counted:
    litres: float
    restarts: int  # of the meter, when the run began
    total_l: float  # on the meter itself, when that was counted


class Given:
    """Counts from the start of each run, pipe and pulse included, and keeps its intent's note true."""

    def __init__(self, site: Site, memory: Memory, water: Water) -> None:
        self._site, self._memory, self._water = site, memory, water
        self._counted: dict[str, _Counted | None] = {}  # by run
        self._noted: dict[str, tuple[object, int]] = {}  # by meter: what ran, and when

    def look(self, now: Now) -> None:
        """Count what has passed in this step, and note it. To be called when all has begun and ended that will."""
        active = self._water.runs.active
        if not active:
            self._counted.clear()
            self._noted.clear()
            return
        for meter, stream in self._water.streams.items():
            runs = [run for zone, run in active.items() if self._site.paths.meter(zone) == meter]
            if runs:
                self._follow(meter, stream, runs, now)
        running = {run.intent.run_id for run in active.values()}
        self._counted = {run_id: counted for run_id, counted in self._counted.items() if run_id in running}

    def by_now(self, run: Run, now: Now) -> Metered | None:
        """The note of a run that ends in this step, as it was at the end of the last."""
        counted, counter = self._counted.get(run.intent.run_id), self._site.total_of(run.intent.zone)
        stream = self._water.runs.stream(run.intent.zone)
        if counted is None or counter is None or stream is None or counted.restarts != stream.restarts:
            return None
        left_s = _flows_at_most_s(self._site, run, now)
        return Metered(counter, round(counted.total_l, 3), round(counted.litres, 3), left_s)

    def _follow(self, meter: str, stream: Stream, runs: Sequence[Run], now: Now) -> None:
        self._share(self._water.passed_l.get(meter, 0.0), [run for run in runs if run.intent.run_id in self._counted])
        for run in runs:
            total_l = stream.stands_at_l if stream.good else None
            new = None if total_l is None else _Counted(0.0, stream.restarts, total_l)
            counted = self._counted.setdefault(run.intent.run_id, new)
            if counted is not None and stream.stands_at_l is not None:
                counted.total_l = stream.stands_at_l
        what = {(run.intent.run_id, run.water_from is None, run.ending) for run in runs}, stream.restarts
        before, at_mono_ms = self._noted.get(meter, (None, 0))
        if what != before or now.mono_ms - at_mono_ms >= NOTE_EVERY_MS:
            self._noted[meter] = what, now.mono_ms
            for run in runs:
                self._note(run, stream, now)

    def _share(self, passed_l: float, runs: Sequence[Run]) -> None:
        """Divide what has passed among the runs that have water, by what each should take."""
        if passed_l <= 0 or not runs:
            return
        wet = [run for run in runs if run.water_from is not None] or runs
        total_l_min = self._water.expected.l_min(run.intent.zone for run in wet)
        for run in wet:
            counted = self._counted[run.intent.run_id]
            if counted is not None:
                counted.litres += passed_l * self._water.expected.l_min([run.intent.zone]) / total_l_min

    def _note(self, run: Run, stream: Stream, now: Now) -> None:
        intent, counted = self._memory.runs[run.intent.zone], self._counted[run.intent.run_id]
        counter, total_l = self._site.total_of(intent.zone), stream.stands_at_l
        if counted is None or counter is None or counted.restarts != stream.restarts or total_l is None:
            metered, self._counted[run.intent.run_id] = None, None
        else:
            left_s = _flows_at_most_s(self._site, run, now)
            metered = Metered(counter, round(total_l, 3), round(counted.litres, 3), left_s)
        if intent.metered != metered:
            self._memory.runs[intent.zone] = msgspec.structs.replace(intent, metered=metered)


def _flows_at_most_s(site: Site, run: Run, now: Now) -> float:
    """For how long water can go on when nobody ends it: until the first part of its path is shut by its deadline."""
    left_s, feed = max(0.0, run.left_s(now.mono_ms)), site.feed_of(run.intent.zone)
    rooms = [ENDLESS_S]
    for name in site.path_of(run.intent.zone):
        actuator = site.actuators[name]
        if actuator.timer_s is not None:
            rooms.append(hold_s(actuator.part, left_s, feed))
        if actuator.part.cut_off_min is not None:
            rooms.append(actuator.part.cut_off_min * 60)
    return float(math.ceil(min(rooms)))


@dataclass
class Beside:
    """What has passed a meter since a run was noted last, and what others should have taken of it, until the boards
    have shut its path for sure (`until_mono_ms`). Of `unknown` nobody can say."""

    until_mono_ms: int
    at_mono_ms: int
    restarts: int
    read_mono_ms: int = -1
    passed_l: float = 0.0
    others_l: float = 0.0
    unknown: bool = False

    def look(self, stream: Stream, passed_l: float, others_l_min: float, now: Now) -> None:
        """Count what has passed in a step, in which others should have had so much."""
        if self.read_mono_ms < self.until_mono_ms:
            self.passed_l += passed_l
            self.others_l += others_l_min * (now.mono_ms - self.at_mono_ms) / 60_000
        self.at_mono_ms, self.read_mono_ms = now.mono_ms, stream.read_mono_ms
        self.unknown = self.unknown or stream.restarts != self.restarts

    def own_l(self, most_l: float) -> float | None:
        """What is left for the run: no more than it can have taken. None when nobody knows."""
        if self.unknown or self.passed_l > JUMP_L + JUMP * (most_l + self.others_l):
            return None
        return min(max(self.passed_l - self.others_l, 0.0), most_l)


class Closed:
    """What meters show once the water of an outlet is proven to be off. Times are since boot."""

    def __init__(self, site: Site, water: Water) -> None:
        self._site, self._water = site, water
        self._since: dict[str, int] = {}

    def stream(self, outlet: str, now: Now) -> Stream | None:
        """The meter, read since the outlet's valve has closed; None until then. To be asked in every step."""
        valve = self._site.actuators[self._site.outlets[outlet].valve]
        if not self._water.actuators.safe([valve.id]):
            self._since.pop(outlet, None)
            return None
        shut_mono_ms = self._since.setdefault(outlet, now.mono_ms) + round(valve.part.travel_s * 1000)
        stream = self._water.runs.stream(outlet)
        return stream if stream is not None and stream.good and stream.read_mono_ms > shut_mono_ms else None

    def litres(self, notes: Mapping[str, Metered], stream: Stream) -> dict[str, float] | None:
        """What runs of one meter were given by now, by outlet. None when the meter cannot be believed: it was reset,
        or shows more than could flow."""
        expected = self._water.expected
        passed_l = max((stream.since_total_l(note.total_l) for note in notes.values()), default=0.0)
        able_l = sum(expected.l_min([outlet]) * note.left_s / 60 for outlet, note in notes.items())
        if passed_l > JUMP_L + JUMP * able_l:
            return None
        most = stream.part.high_pct / 100
        flows = {outlet: (expected.l_min([outlet]), note.left_s) for outlet, note in notes.items()}
        shares = divided(passed_l, flows, most)
        return {outlet: note.litres + shares[outlet] for outlet, note in notes.items()}


def divided(passed_l: float, flows: Mapping[str, tuple[float, float]], most: float) -> dict[str, float]:
    """Litres among outlets that began together and take so many L/min, each for so many seconds at most: as long as
    several ran each has its part, the rest is of who could run longer. None has over `most` times its whole."""
    given = dict.fromkeys(flows, 0.0)
    rest_l, from_s = passed_l, 0.0
    for until_s in sorted({left_s for _, left_s in flows.values()}):
        open_l_min = {name: l_min for name, (l_min, left_s) in flows.items() if left_s >= until_s}
        total_l_min = sum(open_l_min.values())
        step_l = min(rest_l, total_l_min * (until_s - from_s) / 60)
        for name, l_min in open_l_min.items():
            given[name] += step_l * l_min / total_l_min
        rest_l, from_s = rest_l - step_l, until_s
    whole_l = sum(given.values())
    over = 1.0 if rest_l <= 0 or whole_l <= 0 else min(passed_l / whole_l, most)
    return {name: litres * over for name, litres in given.items()}
