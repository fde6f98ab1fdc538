"""What the phone page shows of times that are not fully recorded, in a real browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.cloud.web_browser import ZONE_1, axe_findings, open_page, speak_english
from tests.cloud.web_samples import gap, iso, text
from tests.cloud.web_stub import Stub

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-pages")]

COLOURS = """(chart, share) => {
  const context = chart.getContext('2d')
  const at = Math.round(chart.width * share), height = Math.round(chart.height * 0.12)
  const strip = context.getImageData(at, height, 1, Math.round(chart.height * 0.12)).data
  const seen = new Set()
  for (let i = 0; i < strip.length; i += 4) seen.add(strip.slice(i, i + 4).join())
  return seen.size
}"""
"""How many colours a thin upright strip has, in the upper part of a chart where nothing else is drawn."""


async def colours(page: Page, share: float) -> int:
    chart = page.locator(".day .chart canvas")
    await expect(chart).to_be_visible()
    found: int = await chart.evaluate(COLOURS, share)
    return found


async def test_a_gap_is_hatched_in_the_chart_and_said_in_words(phone: BrowserContext, stub: Stub) -> None:
    damaged = {**gap(None, 3_000, "damaged"), "text": text("ไฟล์เสียหาย", "The file is damaged.")}
    stub.zone_history["gaps"] = [gap(52_400, 26_000), gap(9_000, 8_000), damaged]
    page = await open_page(phone, stub, ZONE_1)
    notes = page.locator(".gap-notes li")
    await expect(notes).to_have_count(2)
    await expect(notes.first).to_contain_text("ไฟล์เสียหาย")
    await expect(notes.first.locator("b")).to_contain_text("ก่อน")
    await expect(notes.last).to_contain_text("เครื่องควบคุมดับ ช่วงนี้จึงไม่ได้วัด")
    await expect(page.locator(".legend-gap")).to_have_text("ข้อมูลไม่ครบ")
    label = await page.locator(".day .chart-canvas").get_attribute("aria-label")
    assert label is not None
    assert label.endswith("มี 3 ช่วงที่ข้อมูลไม่ครบ")
    assert await colours(page, 0.6) > 3, "stripes"
    assert await colours(page, 0.3) <= 2, "nothing but a line of the grid"
    assert await axe_findings(page) == []


async def test_gaps_are_said_in_english_too_and_in_the_town(phone: BrowserContext, stub: Stub) -> None:
    stub.thing_gaps = [gap(7_200, 3_600)]
    await speak_english(phone)
    page = await open_page(phone, stub, "#/town")
    await expect(page.locator(".gap-notes")).to_have_count(3)
    await expect(page.locator(".gap-notes").first).to_contain_text("The controller was off")
    assert await axe_findings(page) == []


async def test_a_gap_within_one_minute_is_told_to_the_second(phone: BrowserContext, stub: Stub) -> None:
    at = datetime.now(UTC).replace(minute=10, second=0) - timedelta(hours=2)
    ends = {"from": iso(at + timedelta(seconds=10)), "to": iso(at + timedelta(seconds=40))}
    stub.zone_history["gaps"] = [{**gap(60, 30), **ends}]
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.locator(".gap-notes b")).to_have_text(re.compile(r"^\d\d:10:10–\d\d:10:40\u00a0น\.$"))


async def test_without_gaps_nothing_is_said_of_them(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub, ZONE_1)
    await expect(page.locator(".day .chart canvas")).to_be_visible()
    await expect(page.locator(".gap-notes, .legend-gap")).to_have_count(0)
    assert await colours(page, 0.6) <= 2
