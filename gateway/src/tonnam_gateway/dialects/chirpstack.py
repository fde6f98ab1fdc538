"""ChirpStack v4: `application/<id>/device/<devEui>/event/<up|log>` in JSON.

Measures are the JSON paths of `object`, which the device profile's codec makes. False and 0 are left out of the
JSON, so an absent fCnt or fPort means 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from tonnam_gateway import device_time, payload
from tonnam_gateway.dialects.base import Dialect
from tonnam_gateway.measurement import Decoded, Measurement, Notice, TimeForm, Timing
from tonnam_link.quality import Quality

_TOPIC = re.compile(r"application/[^/]+/device/([0-9a-fA-F]{16})/event/(up|log)")
_NO_CODEC = "it sends bytes that nobody decodes: give its device profile in ChirpStack a codec"


def address_of(topic: str) -> str | None:
    """The devEui, in lower case."""
    match = _TOPIC.fullmatch(topic)
    return match[1].lower() if match else None


def decode(address: str, topic: str, body: bytes, received_at: datetime, timing: Timing) -> Decoded:
    """Every leaf of an uplink's object as a measurement; what the server logs about the device as a notice."""
    try:
        event = payload.parse_object(body)
    except payload.Unreadable as error:
        return Decoded(notices=(Notice("unreadable", str(error)),))
    if topic.endswith("/log"):
        return Decoded(notices=(_logged(event),))
    if not isinstance(event.get("object"), dict):
        carries_bytes = bool(event.get("fPort")) and bool(event.get("data"))
        return Decoded(
            message_id=_message_id(event), notices=(Notice("no_codec", _NO_CODEC),) if carries_bytes else ()
        )
    stamp = device_time.stamp(_times(event, timing), timing, received_at)
    return Decoded(tuple(_measurements(address, event, stamp)), message_id=_message_id(event), notices=stamp.notices)


def _logged(event: dict[str, object]) -> Notice:
    level, code, text = (str(event.get(key, ""))[:200] for key in ("level", "code", "description"))
    return Notice(f"chirpstack_{code.lower() or 'log'}", f"ChirpStack logs {level} {code}: {text}")


def _message_id(event: dict[str, object]) -> str:
    """Equal for repeats of one uplink: the deduplication id, or else the session and frame counter."""
    given = event.get("deduplicationId")
    if isinstance(given, str) and given:
        return given
    session = event.get("devAddr")
    return f"{session}/{event.get('fCnt', 0)}" if isinstance(session, str) and session else ""


def _times(event: dict[str, object], timing: Timing) -> Iterator[tuple[object, TimeForm]]:
    """From the best to the worst: the device's own, a gateway's by GNSS, the network server's, ChirpStack's."""
    if timing.path:
        yield payload.at_path(event["object"], timing.path), timing.form
    gateways = event.get("rxInfo")
    for name in ("gwTime", "nsTime"):
        for gateway in gateways if isinstance(gateways, list) else []:
            yield payload.at(gateway, name), "iso"
    yield event.get("time"), "iso"


def _measurements(address: str, event: dict[str, object], stamp: device_time.Stamp) -> Iterator[Measurement]:
    for measure, leaf in payload.leaves(event["object"]):
        value = payload.number(leaf)
        quality = Quality.DEVICE_FAULT if value is None else stamp.quality
        yield Measurement(address, measure, value, None, stamp.observed_at, quality, stamp.on_arrival)


def _address_problem(address: str) -> str | None:
    if re.fullmatch(r"[0-9a-f]{16}", address):
        return None
    return 'must be a devEui: 16 hexadecimal digits in lower case, such as "70b3d57ed0051234"'


def _filters(_: Iterable[str]) -> set[str]:
    return {"application/+/device/+/event/up", "application/+/device/+/event/log"}


def _unit_of(_: str) -> str | None:
    return None


DIALECT = Dialect(address_of, decode, _filters, _address_problem, _unit_of, timed_by_path=True)
