"""What a water meter says: litres, whether it moves, and whether that is as much as the open outlets should take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple, Protocol

from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.plant.meter import Meter
from tonnam_edge.site.site import Site

# Pulses are remembered for this long.
KEPT_MS = 2 * 3_600_000
# How much of a newly measured flow is believed, and how far it may be from what the site file says.
LEARN_SHARE = 0.2
LEARN_AT_MOST = 0.5
PULSES_TO_LEARN = 10
# Water stands when no pulse has come for the time of so many; where that is long, the meter is no witness of a stop.
PULSES_TO_STAND = 2.5
SELDOM_S = 8.0


class Flow(Enum):
    """How the flow is, against what is expected."""

    NONE = "none"
    LOW = "low"
    HIGH = "high"


class Rise(NamedTuple):
    """The meter's total rose between two reads: after the one began, and before the other was seen."""

    from_mono_ms: int
    to_mono_ms: int
    litres: float


class Stream:
    """A meter, followed from image to image. `total_l` counts since the start of this process.

    One that is `distrusted`, because it stood still while water flowed, says nothing any more. Only a new read says
    something: one that does not answer keeps its last total for a while, and that is not a meter that stands still.
    """

    def __init__(self, site: Site, meter: str) -> None:
        self.part = site.paths.meters[meter]
        self._total = f"{site.id}/{self.part.total}"
        self.step_l = _litres_of_a_pulse(site, self._total)
        most_l_min = sum(site.outlets[name].flow_l_min for name in site.paths.outlets_of(meter))
        self._meter = Meter(self.step_l, most_l_min)
        self.distrusted = False
        self._rises: deque[Rise] = deque()
        self.read_mono_ms = -1  # when the read began that was looked at last: nothing is known of later
        self.total_l = 0.0
        self.good = False
        self.good_since_mono_ms = 0
        self.restarts = 0  # how often the meter has begun anew: what was counted from before is worth nothing
        self.rose_mono_ms = -KEPT_MS

    def look(self, image: Image) -> float:
        """Follow the meter; returns the litres since the last look, 0 while it is not known or not read anew."""
        total_l, now = image.value(self._total), image.now.mono_ms
        if total_l is None or self.distrusted:
            self.good = False
            return 0.0
        before_mono_ms, read_mono_ms = self.read_mono_ms, image.read_mono_ms.get(self._total, now)
        if read_mono_ms <= before_mono_ms:
            return 0.0
        self.read_mono_ms = read_mono_ms
        if not self.good:
            self.good, self.good_since_mono_ms = True, read_mono_ms
        if self._meter.litres is None:
            self._meter.begin(total_l, now)
            return 0.0
        before_l = self._meter.litres
        self._meter.see(total_l, now)
        if self._meter.litres is None:
            self.restarts += 1
            self.good_since_mono_ms = read_mono_ms
            self._meter.begin(total_l, now)
            return 0.0
        return self._passed(self._meter.litres - before_l, before_mono_ms, now)

    @property
    def stands_at_l(self) -> float | None:
        """The total on the meter itself, as it was believed last; None while nothing is known of it."""
        return self._meter.total_l

    def since_total_l(self, total_l: float) -> float:
        """What has passed since the meter itself showed that; more than can flow when it has begun anew meanwhile."""
        return self._meter.passed_l(total_l)

    def trust(self, *, trusted: bool) -> None:
        """Believe it, or do not. What it counted before such a change is worth nothing."""
        if trusted is self.distrusted:
            self.distrusted, self.good = not trusted, False
            self.restarts += 1
            self._meter.begin(None, 0)

    def _passed(self, litres: float, from_mono_ms: int, now: int) -> float:
        if litres > 0:
            self.total_l += litres
            self.rose_mono_ms = now
            self._rises.append(Rise(from_mono_ms, now, litres))
            while now - self._rises[0].to_mono_ms > KEPT_MS:
                self._rises.popleft()
        return litres

    def since(self, mono_ms: int) -> tuple[float, int]:
        """The litres since then, and since when in truth: a look that came late tells of a longer time."""
        litres, from_mono_ms = 0.0, mono_ms
        for rise in reversed(self._rises):
            if rise.to_mono_ms <= mono_ms:
                break
            litres += rise.litres
            from_mono_ms = min(from_mono_ms, rise.from_mono_ms)
        return litres, from_mono_ms

    def within(self, mono_ms: int) -> tuple[float, int]:
        """The litres of what began to rise no earlier, and since when. What began before is left out."""
        litres = 0.0
        for rise in reversed(self._rises):
            if rise.from_mono_ms < mono_ms:
                return litres, max(mono_ms, rise.to_mono_ms)
            litres += rise.litres
        return litres, mono_ms

    def lately_l_min(self, seconds: float) -> float:
        """The flow in so many seconds before the last read."""
        litres, from_mono_ms = self.since(self.read_mono_ms - round(seconds * 1000))
        return litres / ((self.read_mono_ms - from_mono_ms) / 60_000)

    def moves(self, l_min: float, now: int) -> bool:
        """Whether pulses come about as they do at this flow. False where they would come too seldom to tell."""
        interval_s = self.step_l / (l_min / 60)
        seldom = PULSES_TO_STAND * interval_s > SELDOM_S
        return self.good and not seldom and now - self.rose_mono_ms < PULSES_TO_STAND * interval_s * 1000

    def still_since(self, from_mono_ms: int, seconds: float, now: int) -> bool:
        """Whether the meter was good and was read to stand still for so long, all of it after then."""
        since = max(from_mono_ms, self.good_since_mono_ms, self.rose_mono_ms)
        return self.good and min(now, self.read_mono_ms) - since >= seconds * 1000

    def wait_s(self, l_min: float) -> float:
        """How long no pulse may come while water flows: it follows from the pulse and the flow expected.

        One litre at a slow drip zone takes longer than ten seconds; a fixed wait would call it broken.
        """
        return self.part.fill_s + self.part.pulses_to_wait * self.step_l / (0.5 * l_min / 60)

    def judge(self, share: Share, l_min: float, steady_mono_ms: int, now: int, calm_mono_ms: int = 0) -> Flow | None:
        """Whether too little or too much flows where `l_min` should, steady since then. `share` is the part of it
        that the power allowed. Without a good meter nothing is said, and of the time after its last read nothing
        either; before `calm_mono_ms` more may have flowed than that. A pulse more or less is no evidence.
        """
        if not self.good:
            return None
        since, read = max(steady_mono_ms, self.good_since_mono_ms), self.read_mono_ms
        wait_ms = round(self.wait_s(l_min * share.least(now)) * 1000)
        if read - max(since, self.rose_mono_ms) > wait_ms:
            return Flow.NONE
        passed_l, from_mono_ms = self.since(read - wait_ms)
        if read - since < self.part.fill_s * 1000 + wait_ms or from_mono_ms < since:
            return None
        minutes, expected = (read - from_mono_ms) / 60_000, share.mean(from_mono_ms, read)
        low = None if expected is None else self.part.low_pct / 100 * expected * l_min
        if low is not None and (passed_l + self.step_l) / minutes < low:
            return Flow.LOW
        high = self.part.high_pct / 100 * l_min * (1.0 if expected is None else expected)
        return Flow.HIGH if (passed_l - self.step_l) / minutes > high and from_mono_ms >= calm_mono_ms else None

    def l_min(self, from_mono_ms: int, to_mono_ms: int) -> float:
        """The flow between two times. What rose between two looks is spread over the time between them."""
        litres = 0.0
        for rise in reversed(self._rises):
            if rise.to_mono_ms <= from_mono_ms:
                break
            inside_ms = min(rise.to_mono_ms, to_mono_ms) - max(rise.from_mono_ms, from_mono_ms)
            litres += rise.litres * max(0, inside_ms) / max(1, rise.to_mono_ms - rise.from_mono_ms)
        return litres / ((to_mono_ms - from_mono_ms) / 60_000)


class Expected:
    """What flows when outlets are open: as the site file says, and as was learned when each ran alone."""

    def __init__(self, site: Site, memory: Memory) -> None:
        self._site, self._memory = site, memory
        solar = site.file.holds.solar
        self.by_sun = solar is not None and solar.direct  # then a cloud is less water, and no fault

    def l_min(self, outlets: Iterable[str]) -> float:
        return sum(self._memory.flows_l_min.get(name, self._told_l_min(name)) for name in outlets)

    def most_l_min(self, outlet: str) -> float:
        """What an outlet may take of a pump's capacity."""
        return max(self._told_l_min(outlet), self.l_min([outlet]))

    def learn(self, outlet: str, l_min: float, litres: float, step_l: float) -> None:
        """An outlet ran alone and steady, and took so much. Slowly believed, and never far from the site file."""
        if litres < PULSES_TO_LEARN * step_l or self.by_sun:
            return
        told = self._told_l_min(outlet)
        learned = self.l_min([outlet])
        learned += LEARN_SHARE * (l_min - learned)
        bounded = min(max(learned, (1 - LEARN_AT_MOST) * told), (1 + LEARN_AT_MOST) * told)
        self._memory.flows_l_min[outlet] = round(bounded, 3)

    def _told_l_min(self, outlet: str) -> float:
        return self._site.outlets[outlet].flow_l_min


class Share(Protocol):
    """What part of the whole flow the power there was for the pump allows. 1 where power does not matter."""

    def mean(self, from_mono_ms: int, to_mono_ms: int) -> float | None:
        """On average between two times; None where nobody knows."""

    def least(self, now: int) -> float:
        """The least of late: for how long to wait for a pulse."""


def _litres_of_a_pulse(site: Site, total: str) -> float:
    """The step of a meter's total, in litres."""
    device = site.device_of(total)
    parameters: Mapping[str, float] = device.plan.parameters if device else {}
    return parameters.get("pulse_l", 1.0)
