"""What proves that water moves at the injectors of a line, and how much of it has passed.

What unknown means: no flow. A meter that says nothing moves nothing, so nothing is dosed; a flow switch counts only
while it is read, and only after it was seen at rest while nothing ran, for one that hangs would prove everything.
"""

from __future__ import annotations

from tonnam_edge.core.image import Image
from tonnam_edge.core.plant.meter import Meter
from tonnam_edge.site.dosing_file import MixingLinePart
from tonnam_edge.site.site import Site

# So many pulses of the meter within this run prove flow. After the time of so many without one it is gone.
PULSES_TO_PROVE = 2
PULSES_TO_LOSE = 2.5
LOST_AFTER_AT_LEAST_S = 5.0
# A flow switch must have been read within this.
SWITCH_READ_S = 5.0
# More than this share of what the open zones take is not believed, and not dosed for.
MOST_SHARE = 1.5
CREDIT_S = 30.0


class LineFlow:
    """Flow at one line. `passed_l` is of the last look, and at most what the open zones take. Times since boot."""

    def __init__(self, site: Site, part: MixingLinePart) -> None:
        self._stream = f"{site.id}/{part.flow}"
        device = site.device_of(self._stream)
        value = None if device is None else device.profile.find(part.flow.split("/")[-1])
        self._switch = value is not None and value.kind != "counter"
        self._total = _metered_at(site, part.feeds) if self._switch else self._stream
        self.others = _counted_too(site, self._total, part.feeds)  # supplies whose water the same meter counts
        self._metered = part.kind == "main"
        self.step_l = _step_l(site, self._total)
        self._meter = Meter(self.step_l, sum(zone.part.flow_l_min for zone in site.zones.values()))
        self._on = False
        self._on_since = self._looked = self._expected = 0.0
        self._still = not self._metered
        self._credit_l = 0.0
        self.since_on_l = 0.0
        self.passed_l = 0.0
        self.rose = False
        self._rose_mono_ms = -(10**12)
        self.flows = False
        self.known = False

    def look(self, image: Image, on_since: int | None, expected_l_min: float, *, alone: bool) -> None:
        """Follow it. `on_since`: since when the supply is on, else None; `alone`: none of `others` runs."""
        now = image.now.mono_ms
        if on_since is None and self._metered:  # a switch rests between runs; a tank is stirred day and night
            self._still = image.value(self._stream) == 0.0 or (self._still and not self._on)
        if on_since is None or not self._on or on_since != self._on_since:
            self.since_on_l, self._on, self._on_since = 0.0, on_since is not None, float(on_since or 0)
        counted_l = self._count(image)
        self.passed_l = self._believed(counted_l if alone and self._on else 0.0, expected_l_min, now)
        self._expected, self._looked, self.rose = expected_l_min, now, self.passed_l > 0
        self.since_on_l += self.passed_l
        if self.rose:
            self._rose_mono_ms = now
        self.flows = self._on and self._switch_proves(image) and (not self._meter_needed or self._meter_proves(now))

    def _believed(self, counted_l: float, expected_l_min: float, now: int) -> float:
        """No more than the open zones can take, over half a minute and three pulses."""
        limit_l_s = MOST_SHARE * expected_l_min / 60
        most_l = 3 * self.step_l + CREDIT_S * limit_l_s
        self._credit_l = min(self._credit_l + limit_l_s * (now - self._looked) / 1000, most_l)
        believed_l = min(counted_l, self._credit_l)
        self._credit_l -= believed_l
        return believed_l

    @property
    def _meter_needed(self) -> bool:
        """Whether litres must be counted: in a tank whose circulation has a switch they need not be."""
        return self._metered or not self._switch

    def stuck(self, image: Image, *, off: bool) -> bool:
        """Whether a flow switch says flow though nothing has run for long."""
        return self._switch and self._metered and off and image.value(self._stream) == 1.0

    @property
    def l_min(self) -> float | None:
        """The flow measured since the supply is on, when enough of it was."""
        minutes = (self._looked - self._on_since) / 60_000
        return (
            self.since_on_l / minutes if self._on and self.since_on_l >= 5 * self.step_l and minutes > 0.2 else None
        )

    def _count(self, image: Image) -> float:
        total_l = image.value(self._total)
        self.known = total_l is not None
        if total_l is None:
            return 0.0
        if self._meter.litres is None:
            self._meter.begin(total_l, image.now.mono_ms)
            return 0.0
        before_l = self._meter.litres
        self._meter.see(total_l, image.now.mono_ms)
        return 0.0 if self._meter.litres is None else self._meter.litres - before_l

    def _meter_proves(self, now: int) -> bool:
        lost_s = max(LOST_AFTER_AT_LEAST_S, PULSES_TO_LOSE * self.step_l / (0.6 * max(self._expected, 0.1) / 60))
        return self.since_on_l >= PULSES_TO_PROVE * self.step_l and now - self._rose_mono_ms <= lost_s * 1000

    def _switch_proves(self, image: Image) -> bool:
        if not self._switch:
            return True
        value, read = image.value(self._stream), image.read_mono_ms.get(self._stream)
        if read is None or image.now.mono_ms - read > SWITCH_READ_S * 1000:
            return False
        return self._still and value == 1.0 and read > self._on_since


def _metered_at(site: Site, supply: str) -> str | None:
    """The total of the meter that counts a supply's water."""
    meter = site.paths.meter_of_supply(supply)
    return None if meter is None else f"{site.id}/{site.paths.meters[meter].total}"


def _counted_too(site: Site, total: str | None, supply: str) -> frozenset[str]:
    """The other supplies whose water a meter counts; none where it is the line's own."""
    meters = (name for name, meter in site.paths.meters.items() if f"{site.id}/{meter.total}" == total)
    return frozenset(other for meter in meters for other in site.paths.metered_by(meter)) - {supply}


def _step_l(site: Site, total: str | None) -> float:
    """Litres of a pulse; 1 where the device does not say."""
    device = site.device_of(total) if total else None
    return 1.0 if device is None else device.plan.parameters.get("pulse_l", 1.0)
