"""A farm and a town as the cloud's HTTP API tells them, for tests of the phone page."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]


PLACE = {"latitude": 15.70, "longitude": 100.14}


def text(th: str, en: str) -> Json:
    return {"th": th, "en": en}


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def measure(datastream: str, name: Json, unit: str, value: float | None, *, quality: str = "good") -> Json:
    """A Measure heard 12 seconds ago; with value None one that has been silent for 20 minutes."""
    age = timedelta(seconds=12) if value is not None else timedelta(minutes=20)
    return {
        "datastream": datastream,
        "property": datastream.rsplit("/", 1)[-1],
        "name": name,
        "unit": unit,
        "value": value,
        "last_value": value,
        "quality": quality if value is not None else "stale",
        "observed_at": iso(datetime.now(UTC) - age),
        "fresh": value is not None,
    }


def run(run_id: str, zone: str, started_ago_s: float, *, planned_s: int = 600, ended: bool = True) -> Json:
    started = datetime.now(UTC) - timedelta(seconds=started_ago_s)
    return {
        "id": run_id,
        "zone": zone,
        "cause": "moisture" if ended else "manual",
        "started_at": iso(started),
        "ended_at": iso(started + timedelta(seconds=planned_s)) if ended else None,
        "planned_s": planned_s,
        "planned_litres": None,
        "duration_s": planned_s if ended else None,
        "litres": planned_s if ended else None,
        "doses": [],
        "kwh": None,
        "baht": None,
        "outcome": "done" if ended else None,
        "reason": text("ดินแห้งกว่า 26 %", "Soil was drier than 26 %") if ended else text("คนสั่ง", "Asked for"),
    }


def zone(number: int, moisture_pct: float | None, state: str) -> Json:
    place = f"demo-farm/melon-greenhouse/zone-{number}"
    return {
        "id": f"zone-{number}",
        "name": text(f"แปลง {number}", f"Zone {number}"),
        "crop": text("เมลอน", "Melon"),
        "area_m2": 1600,
        "moisture": measure(f"{place}/soil_moisture", text("ความชื้นดิน", "Soil moisture"), "%", moisture_pct),
        "band": {"low_pct": 26, "high_pct": 31},
        "state": state,
        "valve": measure(f"{place}/valve_open", text("วาล์ว", "Valve"), "1", 0),
        "running": False,
        "run": None,
        "last_run": run(f"last-{number}", f"zone-{number}", 5 * 3600),
        "next": {
            "at": iso(datetime.now(UTC) + timedelta(hours=15)),
            "text": text("หรือเมื่อดินแห้งกว่า 26 %", "or when soil is drier than 26 %"),
        },
        "max_run_s": 1800,
        "mode": None,
        "latches": [],
        "lockouts": [],
        "why_not": text("หรือเมื่อดินแห้งกว่า 26 %", "or when soil is drier than 26 %"),
    }


def latch(latch_id: str = "l-1", kind: str = "no_flow", zones: tuple[str, ...] = ("zone-2",)) -> Json:
    """Something found wrong ten minutes ago."""
    return {
        "id": latch_id,
        "kind": kind,
        "subject": "zone-2",
        "zones": list(zones),
        "text": text(
            "เปิดแล้วแต่น้ำไม่ไหลใน 45 วินาที ปิดแล้ว ตรวจปั๊ม ไส้กรอง และวาล์ว",
            "Open, but no water flowed for 45 seconds. Closed. Check pump, filter and valve",
        ),
        "since": iso(datetime.now(UTC) - timedelta(minutes=10)),
    }


def lockout(zone: str | None = "zone-2") -> Json:
    """Somebody has locked a zone, or the whole farm."""
    return {
        "id": "k-1",
        "zone": zone,
        "who": "สมชาย ใจดี",
        "why": "ขุดท่อเมนหน้าแปลง 2",
        "since": iso(datetime.now(UTC) - timedelta(hours=2)),
    }


def farm() -> Json:
    """The overview of a farm on a dry afternoon: one zone right, one dry."""
    site = "demo-farm/melon-greenhouse"
    heard = iso(datetime.now(UTC) - timedelta(seconds=3))
    return {
        "sites": [
            {
                "tenant": "demo-farm",
                "id": "melon-greenhouse",
                "kind": "farm",
                "name": text("โรงเรือนเมลอน วังน้ำเขียว", "Melon greenhouse, Wang Nam Khiao"),
                "node": {
                    "id": "edge-1",
                    "online": True,
                    "last_heard_at": heard,
                },
                "zones": [zone(1, 28.4, "good"), zone(2, 24.6, "dry")],
                "pump": measure(f"{site}/pump/running", text("ปั๊มน้ำ", "Pump"), "1", 0),
                "tank": {**measure(f"{site}/tank/level", text("ถังน้ำ", "Tank"), "cm", 146), "full_cm": 200},
                "flow": measure(f"{site}/flow/rate", text("น้ำไหล", "Flow"), "L/min", 0),
                "measures": [
                    measure(f"{site}/climate/air_temperature", text("อุณหภูมิอากาศ", "Air temperature"), "Cel", 33.8),
                    measure(f"{site}/climate/humidity", text("ความชื้นอากาศ", "Air humidity"), "%", 58.2),
                    measure(f"{site}/climate/illuminance", text("แสงสว่าง", "Illuminance"), "lx", 62400),
                    measure(f"{site}/inverter/ac_power", text("กำลังไฟ", "AC power"), "W", 3240),
                    measure(f"{site}/inverter/energy_total", text("ไฟสะสม", "Energy"), "Wh", 1284300),
                    measure(f"{site}/probe-2-b/soil_ec", text("EC หัววัด 2ข", "EC, probe 2b"), "uS/cm", None),
                ],
                "emergency": None,
                "latches": [],
                "lockouts": [],
            }
        ],
        "alerts": [],
    }


def town() -> Json:
    """A town on a hazy day, some rain in the morning, the river rising."""
    site = "demo-town/town"
    air = {
        "pm2_5_24h": 31.2,
        "hours": 24,
        "aqi": 75,
        "aqi_text": "75",
        "pollutant": "pm2_5",
        "band": "moderate",
        "label": text("ปานกลาง", "Moderate"),
        "advice": text(
            "ทำงานกลางแจ้งได้ ถ้าไอหรือแสบตาให้พัก",
            "Work outdoors is fine; rest if you cough or your eyes sting",
        ),
    }
    river = {"level_m": 2.31, "bank_height_m": 4.0, "bank_pct": 57.8, "band": "normal", "trend": "rising"}
    return {
        "sites": [
            {
                "tenant": "demo-town",
                "id": "town",
                "name": text("เทศบาลตัวอย่าง", "Sample town"),
                "node": {"id": "gateway-1", "online": True, "last_heard_at": iso(datetime.now(UTC))},
                "stations": [],
                "sensors": [
                    {
                        "thing": "air-1",
                        **PLACE,
                        "kind": "air",
                        "name": text("อากาศหน้าเทศบาล", "Air at the town hall"),
                        "measures": [
                            measure(f"{site}/air-1/pm2_5", text("PM2.5 ตอนนี้", "PM2.5 now"), "ug/m3", 28.4),
                            measure(f"{site}/air-1/pm10", text("PM10 ตอนนี้", "PM10 now"), "ug/m3", 44.0),
                        ],
                        "air": air,
                    },
                    {
                        "thing": "rain-1",
                        **PLACE,
                        "kind": "rain",
                        "name": text("ฝนที่สวนสาธารณะ", "Rain at the park"),
                        "measures": [measure(f"{site}/rain-1/rain_total", text("ฝนสะสม", "Rain total"), "mm", 812.4)],
                        "rain": {
                            "today_mm": 12.4,
                            "since": None,
                            "until": None,
                            "band": "moderate",
                            "label": text("ฝนปานกลาง", "Moderate rain"),
                        },
                    },
                    {
                        "thing": "river-1",
                        **PLACE,
                        "kind": "river",
                        "name": text("แม่น้ำที่ท่าน้ำ", "River at the pier"),
                        "measures": [measure(f"{site}/river-1/river_level", text("ระดับน้ำ", "Level"), "m", 2.31)],
                        "river": {**river, "label": text("น้ำปกติ", "Normal")},
                    },
                ],
            }
        ]
    }


def alert(severity: str = "warning") -> Json:
    return {
        "id": "a1",
        "rule": "tank-low",
        "tenant": "demo-farm",
        "site": "melon-greenhouse",
        "datastream": "demo-farm/melon-greenhouse/tank/level",
        "state": "firing",
        "severity": severity,
        "title": text("น้ำในถังเหลือน้อย", "The tank is running low"),
        "text": text("เหลือไม่ถึง 50 ซม. ปั๊มจะหยุดเองถ้าต่ำกว่านี้", "Under 50 cm. The pump stops by itself below this"),
        "since": iso(datetime.now(UTC) - timedelta(minutes=14)),
        "resolved_at": None,
    }


def zone_history() -> Json:
    """A day of soil that dries by the sun and is watered twice, with forty minutes when nothing was heard."""
    now = int(datetime.now(UTC).timestamp())
    times = [at for at in range(now - 86_400, now, 300) if not 50_000 < now - at < 52_400]
    values = [
        29.5 - 3.2 * (((at - now + 86_400) % 43_200) / 43_200) ** 1.4 + 0.12 * math.sin(at / 900) for at in times
    ]
    return {
        "from": iso(datetime.fromtimestamp(now - 86_400, UTC)),
        "to": iso(datetime.fromtimestamp(now, UTC)),
        "moisture": {"t": times, "v": values},
        "band": {"low_pct": 26, "high_pct": 31},
        "runs": [run("r1", "zone-1", 86_000, planned_s=900), run("r2", "zone-1", 43_000, planned_s=840)],
        "gaps": [],
    }


def told(number: int, ago_s: float | None, title: Json, said: Json | None = None, zone: str | None = None) -> Json:
    """Something that the controller of a farm has told; None: it did not know the time."""
    at = None if ago_s is None else iso(datetime.now(UTC) - timedelta(seconds=ago_s))
    return {"id": f"e{number}", "kind": "zone.waits", "at": at, "title": title, "text": said, "zone": zone}


def gap(from_ago_s: float | None, to_ago_s: float, cause: str = "stopped") -> Json:
    now = datetime.now(UTC)
    return {
        "from": None if from_ago_s is None else iso(now - timedelta(seconds=from_ago_s)),
        "to": iso(now - timedelta(seconds=to_ago_s)),
        "cause": cause,
        "readings": None,
        "text": text("เครื่องควบคุมดับ ช่วงนี้จึงไม่ได้วัด", "The controller was off, so nothing was measured."),
    }


def thing_history(property_: str) -> Json:
    """A day of one thing, heard all the time."""
    return {**_line(property_), "gaps": []}


def _line(property_: str) -> Json:
    now = int(datetime.now(UTC).timestamp())
    times = list(range(now - 86_400, now, 600))
    if property_ == "rain_total":
        values = [800 + 12.4 / (1 + math.exp(-(at - now + 30_000) / 2_400)) for at in times]
        return {"t": times, "v": values, "unit": "mm"}
    if property_ == "river_level":
        return {"t": times, "v": [1.7 + 0.61 * (at - now + 86_400) / 86_400 for at in times], "unit": "m"}
    return {
        "t": times,
        "v": [30 + 9 * math.sin(at / 9_000) + 2 * math.sin(at / 1_300) for at in times],
        "unit": "ug/m3",
    }
