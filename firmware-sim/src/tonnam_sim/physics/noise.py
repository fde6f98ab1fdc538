"""Chance that can be asked twice.

Every draw is a function of (seed, stream, index), so a restored or differently stepped simulation sees the same
weather and the same sensor noise, and nothing has to be saved.
"""

import math
from enum import IntEnum

_MASK = (1 << 64) - 1


class Stream(IntEnum):
    """One kind of chance each. Numbers are part of what a seed means: never reuse one."""

    DAY_SKY = 1
    PASSING_CLOUDS = 2
    DAY_WARMTH = 3
    PROBE_CHARACTER = 4
    PROBE_NOISE = 5
    FLOW_RIPPLE = 6
    TANK_RIPPLE = 7
    AIR_NOISE = 8
    LIGHT_NOISE = 9
    FARM_CHARACTER = 10
    SHOWER = 11
    DUST_SLOW = 12
    DUST_FAST = 13
    TOWN_NOISE = 14
    WORLD_CHARACTER = 15
    EMITTERS = 16
    SHOWERS = 17
    WIND = 18
    WORLD_NOISE = 19
    LOST_FRAMES = 20
    PROBE_BORN = 21
    INJECTOR_BORN = 22
    SOLUTION_BORN = 23
    FLOOD_WAVE = 24
    FLOOD_NOISE = 25


def _mix(seed: int, stream: int, index: int) -> int:
    """64 well-mixed bits (splitmix64, Steele and others 2014)."""
    z = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03 + index * 0x8CB92BA72F3D8DD7) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def uniform(seed: int, stream: Stream, index: int) -> float:
    """A number in [0, 1)."""
    return _mix(seed, stream, index) / 2.0**64


def bell(seed: int, stream: Stream, index: int) -> float:
    """A number of mean 0 and standard deviation 1, never beyond 3.5: four 16-bit uniforms summed."""
    bits = _mix(seed, stream, index)
    total = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
    return (total / 65536.0 - 2.0) * math.sqrt(3.0)


def drifting(seed: int, stream: Stream, at_s: float, knot_s: float) -> float:
    """A number in [0, 1) that wanders smoothly, drawn anew every `knot_s` seconds."""
    knot, part = divmod(at_s / knot_s, 1.0)
    before, after = uniform(seed, stream, int(knot)), uniform(seed, stream, int(knot) + 1)
    return before + (after - before) * (0.5 - 0.5 * math.cos(math.pi * part))
