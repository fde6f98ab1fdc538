"""Water drawn while nobody knows the tank's level: how much is allowed, by who else would see a pump run dry."""

from __future__ import annotations

import math
from collections.abc import Collection

from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.plant.flow import Expected
from tonnam_edge.site.paths import Outlet
from tonnam_edge.site.site import Site

# Without a limit of its own a site gets this much a day of each zone while nothing tells of an empty tank.
BLIND_MIN = 20.0
DAY_MS = 86_400_000
# What has flowed is noted at every change of what runs, and so often in between: the disk is no book of seconds.
NOTE_EVERY_MS = 60_000


def blind_max_l(site: Site) -> float:
    """Litres that all may draw together: as the site file says, else some minutes of each zone."""
    tank = site.file.tank
    if tank is not None and tank.unknown_max_l is not None:
        return tank.unknown_max_l
    return BLIND_MIN * sum(outlet.flow_l_min for outlet in site.outlets.values() if outlet.pump is not None)


class Blind:
    """Counts what was drawn. The memory has more than that: what will have flowed when it is noted next, which counts
    as drawn after a kill. So it is not written in every second."""

    def __init__(self, memory: Memory, expected: Expected) -> None:
        self._memory, self._expected = memory, expected
        self._ahead_l = 0.0  # so much of what is noted has not flowed yet
        self._noted: tuple[frozenset[str], int] = frozenset(), 0  # what was pumped then, and when, since boot

    @property
    def litres(self) -> float:
        """What was drawn since the level was last known."""
        return max(0.0, self._memory.blind_l - self._ahead_l)

    def forget(self) -> None:
        """The level is known."""
        self._memory.blind_l = self._ahead_l = 0.0

    def drawn(self, litres: float, pumped: Collection[str], now: Now) -> None:
        """It is `litres` by now. `pumped` are the outlets that go on being pumped to."""
        ahead_l = self._memory.blind_l - litres
        before, at_mono_ms = self._noted
        lately = frozenset(pumped) == before and now.mono_ms - at_mono_ms < NOTE_EVERY_MS
        if ahead_l < 0 or not lately:
            self._noted = frozenset(pumped), now.mono_ms
            will_flow_l = self._expected.l_min(pumped) * NOTE_EVERY_MS / 60_000 if pumped else 0.0
            self._memory.blind_l = math.ceil((litres + will_flow_l) * 1000) / 1000
            ahead_l = self._memory.blind_l - litres
        self._ahead_l = ahead_l


def used_up(outlet: Outlet, image: Image, memory: Memory, site: Site, blind_l: float) -> bool:
    """Whether `blind_l` is as much as may be drawn while the level is not known. Without a limit in the site file
    that counts only where neither meter nor current would tell of a pump that runs dry."""
    tank = site.file.tank
    if tank is None or (tank.unknown_max_l is None and _dry_is_seen(outlet, image, memory, site)):
        return False
    return blind_l >= blind_max_l(site)


def refilled(blind_l: float, passed_ms: int, site: Site) -> float:
    """What counts as drawn after so much time: with no limit in the site file a dead sensor costs water, not a crop,
    and as much as is allowed is allowed each day."""
    tank = site.file.tank
    if tank is None or tank.unknown_max_l is not None:
        return blind_l
    return max(0.0, blind_l - blind_max_l(site) * passed_ms / DAY_MS)


def _dry_is_seen(outlet: Outlet, image: Image, memory: Memory, site: Site) -> bool:
    """Whether a meter that is trusted answers, or the current of a pump of which it is known when it is dry."""
    meter, total = site.paths.meter(outlet.id), site.total_of(outlet.id)
    if meter is not None and meter not in memory.unproven_l and image.value(total) is not None:
        return True
    pump = None if outlet.pump is None else site.actuators[outlet.pump]
    return pump is not None and pump.part.dry_below is not None and image.value(pump.current) is not None
