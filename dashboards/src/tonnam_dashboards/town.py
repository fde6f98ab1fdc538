"""The town's dashboard: the air, the rain and the river, in the words that the offices use."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import TextBoxVariable
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from tonnam_dashboards import bands
from tonnam_dashboards.influx import DAY_OF_RAIN, HERE, NOW, Ask, growth, over_time, place, running_24_h_mean
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
    with_bands,
)

UID = "tonnam-town"
KNOWN_BY = ("pm2_5", "rain_total", "river_level")
DEFAULT_BANK_M = "4.5"
DEFAULT_BED_M = "0"
DESCRIPTION = (
    "ฝุ่น ฝน แม่น้ำ และอุณหภูมิของเมือง / Dust, rain, river and temperature of a town. "
    "ใส่ความสูงตลิ่งและท้องน้ำของสถานีที่ด้านบน / Enter your gauge's bank and bed height at the top."
)
FULLNESS = '("value" - $bed_m) * 100 / ($bank_m - $bed_m)'


def build() -> Dashboard:
    """The dashboard of one town site, chosen by tenant and site; bank and bed heights are typed in."""
    heights = [
        TextBoxVariable("bank_m").label("ความสูงตลิ่ง (ม.) / Bank height (m)").default_value(DEFAULT_BANK_M),
        TextBoxVariable("bed_m").label("ท้องน้ำ (ม.) / River bed (m)").default_value(DEFAULT_BED_M),
    ]
    made = dashboard(UID, "เมือง / Town · Tonnam", DESCRIPTION, [*place(KNOWN_BY), *heights]).time("now-3d", "now")
    rows = [
        ("ตอนนี้ / Now", _now()),
        ("อากาศ / Air", _air()),
        ("ฝนและแม่น้ำ / Rain and river", _water()),
        ("อุปกรณ์ / Equipment", [last_seen("ข้อมูลล่าสุดของแต่ละจุด / When each point was last heard")]),
    ]
    return lay_out(made, rows).build()


def _bank_pct(function: str, rest: str) -> str:
    """The river's level in per cent of the height from bed to bank."""
    levels = f'SELECT {FULLNESS} AS "pct" FROM "river_level" WHERE {HERE} AND $timeFilter GROUP BY "thing"'
    return f'SELECT {function}("pct") FROM ({levels}) WHERE $timeFilter GROUP BY {rest}'


def _now() -> Sequence[Panel]:
    dust = Ask(running_24_h_mean("pm2_5", since=NOW))
    river = Ask(_bank_pct("last", '"thing"'))
    return [
        now("PM2.5 เฉลี่ย 24 ชม. / 24 h mean", dust, units.MicrogramPerCubicMeter, of=bands.PM2_5),
        in_words("คุณภาพอากาศ / Air quality", dust, bands.PM2_5, span=5),
        now("แม่น้ำเทียบตลิ่ง / River against its bank", river, units.Percent, of=bands.RIVER_PCT_OF_BANK, span=4),
        in_words("แม่น้ำ / River", river, bands.RIVER_PCT_OF_BANK, span=4),
        age("ข้อมูลล่าสุดจากเมือง / Town last heard", span=5),
    ]


def _air() -> Sequence[Panel]:
    mean = lines(
        "PM2.5 เฉลี่ย 24 ชม. / PM2.5, 24-hour running mean",
        [Ask(running_24_h_mean("pm2_5"))],
        units.MicrogramPerCubicMeter,
        span=24,
    )
    dust = [Ask(over_time("pm2_5"), "PM2.5 [[tag_thing]]", "A"), Ask(over_time("pm10"), "PM10 [[tag_thing]]", "B")]
    return [
        with_bands(mean, bands.PM2_5).description(
            "แถบสีตามดัชนีคุณภาพอากาศไทย พ.ศ. 2566 ต้องมีข้อมูลอย่างน้อย 18 ใน 24 ชั่วโมง / "
            "Bands of the Thai air quality index, B.E. 2566. It takes 18 of the last 24 hours."
        ),
        lines("ฝุ่นตอนนี้ / Dust as it comes", dust, units.MicrogramPerCubicMeter),
        lines("อุณหภูมิ / Temperature", [Ask(over_time("air_temperature"))], units.Celsius),
    ]


def _water() -> Sequence[Panel]:
    bank = f'SELECT mean("value") * 0 + $bank_m FROM "river_level" WHERE {HERE} AND $timeFilter '
    bank += 'GROUP BY time($__interval), "thing" fill(none)'
    level = [
        Ask(over_time("river_level"), "ระดับน้ำ / Level [[tag_thing]]", "A"),
        Ask(bank, "ตลิ่ง / Bank [[tag_thing]]", "B"),
    ]
    rain = each_day("ฝนต่อวัน (07:00–07:00) / Rain per day", [Ask(growth("rain_total", DAY_OF_RAIN))], units.Millimeter)
    share = lines(
        "แม่น้ำเทียบตลิ่ง / River in % of its bank",
        [Ask(_bank_pct("mean", 'time($__interval), "thing" fill(none)'))],
        units.Percent,
    )
    return [
        with_bands(rain.decimals(1), bands.RAIN_MM).fill_opacity(60),
        lines("ระดับแม่น้ำ / River level", level, units.Meter, decimals=2),
        with_bands(share, bands.RIVER_PCT_OF_BANK),
        lines("แบตเตอรี่ / Batteries", [Ask(over_time("battery"))], units.Volt, decimals=2),
    ]
