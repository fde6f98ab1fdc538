"""How the agent's sentences read: lengths of time, and a farm's own names among Thai words."""

from __future__ import annotations

import pytest

from tonnam_edge.core import texts
from tonnam_edge.site.profile import Words


@pytest.mark.parametrize(
    ("seconds", "th", "en"),
    [
        (45, "45 วินาที", "45 seconds"),
        (60.0, "1 นาที", "1 minute"),
        (90, "1 นาที 30 วินาที", "1 minute 30 seconds"),
        (600, "10 นาที", "10 minutes"),
        (0, "0 วินาที", "0 seconds"),
    ],
)
def test_lengths_are_whole_minutes_where_they_are(seconds: float, th: str, en: str) -> None:
    assert texts.minutes(seconds) == {"th": th, "en": en}


def test_names_that_end_in_a_number_stand_off_from_thai_words() -> None:
    zone = Words(th="แปลง 1", en="Zone 1")
    assert texts.busy_elsewhere(zone)["th"].startswith("กำลังรดแปลง 1 อยู่ ปั๊ม")
    assert texts.not_proven(Words(th="วาล์ว 2", en="Valve 2"), on=True)["th"].startswith("สั่งเปิดวาล์ว 2 แล้วแต่")
    assert texts.device_lost(Words(th="SHT20", en="SHT20"))["th"].startswith("SHT20 ไม่ตอบ")
    assert texts.not_proven(Words(th="Main valve", en="Main valve"), on=False)["th"].startswith("สั่งปิด Main valve แล้ว")


def test_thai_names_run_on_into_thai_words() -> None:
    assert texts.device_back(Words(th="ตู้ควบคุม", en="Cabinet"))["th"] == "ตู้ควบคุมกลับมาตอบแล้ว"
