"""What strikes an episode: the world's faults, and what happens to the machine, its clock and its commands."""

from __future__ import annotations

import json
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tonnam_sim.world import Fault, parse_fault


class EdgeBlow(BaseModel):
    """What strikes the edge and not the farm. Seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Kill(EdgeBlow):
    """The process dies in its next cycle, before or after its decisions are on disk, and is started again."""

    fault: Literal["kill"] = "kill"
    where: Literal["before_commit", "after_commit", "after_acts"]
    down_s: Annotated[int, Field(ge=1, le=7200)] = 5


class EdgePower(EdgeBlow):
    """The edge's machine loses its power. Its clock comes back wrong by `wrong_s`, and is right after `unsure_s`."""

    fault: Literal["edge_power"] = "edge_power"
    down_s: Annotated[int, Field(ge=1, le=7200)] = 60
    wrong_s: int = 0
    unsure_s: Annotated[int, Field(ge=0, le=172_800)] = 0


class ClockStep(EdgeBlow):
    """Somebody sets the wall clock, and it is believed. For good, or until it is set right."""

    fault: Literal["clock_step"] = "clock_step"
    by_s: Annotated[int, Field(ge=-90_000, le=90_000)]


class DiskFails(EdgeBlow):
    """The disk takes nothing."""

    fault: Literal["disk_fails"] = "disk_fails"


class Water(EdgeBlow):
    """A person far away asks for water."""

    fault: Literal["water"] = "water"
    zone: str
    run_s: Annotated[int, Field(ge=0, le=3600)]
    lives_s: Annotated[int, Field(ge=0, le=600)] = 60


class Stop(EdgeBlow):
    """A person far away stops the water."""

    fault: Literal["stop"] = "stop"
    zone: str


class Clear(EdgeBlow):
    """A person far away clears all that was found wrong."""

    fault: Literal["clear"] = "clear"


class Lock(EdgeBlow):
    """A person far away locks a zone, or with none the whole site."""

    fault: Literal["lock"] = "lock"
    zone: str = ""


class Visit(EdgeBlow):
    """A person comes to the place, clears all that was found wrong, and unlocks all."""

    fault: Literal["visit"] = "visit"


class LockHere(EdgeBlow):
    """A person at a station locks it, or with none the whole site. Nobody can lock a station from afar."""

    fault: Literal["lock_here"] = "lock_here"
    zone: str = ""


EDGE_BLOWS: tuple[type[EdgeBlow], ...] = (Kill, EdgePower, ClockStep, DiskFails, Water, Stop, Clear, Lock, Visit)
_EDGE: TypeAdapter[Any] = TypeAdapter(
    Annotated[
        Kill | EdgePower | ClockStep | DiskFails | Water | Stop | Clear | Lock | Visit | LockHere,
        Field(discriminator="fault"),
    ]
)
_EDGE_NAMES = {*(kind.model_fields["fault"].default for kind in EDGE_BLOWS), "lock_here"}


@dataclass(frozen=True)
class Blow:
    """Strikes at `at_s` since the beginning; with `on_run` so long after the first run that begins then or later.

    Faults that last are over after `lasts_s`, or never.
    """

    what: Fault | EdgeBlow
    at_s: int
    on_run: bool = False
    after_s: int = 0
    lasts_s: int | None = None

    @property
    def kind(self) -> str:
        return str(self.what.fault)  # type: ignore[union-attr]

    def plain(self) -> dict[str, Any]:
        """JSON-able: `parse_blow` makes it again."""
        keys: dict[str, Any] = {"at_s": self.at_s}
        if self.on_run:
            keys |= {"on_run": True, "after_s": self.after_s}
        if self.lasts_s is not None:
            keys["lasts_s"] = self.lasts_s
        what = self.what.model_dump(exclude_defaults=True, exclude={"at_s", "until_s"})
        return {"fault": self.kind, **what, **keys}


def parse_blow(plain: dict[str, Any]) -> Blow:
    """A blow from `plain`; pydantic.ValidationError when it is none."""
    keys = dict(plain)
    own = {name: keys.pop(name) for name in ("at_s", "on_run", "after_s", "lasts_s") if name in keys}
    if keys["fault"] in _EDGE_NAMES:
        return Blow(_EDGE.validate_python(keys), **own)
    return Blow(parse_fault({**keys, "at_s": 0.0}), **own)


@dataclass(frozen=True)
class Case:
    """One episode: a layout by its name, the world's seed, and what strikes it."""

    layout: str
    seed: int
    blows: tuple[Blow, ...] = ()
    days: float = 3.0

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(blow.kind for blow in self.blows)

    def told(self) -> str:
        """One line of JSON: what `make season CASE=` takes."""
        blows = [blow.plain() for blow in self.blows]
        return json.dumps({"layout": self.layout, "seed": self.seed, "days": self.days, "blows": blows})


def parse_case(line: str) -> Case:
    """A case from `told`."""
    keys = json.loads(line)
    return Case(keys["layout"], keys["seed"], tuple(map(parse_blow, keys["blows"])), keys.get("days", 3.0))


WORLD_FAULTS: tuple[type[Any], ...] = typing.get_args(Fault)
