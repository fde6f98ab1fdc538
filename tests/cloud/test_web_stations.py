"""A town's pumps and gate on the phone: how they stand, why, who has them in hand, and what one may ask of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.cloud.web_browser import axe_findings, open_page, speak_english
from tests.cloud.web_samples import Json, iso, measure, text
from tests.cloud.web_stub import Stub
from tests.edge.floods import GATE_KEY, RIVER, UPSTREAM, Flood
from tonnam_cloud.city.schemas import TownSite

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-standing")]


def high_and_locked() -> Flood:
    """The river is high, one motor stands, and somebody has locked the gate."""
    flood = Flood()
    flood.town.levels[RIVER], flood.town.levels[UPSTREAM] = 262.0, 297.0
    flood.town.broken_pumps.add(0)
    flood.run(60)
    flood.town.turn_key(GATE_KEY, locked=True)
    flood.run(5)
    return flood


def calm() -> Flood:
    flood = Flood()
    flood.run(40)
    return flood


def shown(stub: Stub, flood: Flood, **changes: Any) -> list[Json]:
    """Put on the town's page what the controller tells of its stations; with `changes` to each."""
    stands: Any = flood.said("site.stands")[-1]
    centimetres = flood.town.levels[RIVER]
    level = measure("demo-town/flood-gate/river/level", text("ระดับน้ำ", "Water level"), "cm", centimetres)
    heard = {"level": level, "heard_at": iso(datetime.now(UTC)), "fresh": True}
    found = [{**told, **heard, "latches": _latches(stands, told), **changes} for told in stands["stations"]]
    site = {**stub.town["sites"][0], "id": "flood-gate", "name": text("ประตูระบายน้ำ", "Flood gate"), "sensors": []}
    stub.town["sites"] = [{**site, "stations": found}]
    TownSite.model_validate(stub.town["sites"][0])
    return found


def _latches(stands: Json, told: Json) -> list[Json]:
    mine = {part["id"] for part in told["parts"]}
    found = [latch for latch in stands["latches"] if latch["subject"] in mine]
    return [{"id": latch["id"], "kind": latch["of"], "text": latch["text"], "since": None} for latch in found]


@pytest.mark.parametrize(
    ("english", "says", "locked"),
    [
        (False, ["กำลังเดิน", "262 ซม.", "ปั๊ม 2: กำลังเดิน", "ปั๊มไม่เดิน", "มอเตอร์ไม่เดิน"], "ล็อกด้วยกุญแจที่ตู้"),
        (
            True,
            ["Running", "262 cm", "Pump 2: Running", "A pump does not run", "the motor stands"],
            "Locked by the key at the cabinet",
        ),
    ],
)
async def test_the_town_page_shows_pumps_and_gate_and_who_has_them_in_hand(
    phone: BrowserContext, stub: Stub, english: bool, says: list[str], locked: str
) -> None:
    shown(stub, high_and_locked())
    if english:
        await speak_english(phone)
    page = await open_page(phone, stub, "#/town")
    pumps, gate = page.locator(".station").first, page.locator(".station").last
    for words in says:
        await expect(pumps).to_contain_text(words)
    await expect(gate).to_contain_text(locked)
    await expect(gate).to_contain_text("Closed" if english else "ปิดอยู่")
    await expect(gate).to_contain_text("people have it in hand" if english else "มีคนคุมอยู่ที่สถานี")
    await expect(gate.locator(".order-form")).to_have_count(0)
    assert await axe_findings(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_an_order_is_asked_for_once_answered_and_ended(phone: BrowserContext, stub: Stub) -> None:
    flood = calm()
    shown(stub, flood)
    page = await open_page(phone, stub, "#/town")
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    pumps, gate = page.locator(".station").first, page.locator(".station").last
    await expect(gate.locator(".order-form summary")).to_have_text("สั่งปิดประตูชั่วคราว")
    await expect(pumps).to_contain_text("จากไกลสั่งสวนกับระดับน้ำหรือล็อกสถานีไม่ได้")
    await pumps.locator(".order-form summary").click()
    await pumps.get_by_role("button", name="5 นาที", exact=True).click()
    await pumps.get_by_role("button", name="เดินปั๊ม 5 นาที").click()
    await expect(pumps.locator(".asks-what")).to_be_focused()
    assert stub.asked == []
    assert await axe_findings(page) == []
    await pumps.get_by_role("button", name="ใช่ สั่งเลย").click()
    told = pumps.locator(".control [role=status]")
    await expect(told).to_contain_text("ส่งไปที่สถานีแล้ว รอสถานีตอบ")
    assert stub.asked[0][:2] == ("flood-pumps", {"action": "water", "minutes": 5})
    await expect(pumps.locator(".order-form")).to_have_count(0)
    shown(stub, flood, ordered=True)
    stub.move_command("running", text("มีคนสั่งเดิน 5 นาที", "Somebody asked for 5 minutes"))
    await expect(told).to_contain_text("สถานีทำตามคำสั่งอยู่")
    await pumps.get_by_role("button", name="ยกเลิกคำสั่ง ให้ทำตามระดับน้ำ").click()
    await expect(told).to_contain_text("ส่งคำสั่งยกเลิกไปที่สถานีแล้ว")
    assert stub.asked[1][:2] == ("flood-pumps", {"action": "stop"})
    shown(stub, flood)
    stub.move_command("done")
    await expect(told).to_contain_text("ยกเลิกแล้ว สถานีทำตามระดับน้ำ")
    await expect(pumps.locator(".order-form")).to_have_count(1)


async def test_an_order_that_is_refused_says_why(phone: BrowserContext, stub: Stub) -> None:
    shown(stub, calm())
    await speak_english(phone)
    page = await open_page(phone, stub, "#/town")
    await expect(page.locator(".connection")).to_have_text("Connected")
    gate = page.locator(".station").last
    await gate.locator(".order-form summary").click()
    await gate.get_by_role("button", name="Close for 10 min").click()
    await gate.get_by_role("button", name="Yes, do it").click()
    await expect(gate.locator(".command")).to_contain_text("waiting for its answer")
    stub.move_command("refused", text("ไม่รู้ระดับน้ำ", "The level is not known"))
    await expect(gate.locator(".command.is-bad")).to_contain_text("This order has changed nothing")
    await expect(gate.locator(".command.is-bad")).to_contain_text("Reason: The level is not known")


async def test_what_was_found_wrong_is_cleared_after_one_question(phone: BrowserContext, stub: Stub) -> None:
    pumps, _ = shown(stub, high_and_locked())
    page = await open_page(phone, stub, "#/town")
    card = page.locator(".station").first
    await card.get_by_role("button", name="ไปดูและซ่อมแล้ว").click()
    await expect(card.locator(".asks-what")).to_be_focused()
    await card.get_by_role("button", name="ใช่ ซ่อมแล้ว").click()
    await expect(card.locator(".command")).to_contain_text("ส่งไปที่สถานีแล้ว รอสถานีตอบ")
    assert stub.asked[0][:2] == (None, {"action": "clear", "latch": pumps["latches"][0]["id"]})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"level_by": "nobody"}, "เพราะไม่รู้ระดับน้ำ"),
        ({"mode": "unknown"}, "เพราะไม่รู้ว่าสวิตช์ที่ตู้อยู่ตรงไหน"),
    ],
)
async def test_what_would_be_refused_is_not_offered(
    phone: BrowserContext, stub: Stub, changes: Json, why: str
) -> None:
    shown(stub, calm(), **changes)
    page = await open_page(phone, stub, "#/town")
    await expect(page.locator(".station").first).to_contain_text(why)
    await expect(page.locator(".order-form")).to_have_count(0)


async def test_who_may_only_look_is_offered_nothing(phone: BrowserContext, stub: Stub) -> None:
    stub.can_command = False
    shown(stub, high_and_locked())
    page = await open_page(phone, stub, "#/town")
    await expect(page.locator(".station").first).to_contain_text("บัญชีนี้ดูได้อย่างเดียว")
    await expect(page.locator(".station button, .order-form")).to_have_count(0)


@pytest.mark.parametrize("online", [True, False])
async def test_a_station_that_is_not_heard_is_not_said_to_run(
    phone: BrowserContext, stub: Stub, online: bool
) -> None:
    shown(stub, high_and_locked(), fresh=online is False)
    stub.town["sites"][0]["node"]["online"] = online
    page = await open_page(phone, stub, "#/town")
    pumps = page.locator(".station").first
    await expect(pumps.locator(".sensor-word")).to_have_text("ไม่รู้")
    await expect(pumps.locator(".notice")).to_contain_text("เป็นของตอนนั้น: กำลังเดิน")
    await expect(pumps.locator(".notice")).to_contain_text("เครื่องวัดของสถานี" if online else "ตู้ควบคุมของสถานีไม่ได้")
