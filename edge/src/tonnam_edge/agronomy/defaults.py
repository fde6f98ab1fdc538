"""The crops and soils that come with Tonnam (defaults.toml): defaults that a farmer can change."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple

from tonnam_edge.agronomy.crop import Crop


class DefaultCrop(NamedTuple):
    """A crop to begin with, its name in Thai and English, and where its figures come from."""

    name: Mapping[str, str]
    crop: Crop
    source: str


class DefaultSoil(NamedTuple):
    """A soil to begin with: water by volume (m3/m3) at field capacity and at the wilting point."""

    name: Mapping[str, str]
    field_capacity: float
    wilting_point: float


@cache
def crops() -> Mapping[str, DefaultCrop]:
    return MappingProxyType({key: _crop(table) for key, table in _tables()["crop"].items()})


@cache
def soils() -> Mapping[str, DefaultSoil]:
    return MappingProxyType({key: DefaultSoil(**table) for key, table in _tables()["soil"].items()})


def _tables() -> dict[str, Any]:
    return tomllib.loads(files("tonnam_edge.agronomy").joinpath("defaults.toml").read_text("utf-8"))


def _crop(table: Mapping[str, Any]) -> DefaultCrop:
    initial, development, middle, late = table["days"]
    kc_initial, kc_middle, kc_end = table["kc"]
    first, full = table["root_depth_m"]
    crop = Crop(
        initial_days=initial,
        development_days=development,
        middle_days=middle,
        late_days=late,
        kc_initial=kc_initial,
        kc_middle=kc_middle,
        kc_end=kc_end,
        root_depth_initial_m=first,
        root_depth_m=full,
        depletion_fraction=table["depletion_fraction"],
        height_m=table["height_m"],
    )
    return DefaultCrop(table["name"], crop, table["source"])
