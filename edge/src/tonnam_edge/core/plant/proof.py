"""What one meter proves: that what is open takes what it should, that closed means dry, and that the meter counts.

What unknown means: a meter that does not answer proves nothing; the current of the pump is the next witness. One that
answers and stands still while a second witness says that water flows is latched itself, and no zone: water goes on
without its proof, in limited litres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tonnam_edge.core import texts
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Latches, LatchKind
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.plant import plant_texts
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.plant.flow import Expected, Flow, Stream
from tonnam_edge.core.plant.power import Power, Shares
from tonnam_edge.core.plant.runs import Phase, Runs
from tonnam_edge.core.plant.sharing import Sharing
from tonnam_edge.core.plant.supply import Supply
from tonnam_edge.core.plant.unsure import Unsure
from tonnam_edge.site.site import Site

LEAK_PULSES = 2
LATCH_OF = {Flow.NONE: LatchKind.NO_FLOW, Flow.LOW: LatchKind.LOW_FLOW, Flow.HIGH: LatchKind.HIGH_FLOW}
# A tank that has fallen so far since the meter counted last, and a pump that draws this share of its usual current,
# say that water flows. A pump against a closed pipe draws about half.
FALLS_CM = 2.0
USUAL_SHARE = 0.85
# Water goes on as if another valve was open too, when there is too much by what that one takes, give or take this.
AS_IF_OPEN = 0.4


@dataclass
class _Steady:
    """Which outlets are open together, and since when."""

    outlets: tuple[str, ...] = ()
    since: int = 0
    calm: int = 0  # since when no other valve is on its way: what one lets through on its way is no burst
    travels: bool = False  # whether one is
    mixed: bool = False  # the meter has counted what somebody let run by hand, too
    level_cm: float | None = None  # of the tank at the begin, or when the meter counted last or others drew from it
    level_read: int = 0  # when that was read
    counted: int = 0  # when the meter counted last


class Proof:
    """One meter and the supplies that it counts. Times are since boot, in milliseconds."""

    def __init__(
        self,
        site: Site,
        memory: Memory,
        meter: str,
        stream: Stream,
        expected: Expected,
        powers: Mapping[str, Power],
        actuators: Actuators,
        runs: Runs,
        sharing: Sharing,
        latches: Latches,
    ) -> None:
        self._site, self._memory, self.meter, self.stream = site, memory, meter, stream
        self._expected, self._powers, self._actuators = expected, powers, actuators
        self._runs, self._sharing, self._latches = runs, sharing, latches
        self.unsure = Unsure(memory, meter, stream.part.settle_s)
        self._supplies = [runs.supplies[name] for name in site.paths.metered_by(meter)]
        self._others = [supply for supply in runs.supplies.values() if supply not in self._supplies]
        self._others_drew = -1  # when water was last drawn past this meter
        self._mates = frozenset(m for name in site.paths.outlets_of(meter) for m in site.path_mates(name))
        self._steady = _Steady()
        self._quiet_since: int | None = None
        self._watered: dict[str, int] = {}  # when each outlet was open last
        self._looked_mono_ms: int | None = None

    def follow_trust(self, now: Now) -> None:
        """Heed whether the meter is latched as standing still, and count what flows without its proof."""
        latched = self._latches.stands(LatchKind.METER_STILL, self.meter)
        self.stream.trust(trusted=not latched)
        passed_ms = 0 if self._looked_mono_ms is None else now.mono_ms - self._looked_mono_ms
        self._looked_mono_ms = now.mono_ms
        if not latched:
            self._memory.unproven_l.pop(self.meter, None)
            return
        open_l_min = self._expected.l_min(self._open()[0])
        before = self._memory.unproven_l.get(self.meter, 0.0)
        self._memory.unproven_l[self.meter] = round(before + open_l_min * passed_ms / 60_000, 3)

    def judge(self, image: Image, *, by_hand: bool) -> None:
        """No, too little or too much water: the runs end as failed. Who was alone is latched; the others are tried
        alone."""
        now, steady = image.now, self._steady
        self._note_others(now)
        outlets, on_since = self._open()
        self._watered |= dict.fromkeys(outlets, now.mono_ms)
        if outlets != steady.outlets or on_since > steady.since:
            self._learn(steady, image)
            self._steady = _Steady(outlets, now.mono_ms if outlets else 0, now.mono_ms)
            self._follow_level(self._steady, image)
            return
        steady.mixed |= by_hand
        self._note_travel(steady, image)
        self._follow_level(steady, image)
        if not all(image.positions[name].heard for each in outlets for name in self._site.path_of(each)):
            steady.since = now.mono_ms  # a cabinet without power is no blocked pipe
            return
        if not outlets:
            return
        self._learn_power(steady, now)
        l_min = self._expected.l_min(outlets)
        how = self.stream.judge(self._shares(outlets), l_min, steady.since, now.mono_ms, steady.calm)
        if how is None and self.stream.good:
            self._sharing.well_together(outlets, steady.since, now)
        if how is None or (how is Flow.HIGH and steady.mixed) or (how is Flow.NONE and self._unpowered(outlets)):
            return
        self._judged(how, outlets, image)
        steady.since = now.mono_ms  # what was measured is not to be learned

    def look_for_leak(self, now: Now, *, by_hand: bool, heard_mono_ms: int) -> None:
        """All is closed and has settled: one pulse may come, a second is a leak, once every switch was read after it
        (all of them were at `heard_mono_ms`)."""
        part, paths = self.stream.part, self._site.paths
        open_here = any(paths.meter(name) == self.meter for name in self._runs.active)
        latched = self._latches.stands(LatchKind.LEAK, self.meter)
        if by_hand or open_here or latched or not self._actuators.safe(self._mates):
            self._quiet_since = None
            return
        if self._quiet_since is None:
            self._quiet_since = now.mono_ms
        settled = self._quiet_since + round(part.settle_s * 1000)
        if now.mono_ms <= settled:
            return
        lately = now.mono_ms - round(part.leak_within_min * 60_000)
        since = max(settled, lately, self.stream.good_since_mono_ms)
        if not self.unsure.sure(now):
            self.unsure.leaks = self._leaked_l(since, now.mono_ms) > 0
            return
        litres = self._leaked_l(max(since, self.unsure.sure_from), heard_mono_ms)
        if litres > 0:
            self._latches.set(LatchKind.LEAK, self.meter, now, plant_texts.leak(litres))

    def _leaked_l(self, since: int, until: int) -> float:
        """What has passed between then, if it is enough for a leak."""
        litres = self.stream.within(since)[0] - self.stream.since(max(since, until))[0]
        return litres if litres >= LEAK_PULSES * self.stream.step_l else 0.0

    def settled_mono_ms(self) -> int | None:
        """When all will have been closed, and its switches heard, for long enough to look for a leak."""
        if self._quiet_since is None:
            return None
        return max(self._quiet_since + round(self.stream.part.settle_s * 1000), self.unsure.sure_from + 1)

    def _open(self) -> tuple[tuple[str, ...], int]:
        """The outlets that are open and fed, and since when the pump that came last runs. None while a supply is
        between off and on: then nobody knows what should flow."""
        if not all(supply.on or supply.off or supply.held for supply in self._supplies):
            return (), 0
        fed = [supply for supply in self._supplies if supply.on]
        outlets = [run.intent.zone for supply in fed for run in self._runs.on(supply.name, Phase.WATERING)]
        return tuple(outlets), max((supply.on_since for supply in fed), default=0)

    def _note_travel(self, steady: _Steady, image: Image) -> None:
        """See whether a valve behind a pump that runs is on its way: it lets more through than what is open takes.
        What was learned before it began is worth keeping."""
        before, phases = steady.travels, (Phase.OPENING, Phase.STARTING, Phase.CLOSING)
        steady.travels = any(supply.wet and self._runs.on(supply.name, *phases) for supply in self._supplies)
        if steady.travels:
            if not before:
                self._learn(steady, image)
            steady.calm = image.now.mono_ms

    def _unpowered(self, outlets: tuple[str, ...]) -> bool:
        """Whether nobody knows that a pump has enough power: then no water is a pause, see `Runs`."""
        powers = (self._powers.get(self._site.supply_of(name)) for name in outlets)
        return any(power is not None and not power.enough for power in powers)

    def _shares(self, outlets: tuple[str, ...]) -> Shares:
        parts = [
            (self._expected.l_min(name for name in outlets if name in supply.outlets), self._powers.get(supply.name))
            for supply in self._supplies
        ]
        return Shares([(l_min, power) for l_min, power in parts if l_min > 0], unknown=self._expected.by_sun)

    def _judged(self, how: Flow, outlets: tuple[str, ...], image: Image) -> None:
        now = image.now
        reason = self._text(how, outlets)
        if how is Flow.NONE and self._water_moves(outlets, image):
            self._latches.set(LatchKind.METER_STILL, self.meter, now, plant_texts.meter_still())
            self.follow_trust(now)
            return
        valve = self._as_if_open(outlets) if how is Flow.HIGH else None
        if how is Flow.HIGH and not self.unsure.sure(now):
            reason = plant_texts.perhaps_burst()
            self.unsure.had_too_much(outlets)
        elif valve is not None:
            reason = plant_texts.valve_as_if_open(self._site.actuators[valve].part.name, reason)
            self._latches.set(LatchKind.WELDED, valve, now, reason)
        elif len(outlets) == 1:
            self._latches.set(LATCH_OF[how], outlets[0], now, reason)
        else:
            self._sharing.wrong_together(outlets, now)
            reason = plant_texts.together_wrong(reason)
        for supply in {self._site.supply_of(name) for name in outlets}:
            self._runs.stop_all("failed", reason, now, supply)

    def _text(self, how: Flow, outlets: tuple[str, ...]) -> Text:
        expected = self._expected.l_min(outlets)
        wait_s = self.stream.wait_s(expected)
        if how is Flow.NONE:
            return texts.no_flow(wait_s)
        read = self.stream.read_mono_ms
        share = self._shares(outlets).mean(read - round(wait_s * 1000), read)
        told = plant_texts.low_flow if how is Flow.LOW else plant_texts.high_flow
        return told(self.stream.lately_l_min(wait_s), expected * (1.0 if share is None else share))

    def _as_if_open(self, outlets: tuple[str, ...]) -> str | None:
        """The valve of an outlet that is closed, if there is too much water by just what that one takes. It must have
        been open since the start of this process: contacts weld when they close."""
        expected = self._expected.l_min(outlets)
        over_l_min = self.stream.lately_l_min(self.stream.wait_s(expected)) - expected
        mates = {name for each in outlets for name in self._site.paths.supplies[self._site.supply_of(each)]}
        fitting = [
            name
            for name in mates.difference(outlets).intersection(self._watered)
            if abs(over_l_min - self._expected.l_min([name])) <= AS_IF_OPEN * self._expected.l_min([name])
        ]
        last = max(fitting, key=lambda name: (self._watered[name], name), default=None)
        return None if last is None else self._site.outlets[last].valve

    def _water_moves(self, outlets: tuple[str, ...], image: Image) -> bool:
        """Whether a second witness says that water flows: the tank falls and nobody else draws from it, or the pump
        draws what it usually does."""
        level_cm, before_cm = self._level_cm(image), self._steady.level_cm
        if level_cm is not None and before_cm is not None and before_cm - level_cm >= FALLS_CM:
            return True
        if len(outlets) != 1:
            return False
        usual = self._memory.currents_a.get(outlets[0])
        current = self._current(self._runs.supply(outlets[0]), image)
        return usual is not None and current is not None and current >= USUAL_SHARE * usual

    def _note_others(self, now: Now) -> None:
        """See whether the tank falls for others: supplies that this meter does not count, or water by hand there."""
        streams = (self._runs.stream(supply.outlets[0]) for supply in self._others)
        rose = max((stream.rose_mono_ms for stream in streams if stream is not None), default=-1)
        drawing = any(not supply.off for supply in self._others)
        self._others_drew = max(self._others_drew, rose, now.mono_ms if drawing else -1)

    def _level_cm(self, image: Image) -> float | None:
        """The tank's level, read since others drew from it last."""
        level = self._site.tank_level
        return image.value(level) if image.read_mono_ms.get(level or "", 0) > self._others_drew else None

    def _follow_level(self, steady: _Steady, image: Image) -> None:
        """Keep the level from which the tank must fall: what it fell before, the meter or others have explained."""
        counts = self.stream.rose_mono_ms > steady.counted
        if counts or steady.level_cm is None or steady.level_read <= self._others_drew:
            steady.level_cm = self._level_cm(image)
            steady.level_read = image.read_mono_ms.get(self._site.tank_level or "", 0)
            steady.counted = max(steady.counted, self.stream.rose_mono_ms)

    def _current(self, supply: Supply, image: Image) -> float | None:
        """What the pump draws, read after it had started for good."""
        pump = supply.pump
        if pump is None or image.read_mono_ms.get(pump.current or "", 0) <= supply.on_since + 5000:
            return None
        return image.value(pump.current)

    def _learn(self, steady: _Steady, image: Image) -> None:
        """An outlet was open alone until now, and its flow was as it should be."""
        now = image.now
        if len(steady.outlets) != 1 or steady.mixed or not self.stream.good:
            return
        outlet = steady.outlets[0]
        if self._site.supply_of(outlet) in self._powers:
            return  # what it takes goes by the sun
        run = self._runs.active.get(outlet)
        litres, from_mono_ms = self.stream.within(
            max(steady.since, steady.calm) + round(self.stream.part.fill_s * 1000)
        )
        until = min(self.stream.read_mono_ms, now.mono_ms if run is None or not run.ending else run.stopped_at)
        if run is not None and run.as_wished and until > from_mono_ms and self.stream.restarts == run.restarts:
            self._expected.learn(outlet, litres / ((until - from_mono_ms) / 60_000), litres, self.stream.step_l)

    def learn_currents(self, image: Image) -> None:
        """What each pump draws while one outlet alone is open and the meter says that water flows."""
        if len(self._steady.outlets) != 1 or not self.stream.good:
            return
        outlet = self._steady.outlets[0]
        current = self._current(self._runs.supply(outlet), image)
        proven = self.stream.rose_mono_ms > self._steady.since + round(self.stream.part.fill_s * 1000)
        if current is None or not proven or outlet in self._memory.currents_a:
            return
        self._memory.currents_a[outlet] = round(current, 3)

    def _learn_power(self, steady: _Steady, now: Now) -> None:
        """What share of its flow an outlet that is alone has with the power that there is."""
        power = self._powers.get(self._site.supply_of(steady.outlets[0])) if len(steady.outlets) == 1 else None
        since = None if power is None else power.learns_from(now.mono_ms)
        if power is None or since is None or steady.mixed or not self.stream.good:
            return
        began = max(steady.since, steady.calm) + round(self.stream.part.fill_s * 1000)
        since = max(since, began, self.stream.good_since_mono_ms)
        litres, from_mono_ms = self.stream.within(since)
        passed_ms = self.stream.read_mono_ms - from_mono_ms
        if litres >= 10 * self.stream.step_l and passed_ms >= 30_000:
            l_min = litres / (passed_ms / 60_000)
            power.learn(l_min / self._expected.l_min(steady.outlets), now.mono_ms)
