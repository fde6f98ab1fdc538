"""A farm of several pumps, each with zones of its own behind one board, and water that follows what is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.edge.farms import CABINET, MINUTE_MS, PLACE, Field
from tonnam_edge.core import Observation

HEAD = (
    PLACE
    + CABINET
    + """
[tank]
level = "tank/level"
full_cm = 200
low_cm = 20
"""
)
METER = """
[[device]]
id = "{0}"
bus = "cabinet"
unit = {1}
profile = "pulse-counter"
name = {{ th = "{0}", en = "{0}" }}
"""
ACTUATOR = """
[[actuator]]
id = "{0}"
role = "{1}"
device = "relay"
coil = {2}
name = {{ th = "{0}", en = "{0}" }}
{3}
"""
ZONE = """
[[zone]]
id = "{0}"
name = {{ th = "{0}", en = "{0}" }}
crop = {{ th = "เมลอน", en = "Melon" }}
area_m2 = 1600
valve = "{1}"
pump = "{2}"
flow_l_min = {3}
band = {{ low_pct = 26, high_pct = 31 }}
max_run_min = 20
max_day_min = 1000
"""
COMMON = '[flow]\nrate = "flow/rate"\ntotal = "flow/total"\n'


@dataclass(frozen=True)
class Zone:
    """A zone of `flow_l_min` on a pump; its valve's coil."""

    name: str
    pump: str
    coil: int
    flow_l_min: float = 60.0


@dataclass(frozen=True)
class Pump:
    name: str
    coil: int
    keys: str = ""


PUMPS = (Pump("pump-1", 0), Pump("pump-2", 1), Pump("pump-3", 2))
ZONES = (
    Zone("zone-1", "pump-1", 3),
    Zone("zone-2", "pump-1", 4),
    Zone("zone-3", "pump-2", 5),
    Zone("zone-4", "pump-3", 6, 30.0),
)


def farm_text(
    pumps: Iterable[Pump] = PUMPS,
    zones: Iterable[Zone] = ZONES,
    meters: Iterable[str] = ("flow",),
    more: str = COMMON,
) -> str:
    """The site file of such a farm, with one device for each meter."""
    text = HEAD + "".join(METER.format(name, 10 + n) for n, name in enumerate(meters))
    text += "".join(ACTUATOR.format(pump.name, "pump", pump.coil, pump.keys) for pump in pumps)
    text += "".join(ACTUATOR.format(f"valve-{zone.name}", "valve", zone.coil, "") for zone in zones)
    text += "".join(ZONE.format(zone.name, f"valve-{zone.name}", zone.pump, zone.flow_l_min) for zone in zones)
    return text + more


class Stand(Field):
    """Pumps and valves behind one board. `flow_pct` is what comes of what should; `meter_of`: who counts whose."""

    def __init__(
        self, pumps: Iterable[Pump] = PUMPS, zones: Iterable[Zone] = ZONES, meter_of: dict[str, str] | None = None
    ) -> None:
        super().__init__()
        self.pumps, self.zones = {pump.name: pump for pump in pumps}, list(zones)
        self.meter_of = meter_of or {}
        self.totals_l = dict.fromkeys(["flow", *self.meter_of.values()], 5000.0)
        self.flow_pct = dict.fromkeys(self.pumps, 100.0)
        self.still: set[str] = set()  # meters that count nothing
        self.more: dict[str, dict[str, float | None]] = {}  # what other devices say
        self.given_l = dict.fromkeys((zone.name for zone in self.zones), 0.0)
        self.tank_falls_cm_l = 0.0

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        minutes = (to_ms - from_ms) / MINUTE_MS
        for zone in self.zones:
            if self.coil(self.pumps[zone.pump].coil) and self.coil(zone.coil):
                litres = zone.flow_l_min * self.flow_pct[zone.pump] / 100 * minutes
                self.given_l[zone.name] += litres
                meter = self.meter_of.get(zone.pump, "flow")
                self.totals_l[meter] += 0.0 if meter in self.still else litres
                if self.level_cm is not None:
                    self.level_cm -= litres * self.tank_falls_cm_l
        for coil, until in list(self.until.items()):
            if to_ms >= until:
                self.coils[coil] = False
                del self.until[coil]

    def observe(self, mono_ms: int) -> list[Observation]:
        coils = {f"coil_{n}": float(self.coil(n)) for n in range(8)} if self.relay_answers else None
        level = None if self.level_cm is None else {"level": self.level_cm}
        seen = [Observation("relay", mono_ms, coils), Observation("tank", mono_ms, level)]
        for meter in self.meter_of.values() if self.meter_of else ("flow",):
            total = {"total": float(int(self.totals_l[meter])), "rate": 0.0} if self.meter_answers else None
            seen.append(Observation(meter, mono_ms, total))
        return seen + [Observation(name, mono_ms, values) for name, values in self.more.items()]
