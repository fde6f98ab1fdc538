"""What the water meter says: litres, whether it moves, and whether that is as much as the open zones should take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.meter import Meter
from tonnam_edge.site import Site

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
    """The meter's total rose between two looks."""

    from_mono_ms: int
    to_mono_ms: int
    litres: float


class Stream:
    """The site's meter, followed from image to image. `total_l` counts since the start of this process."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.step_l = _litres_of_a_pulse(site)
        most_l_min = sum(zone.part.flow_l_min for zone in site.zones.values())
        self._meter = Meter(self.step_l, most_l_min)
        self._rises: deque[Rise] = deque()
        self._looked_mono_ms = 0
        self.total_l = 0.0
        self.good = False
        self.good_since_mono_ms = 0
        self.restarts = 0  # how often the meter has begun anew: what was counted from before is worth nothing
        self.rose_mono_ms = -KEPT_MS

    def look(self, image: Image) -> float:
        """Follow the meter; returns the litres since the last look, 0 while it is not known."""
        total_l, now = image.value(self._site.flow_total), image.now.mono_ms
        if total_l is None:
            self.good = False
            return 0.0
        if not self.good:
            self.good, self.good_since_mono_ms = True, now
        if self._meter.litres is None:
            self._begin(total_l, now)
            return 0.0
        before_l = self._meter.litres
        self._meter.see(total_l, now)
        if self._meter.litres is None:
            self.restarts += 1
            self.good_since_mono_ms = now
            self._begin(total_l, now)
            return 0.0
        return self._passed(self._meter.litres - before_l, now)

    def _begin(self, total_l: float, now: int) -> None:
        self._meter.begin(total_l, now)
        self._looked_mono_ms = now

    def _passed(self, litres: float, now: int) -> float:
        if litres > 0:
            self.total_l += litres
            self.rose_mono_ms = now
            self._rises.append(Rise(self._looked_mono_ms, now, litres))
            while now - self._rises[0].to_mono_ms > KEPT_MS:
                self._rises.popleft()
        self._looked_mono_ms = now
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

    def moves(self, l_min: float, now: int) -> bool:
        """Whether pulses come about as they do at this flow. False where they would come too seldom to tell."""
        interval_s = self.step_l / (l_min / 60)
        seldom = PULSES_TO_STAND * interval_s > SELDOM_S
        return self.good and not seldom and now - self.rose_mono_ms < PULSES_TO_STAND * interval_s * 1000

    def still_since(self, from_mono_ms: int, seconds: float, now: int) -> bool:
        """Whether the meter was good and stood still for so long, all of it after then."""
        since = max(from_mono_ms, self.good_since_mono_ms, self.rose_mono_ms)
        return self.good and now - since >= seconds * 1000


class Expected:
    """What flows when zones are open: as the site file says, and as was learned when each ran alone."""

    def __init__(self, site: Site, memory: Memory, step_l: float) -> None:
        self._site, self._memory, self._step_l = site, memory, step_l
        self._part = site.file.flow
        solar = site.file.holds.solar
        self._by_sun = solar is not None and solar.direct  # then a cloud is less water, and no fault

    def l_min(self, zones: Iterable[str]) -> float:
        return sum(self._memory.flows_l_min.get(zone, self._told_l_min(zone)) for zone in zones)

    def most_l_min(self, zone: str) -> float:
        """What a zone may take of a pump's capacity."""
        return max(self._told_l_min(zone), self.l_min([zone]))

    def wait_s(self, l_min: float) -> float:
        """How long no pulse may come while water flows: it follows from the pulse and the flow expected.

        One litre at a slow drip zone takes longer than ten seconds; a fixed wait would call it broken.
        """
        if self._part is None:
            return 0.0
        return self._part.fill_s + self._part.pulses_to_wait * self._step_l / (0.5 * l_min / 60)

    def learn(self, zone: str, l_min: float, litres: float) -> None:
        """A zone ran alone and steady, and took so much. Slowly believed, and never far from the site file."""
        if litres < PULSES_TO_LEARN * self._step_l or self._by_sun:
            return
        told = self._told_l_min(zone)
        learned = self.l_min([zone])
        learned += LEARN_SHARE * (l_min - learned)
        bounded = min(max(learned, (1 - LEARN_AT_MOST) * told), (1 + LEARN_AT_MOST) * told)
        self._memory.flows_l_min[zone] = round(bounded, 3)

    def judge(self, stream: Stream, zones: Iterable[str], steady_mono_ms: int, now: int) -> Flow | None:
        """Whether too little or too much flows into these zones, open and with the pump on since then.

        Without a good meter nothing is said. A pulse more or less is no evidence.
        """
        if self._part is None or not stream.good:
            return None
        expected, since = self.l_min(zones), max(steady_mono_ms, stream.good_since_mono_ms)
        wait_ms = round(self.wait_s(expected) * 1000)
        if now - max(since, stream.rose_mono_ms) > wait_ms:
            return Flow.NONE
        if now - since < self._part.fill_s * 1000 + wait_ms:
            return None
        passed_l, from_mono_ms = stream.since(now - wait_ms)
        minutes = (now - from_mono_ms) / 60_000
        if (passed_l + self._step_l) / minutes < self._part.low_pct / 100 * expected and not self._by_sun:
            return Flow.LOW
        if (passed_l - self._step_l) / minutes > self._part.high_pct / 100 * expected:
            return Flow.HIGH
        return None

    def _told_l_min(self, zone: str) -> float:
        return self._site.zones[zone].part.flow_l_min


def _litres_of_a_pulse(site: Site) -> float:
    """The step of the flow meter's total, in litres; 1 without a meter."""
    device = site.device_of(site.flow_total) if site.flow_total else None
    parameters: Mapping[str, float] = device.plan.parameters if device else {}
    return parameters.get("pulse_l", 1.0)
