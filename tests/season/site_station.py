"""The flood gate that season tests play: the edge's example site, before a river whose waves are blows."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tonnam_edge.site.check import load_site
from tonnam_edge.site.site import Site
from tonnam_edge.site.station_file import StationPart
from tonnam_sim.world.config import WeatherConfig
from tonnam_sim.world.flood_config import CanalConfig, FloodConfig, RiverConfig

EXAMPLE = Path("edge/examples/flood-gate.toml")
# A deadline that is set anew at each quarter: this many are looks enough for three days.
HOLD_S = 2400
# The example's canal is so large that three days would hardly drain it, and its gate has no switch off/hand/auto.
CHANGES = {
    "hold_s = 120": f"hold_s = {HOLD_S}",
    '"input_4", "input_5"]': '"input_4", "input_5", "input_6", "input_7"]',
    'lock = { contact = "switches/input_5" }': 'lock = { contact = "switches/input_5" }\n'
    'mode = { auto = "switches/input_6", hand = "switches/input_7" }',
}
NO_WAVES_DAYS = 1e6


@dataclass(frozen=True)
class StationLayout:
    """A place with pumps and a gate that a river moves."""

    name: str
    config: FloodConfig

    @cached_property
    def site(self) -> Site:
        """The checked site, made once in a process."""
        text = EXAMPLE.read_text(encoding="utf-8")
        for before, after in CHANGES.items():
            if before not in text:
                raise ValueError(f"{EXAMPLE} has no {before}")
            text = text.replace(before, after)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "site.toml"
            path.write_text(text, encoding="utf-8")
            return load_site(path)[0]

    @property
    def pumps(self) -> StationPart:
        """The station of the pumps."""
        return self.site.stations["flood-pumps"]

    @property
    def sluice(self) -> StationPart:
        """The station of the gate."""
        return self.site.stations["sluice"]


STATIONS = {
    "flood-gate": StationLayout(
        "flood-gate",
        FloodConfig(
            river=RiverConfig(wave_days=NO_WAVES_DAYS),
            canal=CanalConfig(area_m2=8000.0, catchment_m2=120_000.0),
            weather=WeatherConfig(cover=False, wet_days=0.3, shower_mm=20.0),
        ),
    )
}
