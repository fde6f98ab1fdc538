"""What comes with Tonnam of crops, soils, irrigation and mulch (defaults.toml): a farmer can change all of it."""

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
    """A soil to begin with: water by volume (m3/m3) at field capacity and at the wilting point, and what evaporates
    readily from its top (REW, mm)."""

    name: Mapping[str, str]
    field_capacity: float
    wilting_point: float
    rew_mm: float


class DefaultIrrigation(NamedTuple):
    """A kind of irrigation: the share of the soil that it wets, and whether it drips below the leaves."""

    wetted: float
    drips: bool
    source: str


class DefaultMulch(NamedTuple):
    """A kind of mulch: the share of evaporation that it keeps back where it lies."""

    keeps_back: float
    source: str


@cache
def crops() -> Mapping[str, DefaultCrop]:
    return MappingProxyType({key: _crop(table) for key, table in _tables()["crop"].items()})


@cache
def soils() -> Mapping[str, DefaultSoil]:
    return MappingProxyType({key: DefaultSoil(**table) for key, table in _tables()["soil"].items()})


@cache
def irrigations() -> Mapping[str, DefaultIrrigation]:
    return MappingProxyType({key: DefaultIrrigation(**table) for key, table in _tables()["irrigation"].items()})


@cache
def mulches() -> Mapping[str, DefaultMulch]:
    return MappingProxyType({key: DefaultMulch(**table) for key, table in _tables()["mulch"].items()})


def _tables() -> dict[str, Any]:
    return tomllib.loads(files("tonnam_edge.agronomy").joinpath("defaults.toml").read_text("utf-8"))


def _crop(table: Mapping[str, Any]) -> DefaultCrop:
    initial, development, middle, late = table["days"]
    kc_initial, kc_middle, kc_end = table["kc"]
    kcb_initial, kcb_middle, kcb_end = table["kcb"]
    first, full = table["root_depth_m"]
    crop = Crop(
        initial_days=initial,
        development_days=development,
        middle_days=middle,
        late_days=late,
        kc_initial=kc_initial,
        kc_middle=kc_middle,
        kc_end=kc_end,
        kcb_initial=kcb_initial,
        kcb_middle=kcb_middle,
        kcb_end=kcb_end,
        root_depth_initial_m=first,
        root_depth_m=full,
        depletion_fraction=table["depletion_fraction"],
        height_m=table["height_m"],
    )
    return DefaultCrop(table["name"], crop, table["source"])
