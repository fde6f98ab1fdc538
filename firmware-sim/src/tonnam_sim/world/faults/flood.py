"""What happens at a river: waves, floats, and people with keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..conditions import Conditions
from .base import BaseFault


class RiverWave(BaseFault):
    """A river that comes up by `cm` within `rises_s`, evenly, and falls at once when it is over."""

    fault: Literal["river_wave"] = "river_wave"
    cm: Annotated[float, Field(ge=-300.0, le=500.0)]
    rises_s: Annotated[float, Field(gt=0.0, le=864_000.0)] = 36_000.0

    def onto(self, on: Conditions) -> None:
        on.river_waves.append((self.cm, self.at_s, self.rises_s))


class FloatFailed(BaseFault):
    """A pump whose own float switch no longer stops it when its intake falls dry."""

    fault: Literal["float_failed"] = "float_failed"
    pump: str

    def onto(self, on: Conditions) -> None:
        on.floats_failed.add(self.pump)


class LockTurned(BaseFault):
    """Somebody turns the key that takes the relays of "pumps" or "gate" out of the circuit: nothing is moved."""

    fault: Literal["lock_turned"] = "lock_turned"
    key: Literal["pumps", "gate"]

    def onto(self, on: Conditions) -> None:
        on.locks.add(self.key)
