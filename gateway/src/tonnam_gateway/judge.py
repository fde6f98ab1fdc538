"""How far a device's number can be trusted."""

from __future__ import annotations

import math

from tonnam_gateway.mapping import Datastream
from tonnam_gateway.measurement import Measurement
from tonnam_link.messages import Sample
from tonnam_link.quality import Quality


def judge(measurement: Measurement, stream: Datastream) -> Sample:
    """The sample in the datastream's unit; a number out of its range is kept as raw only."""
    if measurement.value is None:
        return Sample(None, measurement.quality)
    value = measurement.value * stream.scale
    if not math.isfinite(value):
        return Sample(None, Quality.DEVICE_FAULT)
    low, high = stream.range
    if not low <= value <= high:
        return Sample(None, Quality.OUT_OF_RANGE, value)
    return Sample(value, measurement.quality)
