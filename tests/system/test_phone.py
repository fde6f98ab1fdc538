"""The farmer's whole way: sign in on a phone, look at a zone, water it, see it end by itself and the soil wetter."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect
from pymodbus.client import AsyncModbusTcpClient

from tests import servers
from tests.cloud.web_browser import PHONE, ZONE_2
from tests.cloud.web_fixtures import FLAGS, chromium
from tests.system.stack import PASSWORD, USER, Client, Stack, plan_in, running

PUMP, VALVE_2 = 0, 2
WETTER_BY_ONE = r"""before =>
    Number(/\d+\.\d/.exec(document.querySelector(".soil-figure .figure").innerText)[0]) >= before + 1
"""
NUMBER = re.compile(r"\d+\.\d")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = await browser.new_page(viewport=PHONE, locale="th-TH")
        page.set_default_timeout(20_000)
        yield page
        await browser.close()


async def moisture_pct(page: Page) -> float:
    """What the page says of the soil, in big figures."""
    found = NUMBER.search(await page.locator(".soil-figure .figure").first.inner_text())
    assert found is not None
    return float(found.group())


async def contacts(stack: Stack) -> list[bool]:
    """The relay board's own word."""
    host, _, port = stack.plan.ports.bus("cabinet").partition(":")
    async with AsyncModbusTcpClient(host, port=int(port)) as client:
        answer = await client.read_coils(0, count=8, device_id=1)
        return list(answer.bits[:8])


@pytest.mark.timeout(240)
async def test_farmer_waters_for_a_minute_from_the_phone(tmp_path: Path, nats_broker: str, page: Page) -> None:
    with running(Stack(plan_in(tmp_path, nats_broker), hurried=True)) as stack:
        await page.goto(stack.url)
        await page.get_by_label("ชื่อผู้ใช้").fill(USER)
        await page.get_by_label("รหัสผ่าน", exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="แปลง 2")).to_be_visible(timeout=40_000)
        await page.goto(f"{stack.url}/{ZONE_2}")
        await expect(page.locator(".connection")).to_have_text("เชื่อมต่อแล้ว", timeout=20_000)
        before = await moisture_pct(page)
        assert (await contacts(stack))[VALVE_2] is False

        await page.get_by_role("button", name="5 นาที", exact=True).click()
        for _ in range(4):
            await page.get_by_role("button", name="ลดเวลา").click()
        await page.get_by_role("button", name="รดน้ำ 1 นาที").click()
        await page.get_by_role("button", name="ใช่ เปิดน้ำเลย").click()

        command = page.locator(".control [role=status].command-place")
        await expect(command).to_contain_text("น้ำกำลังไหล", timeout=20_000)
        await expect(page.get_by_role("button", name="หยุดน้ำ แปลง 2")).to_be_visible()
        seen = await contacts(stack)
        assert (seen[PUMP], seen[VALVE_2]) == (True, True)

        await expect(command).to_contain_text("วาล์วปิดแล้ว", timeout=90_000)
        seen = await contacts(stack)
        assert seen == [False] * 8
        await expect(page.get_by_role("button", name="หยุดน้ำ แปลง 2")).to_be_hidden()
        await page.wait_for_function(WETTER_BY_ONE, arg=before, timeout=60_000)

        client = Client(stack.url)
        client.sign_in()
        [run] = client.get("/api/sites/demo-farm/melon-greenhouse/zones/zone-2/history?hours=1")["runs"]
        assert run["cause"] == "manual"
        assert run["outcome"] == "done"
        assert run["litres"] == pytest.approx(60, abs=8)
    assert servers.listens(int(stack.plan.ports.bus("cabinet").rpartition(":")[2])) is False
