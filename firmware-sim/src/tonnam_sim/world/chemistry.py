"""The pH of water that carbonate buffers, by its alkalinity and inorganic carbon, which mix as salt does.

A closed system at 25 C (Stumm and Morgan 1996, Aquatic Chemistry, 3rd ed., chapter 4: pK1 6.35, pK2 10.33, pKw 14.0):

    alkalinity = carbon (a1 + 2 a2) + Kw / h - h,   a1 = K1 h / (h^2 + K1 h + K1 K2),  a2 = K1 K2 / (the same)

Acid of n equivalents a litre has an alkalinity of -n, base +n. No carbonic acid leaves to the air and nothing else
buffers (phosphate, ammonium): so a little acid moves the pH of real water somewhat less than here.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import lru_cache
from itertools import combinations

from .config import Liquid

_K1, _K2, _KW = 10.0**-6.35, 10.0**-10.33, 1e-14
_LOWEST_PH, _HIGHEST_PH, _HALVINGS = 0.0, 14.0, 44

INCOMPATIBLE: frozenset[frozenset[Liquid]] = frozenset(
    {frozenset({"a", "b"}), frozenset({"acid", "hypochlorite"}), frozenset({"acid", "base"})}
)
"""a and b fall out (calcium sulphate and phosphate), acid and hypochlorite give chlorine, acid and base boil."""


def meets(one: Liquid, other: Liquid) -> bool:
    """Whether two stocks must not meet undiluted."""
    return frozenset({one, other}) in INCOMPATIBLE


def pairs(liquids: Collection[Liquid]) -> list[str]:
    """The incompatible pairs among these, as "a+b"."""
    return [f"{one}+{other}" for one, other in combinations(sorted(set(liquids)), 2) if meets(one, other)]


def pair_of(name: str) -> tuple[str, str]:
    """The two liquids of "a+b", in order."""
    one, other = name.split("+")
    return one, other


@lru_cache(maxsize=1024)
def ph_of(alkalinity_meq_l: float, carbon_mmol_l: float) -> float:
    """pH of water, 0 to 14: alkalinity rises with pH, so it is found by halving."""
    low, high = _LOWEST_PH, _HIGHEST_PH
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if alkalinity_of(carbon_mmol_l, middle) < alkalinity_meq_l:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def alkalinity_of(carbon_mmol_l: float, ph: float) -> float:
    """meq/L of water with that carbon (mmol/L) at that pH."""
    h = math.pow(10.0, -ph)
    return carbon_mmol_l * _charge(h) + 1e3 * (_KW / h - h)


def carbon_of(alkalinity_meq_l: float, ph: float) -> float:
    """mmol/L of inorganic carbon in water of that alkalinity and pH; ValueError when none gives that pH."""
    h = math.pow(10.0, -ph)
    carbon = (alkalinity_meq_l - 1e3 * (_KW / h - h)) / _charge(h)
    if carbon < 0.0 or not math.isfinite(carbon):
        raise ValueError(f"water of {alkalinity_meq_l} meq/L cannot have a pH of {ph}")
    return carbon


def _charge(h: float) -> float:
    """Charges a carbon atom carries on average: of bicarbonate, and twice of carbonate."""
    whole = h * h + _K1 * h + _K1 * _K2
    return float((_K1 * h + 2.0 * _K1 * _K2) / whole)
