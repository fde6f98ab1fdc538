"""Devices that do not answer: each is told lost once, and back once."""

from __future__ import annotations

from tonnam_edge.core import texts
from tonnam_edge.core.image import Now, Observed
from tonnam_edge.core.latches import Tell
from tonnam_edge.limits import LOST_AFTER_S
from tonnam_edge.site.site import Site


class Devices:
    """All devices of a site, followed by when they answered last."""

    def __init__(self, site: Site, observed: Observed, tell: Tell) -> None:
        self._site, self._observed, self._tell = site, observed, tell
        self._lost: set[str] = set()

    def look(self, now: Now) -> None:
        """Tell who is lost since the last look, and who is back."""
        for name, device in self._site.devices.items():
            silent_s = (now.mono_ms - self._observed.answered_mono_ms[name]) / 1000
            if silent_s > max(LOST_AFTER_S, device.max_age_s) and name not in self._lost:
                self._lost.add(name)
                self._tell("device.lost", now, device=name, text=texts.device_lost(device.part.name))
            elif silent_s <= device.max_age_s and name in self._lost:
                self._lost.discard(name)
                self._tell("device.back", now, device=name, text=texts.device_back(device.part.name))
