"""What the browser tests share: sizes, places, and what axe-core finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, ViewportSize

from tests.cloud.web_stub import Stub

PHONE = ViewportSize(width=360, height=740)
DESK = ViewportSize(width=1280, height=800)
AXE = Path(__file__).parents[2] / "cloud" / "web" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ZONE_1 = "#/zone/demo-farm/melon-greenhouse/zone-1"
ZONE_2 = "#/zone/demo-farm/melon-greenhouse/zone-2"


async def open_page(phone: BrowserContext, stub: Stub, where: str = "") -> Page:
    """Opens the page at `where` and waits until it shows what it was asked for, not only that it is loading."""
    page = await phone.new_page()
    await page.goto(f"{stub.url}/{where}")
    await page.locator(".zone, .sensor, .sign-in").first.wait_for()
    return page


async def speak_english(phone: BrowserContext) -> None:
    await phone.add_init_script("if (location.protocol === 'http:') localStorage.setItem('tonnam.language', 'en')")


async def axe_findings(page: Page) -> list[str]:
    """What axe-core finds on the page as it is, one line per rule and place."""
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate(
        "tags => axe.run({runOnly: tags, resultTypes: ['violations']})", AXE_TAGS
    )
    return [
        f"{rule['id']} at {json.dumps(node['target'])}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
