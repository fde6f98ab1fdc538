"""What a farm of the season tests is: a world, and the programs of the site file that fits it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.season.site_text import TOLD_FLOW_L_MIN, site_text
from tonnam_edge.site.check import load_site
from tonnam_edge.site.site import Site
from tonnam_sim.world.config import ProbeConfig, ValveConfig, WorldConfig, ZoneConfig


@dataclass(frozen=True)
class Layout:
    """A farm: its world, and the programs of its site file as tables of keys and values; `recipes` by zone.

    Without `pumped` the water comes by itself, without `metered` nobody knows how much. `told_flow_l_min` is what the
    farmer says of every zone; None: what is planned of each. `group` and `filter` are tables of the site file.
    """

    name: str
    config: WorldConfig
    programs: tuple[dict[str, Any], ...]
    recipes: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    pumped: bool = True
    metered: bool = True
    told_flow_l_min: float | None = TOLD_FLOW_L_MIN
    capacity_l_min: float = 130.0
    stock_l: float = 4.0
    pump_current: bool = False
    group: Mapping[str, Any] = field(default_factory=dict)
    filter: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def site(self) -> Site:
        """The checked site, made once in a process."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "site.toml"
            path.write_text(site_text(self), encoding="utf-8")
            return load_site(path)[0]


def zone(number: int, valve: ValveConfig, **changes: Any) -> ZoneConfig:
    """A zone of 800 m2 with two probes."""
    probes = tuple(ProbeConfig(f"probe-{number}-{twin}", at, 1) for twin, at in (("a", 2), ("b", 5)))
    return ZoneConfig(f"zone-{number}", valve, probes, **{"area_m2": 800.0, **changes})


def timer(zone: int, at: str, run_min: float) -> dict[str, Any]:
    """A program by the time of day."""
    return {"id": f"timer-{zone}", "kind": "timer", "zone": f"zone-{zone}", "at": at, "run_min": run_min}


def band(zone: int, **more: Any) -> dict[str, Any]:
    """A program by the probes."""
    return {"id": f"band-{zone}", "kind": "moisture", "zone": f"zone-{zone}", "pulse_min": 8, "rest_min": 30} | more


def balance(zone: int, **more: Any) -> dict[str, Any]:
    """A program by the water balance."""
    more = {"pulse_min": 15, "rest_min": 30, **more}
    return {"id": f"balance-{zone}", "kind": "balance", "zone": f"zone-{zone}", **more}
