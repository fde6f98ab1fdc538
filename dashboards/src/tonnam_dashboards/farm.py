"""The farm's dashboard: is the soil wet enough, does water run when it should, what does the sky give."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from tonnam_dashboards import bands
from tonnam_dashboards.influx import DAY_IN_THAILAND, Ask, growth, newest, over_time, place, zones
from tonnam_dashboards.panels import (
    Panel,
    age,
    dashboard,
    each_day,
    in_words,
    last_seen,
    lay_out,
    lines,
    now,
    second_axis,
    states,
    with_bands,
)

UID = "tonnam-farm"
ZONE = '"thing" =~ /^$zone$/'
PROBE = '"thing" !~ /^$zone$/'
KNOWN_BY = ("soil_moisture", "valve_open")
DESCRIPTION = (
    "ดิน น้ำ อากาศ และอุปกรณ์ของฟาร์ม / Soil, water, climate and equipment of a farm. "
    "แถบสีของความชื้นดินคือค่าเริ่มต้น 26–31 % / The soil moisture bands are the default, 26–31 %."
)


def build() -> Dashboard:
    """The dashboard of one farm site, chosen by tenant and site."""
    made = dashboard(UID, "ฟาร์ม / Farm · Tonnam", DESCRIPTION, [*place(KNOWN_BY), zones()]).time("now-24h", "now")
    rows = [
        ("ตอนนี้ / Now", _now()),
        ("ดินและน้ำ / Soil and water", _soil_and_water()),
        ("อากาศและแดด / Climate and sun", _climate_and_sun()),
        ("อุปกรณ์ / Equipment", [last_seen("ข้อมูลล่าสุดของแต่ละจุด / When each point was last heard")]),
    ]
    return lay_out(made, rows).build()


def _now() -> Sequence[Panel]:
    moisture = Ask(newest("soil_moisture", only=ZONE))
    return [
        now("ความชื้นดิน / Soil moisture", moisture, units.Percent, of=bands.SOIL_VWC_PCT),
        in_words("ดินเป็นอย่างไร / How is the soil", moisture, bands.SOIL_VWC_PCT),
        now("น้ำไหล / Water flowing", Ask(newest("rate")), units.LitrePerMinute, span=4),
        now("ระดับน้ำในถัง / Tank level", Ask(newest("level")), "cm", decimals=0, span=4, of=bands.TANK_CM),
        age("ข้อมูลล่าสุดจากฟาร์ม / Farm last heard", span=4),
    ]


def _soil_and_water() -> Sequence[Panel]:
    moisture = lines(
        "ความชื้นดินแต่ละโซน / Soil moisture by zone",
        [Ask(over_time("soil_moisture", only=ZONE))],
        units.Percent,
        span=24,
    )
    switches = [
        Ask(over_time("valve_open", function="max"), "วาล์ว / Valve [[tag_thing]]", "A"),
        Ask(over_time("running", function="max"), "ปั๊ม / Pump [[tag_thing]]", "B"),
    ]
    return [
        with_bands(moisture, bands.SOIL_VWC_PCT),
        states("วาล์วและปั๊ม / Valves and pump", switches, bands.ON_OFF),
        lines("อัตราการไหล / Flow", [Ask(over_time("rate"))], units.LitrePerMinute),
        each_day("น้ำที่ใช้ต่อวัน / Water used per day", [Ask(growth("total", DAY_IN_THAILAND))], units.Litre),
        lines("ระดับน้ำในถัง / Tank level", [Ask(over_time("level"))], "cm", decimals=0),
        lines("หัววัดแต่ละตัว / Each soil probe", [Ask(over_time("soil_moisture", only=PROBE))], units.Percent),
        lines("อุณหภูมิดิน / Soil temperature", [Ask(over_time("soil_temperature", only=ZONE))], units.Celsius),
        lines("ความเค็มของดิน (EC) / Soil EC", [Ask(over_time("soil_ec", only=ZONE))], "µS/cm", decimals=0),
    ]


def _climate_and_sun() -> Sequence[Panel]:
    air = lines(
        "อุณหภูมิและความชื้นอากาศ / Air temperature and humidity",
        [
            Ask(over_time("air_temperature"), "อุณหภูมิ / Temperature [[tag_thing]]", "A"),
            Ask(over_time("humidity"), "ความชื้น / Humidity [[tag_thing]]", "B"),
        ],
        units.Celsius,
    )
    return [
        second_axis(air, "/Humidity/", units.Humidity),
        lines("ความสว่าง / Light", [Ask(over_time("illuminance"))], units.Lux, decimals=0),
        lines("กำลังไฟจากแดด / Solar power", [Ask(over_time("ac_power"))], units.Watt, decimals=0),
        each_day(
            "ไฟจากแดดต่อวัน / Solar energy per day", [Ask(growth("energy_total", DAY_IN_THAILAND))], units.WattHour
        ),
    ]
