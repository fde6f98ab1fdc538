"""EC and pH behind the injectors: whether a reading may be dosed by.

What unknown means: nothing is dosed by it. Old, out of what water can be, hanging or contradicted by a twin is all
unknown; a twin that is itself unknown contradicts nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tonnam_edge.core.dosing import dosing_texts as texts
from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Text
from tonnam_edge.site.site import Site

Quantity = Literal["ec", "ph"]
PLAUSIBLE: dict[Quantity, tuple[float, float]] = {"ec": (0.0, 10.0), "ph": (2.0, 12.0)}
TWINS_APART: dict[Quantity, float] = {"ec": 0.3, "ph": 0.5}
# A reading is old after three polls, and after this in any case when polls are quick.
OLD_AFTER_S = 10.0
# While doses come and go no true reading stays the very same number for so long.
HANGS_AFTER_S = 1200.0


class Reading(NamedTuple):
    """`at_mono_ms` is when the poll began that brought it."""

    value: float
    at_mono_ms: int


class Probe:
    """One quantity at one line, mS/cm or pH."""

    def __init__(self, site: Site, quantity: Quantity, stream: str, twin: str | None) -> None:
        self.quantity = quantity
        self._stream, self._twin = f"{site.id}/{stream}", None if twin is None else f"{site.id}/{twin}"
        self._factor = {name: _factor(site, name) for name in (self._stream, self._twin) if name is not None}
        device = site.device_of(self._stream)
        self._old_ms = max(OLD_AFTER_S, 0.0 if device is None else 3 * device.poll_s) * 1000
        self._same: float | None = None
        self._same_since = 0
        self._dosed = 0

    def dosed(self) -> None:
        """A pulse was given: it has to show."""
        self._dosed += 1

    def read(self, image: Image) -> Reading | Text:
        """The reading if it may be dosed by, else why not."""
        value, at = self._value(image, self._stream)
        if value is None or at is None:
            return texts.probe_unknown(self.quantity)
        self._follow(value, image.now.mono_ms)
        if not PLAUSIBLE[self.quantity][0] <= value <= PLAUSIBLE[self.quantity][1]:
            return texts.probe_unknown(self.quantity)
        other, _ = self._value(image, self._twin)
        if other is not None and abs(other - value) > TWINS_APART[self.quantity]:
            return texts.probes_contradict(self.quantity, value, other)
        if image.now.mono_ms - self._same_since > HANGS_AFTER_S * 1000 and self._dosed > 1:
            return texts.probe_hangs(self.quantity, value)
        return Reading(value, at)

    def _follow(self, value: float, now: int) -> None:
        if value != self._same:
            self._same, self._same_since, self._dosed = value, now, 0

    def _value(self, image: Image, stream: str | None) -> tuple[float | None, int | None]:
        value, at = image.value(stream), image.read_mono_ms.get(stream or "")
        if stream is None or value is None or at is None or image.now.mono_ms - at > self._old_ms:
            return None, None
        return value * self._factor[stream], at


def _factor(site: Site, stream: str) -> float:
    """From the unit of a datastream to mS/cm; pH has none."""
    unit = next((each.unit for each in site.datastreams if each.id == stream), "1")
    return 0.001 if unit == "uS/cm" else 1.0
