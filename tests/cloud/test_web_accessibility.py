"""The page for everyone: axe-core, small screens, the keyboard, fingers with little aim."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.cloud.web_browser import DESK, PHONE, ZONE_1, axe_findings, open_page, speak_english
from tests.cloud.web_samples import alert, measure, text, zone
from tests.cloud.web_stub import Stub

pytest_plugins = ["tests.cloud.web_fixtures"]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("web-accessibility")]


def calm(stub: Stub) -> None:
    """As the samples are."""


def signed_out(stub: Stub) -> None:
    stub.signed_in = False


def watering(stub: Stub) -> None:
    stub.begin_run(1)
    stub.farm["alerts"] = [alert("critical"), {**alert("warning"), "id": "a2"}]


def unknown(stub: Stub) -> None:
    site = stub.farm["sites"][0]
    site["node"]["online"] = False
    site["zones"] = [{**zone(1, None, "unknown"), "running": None}, zone(2, 39.0, "wet")]
    site["tank"] = measure(site["tank"]["datastream"], text("ถัง", "Tank"), "cm", None)
    air, rain, river = stub.town["sites"][0]["sensors"]
    air["air"].update(band="not_enough_data", aqi=None, aqi_text=None, hours=9)
    rain["rain"].update(today_mm=None)
    river["river"].update(level_m=None, bank_pct=None, trend=None)


SCENES = [
    pytest.param("", signed_out, id="sign-in"),
    pytest.param("", calm, id="home"),
    pytest.param("", watering, id="home-watering"),
    pytest.param("", unknown, id="home-unknown"),
    pytest.param(ZONE_1, calm, id="zone"),
    pytest.param(ZONE_1, watering, id="zone-watering"),
    pytest.param(ZONE_1, unknown, id="zone-unknown"),
    pytest.param("#/town", calm, id="town"),
    pytest.param("#/town", unknown, id="town-unknown"),
]


async def settled(page: Page, where: str) -> None:
    """Charts are drawn, if the page has any."""
    if where:
        await expect(page.locator(".chart canvas").first).to_be_visible()


# Every pair of language, size and light is met once, and so is every single one.
VIEWS = [
    ("English", PHONE, "dark"),
    ("English", DESK, "light"),
    ("ภาษาไทย", PHONE, "light"),
    ("ภาษาไทย", DESK, "dark"),
]
SMALL = """() => [...document.querySelectorAll('button, a, summary, input')]
    .filter(it => !it.classList.contains('skip') && it.checkVisibility())
    .map(it => [it.className || it.textContent, it.getBoundingClientRect().height])
    .filter(([, height]) => height < 48)"""


@pytest.mark.parametrize(("where", "scene"), SCENES)
async def test_page_serves_everyone(
    phone: BrowserContext, stub: Stub, where: str, scene: Callable[[Stub], None]
) -> None:
    """axe-core finds nothing, nothing runs off a screen of 320 px, and what is pressed is at least 48 px high."""
    scene(stub)
    page = await open_page(phone, stub, where)
    await settled(page, where)
    for language, size, scheme in VIEWS:
        if await page.get_by_role("button", name=language).count():
            await page.get_by_role("button", name=language).click()
            await expect(page.get_by_role("button", name=language)).to_have_count(0)
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": 320, "height": 740})
        assert await page.evaluate("document.documentElement.scrollWidth") == 320, language
        assert await page.evaluate(SMALL) == [], language
        await page.set_viewport_size(size)
        assert await axe_findings(page) == [], f"{language} {size} {scheme}"


async def test_zone_can_be_watered_by_keyboard_alone(phone: BrowserContext, stub: Stub) -> None:
    await speak_english(phone)
    page = await open_page(phone, stub)
    await press_until(page, "Look and water Zone 1")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1, name="Zone 1")).to_be_focused()
    await press_until(page, "More time")
    await page.keyboard.press("Space")
    await press_until(page, "Water for 11 min")
    await page.keyboard.press("Enter")
    await press_until(page, "Yes, open the water")
    await page.keyboard.press("Enter")
    await expect(page.locator(".command")).to_contain_text("waiting for its answer")
    assert stub.asked[0][:2] == ("zone-1", {"action": "water", "minutes": 11})


async def test_zone_can_be_watered_by_litres(phone: BrowserContext, stub: Stub) -> None:
    await speak_english(phone)
    page = await open_page(phone, stub, "#/zone/demo-farm/melon-greenhouse/zone-1")
    await page.get_by_role("button", name="By litres").click()
    await page.get_by_role("button", name="More water").click()
    await page.get_by_role("button", name="Water 250 litres").click()
    await expect(page.get_by_role("heading", name="Water Zone 1 with 250 litres?")).to_be_focused()
    await page.get_by_role("button", name="Yes, open the water").click()
    await expect(page.locator(".command")).to_contain_text("waiting for its answer")
    assert stub.asked[0][:2] == ("zone-1", {"action": "water", "litres": 250})


async def press_until(page: Page, name: str) -> None:
    """Presses Tab until what has the focus bears this name; every stop on the way shows that it has the focus."""
    wanted = page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name)).first
    await wanted.wait_for()
    for _ in range(40):
        await page.keyboard.press("Tab")
        shown = await page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert shown == "3px"
        if await wanted.evaluate("it => it === document.activeElement"):
            return
    pytest.fail(f"Tab never came to {name}")


async def test_skip_link_leads_past_the_menu(phone: BrowserContext, stub: Stub) -> None:
    page = await open_page(phone, stub)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="ข้ามไปเนื้อหา")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()


async def test_focus_is_never_hidden_behind_the_floating_bars(phone: BrowserContext, stub: Stub) -> None:
    stub.begin_run(1)
    page = await open_page(phone, stub, ZONE_1)
    await settled(page, ZONE_1)
    await page.get_by_text("ดูเป็นตาราง").focus()
    box = await page.get_by_text("ดูเป็นตาราง").bounding_box()
    bar = await page.locator(".stop-always").bounding_box()
    assert box is not None
    assert bar is not None
    assert box["y"] + box["height"] <= bar["y"]


async def test_nothing_moves_for_those_who_asked_for_stillness(phone: BrowserContext, stub: Stub) -> None:
    stub.begin_run(1)
    page = await open_page(phone, stub)
    assert await page.evaluate("document.getAnimations().length") == 0
    await page.emulate_media(reduced_motion="no-preference")
    assert await page.evaluate("document.getAnimations().length") > 0
