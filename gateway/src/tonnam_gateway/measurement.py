"""What a dialect makes of one message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

from tonnam_link.quality import Quality

TimeForm = Literal["s", "ms", "iso"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number that a device sent, under the device's own name for it.

    `value` is None when the device could not measure; `unit` is a UCUM code, or None when the dialect does not say.
    `stamped_on_arrival` marks that `observed_at` is ours and not the device's.
    """

    device: str
    measure: str
    value: float | None
    unit: str | None
    observed_at: datetime
    quality: Quality = Quality.GOOD
    stamped_on_arrival: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person may want to know about a device; `kind` is a word to count and to say it once by.

    `claimed` is the time that the device told, where it is about that.
    """

    kind: str
    text: str
    claimed: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One message, understood as far as it could be.

    `online` is set by messages about presence. `message_id` is equal for repeats of the same message and empty when
    the dialect has none.
    """

    measurements: tuple[Measurement, ...] = ()
    online: bool | None = None
    message_id: str = ""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """How to read a device's time: the zone of times without offset, and where it stands if no place is fixed.

    `sure` says whether the time of arrival, which it is compared with, is known or only a guess.
    """

    zone: tzinfo
    path: str | None = None
    form: TimeForm = "iso"
    sure: bool = True
