"""What the town's three devices say, each in its maker's dialect: Tasmota, ChirpStack v4, plain JSON. Pure.

A message is (topic, payload). Payloads follow facts of the makers' own documentation: Tasmota's `Time` is local time
without its offset; ChirpStack leaves out false and 0, and repeats nothing under one `deduplicationId`.
"""

import base64
import json
import struct
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from .physics.noise import Stream, bell
from .town import Town, TownAir

Message = tuple[str, bytes]

THAILAND = timezone(timedelta(hours=7))
AIR_NODE = "tonnam-air-1"
AIR_LWT_TOPIC = f"tele/{AIR_NODE}/LWT"
RIVER_TOPIC = "town/river-1/state"
APPLICATION_ID = "5f0d4c1e-7b1a-4c55-9a63-2f6f3b0a1c01"
DEV_EUI = "70b3d57ed0051234"
RAIN_TOPIC = f"application/{APPLICATION_ID}/device/{DEV_EUI}/event/up"
_UPLINKS = uuid.UUID("0b0c8e5e-3c5b-4a0e-8f5a-5d1f3a7b9c10")


def town_messages(town: Town, at: datetime) -> list[Message]:
    """Everything the town says at `at` (aware), from the town as it is now. Lets no time pass."""
    return [*_air_messages(town, at), _rain_message(town, at), _river_message(town, at)]


def _air_messages(town: Town, at: datetime) -> list[Message]:
    local = at.astimezone(THAILAND).strftime("%Y-%m-%dT%H:%M:%S")
    uptime_s = int(at.timestamp()) % 5_000_000
    days, hours, minutes, seconds = uptime_s // 86_400, uptime_s // 3600 % 24, uptime_s // 60 % 60, uptime_s % 60
    status = {
        "Time": local,
        "Uptime": f"{days}T{hours:02}:{minutes:02}:{seconds:02}",
        "UptimeSec": uptime_s,
        "Heap": 25,
        "SleepMode": "Dynamic",
        "LoadAvg": 19,
        "MqttCount": 1,
        "Wifi": {"AP": 1, "SSId": "talat", "RSSI": 72, "Signal": -64, "LinkCount": 1},
    }
    return [
        (f"tele/{AIR_NODE}/STATE", _json(status)),
        (f"tele/{AIR_NODE}/SENSOR", _json({"Time": local, **_air_sensors(town.air), "TempUnit": "C"})),
    ]


def _air_sensors(air: TownAir) -> dict[str, object]:
    """A PMS5003 speaks in whole ug/m3."""
    pm1, pm2_5, pm10 = round(air.pm1), round(air.pm2_5), round(air.pm10)
    dew_c = air.air_c - (100.0 - air.humidity_pct) / 5.0
    return {
        "PMS5003": {"CF1": pm1, "CF2.5": pm2_5, "CF10": pm10, "PM1": pm1, "PM2.5": pm2_5, "PM10": pm10},
        "SHT3X": {
            "Temperature": round(air.air_c, 1),
            "Humidity": round(air.humidity_pct, 1),
            "DewPoint": round(dew_c, 1),
        },
    }


def _rain_message(town: Town, at: datetime) -> Message:
    """A LoRaWAN rain gauge. Its frame counter is the time in seconds: it grows by itself, also across restarts."""
    counter = int(at.timestamp()) & 0xFFFFFFFF
    volts = round(3.61 + 0.004 * bell(town.seed, Stream.TOWN_NOISE, counter), 2)
    tips = round(town.rain_total_mm * 5)
    when = at.astimezone(THAILAND).isoformat(timespec="milliseconds")
    event = {
        "deduplicationId": str(uuid.uuid5(_UPLINKS, f"{DEV_EUI}/{at.timestamp():.3f}")),
        "time": when,
        "deviceInfo": _device(),
        "devAddr": "01a2b3c4",
        "adr": True,
        "dr": 5,
        "fCnt": counter,
        "fPort": 2,
        "data": base64.b64encode(struct.pack(">IH", tips, round(volts * 1000))).decode(),
        "object": {"rain_total_mm": town.rain_total_mm, "battery_v": volts},
        "rxInfo": [{"gatewayId": "a84041ffff1f2a3c", "uplinkId": counter, "nsTime": when, "rssi": -87, "snr": 8.2}],
        "txInfo": {
            "frequency": 923_200_000,
            "modulation": {"lora": {"bandwidth": 125_000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
        },
    }
    return RAIN_TOPIC, _json(event)


def _device() -> dict[str, object]:
    return {
        "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
        "tenantName": "Example town",
        "applicationId": APPLICATION_ID,
        "applicationName": "town",
        "deviceProfileId": "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
        "deviceProfileName": "tipping bucket",
        "deviceName": "rain-1",
        "devEui": DEV_EUI,
    }


def _river_message(town: Town, at: datetime) -> Message:
    return RIVER_TOPIC, _json({"level_m": round(town.river_m, 3), "ts": int(at.timestamp())})


def _json(payload: Mapping[str, object]) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()
