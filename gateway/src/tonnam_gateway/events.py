"""What a gateway tells besides readings."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from tonnam_gateway.mapping import Device, Mapping, Sensor
from tonnam_link.messages import Event, Stamp

_NAMESPACE = uuid.UUID("6f1d1c66-6c0e-4b0e-9d43-0d4f1d6f3c11")


class Moment(NamedTuple):
    """When something happened; with a stamp `at_ms` is only a guess."""

    at_ms: int
    stamp: Stamp | None = None


def _event(mapping: Mapping, kind: str, about: str, moment: Moment, body: dict[str, Any]) -> Event:
    """The same thing told twice has the same id."""
    at_ms, stamp = moment
    name = f"{mapping.tenant}/{mapping.node}/{kind}/{about}/{at_ms}"
    if stamp is not None:  # two boots may believe that they are in the same second of 1970
        name += f"/{stamp.boot}/{stamp.mono_ms}"
    return Event(uuid.uuid5(_NAMESPACE, name).hex, kind, at_ms, body, stamp)


def site_described(mapping: Mapping, moment: Moment) -> Event:
    """The whole truth about the site, as the mapping file has it."""
    site = mapping.place
    body: dict[str, Any] = {
        "site": {
            "id": site.id,
            "kind": site.kind,
            "name": site.name.texts(),
            "latitude": site.latitude,
            "longitude": site.longitude,
        },
        "datastreams": [
            {
                "id": full_id,
                "name": stream.name.texts(),
                "unit": stream.unit,
                "max_age_s": stream.max_age_s,
                "kind": "measure",
            }
            for full_id, _, stream in mapping.streams()
        ],
        "zones": [],
        "pump": None,
        "tank": None,
        "flow": None,
        "sensors": [_sensor(site.id, sensor) for sensor in mapping.sensors],
    }
    return _event(mapping, "site.described", site.id, moment, body)


def _sensor(site: str, sensor: Sensor) -> dict[str, Any]:
    described: dict[str, Any] = {
        "thing": sensor.thing,
        "kind": sensor.kind,
        "name": sensor.name.texts(),
        "latitude": sensor.latitude,
        "longitude": sensor.longitude,
        "datastreams": [f"{site}/{sensor.thing}/{name}" for name in sensor.datastreams],
    }
    for key in ("bank_height_m", "bed_m"):
        if (value := getattr(sensor, key)) is not None:
            described[key] = value
    return described


def node_started(mapping: Mapping, boot: str, gap_from_ms: int | None, moment: Moment) -> Event:
    """The gateway runs; between the two times it did not, and what devices said then is not known.

    Where it does not know the time yet, `gap_to_ms` is null: the gap ends with the time of the event.
    """
    gap_to_ms = moment.at_ms if moment.stamp is None else None
    body = {"boot": boot, "gap_from_ms": gap_from_ms, "gap_to_ms": gap_to_ms}
    return _event(mapping, "node.started", boot, moment, body)


def node_stopped(mapping: Mapping, moment: Moment) -> Event:
    """Somebody stopped the gateway."""
    return _event(mapping, "node.stopped", "", moment, {})


def clock_wrong(mapping: Mapping, device: Device, claimed: str, moment: Moment) -> Event:
    """A device tells a time that cannot be: its readings get the time at which they come, and are clock_suspect."""
    th, en = _names(mapping, device)
    text = {
        "th": f"{th}: นาฬิกาของอุปกรณ์บอกเวลา {claimed} ซึ่งเป็นไปไม่ได้ ระบบเก็บค่าไว้แต่ไม่ใช้เป็นค่าปัจจุบัน โปรดตั้งเวลาของอุปกรณ์",
        "en": f"{en}: the device's clock says {claimed}, which cannot be. Its readings are kept, but not shown as "
        "what is now. Please set its clock",
    }
    body = {"site": mapping.place.id, "device": device.id, "claimed": claimed, "text": text}
    return _event(mapping, "device.clock_wrong", device.id, moment, body)


def presence(mapping: Mapping, device: Device, *, online: bool, moment: Moment) -> Event:
    """A device was lost, or is back."""
    th, en = _names(mapping, device)
    if online:
        text = {"th": f"{th}: อุปกรณ์กลับมาแล้ว", "en": f"{en}: the device is back"}
    else:
        text = {"th": f"{th}: ติดต่ออุปกรณ์ไม่ได้", "en": f"{en}: the device cannot be reached"}
    kind = "device.back" if online else "device.lost"
    return _event(mapping, kind, device.id, moment, {"site": mapping.place.id, "device": device.id, "text": text})


def _names(mapping: Mapping, device: Device) -> tuple[str, str]:
    """What people call the sensors that a device feeds, in Thai and in English."""
    fed = [sensor for sensor in mapping.sensors if any(s.device == device.id for s in sensor.datastreams.values())]
    return ", ".join(each.name.th for each in fed) or device.id, ", ".join(each.name.en for each in fed) or device.id
