"""What was on the phone: a zone's waterings, what they were given and how they ended, and what the farm has told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import BrowserContext, expect

from tests.cloud.web_browser import ZONE_1, axe_findings, open_page, speak_english
from tests.cloud.web_samples import Json, iso, run, text, told
from tests.cloud.web_stub import Stub
from tonnam_cloud.farm.schemas import SiteEvents

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-pages")]

DOSES: list[Json] = [
    {"injector": "a", "liquid": "a", "name": text("ถังปุ๋ย A", "Tank A"), "ml": 940.4},
    {"injector": "acid", "liquid": "acid", "name": text("ถังกรด", "Acid tank"), "ml": 1234.0},
    {"injector": "of-before", "liquid": None, "name": None, "ml": 3.25},
]


def watered(stub: Stub, **changes: object) -> None:
    stub.zone_history["runs"] = [{**run("r1", "zone-1", 3_000), **changes}]


@pytest.mark.parametrize(
    ("english", "says"),
    [
        (False, ["จ่าย: ถังปุ๋ย A 940 มล. · ถังกรด 1.2 ลิตร · of-before 3.3 มล.", "ไฟราว 0.42 หน่วย 1.11 บาท"]),
        (
            True,
            ["Dosed: Fertiliser A (Tank A) 940 mL · Acid tank 1.2 L · of-before 3.3 mL", "About 0.42 kWh, 1.11 baht"],
        ),
    ],
)
async def test_a_watering_says_what_was_dosed_and_what_its_pump_took(
    phone: BrowserContext, stub: Stub, english: bool, says: list[str]
) -> None:
    watered(stub, doses=DOSES, kwh=0.42, baht=1.11)
    if english:
        await speak_english(phone)
    page = await open_page(phone, stub, ZONE_1)
    for words in says:
        await expect(page.locator(".runs li")).to_contain_text(words)
    assert await axe_findings(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_what_is_not_known_of_doses_and_electricity_is_not_said(phone: BrowserContext, stub: Stub) -> None:
    watered(stub, doses=[{**DOSES[0], "ml": 0}], kwh=0.031)
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.locator(".runs li")).to_contain_text("ไฟราว 0.031 หน่วย")
    await expect(page.locator(".runs li")).not_to_contain_text("บาท")
    await expect(page.locator(".runs li")).not_to_contain_text("จ่าย")


def outlives(stub: Stub) -> Json:
    """The controller hangs while it waters: its end is overdue, and nothing was read since."""
    stub.begin_run(1, gone_s=1_500)
    zone: Json = stub.farm["sites"][0]["zones"][0]
    zone["valve"]["observed_at"] = iso(datetime.now(UTC) - timedelta(seconds=1_000))
    stub.zone_history["runs"] = [zone["run"]]
    return zone


async def test_a_watering_whose_end_is_overdue_is_not_called_running(phone: BrowserContext, stub: Stub) -> None:
    zone = outlives(stub)
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.locator(".facts")).to_contain_text("ครบเวลาแล้ว ยังไม่ได้ยินจากฟาร์ม")
    await expect(page.locator(".run-outcome")).to_have_text("ไม่รู้ว่าปิดหรือยัง")
    await expect(page.locator(".runs li")).to_contain_text("ตั้งไว้ 10 นาที")
    await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว")
    zone.update(running=False, run=None, last_run={**run("now", "zone-1", 1_500), "outcome": "interrupted"})
    stub.push("changed", {"what": "overview"})
    await expect(page.locator(".run-outcome")).to_have_text("ถูกตัดกลางคัน")


async def test_a_watering_that_goes_on_is_called_so_and_one_that_was_lost_is_not(
    phone: BrowserContext, stub: Stub
) -> None:
    stub.begin_run(1)
    lost = run("lost", "zone-1", 20_000, ended=False)
    stub.zone_history["runs"] = [lost, stub.farm["sites"][0]["zones"][0]["run"]]
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.locator(".run-outcome")).to_have_text(["กำลังรด", "ไม่รู้ว่าจบอย่างไร"])


async def test_what_the_farm_has_told_is_read_by_who_opens_it(phone: BrowserContext, stub: Stub) -> None:
    waits = text("รอน้ำมาครบหนึ่งวัน", "Has waited a day for water")
    stub.told = [
        told(1, 100, waits, text("รอปั๊มมา 24 ชั่วโมง", "Waited 24 hours for the pump"), "zone-2"),
        told(2, 90_000, text("ปลดล็อกแล้ว", "Unlocked")),
        told(3, None, text("เครื่องควบคุมเริ่มทำงาน", "The controller began")),
    ]
    SiteEvents.model_validate({"events": stub.told})
    page = await open_page(phone, stub)
    opened = page.locator(".told")
    await expect(opened.locator("li")).to_have_count(0)
    await opened.locator("summary").click()
    await expect(opened.locator("li").first).to_contain_text("แปลง 2: รอน้ำมาครบหนึ่งวัน")
    await expect(opened.locator("li").first).to_contain_text("รอปั๊มมา 24 ชั่วโมง")
    await expect(opened.locator("h3").last).to_have_text("ไม่รู้เวลา")
    assert await axe_findings(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
