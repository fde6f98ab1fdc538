"""Dosing in the site file, key by key: injectors, the lines that they dose into, and what a zone gets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tonnam_edge.site.profile import Model, Words
from tonnam_edge.site.site_types import Id, Positive

Liquid = Literal["a", "b", "acid", "base", "hypochlorite", "fertiliser"]


class InjectorPart(Model):
    """A dosing pump with its stock tank. All limits are hard, whoever asks.

    It doses `ml_min` while it runs. `stock_l` is what its tank holds: so much is dosed at most until a person at the
    controller says that it was refilled. What protects it is told in words; a closing valve that is a coil of ours is
    named by `closing_actuator`. `runs` is a contact that says 1 while the dosing pump itself runs. `ec_per_ml_l` and
    `ph_per_ml_l`: by how much 1 mL of its stock in a litre of water raises the EC (mS/cm) or the pH; acid lowers it.
    """

    id: Id
    name: Words
    actuator: Id
    line: Id
    liquid: Liquid
    ml_min: Positive
    stock_l: Positive
    max_pulse_ml: Positive
    max_hour_ml: Positive
    max_day_ml: Positive
    backflow_preventer: Words | None = None
    closing_valve: Words | None = None
    closing_actuator: Id | None = None
    runs: str | None = None
    ec_per_ml_l: Positive | None = None
    ph_per_ml_l: Annotated[float, Field(ge=-20, le=20)] | None = None


class MixingLinePart(Model):
    """Where injectors meet the water: a stretch of the main, or a tank that a circulation pump stirs.

    `feeds` names the zones' pump (else their master valve). `flow` is what proves that water moves at the injectors:
    a meter's total, or a flow switch that says 1; in a tank that of the circulation, whose pump, where it is a coil
    of ours, is `circulation`. `rinse_l` of plain water clean a line. A dose has mixed after `mixing_wait_s`. `ec` and
    `ph` measure behind the injectors; a twin of each may contradict it. `water_ec` is the EC of the plain water, as
    long as it was not measured.
    """

    id: Id
    feeds: Id
    kind: Literal["main", "tank"] = "main"
    circulation: Id | None = None
    flow: str
    rinse_l: Annotated[float, Field(gt=0, le=10_000)]
    mixing_wait_s: Annotated[float, Field(ge=5, le=1800)] = 30.0
    volume_l: Annotated[float, Field(gt=0, le=100_000)]
    ec: str | None = None
    ec_twin: str | None = None
    ph: str | None = None
    ph_twin: str | None = None
    water_ec: Annotated[float, Field(ge=0, le=10)] | None = None


class DosePart(Model):
    """What one injector gives: so many mL for each litre that passes; with a set point at most `most_ml_per_l`."""

    injector: Id
    ml_per_l: Annotated[float, Field(ge=0, le=100)] = 0.0
    most_ml_per_l: Annotated[float, Field(gt=0, le=100)] | None = None


class EcPart(Model):
    """The EC that a zone's water shall have, mS/cm, and how far it may be from that."""

    target: Annotated[float, Field(ge=0.1, le=6)]
    dead_band: Annotated[float, Field(ge=0.02, le=1)] = 0.1


class PhPart(Model):
    """The pH that a zone's water shall have, and how far it may be from that."""

    target: Annotated[float, Field(ge=4, le=9)]
    dead_band: Annotated[float, Field(ge=0.05, le=1)] = 0.2
