"""What all faults have in common: a time, and what they do to the conditions."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ..conditions import Conditions

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]


class BaseFault(BaseModel):
    """On from `at_s` (world time) until `until_s`, or for good."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    at_s: Seconds
    until_s: Seconds | None = None

    def onto(self, on: Conditions) -> None:
        """Add what it does to the conditions while it is on; what happens once is `World`'s to do at `at_s`."""
