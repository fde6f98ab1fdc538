"""What a farm's node tells, for tests."""

from __future__ import annotations

from itertools import count
from typing import Any

from tonnam_link.messages import DatastreamSpec, Event, Outcome, Sample
from tonnam_link.quality import Quality
from tonnam_link.receiving.receiver import Received
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.codec import (
    AggregateRow,
    Dictionary,
    Row,
    encode_aggregates,
    encode_dictionary,
    encode_events,
    encode_outcomes,
    encode_readings,
)

TENANT, NODE, SITE = "demo-farm", "edge-1", "melon-greenhouse"
ORIGIN = Origin(TENANT, NODE)
NOW_MS = 1_795_000_000_000
EPOCH = -5_000_000_000_000_000_000
SPECS = (
    DatastreamSpec(f"{SITE}/zone-1/soil_moisture", "%", 0.1),
    DatastreamSpec(f"{SITE}/zone-1/valve_open", "1", 1),
    DatastreamSpec(f"{SITE}/tank/level", "cm", 0.1),
)
DICTIONARY = Dictionary(SPECS)
_ids = count(1)


def words(text: str) -> dict[str, str]:
    return {"th": f"{text} (ไทย)", "en": text}


def described(**changes: Any) -> dict[str, Any]:
    """The body of `site.described`."""
    streams = [(spec.datastream, spec.unit) for spec in SPECS]
    body: dict[str, Any] = {
        "site": {"id": SITE, "kind": "farm", "name": words("Greenhouse"), "latitude": 14.4, "longitude": 101.8},
        "datastreams": [
            {"id": name, "name": words(name), "unit": unit, "max_age_s": 60, "kind": "measure"}
            for name, unit in streams
        ],
        "zones": [
            {
                "id": "zone-1",
                "name": words("Zone 1"),
                "crop": words("Melon"),
                "area_m2": 1600,
                "moisture": f"{SITE}/zone-1/soil_moisture",
                "valve": f"{SITE}/zone-1/valve_open",
                "band_low_pct": 26,
                "band_high_pct": 31,
                "max_run_s": 1800,
                "programs": [{"id": "evening", "kind": "timer", "text": words("17:00")}],
            }
        ],
        "pump": None,
        "tank": {"datastream": f"{SITE}/tank/level", "full_cm": 200},
        "flow": None,
        "sensors": [],
    }
    return {**body, **changes}


def event(kind: str, body: dict[str, Any], at_ms: int = NOW_MS, event_id: str = "") -> Event:
    return Event(event_id or f"event-{next(_ids)}", kind, at_ms, body)


def started(run_id: str = "run-1", at_ms: int = NOW_MS) -> Event:
    body = {
        "run_id": run_id,
        "site": SITE,
        "zone": "zone-1",
        "cause": "manual",
        "program": None,
        "command_id": "c-1",
        "planned_s": 60,
        "reason": words("somebody asked"),
    }
    return event("run.started", body, at_ms)


def ended(run_id: str = "run-1", at_ms: int = NOW_MS + 60_000) -> Event:
    body = {
        "run_id": run_id,
        "site": SITE,
        "zone": "zone-1",
        "outcome": "done",
        "duration_s": 60.0,
        "litres": 61,
        "reason": words("time is up"),
    }
    return event("run.ended", body, at_ms)


def planned(next_at_ms: int | None, at_ms: int = NOW_MS) -> Event:
    return event(
        "zone.planned",
        {"site": SITE, "zone": "zone-1", "next_at_ms": next_at_ms, "text": words("17:00")},
        at_ms,
    )


def received(payload: bytes, channel: Channel = Channel.UP, node: str = NODE, at_ms: int = NOW_MS) -> Received:
    return Received(TENANT, node, channel, payload, at_ms)


def sealed_dictionary(dictionary: Dictionary = DICTIONARY) -> bytes:
    return encode_dictionary(ORIGIN, EPOCH, next(_ids), dictionary)


def sealed_readings(*rows: tuple[int, float | None], dictionary: Dictionary = DICTIONARY, number: int = 0) -> bytes:
    """Readings of one datastream of the dictionary: (observed_at_ms, value)."""
    images = [
        Row(at_ms, [(number, Sample(value, Quality.GOOD if value is not None else Quality.DEVICE_FAULT))])
        for at_ms, value in rows
    ]
    return encode_readings(ORIGIN, EPOCH, next(_ids), dictionary, images)


def sealed_aggregates(*rows: tuple[int, float], number: int = 0) -> bytes:
    """Minutes of one datastream: (minute_ms, mean), each of six values within 1 of it."""
    minutes = [AggregateRow(at_ms, number, 6, mean - 1, mean + 1, mean) for at_ms, mean in rows]
    return encode_aggregates(ORIGIN, EPOCH, next(_ids), DICTIONARY, minutes)


def sealed_events(*events: Event) -> bytes:
    return encode_events(ORIGIN, EPOCH, next(_ids), events)


def sealed_outcomes(*outcomes: Outcome) -> bytes:
    return encode_outcomes(ORIGIN, EPOCH, next(_ids), outcomes)
