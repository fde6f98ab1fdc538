"""What the seed makes of the plan: the true soil, emitters and crop of each zone, which no controller knows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..physics.noise import Stream, bell
from .config import CropConfig, SoilKind, WorldConfig

SUBPLOTS = 8
_DRIEST = SUBPLOTS // 4


@dataclass(frozen=True, slots=True)
class ZoneNature:
    """One zone as it truly is. `emitters` are each sub-plot's share of the water, summing to 1."""

    soil: SoilKind
    crop: CropConfig
    emitters: tuple[float, ...]
    conductance: float
    temperature_c: float


def zone_nature(config: WorldConfig, number: int, seed: int) -> ZoneNature:
    """Draw the zone of that number. With `spread` 0 it is as planned: only its emitters differ among themselves."""
    zone, spread = config.zones[number], config.spread

    def drawn(part: int) -> float:
        return spread * bell(seed, Stream.WORLD_CHARACTER, number * 32 + part)

    soil = replace(
        zone.soil,
        field_capacity=zone.soil.field_capacity * (1.0 + 0.05 * drawn(0)),
        wilting_point=zone.soil.wilting_point * (1.0 + 0.05 * drawn(1)),
        ks_mm_h=zone.soil.ks_mm_h * math.exp(0.3 * drawn(2)),
    )
    crop = replace(
        zone.crop,
        drinks=zone.crop.drinks * (1.0 + 0.07 * drawn(3)),
        half_cover_day=zone.crop.half_cover_day * (1.0 + 0.08 * drawn(4)),
        deepest_root_mm=zone.crop.deepest_root_mm * (1.0 + 0.08 * drawn(5)),
    )
    flow_l_min = zone.flow_l_min * (1.0 + 0.03 * drawn(6))
    uniformity = min(0.95, max(0.75, zone.uniformity + 0.04 * drawn(8))) if spread else zone.uniformity
    shares = emitter_shares(uniformity, number, seed)
    return ZoneNature(soil, crop, shares, _conductance(config, zone.main, flow_l_min), 0.4 * drawn(7))


def flush_conductance(config: WorldConfig) -> float:
    """Of the open back-flush valve, L/min a root of a metre."""
    return 0.0 if config.filter.flush is None else _conductance(config, 0, config.filter.flush_l_min)


def emitter_shares(uniformity: float, number: int, seed: int) -> tuple[float, ...]:
    """Shares of a zone's sub-plots, their driest quarter with `uniformity` times the mean, in a random order."""
    drawn = [bell(seed, Stream.EMITTERS, number * SUBPLOTS + at) for at in range(SUBPLOTS)]
    mean = sum(drawn) / SUBPLOTS
    driest = sum(sorted(drawn)[:_DRIEST]) / _DRIEST - mean
    scale = (uniformity - 1.0) / driest
    shares = [max(0.05, 1.0 + scale * (value - mean)) for value in drawn]
    return tuple(share / sum(shares) for share in shares)


def _conductance(config: WorldConfig, main: int, flow_l_min: float) -> float:
    """L/min a root of a metre of head, so that the zone alone gets `flow_l_min` through a clean filter."""
    pump = next((each for each in config.pumps if each.main == main), config.pump)
    lost = pump.slope + config.filter.resistance
    emitters = pump.head_m / flow_l_min**2 - lost
    if emitters <= 0:
        raise ValueError(f"a pump of {pump.head_m} m cannot bring {flow_l_min} L/min")
    return 1.0 / math.sqrt(emitters)
