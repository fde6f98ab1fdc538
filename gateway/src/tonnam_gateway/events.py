"""What a gateway tells besides readings."""

from __future__ import annotations

import uuid
from typing import Any

from tonnam_gateway.mapping import Device, Mapping, Sensor
from tonnam_link.messages import Event

_NAMESPACE = uuid.UUID("6f1d1c66-6c0e-4b0e-9d43-0d4f1d6f3c11")


def _event(mapping: Mapping, kind: str, about: str, at_ms: int, body: dict[str, Any]) -> Event:
    """The same thing told twice has the same id."""
    name = f"{mapping.tenant}/{mapping.node}/{kind}/{about}/{at_ms}"
    return Event(uuid.uuid5(_NAMESPACE, name).hex, kind, at_ms, body)


def site_described(mapping: Mapping, at_ms: int) -> Event:
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
    return _event(mapping, "site.described", site.id, at_ms, body)


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


def node_started(mapping: Mapping, boot: str, gap_from_ms: int | None, at_ms: int) -> Event:
    """The gateway runs; between the two times it did not, and what devices said then is not known."""
    body = {"boot": boot, "gap_from_ms": gap_from_ms, "gap_to_ms": at_ms}
    return _event(mapping, "node.started", boot, at_ms, body)


def node_stopped(mapping: Mapping, at_ms: int) -> Event:
    """Somebody stopped the gateway."""
    return _event(mapping, "node.stopped", "", at_ms, {})


def presence(mapping: Mapping, device: Device, *, online: bool, at_ms: int) -> Event:
    """A device was lost, or is back."""
    fed = [sensor for sensor in mapping.sensors if any(s.device == device.id for s in sensor.datastreams.values())]
    th = ", ".join(sensor.name.th for sensor in fed) or device.id
    en = ", ".join(sensor.name.en for sensor in fed) or device.id
    if online:
        text = {"th": f"{th}: อุปกรณ์กลับมาแล้ว", "en": f"{en}: the device is back"}
    else:
        text = {"th": f"{th}: ติดต่ออุปกรณ์ไม่ได้", "en": f"{en}: the device cannot be reached"}
    kind = "device.back" if online else "device.lost"
    return _event(mapping, kind, device.id, at_ms, {"site": mapping.place.id, "device": device.id, "text": text})
