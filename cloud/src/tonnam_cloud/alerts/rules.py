"""Alert rules: a TOML file, checked whole before anything runs."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tonnam_cloud.alerts.repository import TOLD
from tonnam_cloud.alerts.schemas import Severity
from tonnam_cloud.errors import Misconfigured
from tonnam_cloud.toml_file import load_tables
from tonnam_cloud.words import Words

LIMITS = ("above", "below", "above_band", "below_band", "above_bank_pct")
Role = Literal["zone_moisture", "tank", "air", "rain", "river"]
"""What a node says that a datastream is for: a zone's moisture, the tank's level, a town's sensor of one kind."""
PLACEHOLDERS = {"place", "site", "value", "limit", "unit", "minutes"}


class Rule(BaseModel):
    """One rule. It holds for every datastream whose id matches `datastreams` and that has the limit it names.

    With `role` only for those of that role, whatever their things are called.
    `above`, `below`: a fixed limit in the datastream's unit. `above_band`, `below_band`: so many per cent above or
    below the moisture band of the zone. `above_bank_pct`: so many per cent of the river's bank.
    A `no_data` rule counts from when the newest reading is older than the datastream's max_age_s; with
    `scope = "site"` it is about all matching datastreams of a site together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    kind: Literal["threshold", "no_data"]
    datastreams: Annotated[str, Field(pattern=r"^[^/]+/[^/]+/[^/]+/[^/]+$")]
    severity: Severity
    role: Role | None = None
    for_s: Annotated[float, Field(ge=0)]
    above: float | None = None
    below: float | None = None
    above_band: float | None = None
    below_band: float | None = None
    above_bank_pct: float | None = None
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    scope: Literal["datastream", "site"] = "datastream"
    title: Words
    text: Words

    @property
    def for_ms(self) -> int:
        return int(self.for_s * 1000)

    @property
    def is_above(self) -> bool:
        """Whether the breach is above the limit."""
        return any(getattr(self, name) is not None for name in LIMITS if name.startswith("above"))

    def matches(self, datastream: str) -> bool:
        """Whether `datastreams` covers this id; `*` stands for any text within one of its four parts."""
        pattern = re.escape(self.datastreams).replace(r"\*", "[^/]*")
        return re.fullmatch(pattern, datastream) is not None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [name for name in LIMITS if getattr(self, name) is not None]
        if self.kind == "threshold" and len(given) != 1:
            raise ValueError(f"a threshold needs exactly one of {', '.join(LIMITS)}; it has {len(given)}")
        if self.kind == "no_data" and (given or self.hysteresis):
            raise ValueError("no_data takes no limit and no hysteresis, only for_s and scope")
        if self.kind == "threshold" and self.scope == "site":
            raise ValueError('scope = "site" is for no_data only')
        return self

    @model_validator(mode="after")
    def _fillable(self) -> Self:
        for text in (self.title.th, self.title.en, self.text.th, self.text.en):
            used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
            if not used <= PLACEHOLDERS:
                wrong, right = ", ".join(sorted(used - PLACEHOLDERS)), ", ".join(sorted(PLACEHOLDERS))
                raise ValueError(f"{{{wrong}}} cannot be filled in; use {right}")
        return self


class RuleFile(BaseModel):
    """What a rules file holds: `[[rule]]` tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        ids = [rule.id for rule in self.rule]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"the id {twice[0]!r} is used twice")
        taken = sorted(set(ids) & set(TOLD))
        if taken:
            raise ValueError(f"the id {taken[0]!r} is used by Tonnam itself: choose another")
        return self


def load_rules(path: Path | None = None) -> tuple[Rule, ...]:
    """The rules of a file, or the ones that Tonnam ships with. Raises Misconfigured with file, line and key."""
    shipped = files("tonnam_cloud.alerts").joinpath("default_rules.toml")
    name = str(path) if path else "default_rules.toml"
    try:
        text = path.read_text(encoding="utf-8") if path else shipped.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{name}: the rules file cannot be read: {error}") from error
    return load_tables(RuleFile, name, text, "rule")[0].rule
