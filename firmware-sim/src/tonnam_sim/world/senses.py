"""What each sensor feels, with the errors that it was born with and those of the moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..devices.sensors import SoilFelt
from ..physics.noise import Stream, bell
from .conditions import Conditions
from .config import ProbeConfig, WorldConfig
from .ground import Ground

_NOISE_EVERY_S = 2.0
_DRY_CONTACT = 0.33


@dataclass(slots=True)
class Probe:
    """A soil probe. `seen` is the water content (m3/m3) that it feels, late."""

    config: ProbeConfig
    zone: int
    number: int
    offset_pct: float
    gain: float
    pct_a_c: float
    pct_a_ds_m: float
    seen: float = 0.0


def probes_of(config: WorldConfig, seed: int) -> dict[str, Probe]:
    """All probes in the order of the soil bus (unit 1 is the first)."""
    found: dict[str, Probe] = {}
    for zone, part in enumerate(config.zones):
        for probe in part.probes:
            number = len(found)
            born = [config.probe_errors * bell(seed, Stream.PROBE_BORN, number * 4 + part) for part in range(4)]
            found[probe.id] = Probe(
                probe, zone, number, 0.8 * born[0], 1.0 + 0.03 * born[1], 0.05 * born[2], 0.4 * born[3]
            )
    return found


class Senses:
    """Readings with offset, gain and freezing; the true value of each sensor's first quantity comes from `feel`."""

    def __init__(self, seed: int, feel: Mapping[str, Callable[[], float]], now_s: Callable[[], float]) -> None:
        self._seed = seed
        self._feel = feel
        self._now_s = now_s
        self._on = Conditions()
        self._held: dict[str, float] = {}
        self._numbers = {name: number for number, name in enumerate(feel)}

    @property
    def names(self) -> frozenset[str]:
        """All sensors."""
        return frozenset(self._feel)

    def obey(self, on: Conditions) -> None:
        """Take over the conditions; what freezes now keeps what it says at this moment."""
        for name in on.frozen - self._held.keys():
            self._held[name] = self.say(name)
        self._held = {name: value for name, value in self._held.items() if name in on.frozen}
        self._on = on

    def say(self, name: str) -> float:
        """What a sensor says of its first quantity, before rounding to its registers."""
        if name in self._held:
            return self._held[name]
        said = self._feel[name]() * self._on.gains.get(name, 1.0) + self._on.offsets.get(name, 0.0)
        if name in self._on.drifts:
            per_day, since_s = self._on.drifts[name]
            said += per_day * (self._now_s() - since_s) / 86_400.0
        return said

    def noise(self, name: str) -> float:
        """Noise of mean 0 and deviation 1, another every two seconds."""
        return bell(self._seed, Stream.WORLD_NOISE, int(self._now_s() / _NOISE_EVERY_S) * 64 + self._numbers[name])


def follow(probe: Probe, ground: Ground, hours: float) -> None:
    """Let a probe feel the soil around it as it is now, with its lag."""
    share = -math.expm1(-hours * 3600.0 / max(1.0, probe.config.lag_s))
    probe.seen += (water_content(ground, probe) - probe.seen) * share


def water_content(ground: Ground, probe: Probe) -> float:
    """Where a probe sits, m3/m3."""
    layer = min(probe.config.layer, len(ground.retention.layers_mm) - 1)
    return ground.subplots[probe.config.subplot].water[layer] / ground.retention.layers_mm[layer]


def pore_ec_ds_m(ground: Ground, probe: Probe) -> float:
    """EC of the water where a probe sits, dS/m."""
    layer = min(probe.config.layer, len(ground.retention.layers_mm) - 1)
    plot = ground.subplots[probe.config.subplot]
    return plot.salt[layer] / plot.water[layer]


def felt_vwc_pct(probe: Probe, theta: float, soil_c: float, ec_ds_m: float, noise: float, on: Conditions) -> float:
    """What the probe makes of it, per cent by volume."""
    name = probe.config.id
    if name in on.pulled:
        return 0.0
    true_pct = 100.0 * theta * (_DRY_CONTACT if name in on.dry_contact else 1.0)
    drifted = probe.pct_a_c * (soil_c - 25.0) + probe.pct_a_ds_m * (ec_ds_m - 2.0)
    return max(0.0, probe.offset_pct + probe.gain * true_pct + drifted + 0.06 * noise)


def felt_soil(vwc_pct: float, theta: float, soil_c: float, ec_ds_m: float, on: Conditions, name: str) -> SoilFelt:
    """All that a 7-in-1 probe says: bulk EC falls with the water around it."""
    if name in on.pulled:
        return SoilFelt(vwc_pct, soil_c, 0.0, 7.0)
    contact = _DRY_CONTACT if name in on.dry_contact else 1.0
    return SoilFelt(vwc_pct, soil_c, 1000.0 * ec_ds_m * (theta * contact) ** 1.4, 6.3)
