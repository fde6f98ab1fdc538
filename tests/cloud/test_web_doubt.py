"""What the phone says when a farm falls silent, a watering is not told to have ended, or the last one failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import BrowserContext, expect

from tests.cloud.web_browser import DESK, ZONE_2, axe_findings, open_page
from tests.cloud.web_samples import Json, iso, latch, lockout, measure, run, text
from tests.cloud.web_stub import Stub

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-standing")]

GO_AND_LOOK = "ครบเวลาแล้ว ยังไม่ได้ยินจากฟาร์ม ไปดูที่แปลง"


def second(stub: Stub) -> Json:
    zone: Json = stub.farm["sites"][0]["zones"][1]
    return zone


def fall_silent(stub: Stub) -> None:
    """The controller hangs with its connection open: nothing is fresh any more."""
    site = stub.farm["sites"][0]
    soil = [each for zone in site["zones"] for each in (zone["moisture"], zone["valve"])]
    for each in [*soil, *site["measures"], site["pump"], site["tank"], site["flow"]]:
        each.update(measure(each["datastream"], each["name"], each["unit"], None))
    for zone in site["zones"]:
        zone.update(state="unknown", running=None)


async def test_a_silent_farm_is_called_silent_though_the_phone_is_connected(
    phone: BrowserContext, stub: Stub
) -> None:
    page = await open_page(phone, stub)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    fall_silent(stub)
    stub.push("changed", {"what": "overview"})
    await expect(page.locator(".connection.is-away")).to_have_text("ฟาร์มเงียบไป")
    await expect(page.locator(".verdict")).to_have_text("ฟาร์มเงียบไป ที่เห็นอยู่ไม่ใช่ของตอนนี้")


async def test_a_watering_promises_nothing_once_the_farm_is_not_heard(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_2)
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    await page.get_by_role("button", name="รดน้ำ 10 นาที").click()
    await page.get_by_role("button", name="ใช่ เปิดน้ำเลย").click()
    await expect(page.locator(".command")).to_contain_text("รอฟาร์มตอบ")
    stub.begin_run(2)
    stub.move_command("running")
    await expect(page.locator(".command")).to_contain_text("จะปิดเองเมื่อครบเวลา")
    fall_silent(stub)
    stub.push("changed", {"what": "overview"})
    await expect(page.locator(".command.is-bad")).to_have_text("ตอนนี้ไม่ได้ยินจากฟาร์ม ไปดูที่แปลง")
    second(stub)["run"] = run("now", "zone-2", 601, ended=False)
    stub.push("changed", {"what": "overview"})
    await expect(page.locator(".command.is-bad")).to_have_text(GO_AND_LOOK)
    await expect(page.locator(".facts")).to_contain_text(GO_AND_LOOK)
    assert await axe_findings(page) == []


async def test_a_valve_last_heard_before_the_planned_end_is_not_said_to_be_open(
    phone: BrowserContext, stub: Stub
) -> None:
    stub.begin_run(2, gone_s=700)
    second(stub)["valve"]["observed_at"] = iso(datetime.now(UTC) - timedelta(seconds=130))
    page = await open_page(phone, stub)
    await expect(page.locator(".verdict")).to_have_text("ไม่รู้ว่าน้ำ แปลง 2 ปิดหรือยัง ไปดูที่แปลง")
    await expect(page.locator("article.zone").last).to_contain_text(GO_AND_LOOK)
    second(stub)["valve"]["observed_at"] = iso(datetime.now(UTC) - timedelta(seconds=3))
    stub.push("changed", {"what": "overview"})
    await expect(page.locator("article.zone").last).to_contain_text("ครบเวลาแล้ว รอฟาร์มบอกว่าปิดแล้ว")


async def test_the_plan_is_not_said_while_water_runs(phone: BrowserContext, stub: Stub) -> None:
    stub.begin_run(2)
    page = await open_page(phone, stub)
    await expect(page.locator("article.zone").last).to_contain_text("น้ำกำลังไหล")
    await expect(page.locator("article.zone").last).not_to_contain_text("รดครั้งต่อไป")
    await expect(page.locator("article.zone").first).to_contain_text("รดครั้งต่อไป")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lockouts": [lockout()]}, "แปลง 2 ล็อกอยู่"),
        ({"latches": [latch()]}, "แปลง 2 มีปัญหา ต้องไปดู"),
        ({"last_run": {**run("l", "zone-2", 900), "outcome": "failed"}}, "แปลง 2 รดครั้งล่าสุดไม่สำเร็จ"),
    ],
)
async def test_what_is_wrong_is_said_before_how_the_soil_is(
    phone: BrowserContext, stub: Stub, changed: Json, said: str
) -> None:
    second(stub).update(state="good", **changed)
    page = await open_page(phone, stub)
    await expect(page.locator(".verdict")).to_have_text(said)
    await expect(page.locator(".hero .lead")).to_have_text("ดินชื้นพอดีทุกแปลง")


async def test_a_failed_watering_is_on_the_card_until_the_next_one(phone: BrowserContext, stub: Stub) -> None:
    why = text("เปิดแล้วแต่น้ำไม่ไหล", "Open, but no water flowed")
    second(stub)["last_run"] = {**run("l", "zone-2", 900), "outcome": "failed", "reason": why}
    page = await open_page(phone, stub)
    card = page.locator("article.zone").last
    await expect(card).to_contain_text("ไม่สำเร็จ")
    await expect(card).to_contain_text("เปิดแล้วแต่น้ำไม่ไหล")
    await expect(page.locator("article.zone").first).not_to_contain_text("ไม่สำเร็จ")


async def test_no_stop_is_offered_once_the_farm_says_that_it_has_closed(phone: BrowserContext, stub: Stub) -> None:
    stub.begin_run(2)
    page = await open_page(phone, stub, ZONE_2)
    stop = page.get_by_role("button", name="หยุดน้ำ แปลง 2")
    await expect(stop).to_be_visible()
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    second(stub).update(run=None, last_run={**run("now", "zone-2", 605), "outcome": "stopped"})
    stub.push("changed", {"what": "overview"})
    await expect(page.locator(".facts")).to_contain_text("ฟาร์มบอกว่าปิดแล้ว รอค่าใหม่จากวาล์ว")
    await expect(stop).to_have_count(0)


async def test_a_run_that_was_cut_off_is_as_long_as_water_ran(phone: BrowserContext, stub: Stub) -> None:
    yesterday = {**run("r9", "zone-2", 30 * 3600), "ended_at": iso(datetime.now(UTC)), "outcome": "interrupted"}
    stub.zone_history["runs"] = [run("r8", "zone-2", 5), {**yesterday, "duration_s": 130.0}]
    page = await open_page(phone, stub, ZONE_2)
    await page.set_viewport_size(DESK)
    await expect(page.locator(".runs")).to_contain_text("2 นาที 10 วินาที")
    await expect(page.locator(".runs h4")).to_have_count(2)


async def test_an_address_that_leads_nowhere_leads_home(phone: BrowserContext, stub: Stub) -> None:
    page = await phone.new_page()
    await page.goto(f"{stub.url}/#/nowhere")
    await page.get_by_role("link", name="กลับหน้าฟาร์ม").click()
    await expect(page.locator("article.zone")).to_have_count(2)
