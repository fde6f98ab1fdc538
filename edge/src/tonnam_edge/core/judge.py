"""Which readings to believe: jumps, flat lines, and probes of one zone that contradict each other.

Range, age and a device's own faults are judged in `image`. What is not believed is unknown from here on, and the
programs go by the next witness: nothing here decides about water.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import msgspec

from tonnam_edge.site.site import SOIL_MOISTURE, Sensed
from tonnam_link.messages import Sample
from tonnam_link.quality import Quality

HOUR_MS = 3_600_000
# Probes of one zone stand in soil that is never the same all over; further apart than this one of them lies.
TWINS_APART_PCT = 10.0


class Doubt(msgspec.Struct, frozen=True):
    """A reading that was not believed when the process ended: the last believed number, or the one it hung at."""

    quality: int
    value: float


@dataclass(frozen=True)
class Rule:
    """What a quantity can do. `rise` and `fall` at once, and `drift_h` more an hour since it was last believed.

    What jumped is believed again when it has stayed together for `settle_s`; None: only by drift. The same number for
    `flat_h` is a flat line, unless it is `calm`: a number at which the quantity itself may rest. `fine` is the
    resolution for which that time holds; a coarser one may rest so much longer.
    """

    rise: float | None = None
    fall: float | None = None
    drift_h: float = 0.0
    settle_s: float | None = None
    flat_h: float | None = None
    fine: float = 0.1
    calm: Callable[[float], bool] = lambda value: False

    def flat_ms(self, resolution: float) -> float | None:
        """After so long the same number is a flat line; None when it never is."""
        return None if self.flat_h is None else self.flat_h * max(1.0, resolution / self.fine) * HOUR_MS


# By quantity. Soil dries by a few points a day: what falls by more at once was pulled out, and it is not believed
# again because it stays there. A number that is not here (levels, counters, states, flow) is never held back: a tank
# that is suddenly empty must stop the pump at once.
RULES: Mapping[str, Rule] = {
    SOIL_MOISTURE: Rule(rise=30, fall=8, drift_h=0.3, flat_h=48),
    "soil_temperature": Rule(rise=8, fall=8, drift_h=5, settle_s=3600, flat_h=36),
    "air_temperature": Rule(rise=8, fall=12, drift_h=20, settle_s=900, flat_h=6),
    "humidity": Rule(flat_h=6, calm=lambda value: value >= 98),
    "illuminance": Rule(flat_h=3, fine=1.0, calm=lambda value: value < 100),
    "solar_radiation": Rule(flat_h=3, fine=1.0, calm=lambda value: value < 5),
    "wind_speed": Rule(flat_h=12, calm=lambda value: value < 0.3),
}


@dataclass
class _Seen:
    """What is remembered of one datastream. Times are since boot, in milliseconds."""

    good: float | None = None
    good_ms: int = 0
    apart: float | None = None
    apart_ms: int = 0
    flat: float | None = None
    flat_ms: float = 0.0


class Judge:
    """Follows every datastream that has a rule. `doubts` is what survives a restart; it is kept up to date here."""

    def __init__(self, doubts: MutableMapping[str, Doubt]) -> None:
        self._doubts = doubts
        self._seen: dict[str, _Seen] = {}

    def of(self, sensed: Sensed, value: float, at_ms: int) -> Sample:
        """The sample of a number that is fresh and within its range; `at_ms` is when it was read, since boot."""
        rule, name = RULES.get(sensed.value), sensed.datastream.id
        if rule is None:
            return Sample(value)
        seen = self._seen.get(name)
        if seen is None:
            seen = self._seen[name] = self._resumed(name, at_ms)
        stuck, jumped = (
            _stuck(rule, seen, value, at_ms, sensed.datastream.resolution),
            _jumped(rule, seen, value, at_ms),
        )
        if jumped:
            return self._doubt(name, Quality.JUMPED, seen.good, value)
        if stuck:
            return self._doubt(name, Quality.STUCK, value, value)
        self._doubts.pop(name, None)
        return Sample(value)

    def begin_anew(self) -> None:
        """Forget what was believed so far, but for the doubts: they have just been recalled."""
        self._seen.clear()

    def _resumed(self, name: str, at_ms: int) -> _Seen:
        """What an earlier process did not believe is not believed anew because it ended."""
        doubt = self._doubts.get(name)
        if doubt is None:
            return _Seen()
        if doubt.quality == Quality.STUCK:
            return _Seen(flat=doubt.value, flat_ms=float("-inf"))
        return _Seen(good=doubt.value, good_ms=at_ms)

    def _doubt(self, name: str, quality: Quality, believed: float | None, value: float) -> Sample:
        if believed is not None:
            doubt = Doubt(int(quality), believed)
            if self._doubts.get(name) != doubt:
                self._doubts[name] = doubt
        return Sample(None, quality, value)


def _stuck(rule: Rule, seen: _Seen, value: float, at_ms: int, resolution: float) -> bool:
    if seen.flat != value:
        seen.flat, seen.flat_ms = value, at_ms
    flat_ms = rule.flat_ms(resolution)
    return flat_ms is not None and not rule.calm(value) and at_ms - seen.flat_ms > flat_ms


def _jumped(rule: Rule, seen: _Seen, value: float, at_ms: int) -> bool:
    """Whether the number cannot have come about since the last believed one."""
    if seen.good is not None and not _reachable(rule, seen.good, value, (at_ms - seen.good_ms) / HOUR_MS):
        if seen.apart is None or not _reachable(rule, seen.apart, value, 0.0):
            seen.apart, seen.apart_ms = value, at_ms
        if rule.settle_s is None or at_ms - seen.apart_ms < rule.settle_s * 1000:
            return True
    seen.good, seen.good_ms, seen.apart = value, at_ms, None
    return False


def _reachable(rule: Rule, before: float, value: float, hours: float) -> bool:
    drift = rule.drift_h * max(hours, 0.0)
    low = None if rule.fall is None else before - rule.fall - drift
    high = None if rule.rise is None else before + rule.rise + drift
    return (low is None or value >= low) and (high is None or value <= high)


class Together(NamedTuple):
    """What the probes of a zone say together, and which of them contradict it."""

    sample: Sample
    apart: frozenset[str] = frozenset()


def together(sources: tuple[str, ...], samples: Mapping[str, Sample], expected_pct: float | None) -> Together:
    """A zone's moisture, per cent by volume, from the probes that are good.

    Of three or more the median, of two the mean. Where two contradict each other, the one counts that agrees with the
    water balance (`expected_pct`). Without a balance neither counts: the drier may hang in the air and would drown
    the crop, the wetter may stand in a puddle and would let it die of thirst; the next witness decides.
    """
    good = {name: value for name in sources if (value := samples[name].value) is not None}
    if not good:
        return Together(Sample(None, samples[sources[0]].quality))
    centre = _centre(good, expected_pct)
    near = {name: value for name, value in good.items() if centre is not None and abs(value - centre) <= _apart(good)}
    if len(good) > 1 and (centre is None or not near or (len(good) > 2 and len(near) < 2)):
        return Together(Sample(None, Quality.DISAGREES), frozenset(good))
    said = sum(near.values()) / len(near) if len(good) <= 2 else median(near.values())
    return Together(Sample(round(said, 9)), frozenset(good) - frozenset(near))


def _centre(good: Mapping[str, float], expected_pct: float | None) -> float | None:
    """What the believable probes lie around; None when nothing says which of two is right."""
    values = sorted(good.values())
    if len(values) != 2 or values[1] - values[0] <= TWINS_APART_PCT:
        return median(values)
    if expected_pct is None:
        return None
    nearer = min(values, key=lambda value: abs(value - expected_pct))
    return nearer if abs(nearer - expected_pct) <= TWINS_APART_PCT else None


def _apart(good: Mapping[str, float]) -> float:
    return TWINS_APART_PCT if len(good) > 1 else float("inf")
