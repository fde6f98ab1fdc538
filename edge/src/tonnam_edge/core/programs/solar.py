"""Solar first: from which hour on programs water anyway, and what the sun means to a pump that has nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from tonnam_edge.core.image import Image
from tonnam_edge.core.plant.power import Sun
from tonnam_edge.core.programs import program_texts as words
from tonnam_edge.core.programs.schedule import LocalTime
from tonnam_edge.site.program_file import Hours
from tonnam_edge.site.site import Site
from tonnam_edge.site.site_types import latest_within


def latest_hours(site: Site, between: Mapping[str, Hours]) -> dict[str, str]:
    """When a pump that has nothing but the sun runs all the same, by program: early enough for its hours. Those that
    have none are of "". Empty without `holds.solar`."""
    solar = site.file.holds.solar
    if solar is None:
        return {}
    return {"": solar.latest} | {name: latest_within(solar.latest, hours) for name, hours in between.items()}


def sun_of(site: Site, local: LocalTime, latest: Mapping[str, str], image: Image) -> Mapping[str, Sun]:
    """What `holds.solar` with `direct` says of the pumps now, by program. By night nothing runs them, whatever the
    hour."""
    solar, now = site.file.holds.solar, image.now
    if solar is None or not solar.direct:
        return {}
    if not now.sure:
        return {"": Sun(anyway=image.value(f"{site.id}/{solar.power}") is None, wait=words.no_sun())}
    found = {hour: _at(hour, local, image) for hour in set(latest.values())}
    return {name: found[hour] for name, hour in latest.items()}


def _at(latest: str, local: LocalTime, image: Image) -> Sun:
    now = image.now
    if local.clock(now.wall_ms) >= latest and _is_up(now.wall_ms, local):
        return Sun(anyway=True)
    due = _is_up(local.next(latest, now.wall_ms), local)
    return Sun(wait=words.waits_for_sun(latest) if due else words.no_sun())


def _is_up(wall_ms: int, local: LocalTime) -> bool:
    """Whether it is day. Where the sun does not set, or not rise, on that day nobody is kept waiting."""
    day = local.at(wall_ms).date()
    rises, sets = local.sun("sunrise", day), local.sun("sunset", day)
    return rises is None or sets is None or rises <= wall_ms < sets
