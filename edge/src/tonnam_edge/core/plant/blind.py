"""Water drawn while nobody knows the tank's level: how much is allowed, by who else would see a pump run dry."""

from __future__ import annotations

from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.paths import Outlet
from tonnam_edge.site.site import Site

# Without a limit of its own a site gets this much a day of each zone while nothing tells of an empty tank.
BLIND_MIN = 20.0
DAY_MS = 86_400_000


def blind_max_l(site: Site) -> float:
    """Litres that all may draw together: as the site file says, else some minutes of each zone."""
    tank = site.file.tank
    if tank is not None and tank.unknown_max_l is not None:
        return tank.unknown_max_l
    return BLIND_MIN * sum(outlet.flow_l_min for outlet in site.outlets.values() if outlet.pump is not None)


def used_up(outlet: Outlet, image: Image, memory: Memory, site: Site) -> bool:
    """Whether as much as is allowed was drawn since the level was last known. Without a limit in the site file that
    counts only where neither meter nor current would tell of a pump that runs dry."""
    tank = site.file.tank
    if tank is None or (tank.unknown_max_l is None and _dry_is_seen(outlet, image, memory, site)):
        return False
    return memory.blind_l >= blind_max_l(site)


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
