"""A town's pumps and gate on the phone: how they stand, why, and who has them in hand."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.cloud.web_browser import axe_findings, open_page, speak_english
from tests.cloud.web_samples import Json, measure, text
from tests.cloud.web_stub import Stub
from tests.edge.floods import GATE_KEY, RIVER, UPSTREAM, Flood

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-standing")]


def stations() -> list[Json]:
    """As a controller tells of them while the river is high, one motor stands, and somebody has locked the gate."""
    flood = Flood()
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = 262.0, 297.0
    flood.town.broken_pumps.add(0)
    flood.run(60)
    flood.town.turn_key(GATE_KEY, locked=True)
    flood.run(5)
    stands: Any = flood.said("site.stands")[-1]
    level = measure("demo-town/flood-gate/river/level", text("ระดับน้ำ", "Water level"), "cm", 262.0)
    return [{**told, "level": level, "latches": _latches(stands, told)} for told in stands["stations"]]


def _latches(stands: Json, told: Json) -> list[Json]:
    mine = {part["id"] for part in told["parts"]}
    found = [latch for latch in stands["latches"] if latch["subject"] in mine]
    return [{"id": latch["id"], "kind": latch["of"], "text": latch["text"], "since": None} for latch in found]


@pytest.mark.parametrize(
    ("english", "says", "locked"),
    [
        (False, ["กำลังเดิน", "262 ซม.", "ปั๊ม 2: กำลังเดิน", "มอเตอร์ไม่เดิน"], "ล็อกด้วยกุญแจที่ตู้"),
        (True, ["Running", "262 cm", "Pump 2: Running", "the motor stands"], "Locked by the key at the cabinet"),
    ],
)
async def test_the_town_page_shows_pumps_and_gate_and_who_has_them_in_hand(
    phone: BrowserContext, stub: Stub, english: bool, says: list[str], locked: str
) -> None:
    stub.town["sites"] = [
        {
            "tenant": "demo-town",
            "id": "flood-gate",
            "name": text("ประตูระบายน้ำ", "Flood gate"),
            "sensors": [],
            "stations": stations(),
        }
    ]
    if english:
        await speak_english(phone)
    page = await open_page(phone, stub, "#/town")
    pumps, gate = page.locator(".station").first, page.locator(".station").last
    for words in says:
        await expect(pumps).to_contain_text(words)
    await expect(gate).to_contain_text(locked)
    await expect(gate).to_contain_text("Closed" if english else "ปิดอยู่")
    assert await axe_findings(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
