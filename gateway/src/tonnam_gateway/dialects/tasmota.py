"""Tasmota: `tele/<topic>/SENSOR` and `tele/<topic>/LWT`, with the levels in either order.

Measures are the JSON paths of SENSOR, such as `PMS5003.PM2.5`. Temperatures come out in Cel and pressures in hPa
whatever TempUnit and PressureUnit say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from tonnam_gateway import device_time, payload
from tonnam_gateway.dialects.base import Dialect, topic_problem
from tonnam_gateway.measurement import Decoded, Measurement, Notice, Timing
from tonnam_link.quality import Quality

_NOT_MEASURES = {"Time", "TempUnit", "PressureUnit", "SpeedUnit"}
_HPA = {"hPa": 1.0, "mmHg": 1.333224, "inHg": 33.86389}
_TEMPERATURES = ("Temperature", "DewPoint")
_PRESSURES = ("Pressure", "SeaPressure")


def address_of(topic: str) -> str | None:
    """The Tasmota topic within `tele/<topic>/<what>` or `<topic>/tele/<what>`."""
    levels = topic.split("/")
    if len(levels) < 3 or levels[-1] not in ("SENSOR", "LWT"):
        return None
    if levels[0] == "tele":
        return "/".join(levels[1:-1])
    return "/".join(levels[:-2]) if levels[-2] == "tele" else None


def decode(address: str, topic: str, body: bytes, received_at: datetime, timing: Timing) -> Decoded:
    """Presence from LWT; every leaf of SENSOR but times and units as a measurement."""
    if topic.endswith("/LWT"):
        return _presence(body)
    try:
        sensor = payload.parse_object(body)
    except payload.Unreadable as error:
        return Decoded(notices=(Notice("unreadable", str(error)),))
    stamp = device_time.stamp([(sensor.get("Time"), "s")], timing, received_at)
    return Decoded(tuple(_measurements(address, sensor, stamp)), notices=stamp.notices)


def _presence(body: bytes) -> Decoded:
    online = {b"Online": True, b"Offline": False}.get(body)
    if online is None:
        return Decoded(notices=(Notice("unreadable", f"its LWT says {body[:40]!r}, not Online or Offline"),))
    return Decoded(online=online)


def _measurements(address: str, sensor: dict[str, object], stamp: device_time.Stamp) -> Iterator[Measurement]:
    scales = _Scales(sensor)
    for measure, leaf in payload.leaves(sensor):
        if measure in _NOT_MEASURES:
            continue
        value = scales.convert(measure, payload.number(leaf))
        quality = Quality.DEVICE_FAULT if value is None else stamp.quality
        yield Measurement(address, measure, value, unit_of(measure), stamp.observed_at, quality, stamp.on_arrival)


class _Scales:
    """The units in which this message gives temperatures and pressures."""

    def __init__(self, sensor: dict[str, object]) -> None:
        self.temperature = str(sensor.get("TempUnit", "C"))
        self.pressure = str(sensor.get("PressureUnit", "hPa"))

    def convert(self, measure: str, value: float | None) -> float | None:
        """In Cel or hPa if the measure is one of these; None when the unit is not known."""
        name = measure.rpartition(".")[2]
        if value is None:
            return None
        if name in _TEMPERATURES:
            return {"C": value, "F": (value - 32) / 1.8}.get(self.temperature)
        if name in _PRESSURES:
            return value * _HPA[self.pressure] if self.pressure in _HPA else None
        return value


def unit_of(measure: str) -> str | None:
    """Units of the measures that mean the same in every Tasmota sensor."""
    name = measure.rpartition(".")[2]
    if name in _TEMPERATURES:
        return "Cel"
    if name in _PRESSURES:
        return "hPa"
    if ".PM" in measure or name.startswith("PM"):
        return "ug/m3"
    return "%" if name == "Humidity" else None


def filters(addresses: Iterable[str]) -> set[str]:
    """The default layout for all devices, so that unmapped ones are noticed; the reversed one for those we know."""
    return {"tele/#"} | {f"{address}/tele/+" for address in addresses}


DIALECT = Dialect(address_of, decode, filters, topic_problem, unit_of)
