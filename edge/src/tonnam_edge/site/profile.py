"""Device profiles: what a make of device says in which register. Data in TOML, one file a device, no code."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tonnam_edge.site.registers import WIDTH, NumberType, WordOrder

Register = Annotated[int, Field(ge=0, le=0xFFFF)]
Property = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Function = Literal["coil", "discrete", "holding", "input"]
FUNCTION_CODE: dict[Function, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Words(Model):
    """A text for people, in Thai and English."""

    th: Annotated[str, StringConstraints(min_length=1)]
    en: Annotated[str, StringConstraints(min_length=1)]


class Value(Model):
    """One number that the device holds, and how it becomes a reading: raw * scale + offset, in `unit`.

    `unknown` lists raw words that mean "no value". Outside `range` the device cannot measure: such a number is a
    fault. `decimals_from` and `factor_from` name other values of the profile that shift or convert this one.
    """

    id: Property
    name: Words
    function: Function = "holding"
    address: Register
    type: NumberType = "uint16"
    order: WordOrder = "ABCD"
    scale: float = 1.0
    offset: float = 0.0
    scale_by: str | None = None
    exponent_at: Register | None = None
    decimals_from: str | None = None
    factor_from: str | None = None
    factors: dict[str, float] = {}
    unit: str = "1"
    resolution: Annotated[float, Field(ge=0)] = 0.0
    range: tuple[float, float] | None = None
    unknown: tuple[int, ...] = ()
    kind: Literal["measure", "counter", "state"] = "measure"
    tell: bool = True

    @property
    def width(self) -> int:
        return WIDTH[self.type]


class Relay(Model):
    """How to close and open the outputs of a relay board.

    With `flash_address` the board can hold a deadline: written `address + coil` with a count of `flash_step_s`, it
    closes the relay and opens it by itself; at `flash_off_address` it opens it and closes it by itself. `flash_max`
    is the largest count that every edition of it understands.
    """

    coils: Annotated[int, Field(ge=1, le=64)]
    flash_address: Register | None = None
    flash_off_address: Register | None = None
    flash_step_s: Annotated[float, Field(gt=0)] = 0.1
    flash_max: Annotated[int, Field(ge=1, le=0xFFFF)] = 0x7FFF

    @property
    def deadline_max_s(self) -> float | None:
        """The longest time for which the board itself holds a coil on, or None when it cannot."""
        return self.timer_max_s(on=True)

    def flash_at(self, *, on: bool) -> Register | None:
        """Where a timer is written that turns a coil on (or off) and by itself back again; None without one."""
        return self.flash_address if on else self.flash_off_address

    def timer_max_s(self, *, on: bool) -> float | None:
        """The longest time for which the board itself holds a coil on (or off); None when it cannot."""
        return None if self.flash_at(on=on) is None else self.flash_max * self.flash_step_s


class SunSpec(Model):
    """Where to look for the SunSpec chain and which models carry the values; addresses are offsets in the model."""

    bases: tuple[Register, ...] = (40000, 0, 50000)
    models: tuple[int, ...]


class Profile(Model):
    """What a make of device says, and where."""

    id: str
    name: Words
    source: str
    layout: Literal["registers", "sunspec"] = "registers"
    max_block: Annotated[int, Field(ge=1, le=125)] = 60
    poll_s: Annotated[float, Field(gt=0)] = 1.0
    baud: int = 9600
    parameters: dict[str, Annotated[float, Field(gt=0)]] = {}
    dead_when_zero: tuple[str, ...] = ()
    relay: Relay | None = None
    sunspec: SunSpec | None = None
    value: tuple[Value, ...] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> Profile:
        ids = [value.id for value in self.value]
        if len(set(ids)) != len(ids):
            raise ValueError("two values have the same id")
        for value in self.value:
            for reference in (value.decimals_from, value.factor_from):
                if reference is not None and reference not in ids:
                    raise ValueError(f"{value.id} refers to {reference}, which is not a value of this profile")
            if value.scale_by is not None and value.scale_by not in self.parameters:
                raise ValueError(f"{value.id} is scaled by {value.scale_by}, which is not in [parameters]")
        if unknown := set(self.dead_when_zero) - set(ids):
            raise ValueError(f"dead_when_zero names {sorted(unknown)}, which are not values of this profile")
        if (self.layout == "sunspec") != (self.sunspec is not None):
            raise ValueError('layout = "sunspec" and the table [sunspec] go together')
        return self

    def told(self) -> tuple[str, ...]:
        """The values that become datastreams unless the site file chooses."""
        return tuple(value.id for value in self.value if value.tell)

    def find(self, value_id: str) -> Value | None:
        return next((value for value in self.value if value.id == value_id), None)


def parse_profile(text: str) -> Profile:
    """The profile in a TOML text. Raises tomllib.TOMLDecodeError or pydantic.ValidationError."""
    return Profile.model_validate(tomllib.loads(text))


def read_profile(path: Path) -> Profile:
    """The profile in a file of the farm's own. Raises OSError, TOMLDecodeError or ValidationError."""
    return parse_profile(path.read_text(encoding="utf-8"))


@cache
def shipped_profiles() -> dict[str, Profile]:
    """The profiles that come with this package, by id."""
    folder = resources.files("tonnam_edge") / "profiles"
    found = [
        parse_profile(entry.read_text(encoding="utf-8")) for entry in folder.iterdir() if entry.name.endswith(".toml")
    ]
    return {profile.id: profile for profile in sorted(found, key=lambda profile: profile.id)}
